import type { Broker } from '../../broker/broker.js';
import { defined } from '../../jobs/defined.js';
import { SharedRead } from '../shared-read.js';
import { type JobQueueStats, readStats } from './job-stats.js';
import { oldestPending, oldestUnhandled } from './oldest.js';
import { QueueFacts } from './queue-facts.js';

/** How many jobs there are, and since when they wait. Times are ISO 8601. */
export interface QueueCounts {
  stats: JobQueueStats;
  oldestPendingAt?: string;
  /** Of types that nobody handles, which are not in the former. */
  oldestUnhandledAt?: string;
}

/** Counts the jobs once for all who ask at the same time. */
export class CountReader {
  readonly #broker: () => Promise<Broker>;
  readonly #stats = new SharedRead(async () => readStats(await this.#begin()));
  readonly #counts = new SharedRead(async () => readCounts(await this.#begin()));

  constructor(broker: () => Promise<Broker>) {
    this.#broker = broker;
  }

  async stats(): Promise<JobQueueStats> {
    return structuredClone(await this.#stats.get());
  }

  /** As of one moment. */
  all(): Promise<QueueCounts> {
    return this.#counts.get();
  }

  async oldestPendingAt(): Promise<string | undefined> {
    return oldestPending(new QueueFacts(await this.#broker()));
  }

  async oldestUnhandledAt(): Promise<string | undefined> {
    return oldestUnhandled(new QueueFacts(await this.#broker()));
  }

  async #begin(): Promise<QueueFacts> {
    const broker = await this.#broker();
    // A job whose end is known here must not count among those that run.
    broker.sendAnswers();
    return new QueueFacts(broker);
  }
}

async function readCounts(facts: QueueFacts): Promise<QueueCounts> {
  const [stats, oldestPendingAt] = await Promise.all([readStats(facts), oldestPending(facts)]);
  const oldestUnhandledAt = stats.unhandledTypes.length === 0 ? undefined : await oldestUnhandled(facts);
  return { stats, ...defined({ oldestPendingAt, oldestUnhandledAt }) };
}
