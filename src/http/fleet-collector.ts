import { setTimeout as delay } from 'node:timers/promises';
import type { FleetMachine, StandingJob } from '../inspect/fleet-states.js';
import { type FleetPicture, type FleetWatch, watchFleet } from '../inspect/fleet-watch.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Logger } from '../telemetry/logger.js';

type Listener = (picture: FleetPicture) => void;

/** How long a question keeps the watch open: another one comes soon, as a rule. */
const ASKED_MS = 30_000;
/** Within which workers say where their machines stand. */
const GATHER_MS = 1_000;
const RETRY_MS = 1_000;

/** Watches the machines of the fleet once for everybody who looks at them, and only while somebody does. */
export class FleetCollector {
  readonly #queue: JobQueueService;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #watching: AbortController | undefined;
  #watch: FleetWatch | undefined;
  #gathered: Promise<unknown> | undefined;
  #askedUntilMs = 0;
  #idle: NodeJS.Timeout | undefined;
  #last: FleetPicture | undefined;

  constructor(queue: JobQueueService, logger: Logger) {
    this.#queue = queue;
    this.#logger = logger;
  }

  /** Hears the last picture, and one each second; returns how to stop. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#begin();
    // What has moved was told to others already.
    if (this.#last) listener({ ...this.#last, machines: this.#last.machines.map(still) });
    return () => {
      this.#listeners.delete(listener);
      this.#endWhenIdle();
    };
  }

  /** The jobs whose machine stands in a state now. */
  async jobsIn(
    machine: string,
    state: string,
    limit: number,
  ): Promise<{ jobs: StandingJob[]; count: number }> {
    this.#askedUntilMs = performance.now() + ASKED_MS;
    this.#begin();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#endWhenIdle(), ASKED_MS + 1);
    this.#idle.unref();
    await this.#gathered;
    return this.#watch?.jobsIn(machine, state, limit) ?? { jobs: [], count: 0 };
  }

  /** How many stand in each state of a machine, where somebody watches; else nothing is known. */
  countsOf(machine: string): Record<string, number> {
    return this.#last?.machines.find(({ id }) => id === machine)?.counts ?? {};
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#listeners.clear();
    this.#askedUntilMs = 0;
    this.#endWhenIdle();
  }

  #begin(): void {
    if (this.#watching) return;
    this.#watching = new AbortController();
    this.#gathered = this.#open(this.#watching.signal);
  }

  /** Never rejects. */
  async #open(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const watch = await watchFleet(this.#queue, {}, (picture) => this.#tell(picture));
        if (signal.aborted) await watch.close();
        else {
          this.#watch = watch;
          await delay(GATHER_MS, undefined, { ref: false });
        }
        return;
      } catch (err) {
        this.#logger.debug({ err }, 'cannot watch the fleet now; trying again');
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  #tell(picture: FleetPicture): void {
    this.#last = picture;
    for (const listener of this.#listeners) listener(picture);
  }

  #endWhenIdle(): void {
    if (this.#listeners.size > 0 || performance.now() < this.#askedUntilMs) return;
    this.#watching?.abort();
    this.#watching = undefined;
    this.#last = undefined;
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.close().catch((err) => this.#logger.debug({ err }, 'the watch of the fleet did not end well'));
  }
}

function still(machine: FleetMachine): FleetMachine {
  return { ...machine, moved: [] };
}
