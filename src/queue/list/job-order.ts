/** Lists of jobs by time, newest or oldest first: several sources, merged as they are read. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { ValidationError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { checkedTime } from '../../jobs/numbers.js';
import { statusOf } from '../../jobs/vocabulary.js';
import { findJob } from '../job-lookup.js';
import type { JobFilter, JobPage } from './job-filter.js';
import { type OrderedSource, orderedSources, type TimeRange } from './job-order-sources.js';
import { ScanBudget } from './scan-budget.js';

type Order = 'newest' | 'oldest';

/** A job on its way into the list, and where it was found. */
interface Placed {
  message: StoredMessage;
  job: JobRecord;
}

/** Messages read at once at most: as many as the broker tells the last events of in one request. */
const READ = 256;
/** The same for a search by id, which passes over most of them by their subjects. */
const SEARCH_READ = 512;
/** How the ids of jobs begin that were published without one, on the stream of webhooks; else without `webhook-`. */
const SEQUENCE_ID = 'webhook-seq-';
/** In the place of a position: nothing is left. */
const END = 'e';

/**
 * A page of jobs by the time of their last change. The id of the filter, where it is a whole one, comes first.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a cursor or a time that cannot be used
 */
export async function listByTime(broker: Broker, filter: JobFilter): Promise<JobPage> {
  const { order = 'oldest', limit = 100, id } = filter;
  const range = rangeOf(filter);
  const status = filter.status ?? (filter.state && statusOf(filter.state));
  if (filter.state && status !== statusOf(filter.state)) return { jobs: [] };
  const fits = fitting(filter, range);
  const sources = orderedSources(broker, { ...filter, ...(status && { status }) }, range);
  const readers = sources.map((source) => new Reader(source, order, limit, id));
  placeReaders(readers, filter.cursor, order);
  if (id !== undefined && filter.cursor === undefined) {
    const exact = await findJob(broker, id);
    // Whoever named a whole id should not wait for the others that begin with it.
    if (exact && fits(exact)) return { jobs: [exact], cursor: cursorOf(order, readers) };
  }
  const jobs = new Map<string, JobRecord>();
  const budget = new ScanBudget();
  for (;;) {
    await Promise.all(readers.map((reader) => reader.fill(fits, budget)));
    // A source that is not read to its next job may hold the one that comes first.
    if (readers.some((reader) => reader.isBehind)) break;
    const next = firstOf(readers, order);
    if (!next) break;
    const { job } = next.head as Placed;
    const isListed = jobs.has(job.id) || (id !== undefined && job.id === id);
    if (!isListed && jobs.size === limit) break;
    next.take();
    if (!isListed) jobs.set(job.id, job);
    if (jobs.size === limit && readers.every((reader) => reader.isFilled)) break;
  }
  const isEnd = readers.every((reader) => reader.position === END);
  return { jobs: [...jobs.values()], ...(!isEnd && { cursor: cursorOf(order, readers) }) };
}

function cursorOf(order: Order, readers: readonly Reader[]): string {
  return [order.charAt(0), ...readers.map((reader) => reader.position)].join('.');
}

function firstOf(readers: readonly Reader[], order: Order): Reader | undefined {
  const sign = order === 'newest' ? -1 : 1;
  let first: Reader | undefined;
  for (const reader of readers) {
    if (!reader.head) continue;
    const isEarlier = !first?.head || sign * (reader.head.message.timeMs - first.head.message.timeMs) < 0;
    if (isEarlier) first = reader;
  }
  return first;
}

/** Reads one source in order, a part at a time. */
class Reader {
  readonly #source: OrderedSource;
  readonly #order: Order;
  readonly #size: number;
  readonly #maxSize: number;
  readonly #id: string | undefined;
  #buffer: Placed[] = [];
  /** The next sequence to look at; undefined for where the source begins. */
  #next: number | undefined;
  #isDone = false;

  /** @param id how the ids begin that are looked for */
  constructor(source: OrderedSource, order: Order, limit: number, id: string | undefined) {
    this.#source = source;
    this.#order = order;
    this.#id = id;
    this.#maxSize = id === undefined ? READ : SEARCH_READ;
    this.#size = id === undefined ? Math.min(READ, limit) : SEARCH_READ;
  }

  get head(): Placed | undefined {
    return this.#buffer[0];
  }

  get isBehind(): boolean {
    return !this.#isDone && this.#buffer.length === 0;
  }

  get isFilled(): boolean {
    return this.#buffer.length > 0 || this.#isDone;
  }

  /** Where the next page goes on. */
  get position(): string {
    if (this.head) return String(this.head.message.seq);
    if (this.#isDone) return END;
    return this.#next === undefined ? '' : String(this.#next);
  }

  place(position: string): void {
    if (position === END) this.#isDone = true;
    else if (position !== '') this.#next = Number(position);
  }

  take(): void {
    this.#buffer.shift();
  }

  /** By the last part of a subject, which is the id but for jobs without one. */
  #mayFit(subject: string): boolean {
    const id = this.#id;
    if (id === undefined || SEQUENCE_ID.startsWith(id) || /^(webhook-)?se?q?(-|$)/.test(id)) return true;
    return subject.slice(subject.lastIndexOf('.') + 1).startsWith(id);
  }

  /** Reads until there is a job, the end, or nothing left to spend. */
  async fill(fits: (job: JobRecord) => boolean, budget: ScanBudget): Promise<void> {
    for (let size = this.#size; this.isBehind && !budget.isSpent; size = Math.min(this.#maxSize, size * 2)) {
      const { messages, next } = await this.#source.read(this.#order, this.#next, size);
      const bytes = messages.reduce((sum, { data }) => sum + data.length, 0);
      budget.spend(messages.length, bytes);
      if (next === undefined) this.#isDone = true;
      this.#next = next;
      const candidates = messages.filter(({ subject }) => this.#mayFit(subject));
      const jobs = candidates.length > 0 ? await this.#source.toJobs(candidates) : [];
      this.#buffer = candidates.flatMap((message, index) => {
        const job = jobs[index];
        return job && fits(job) ? [{ message, job }] : [];
      });
    }
  }
}

function placeReaders(readers: readonly Reader[], cursor: string | undefined, order: Order): void {
  if (cursor === undefined) return;
  const [direction, ...positions] = cursor.split('.');
  const isOurs =
    direction === order.charAt(0) &&
    positions.length === readers.length &&
    positions.every((position) => /^(\d{1,16}|e|)$/.test(position));
  if (!isOurs) {
    throw new ValidationError(
      'JETFLEET_OPTION_INVALID',
      `cursor ${JSON.stringify(cursor.slice(0, 100))} is none of this listing; pass the one of the page before, with the same filter`,
    );
  }
  positions.forEach((position, index) => {
    readers[index]?.place(position);
  });
}

function rangeOf({ since, until }: JobFilter): TimeRange {
  return {
    sinceMs: timeOf('since', since) ?? 0,
    untilMs: timeOf('until', until) ?? Number.POSITIVE_INFINITY,
  };
}

function timeOf(name: string, time: Date | string | undefined): number | undefined {
  return time === undefined ? undefined : checkedTime(name, time);
}

function fitting(filter: JobFilter, { sinceMs, untilMs }: TimeRange): (job: JobRecord) => boolean {
  const { type, status, state, priority, id } = filter;
  return (job) => {
    const changedMs = Date.parse(job.updatedAt);
    return (
      (!type || job.type === type) &&
      (!status || job.status === status) &&
      (!state || job.state === state) &&
      (!priority || job.priority === priority) &&
      (!id || job.id.startsWith(id)) &&
      changedMs >= sinceMs &&
      changedMs <= untilMs
    );
  };
}
