/** The watches that hibernate while all is well with their instances: a list that shows something else wakes them before their time. */
import { AtOnce } from '../broker/at-once.js';
import { forgetOldest } from '../jobs/forget-oldest.js';
import type { Logger } from '../telemetry/logger.js';
import type { WorkerHost } from '../worker/extension.js';
import type { InstanceDirectory, KnownInstance } from './instance-directory.js';

export interface WaitingWatchesOptions {
  directory: InstanceDirectory;
  reschedule: WorkerHost['reschedule'];
  logger: Logger;
}

interface Waiting {
  jobId: string;
  /** By `performance.now()`. */
  sinceMs: number;
  /** How often it could not be woken: it was on its way into its wait, or has ended. */
  missed: number;
}

/** The oldest beyond these are woken by their timers alone. */
const MOST_WAITING = 100_000;
const WOKEN_AT_ONCE = 50;
const MOST_MISSED = 3;

/**
 * What a watch reads in each run may be as old as its pause, so that many of them share one walk through a list in all of that time. What such
 * a walk shows is passed on here, to those that wait. A watch never depends on this: its timer is in the broker.
 */
export class WaitingWatches {
  readonly #reschedule: WorkerHost['reschedule'];
  readonly #logger: Logger;
  /** By instance id, those first that have waited longest. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #waking = new AtOnce(WOKEN_AT_ONCE);

  constructor({ directory, reschedule, logger }: WaitingWatchesOptions) {
    this.#reschedule = reschedule;
    this.#logger = logger;
    directory.listen({
      onListed: (instance) => {
        if (!isWell(instance)) this.#wake(instance.id);
      },
      onWalked: (beganMs, isShown) => {
        for (const [id, { sinceMs }] of [...this.#waiting])
          if (sinceMs < beganMs && !isShown(id)) this.#wake(id);
      },
    });
  }

  /** All is well with the instance of a watch, which is about to hibernate. */
  add(jobId: string, instanceId: string): void {
    this.#waiting.delete(instanceId);
    this.#waiting.set(instanceId, { jobId, sinceMs: performance.now(), missed: 0 });
    forgetOldest(this.#waiting, MOST_WAITING);
  }

  /** It is not, so that the watch reads the instance soon without any list. */
  remove(instanceId: string): void {
    this.#waiting.delete(instanceId);
  }

  #wake(instanceId: string): void {
    const waiting = this.#waiting.get(instanceId);
    if (!waiting) return;
    this.#waiting.delete(instanceId);
    void this.#waking.run(async () => {
      if (await this.#isWoken(waiting.jobId)) return;
      // The next walk tries again, unless it has come by itself meanwhile.
      const missed = waiting.missed + 1;
      if (missed < MOST_MISSED && !this.#waiting.has(instanceId))
        this.#waiting.set(instanceId, { ...waiting, missed });
    });
  }

  async #isWoken(jobId: string): Promise<boolean> {
    try {
      return await this.#reschedule(jobId, 0);
    } catch (err) {
      this.#logger.debug({ err, jobId }, 'cannot wake a watch; it comes by its own timer');
      return false;
    }
  }
}

export function isWell({ status, healthy }: Pick<KnownInstance, 'status' | 'healthy'>): boolean {
  return status === 'running' && healthy;
}
