/** The rate limits of a simulated account: requests beyond them are refused, as the provider refuses them. */

import type { RateLimit } from '../../jobs/limit.js';
import type { CallRates, Operation } from '../api/call-rates.js';

/** What is left of a limit after a request. */
export interface QuotaState {
  limit: Operation | 'all';
  rate: RateLimit;
  remaining: number;
  /** Until the oldest request counts no more. */
  resetMs: number;
}

export class SimulatedLimits {
  readonly #rates: CallRates;
  readonly #startedAt = new Map<Operation | 'all', number[]>();

  constructor(rates: CallRates) {
    this.#rates = rates;
  }

  /** Counts a request, unless a limit refuses it: then it says which, and for how long. */
  take(operation: Operation): { refusedBy?: QuotaState; quotas: QuotaState[] } {
    const nowMs = performance.now();
    const names = ([operation, 'all'] as const).filter((name) => this.#rates[name]);
    const quotas = () => names.map((name) => this.#stateOf(name, nowMs));
    const refusedBy = quotas().find(({ remaining }) => remaining === 0);
    if (refusedBy) return { refusedBy, quotas: quotas() };
    for (const name of names) this.#startedAt.set(name, [...(this.#startedAt.get(name) ?? []), nowMs]);
    return { quotas: quotas() };
  }

  #stateOf(limit: Operation | 'all', nowMs: number): QuotaState {
    const rate = this.#rates[limit] as RateLimit;
    const started = (this.#startedAt.get(limit) ?? []).filter((ms) => nowMs - ms < rate.perMs);
    this.#startedAt.set(limit, started);
    const resetMs = started.length === 0 ? 0 : (started[0] as number) + rate.perMs - nowMs;
    return { limit, rate, remaining: rate.max - started.length, resetMs };
  }
}

/** `Retry-After` in whole seconds, as APIs give it. */
export function retryAfterOf({ resetMs }: QuotaState): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(resetMs / 1_000))) };
}
