import { setTimeout as delay } from 'node:timers/promises';
import type { EventFeed } from '../broker/consume/event-feed.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { JobQueueStats } from '../queue/stats/job-stats.js';
import { JobTimes, type Times } from '../queue/stats/job-times.js';
import type { QueueCounts } from '../queue/stats/queue-counts.js';
import type { Logger } from '../telemetry/logger.js';
import { type Percentiles, percentiles } from './live-samples.js';

export interface Tick {
  at: string;
  /** The last that are known; null where none were read since somebody watches. */
  stats: JobQueueStats | null;
  /** When they were read: they stay while the broker is away. */
  statsAt?: string;
  oldestPendingAt?: string;
  /** Of types that nobody handles, which are not in the former. */
  oldestUnhandledAt?: string;
  /** Jobs since the tick before. */
  throughput: { completed: number; failed: number; added: number };
  waitMs: Percentiles | null;
  runMs: Percentiles | null;
  brokerConnected: boolean;
  /** Ids of jobs that changed, at most 200. */
  changed: string[];
  changedMore: boolean;
}

const TICK_MS = 1_000;
const MAX_CHANGED = 200;
/** Samples of one tick; a busier second is told by its first ones. */
const MAX_SAMPLES = 5_000;
/** How long a scrape keeps the collector at work. */
const SCRAPED_MS = 60_000;
const RETRY_MS = 1_000;

type Listener = (tick: Tick) => void;

/**
 * Follows EVENTS once for everybody who watches, and only while somebody does: a listener, or a scrape in the last
 * minute.
 */
export class LiveCollector {
  readonly #queue: JobQueueService;
  readonly #logger: Logger;
  readonly #onRecord: (record: JobRecord, times: Times) => void;
  readonly #listeners = new Set<Listener>();
  #scrapedUntilMs = 0;
  #following: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isTicking = false;
  #counts: QueueCounts | undefined;
  #statsAt: string | undefined;
  #since = newWindow();

  constructor(queue: JobQueueService, logger: Logger, onRecord: (record: JobRecord, times: Times) => void) {
    this.#queue = queue;
    this.#logger = logger;
    this.#onRecord = onRecord;
  }

  get isActive(): boolean {
    return this.#following !== undefined;
  }

  /** Hears a tick now, and one each second; returns how to stop. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#begin();
    void this.#tick();
    return () => {
      this.#listeners.delete(listener);
      this.#endWhenIdle();
    };
  }

  /** Keeps the collector at work for a minute, so that the next scrape finds what happened until then. */
  noteScrape(): void {
    this.#scrapedUntilMs = performance.now() + SCRAPED_MS;
    this.#begin();
  }

  close(): void {
    this.#listeners.clear();
    this.#scrapedUntilMs = 0;
    this.#endWhenIdle();
  }

  #begin(): void {
    if (this.#following) return;
    this.#since = newWindow();
    this.#following = new AbortController();
    void this.#follow(this.#following.signal);
    this.#timer = setInterval(() => {
      this.#endWhenIdle();
      if (this.#listeners.size > 0) void this.#tick();
    }, TICK_MS);
    this.#timer.unref();
  }

  #endWhenIdle(): void {
    if (this.#listeners.size > 0 || performance.now() < this.#scrapedUntilMs) return;
    clearInterval(this.#timer);
    this.#following?.abort();
    this.#following = undefined;
    this.#counts = undefined;
    this.#statsAt = undefined;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const times = new JobTimes();
    for (let nextSeq: number | undefined; !signal.aborted; ) {
      let feed: EventFeed | undefined;
      try {
        feed = await this.#queue.feed(nextSeq === undefined ? {} : { fromSeq: nextSeq });
        signal.addEventListener('abort', () => void feed?.close(), { once: true });
        if (signal.aborted) await feed.close();
        for await (const { seq, record } of feed) {
          nextSeq = seq + 1;
          this.#note(record, times.of(record));
        }
      } catch (err) {
        this.#logger.debug({ err }, 'cannot follow the events now; trying again');
      }
      await delay(RETRY_MS, undefined, { ref: false });
    }
  }

  #note(record: JobRecord, times: Times): void {
    this.#onRecord(record, times);
    const since = this.#since;
    const { waitMs, runMs } = times;
    if (record.status === 'completed') since.completed++;
    if (record.status === 'failed') since.failed++;
    if (waitMs !== undefined && since.waits.length < MAX_SAMPLES) since.waits.push(waitMs);
    if (runMs !== undefined && since.runs.length < MAX_SAMPLES) since.runs.push(runMs);
    if (since.changed.size < MAX_CHANGED) since.changed.add(record.id);
    else since.changedMore ||= !since.changed.has(record.id);
  }

  async #tick(): Promise<void> {
    // A broker that is slow must not be asked the same twice.
    if (this.#isTicking) return;
    this.#isTicking = true;
    const before = this.#counts?.stats.totalJobs;
    await this.#readCounts();
    this.#isTicking = false;
    const { completed, failed, waits, runs, changed, changedMore } = this.#since;
    this.#since = newWindow();
    const { stats, ...oldest }: Partial<QueueCounts> = this.#counts ?? {};
    const total = stats?.totalJobs ?? 0;
    const tick: Tick = {
      at: new Date(this.#queue.now()).toISOString(),
      stats: stats ?? null,
      ...(this.#statsAt !== undefined && { statsAt: this.#statsAt }),
      ...oldest,
      throughput: { completed, failed, added: Math.max(0, total - (before ?? total)) },
      waitMs: percentiles(waits),
      runMs: percentiles(runs),
      brokerConnected: this.#queue.isConnected === true,
      changed: [...changed],
      changedMore,
    };
    for (const listener of this.#listeners) {
      try {
        listener(tick);
      } catch (err) {
        this.#logger.warn({ err }, 'a listener to the live data failed');
      }
    }
  }

  async #readCounts(): Promise<void> {
    if (this.#queue.isConnected === false) return;
    try {
      this.#counts = await this.#queue.getCounts();
      this.#statsAt = new Date(this.#queue.now()).toISOString();
    } catch (err) {
      this.#logger.debug({ err }, 'cannot count the jobs now');
    }
  }
}

function newWindow() {
  return {
    completed: 0,
    failed: 0,
    waits: [] as number[],
    runs: [] as number[],
    changed: new Set<string>(),
    changedMore: false,
  };
}
