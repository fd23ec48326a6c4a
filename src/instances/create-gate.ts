import type { CallKind } from '../gpu/api/api-errors.js';
import type { CallLimit, CallTurn, CallTurns } from '../gpu/api/call-turns.js';
import type { RateTurn, RateTurns } from '../queue/limits/rate-turns.js';

/** A create that is to be sent later than this waits without a slot of a worker. */
export const WAITS_HERE_MS = 10_000;
/** Turns are taken so far ahead at most: whoever would come later asks again. */
const MOST_AHEAD_MS = 15 * 60_000;
/** A create that was held back for longer is fenced again. */
const WAITED_MS = 50;
/** What goes before a create, the search and the offers, takes calls as well, and those take turns. */
const READY_MS = 8_000;

/** The turn of a create, as the checkpoint of a job keeps it that waits for it. */
export interface KeptTurn {
  provider: string;
  startAtMs: number;
}

export interface CreateGateOptions {
  turns: RateTurns;
  provider: string;
  kept: KeptTurn | undefined;
  /** Whether the job waits for this provider, as it has no other. */
  isLast: boolean;
  now: () => Promise<number>;
  /** Called before a create is sent that had to wait. */
  afterWait: () => Promise<void>;
}

/**
 * Where one create takes its turn. One that comes soon is waited for; one that comes later is kept, and the create is not sent: the job
 * hibernates until then.
 */
export class CreateGate implements CallTurns {
  readonly #options: CreateGateOptions;
  /** Set where the create was not sent. */
  later: { parkForMs: number; turn?: KeptTurn } | undefined;

  constructor(options: CreateGateOptions) {
    this.#options = options;
  }

  async book(
    limits: readonly CallLimit[],
    call: { withinMs: number; kind: CallKind },
  ): Promise<{ turn: CallTurn } | { inMs: number }> {
    const { turns, isLast } = this.#options;
    if (call.kind !== 'create') return turns.book(limits, call);
    const kept = await this.#kept(limits);
    if (kept) return this.#waitFor(kept);
    const withinMs = isLast ? MOST_AHEAD_MS : WAITS_HERE_MS;
    const booked = await turns.book(limits, { withinMs });
    if ('turn' in booked) return this.#waitFor(booked.turn);
    if (isLast) this.later = { parkForMs: withinMs / 2 };
    return booked;
  }

  close(limit: CallLimit, forMs: number): Promise<void> {
    return this.#options.turns.close(limit, forMs);
  }

  async #kept(limits: readonly CallLimit[]): Promise<RateTurn | undefined> {
    const { kept, turns, provider } = this.#options;
    if (!kept || kept.provider !== provider) return undefined;
    return turns.resume(limits, kept.startAtMs);
  }

  async #waitFor(turn: RateTurn): Promise<{ turn: CallTurn } | { inMs: number }> {
    const { provider, isLast, now, afterWait } = this.#options;
    const { startAtMs } = turn;
    const inMs = startAtMs - (await now());
    if (inMs > WAITS_HERE_MS) {
      this.later = { parkForMs: Math.max(inMs - READY_MS, inMs / 2), turn: { provider, startAtMs } };
      return { inMs };
    }
    const begin: CallTurn['begin'] = async (_, signal) => {
      const beganMs = performance.now();
      const againInMs = await turn.begin(WAITS_HERE_MS, signal);
      if (againInMs !== undefined) {
        if (isLast) this.later = { parkForMs: againInMs / 2 };
        return againInMs;
      }
      if (performance.now() - beganMs > WAITED_MS) await afterWait();
      return undefined;
    };
    return { turn: { startAtMs, begin } };
  }
}

/** Of a checkpoint that a job has left to wait for its turn. */
export function keptTurnIn(checkpoint: unknown): KeptTurn | undefined {
  const { turn } = (checkpoint ?? {}) as { turn?: Partial<KeptTurn> | null };
  const { provider, startAtMs } = turn ?? {};
  if (typeof provider !== 'string' || typeof startAtMs !== 'number') return undefined;
  return Number.isFinite(startAtMs) ? { provider, startAtMs } : undefined;
}
