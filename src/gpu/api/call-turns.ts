/** How an adapter waits for its turn among the calls of all workers: who keeps the turns comes with the signal of each call. */
import type { RateLimit } from '../../jobs/limit.js';
import { ProviderError, type ProviderErrorClass } from '../provider-error.js';
import type { CallKind } from './api-errors.js';

/** A limit of calls under one account. Without a rate it is only closed by what the API answers. */
export interface CallLimit {
  /** `lambda/create` */
  name: string;
  /** The account. */
  key: string;
  rate?: RateLimit;
}

/** A place among the calls of an account. */
export interface CallTurn {
  /** When it comes, in ms since the epoch, by the clock of those who share the limit. */
  readonly startAtMs: number;
  /**
   * Resolves when the call may be sent. Where that would take longer than `withinMs`, since somebody was told to wait meanwhile, the turn is given back,
   * and it resolves at once, with the milliseconds until the next one.
   * @throws the reason of `signal`, and gives the turn back
   */
  begin(withinMs: number, signal?: AbortSignal): Promise<number | undefined>;
}

/** Keeps the turns of calls. */
export interface CallTurns {
  /** Takes the next turn of all these limits, or says in how many milliseconds that comes, where that is over `withinMs`. */
  book(
    limits: readonly CallLimit[],
    call: { withinMs: number; kind: CallKind },
  ): Promise<{ turn: CallTurn } | { inMs: number }>;
  /** Nobody calls under a limit for so long. Never rejects. */
  close(limit: CallLimit, forMs: number): Promise<void>;
}

/** A call that was not sent, since its turn comes later than it may wait, or since its provider rests. */
export class TurnComesLater extends ProviderError {
  /** In how many milliseconds to ask again. */
  turnInMs: number;

  constructor(message: string, inMs: number, errorClass: ProviderErrorClass = 'rate_limited') {
    super(errorClass, message, { retryAfterMs: inMs });
    this.turnInMs = inMs;
  }
}

const carried = new WeakMap<AbortSignal, CallTurns>();

/** Calls with this signal take their turns there. */
export function carrying(signal: AbortSignal, turns: CallTurns | undefined): AbortSignal {
  if (turns) carried.set(signal, turns);
  return signal;
}

export function turnsOf(signal: AbortSignal | undefined): CallTurns | undefined {
  return signal && carried.get(signal);
}
