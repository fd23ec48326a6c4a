import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { Logger } from '../../telemetry/logger.js';
import type { HeldJob } from '../worker-services.js';

/** Pauses before reads of a job's record: a replica may lag behind the notice. */
const PAUSES_MS = [0, 20, 40, 80, 160, 320];
/** However many notices come, a job's record is read no more often than this. */
const LEAST_PAUSE_MS = 20;

export interface CancellationCheckOptions {
  broker: Broker;
  runs: ReadonlyMap<string, HeldJob>;
  logger: Logger;
}

/** Stops jobs that were cancelled while they run here, once their last event says so: anybody can send the notice. */
export class CancellationCheck {
  readonly #options: CancellationCheckOptions;
  /** Jobs whose record is being read, and whether another notice came meanwhile. Never more than jobs run here. */
  readonly #checking = new Map<string, { heardAgain: boolean }>();

  constructor(options: CancellationCheckOptions) {
    this.#options = options;
  }

  /** A notice says that a job was cancelled. */
  heard(id: string): void {
    if (!this.#options.runs.get(id)) return;
    const underWay = this.#checking.get(id);
    if (underWay) underWay.heardAgain = true;
    else void this.#check(id);
  }

  async #check(id: string): Promise<void> {
    const check = { heardAgain: false };
    this.#checking.set(id, check);
    for (let step = 0; step < PAUSES_MS.length; step++) {
      if (step > 0) await delay(PAUSES_MS[step]);
      if (await this.#isOver(id)) break;
      if (!check.heardAgain) continue;
      check.heardAgain = false;
      await delay(LEAST_PAUSE_MS);
      step = -1;
    }
    this.#checking.delete(id);
  }

  /** @returns whether there is nothing more to read: the job does not run here any more, or was cancelled */
  async #isOver(id: string): Promise<boolean> {
    const { broker, runs, logger } = this.#options;
    try {
      const last = await broker.lastEvent(id);
      const run = runs.get(id);
      if (!run) return true;
      if (last?.record?.state !== 'cancelled') return false;
      run.cancelled(last.seq);
      return true;
    } catch (err) {
      logger.warn({ err, jobId: id }, 'cannot read whether a job was cancelled');
      return false;
    }
  }
}
