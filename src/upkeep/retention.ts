import { forbiddenIn } from '../broker/connection/forbidden.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Logger } from '../telemetry/logger.js';
import { Schedule, spread } from './schedule.js';

interface RoundOptions {
  queue: JobQueueService;
  logger: Logger;
}

export interface RetentionOptions extends RoundOptions {
  /** Between two rounds, in milliseconds. */
  intervalMs: number;
}

/** How often retention is applied, in milliseconds. */
export const DEFAULT_RETENTION_INTERVAL_MS = 300_000;

/**
 * Removes what the retention of job types lets go. Two processes that do so at once do no harm. A process that may remove no
 * records, as the role `worker`, leaves it to others, and reports it once.
 */
export class RetentionRound {
  readonly #options: RoundOptions;
  #isRefused = false;

  constructor(options: RoundOptions) {
    this.#options = options;
  }

  /** @throws BrokerError */
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

/** Applies retention again and again, where no sweeper does. */
export class RetentionKeeper {
  readonly #intervalMs: number;
  readonly #schedule: Schedule;

  constructor({ intervalMs, ...options }: RetentionOptions) {
    const round = new RetentionRound(options);
    this.#intervalMs = intervalMs;
    this.#schedule = new Schedule({
      pauseMs: () => spread(intervalMs),
      run: () => round.apply(),
      onError: (err) => options.logger.warn({ err }, 'retention was not applied; the next round comes'),
    });
  }

  /** From now on, for the first time after a random part of the interval: processes start together. */
  start(): void {
    this.#schedule.start(this.#intervalMs * Math.random());
  }

  /** Waits a few seconds for a round that is under way. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }
}
