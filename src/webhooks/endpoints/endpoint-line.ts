/** The limit of an endpoint as its breaker wants it: what may not go out waits in the line of the limit, where it costs nothing. */
import type { BreakerSnapshot } from '../../../machines/index.js';
import type { Limiter } from '../../queue/limits/limiter.js';
import { CLOCK_SLACK_MS } from './endpoint.js';
import { limitOf } from './limit-name.js';

export class EndpointLine {
  readonly #limiter: Limiter;

  constructor(limiter: Limiter) {
    this.#limiter = limiter;
  }

  /** While the endpoint rests its webhooks are not called. Then one is, and all of them once it was delivered. */
  async follow(id: string, { state, openUntilMs = 0, probeUntilMs = 0 }: BreakerSnapshot): Promise<void> {
    // Who is called at the end of a rest is not to come before it by the clock of another worker.
    if (state === 'open') await this.#limiter.closeOnTrial(keyOf(id), openUntilMs + CLOCK_SLACK_MS);
    else if (state === 'halfOpen') await this.#limiter.closeOnTrial(keyOf(id), probeUntilMs);
    else await this.reopen(id);
  }

  /** The limit still calls one webhook at a time, as far as this process has seen. */
  isOnTrial(id: string): boolean {
    return this.#limiter.isOnTrial(keyOf(id));
  }

  async reopen(id: string): Promise<void> {
    await this.#limiter.reopen(keyOf(id));
  }
}

function keyOf(id: string) {
  return { name: limitOf(id), key: 'all' };
}
