import { forbiddenIn } from '../broker/connection/forbidden.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Logger } from '../telemetry/logger.js';
import { Schedule, spread } from './schedule.js';

export interface RetentionOptions {
  queue: JobQueueService;
  logger: Logger;
  /** Between two rounds, in milliseconds. */
  intervalMs: number;
}

/** How often retention is applied, in milliseconds. */
export const DEFAULT_RETENTION_INTERVAL_MS = 300_000;

/**
 * Removes what the retention of job types lets go, in rounds. Two processes that do so at once do no harm. A process that may remove no
 * records, as the role `worker`, leaves it to others, and says so once.
 */
export class RetentionKeeper {
  readonly #options: RetentionOptions;
  readonly #schedule: Schedule;
  #isRefused = false;

  constructor(options: RetentionOptions) {
    const { logger, intervalMs } = options;
    this.#options = options;
    this.#schedule = new Schedule({
      pauseMs: () => spread(intervalMs),
      run: () => this.apply(),
      onError: (err) => logger.warn({ err }, 'retention was not applied; the next round comes'),
    });
  }

  /** From now on, for the first time after a random part of the interval: processes start together. */
  start(): void {
    this.#schedule.start(this.#options.intervalMs * Math.random());
  }

  /** Waits a few seconds for a round that is under way. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  /** One round, now. @throws BrokerError */
  async apply(): Promise<void> {
    const { queue, logger } = this.#options;
    try {
      const removed = await queue.applyRetention();
      this.#isRefused = false;
      if (removed > 0)
        logger.info({ removed }, 'ended jobs were removed, as the retention of their types says');
    } catch (err) {
      const forbidden = forbiddenIn(err);
      if (!forbidden) throw err;
      if (!this.#isRefused)
        logger.warn({ err: forbidden }, 'retention is left to processes that may remove records');
      this.#isRefused = true;
    }
  }
}
