import { forbiddenIn } from '../broker/connection/forbidden.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { HistoryCollector } from '../queue/stats-history/collect.js';
import type { Logger } from '../telemetry/logger.js';
import { Schedule, spread } from './schedule.js';

export interface HistoryKeeperOptions {
  queue: JobQueueService;
  logger: Logger;
  /** Between two rounds, in milliseconds. */
  intervalMs: number;
}

/** How often the history of rates and times is brought up to date, in milliseconds. */
export const DEFAULT_HISTORY_INTERVAL_MS = 10_000;

/** A process that has written nothing for so many intervals, while there was something to count, is gone. */
const PATIENCE = 3;

/**
 * Keeps the history of rates and times. Of several processes one counts, and another one goes on when it is gone. A process that may not write HISTORY leaves it to
 * others, and reports it once.
 */
export class HistoryKeeper {
  readonly #options: HistoryKeeperOptions;
  readonly #collector = new HistoryCollector();
  readonly #schedule: Schedule;
  #isRefused = false;

  constructor(options: HistoryKeeperOptions) {
    this.#options = options;
    this.#schedule = new Schedule({
      pauseMs: () => spread(options.intervalMs),
      run: () => this.#round(),
      onError: (err) =>
        options.logger.warn({ err }, 'the history was not brought up to date; the next round comes'),
    });
  }

  start(): void {
    this.#schedule.start(this.#options.intervalMs * Math.random());
  }

  /** Waits a few seconds for a round that is under way. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  async #round(): Promise<void> {
    const { queue, logger, intervalMs } = this.#options;
    if (queue.isConnected === false) return;
    try {
      await this.#collector.collect(await queue.broker(), {
        isStopped: () => this.#schedule.isStopped,
        patienceMs: PATIENCE * intervalMs,
      });
      this.#isRefused = false;
    } catch (err) {
      const forbidden = forbiddenIn(err);
      if (!forbidden) throw err;
      if (!this.#isRefused)
        logger.warn({ err: forbidden }, 'the history is left to processes that may write HISTORY');
      this.#isRefused = true;
    }
  }
}
