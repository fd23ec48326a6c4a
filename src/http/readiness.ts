import type { JobQueueService } from '../queue/job-queue-service.js';

/** One thing that must be so for the server to be of use. */
export interface Check {
  name: 'draining' | 'broker' | 'streams' | 'consumers';
  ok: boolean;
}

/** Anybody may ask, so the broker is not asked more often than this. */
const KEPT_MS = 1_000;

/** Whether requests should be sent here; tells nothing but names. */
export class Readiness {
  readonly #queue: JobQueueService;
  #last: { atMs: number; checks: Promise<Check[]> } | undefined;
  isDraining = false;

  constructor(queue: JobQueueService) {
    this.#queue = queue;
  }

  async checks(): Promise<Check[]> {
    const now = performance.now();
    if (!this.#last || now - this.#last.atMs > KEPT_MS) {
      this.#last = { atMs: now, checks: this.#look() };
    }
    return [{ name: 'draining', ok: !this.isDraining }, ...(await this.#last.checks)];
  }

  async #look(): Promise<Check[]> {
    const all = (broker: boolean, streams: boolean, consumers: boolean): Check[] => [
      { name: 'broker', ok: broker },
      { name: 'streams', ok: streams },
      { name: 'consumers', ok: consumers },
    ];
    if (this.#queue.isConnected === false) return all(false, false, false);
    try {
      const { broker, streams } = await this.#queue.health();
      return all(
        broker.connected,
        streams.every(({ ok }) => ok),
        true,
      );
    } catch {
      return all(false, false, false);
    }
  }
}
