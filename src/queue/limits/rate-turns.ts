import { setTimeout as delay } from 'node:timers/promises';
import { answeredWithin } from '../../broker/answered-within.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { NeededPermit } from '../../jobs/limit.js';
import type { Logger } from '../../telemetry/logger.js';
import { emptyLedger, type Ledger } from '../../wire/limit-message.js';
import { close, prune, set } from './ledger.js';
import { type Changed, idOf, type Ledgers, type LimitKey } from './ledgers.js';
import type { Limiter } from './limiter.js';
import { firstRoom, noteStartAt, takeBackStart } from './starts.js';

/** What a turn needs of a limit: calls have no permits, so only the rate counts. */
export type RateNeed = Pick<NeededPermit, 'name' | 'key' | 'rate' | 'setAt'>;

type LedgerPlace = Pick<Ledgers, 'update' | 'read' | 'refresh'>;

/** What is known of a limit without a rate, which no write checks, is at most so old. */
const FRESH_MS = 500;
/** Whoever has waited so long looks whether others were told to wait meanwhile. */
const LOOK_AGAIN_MS = 250;
/** How much later than its time a turn may begin: a part of the time of its rate, within bounds. Beyond it, it is moved. */
const LATE_PART = 0.06;
const MIN_LATE_MS = 150;
const MAX_LATE_MS = 500;
/** The broker has so long to be found, and to note a turn: many workers that begin together meet at one ledger. */
const OPEN_WITHIN_MS = 2_000;
const NOTE_WITHIN_MS = 10_000;
/** Without it, it is asked again after this. */
const AWAY_MS = 10_000;

/** A turn that is noted. */
export interface RateTurn {
  readonly startAtMs: number;
  /**
   * Resolves when it has come; with the milliseconds until there is another one, and at once, where that is more than `withinMs`, and this one was given back.
   * @throws the reason of `signal`
   */
  begin(withinMs: number, signal?: AbortSignal): Promise<number | undefined>;
  /** Nobody will use it. Never rejects. */
  giveBack(): Promise<void>;
}

export type Booked = { turn: RateTurn } | { inMs: number };

interface TurnsOptions {
  ledgers: LedgerPlace;
  now: () => number;
  /** With the settings of now. */
  current: (needs: readonly RateNeed[]) => Promise<readonly RateNeed[]>;
}

/** Turns of calls under rates: each takes the first time at which all of its rates have room, and the ledger notes it. */
class Turns {
  readonly #options: TurnsOptions;
  readonly #readAt = new Map<string, number>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  async book(needs: readonly RateNeed[], withinMs: number): Promise<Booked> {
    const { ledgers, current } = this.#options;
    const asked = await current(needs);
    this.#refreshOld(asked.filter(({ rate }) => !rate));
    const booked = await this.#note(asked, withinMs);
    if (booked.isNoted) return { turn: this.turn(asked, booked.startAtMs) };
    // What is known may be over.
    for (const need of asked) ledgers.refresh([need], '');
    const again = await this.#note(asked, withinMs);
    return again.isNoted ? { turn: this.turn(asked, again.startAtMs) } : { inMs: again.inMs };
  }

  /** A turn that was noted before, also by another process. */
  turn(needs: readonly RateNeed[], notedMs: number): RateTurn {
    let startAtMs = notedMs;
    return {
      get startAtMs() {
        return startAtMs;
      },
      begin: async (withinMs, signal) => {
        const giveBack = () => this.#giveBack(needs, startAtMs);
        for (;;) {
          const waitedMs = await this.#until(startAtMs, signal).catch(async (reason: unknown) => {
            await giveBack();
            throw reason;
          });
          const isClosed = waitedMs >= LOOK_AGAIN_MS && (await this.#isClosed(needs));
          // Without the broker nobody can be asked for another one.
          const lateMs = this.#options.now() - startAtMs;
          if (!isClosed && needs.every((need) => lateMs <= mayBeLateMs(need))) return undefined;
          const moved = await this.#note(needs, withinMs, startAtMs).catch(() => undefined);
          if (!moved) return undefined;
          if (!moved.isNoted) return moved.inMs;
          startAtMs = moved.startAtMs;
        }
      },
      giveBack: () => this.#giveBack(needs, startAtMs),
    };
  }

  close(need: RateNeed, forMs: number): Promise<void> {
    return this.#options.ledgers.update([need], ([ledger], nowMs) => {
      close(ledger as Ledger, nowMs + forMs);
      return { result: undefined, isChanged: true };
    });
  }

  /** @param insteadMs an earlier start that is taken back */
  #note(needs: readonly RateNeed[], withinMs: number, insteadMs?: number) {
    return this.#options.ledgers.update(needs, (drafts, nowMs) => {
      for (const [at, draft] of drafts.entries()) set(draft, needs[at] as RateNeed);
      if (insteadMs !== undefined) for (const draft of drafts) takeBackStart(draft, insteadMs);
      const startAtMs = firstRoom(drafts, nowMs);
      const inMs = startAtMs - nowMs;
      const isNoted = inMs <= withinMs;
      if (isNoted) for (const draft of drafts) noteStartAt(draft, startAtMs);
      const isChanged = drafts.some(({ rate }) => rate !== undefined) && (isNoted || insteadMs !== undefined);
      return { result: { startAtMs, inMs, isNoted }, isChanged };
    });
  }

  /** @returns how long it took */
  async #until(startAtMs: number, signal: AbortSignal | undefined): Promise<number> {
    signal?.throwIfAborted();
    const leftMs = startAtMs - this.#options.now();
    if (leftMs <= 0) return 0;
    await delay(leftMs, undefined, signal && { signal }).catch(() => {});
    signal?.throwIfAborted();
    return leftMs;
  }

  async #isClosed(needs: readonly RateNeed[]): Promise<boolean> {
    const { ledgers, now } = this.#options;
    const stored = await Promise.all(needs.map((need) => ledgers.read(need))).catch(() => []);
    return stored.some(({ closedUntil = 0 }) => closedUntil > now());
  }

  async #giveBack(needs: readonly RateNeed[], startAtMs: number): Promise<void> {
    const taken = this.#options.ledgers.update(needs, (drafts) => {
      for (const draft of drafts) takeBackStart(draft, startAtMs);
      return { result: undefined, isChanged: drafts.some(({ rate }) => rate !== undefined) };
    });
    // A time that nobody uses is lost, and nothing else.
    await taken.catch(() => {});
  }

  #refreshOld(needs: readonly RateNeed[]): void {
    const nowMs = performance.now();
    for (const need of needs) {
      const id = idOf(need.name, need.key);
      if (nowMs - (this.#readAt.get(id) ?? Number.NEGATIVE_INFINITY) < FRESH_MS) continue;
      this.#readAt.set(id, nowMs);
      this.#options.ledgers.refresh([need], '');
    }
  }
}

function mayBeLateMs({ rate }: RateNeed): number {
  if (!rate) return Number.POSITIVE_INFINITY;
  return Math.min(Math.max(rate.perMs * LATE_PART, Math.min(MIN_LATE_MS, rate.perMs / 4)), MAX_LATE_MS);
}

/** Ledgers of this process alone. */
class OwnLedgers implements LedgerPlace {
  readonly #ledgers = new Map<string, Ledger>();

  async update<T>(
    keys: readonly LimitKey[],
    change: (drafts: Ledger[], nowMs: number) => Changed<T>,
  ): Promise<T> {
    const nowMs = Date.now();
    const drafts = keys.map((key) => this.#of(key));
    for (const draft of drafts) prune(draft, nowMs);
    return change(drafts, nowMs).result;
  }

  async read(key: LimitKey): Promise<Ledger> {
    return this.#of(key);
  }

  refresh(): void {}

  #of({ name, key }: LimitKey): Ledger {
    const id = idOf(name, key);
    const ledger = this.#ledgers.get(id) ?? emptyLedger(name, key);
    this.#ledgers.set(id, ledger);
    return ledger;
  }
}

/** The limiter of a queue, with its clock and its connection. */
export interface SharedLimiter {
  limiter: Limiter;
  now: () => number;
  isConnected: () => boolean;
}

/**
 * Turns of calls under the rates of limits, across all workers: those of LIMITS. While the broker does not answer, this process takes turns by itself: it keeps
 * to the rate, and others may as well.
 */
export class RateTurns {
  readonly #limiter: () => Promise<SharedLimiter>;
  readonly #logger: Logger;
  readonly #own = new Turns({
    ledgers: new OwnLedgers(),
    now: () => Date.now(),
    current: async (needs) => needs,
  });
  #shared: Promise<Turns> | undefined;
  #isConnected: () => boolean = () => true;
  #awayUntilMs = 0;

  constructor(limiter: () => Promise<SharedLimiter>, logger: Logger) {
    this.#limiter = limiter;
    this.#logger = logger;
  }

  /** The next turn, or in how many milliseconds it comes, where that is over `withinMs`. Never rejects. */
  async book(needs: readonly RateNeed[], { withinMs }: { withinMs: number }): Promise<Booked> {
    const booked = await this.#atBroker((shared) => shared.book(needs, withinMs));
    return booked ?? this.#own.book(needs, withinMs);
  }

  /** A turn that was noted before. Never rejects. */
  async resume(needs: readonly RateNeed[], startAtMs: number): Promise<RateTurn> {
    const turn = await this.#atBroker(async (shared) => shared.turn(needs, startAtMs));
    return turn ?? this.#own.turn(needs, startAtMs);
  }

  /** Nobody takes a turn of a limit for so long. Never rejects. */
  async close(need: RateNeed, forMs: number): Promise<void> {
    await this.#own.close(need, forMs);
    await this.#atBroker((shared) => shared.close(need, forMs));
  }

  /** @returns undefined where the broker does not answer in time */
  async #atBroker<T>(call: (shared: Turns) => Promise<T>): Promise<T | undefined> {
    if (performance.now() < this.#awayUntilMs) return undefined;
    try {
      const shared = await answeredWithin(OPEN_WITHIN_MS, () => {
        this.#shared ??= this.#open();
        return this.#shared;
      });
      if (!this.#isConnected()) return undefined;
      return await answeredWithin(NOTE_WITHIN_MS, () => call(shared));
    } catch (error) {
      this.#awayUntilMs = performance.now() + AWAY_MS;
      const level = JetfleetError.is(error, 'JETFLEET_CLOSED') ? 'debug' : 'warn';
      const text = 'turns of calls cannot be noted at the broker; this worker takes them by itself for now';
      this.#logger[level]({ err: error }, text);
      return undefined;
    }
  }

  async #open(): Promise<Turns> {
    try {
      const { limiter, now, isConnected } = await this.#limiter();
      this.#isConnected = isConnected;
      const { ledgers, settings } = limiter;
      return new Turns({
        ledgers: {
          update: (keys, change) => answeredWithin(NOTE_WITHIN_MS, () => ledgers.update(keys, change)),
          read: (key) => answeredWithin(NOTE_WITHIN_MS, () => ledgers.read(key)),
          refresh: (keys, owner) => ledgers.refresh(keys, owner),
        },
        now,
        current: (needs) => settings.current(needs),
      });
    } catch (error) {
      this.#shared = undefined;
      throw error;
    }
  }
}
