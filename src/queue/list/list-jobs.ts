/** Lists of jobs: sources that are read side by side, a page at a time. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { ANY } from '../../wire/subjects.js';
import { findJob } from '../job-lookup.js';
import { decodeCursor, END, encodeCursor, type Place, type Position, START } from './cursor.js';
import { assertFilter, fitting, type JobFilter, type JobPage, rangeOf, statusWanted } from './job-filter.js';
import type { KnownIds } from './known-ids.js';
import { orderByStart, orderByTime } from './list-order.js';
import { type Direction, pageReader, type Source, Sources } from './sources.js';

/** What one page may cost. */
interface Allowance {
  /** Messages that it may read, however long it takes. */
  minMessages: number;
  maxMessages: number;
  /** Between the two, it goes on reading for so long. */
  maxMs: number;
}

/** A list takes jobs from what it reads. */
const LISTING: Allowance = { minMessages: 500, maxMessages: 10_000, maxMs: 100 };
/** A search by id reads ids, each once in the life of a process. */
const SEARCHING: Allowance = { minMessages: 100_000, maxMessages: Number.POSITIVE_INFINITY, maxMs: 1_000 };
const MAX_BYTES = 64 * 1024 * 1024;

/** Messages read at once at most: as many as the broker sends the last events of in one request. */
const READ = 256;

/**
 * A page of jobs. Without an order and what implies one: processing, pending (critical first, then oldest first), completed,
 * failed. Else by the time of the last change, after the job whose whole id the filter has. Jobs that move meanwhile can be
 * missed between two pages.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
 */
export async function listJobs(broker: Broker, knownIds: KnownIds, filter: JobFilter): Promise<JobPage> {
  assertFilter(filter);
  const { type = ANY, order, state, id, since, until, limit = 100, cursor } = filter;
  const range = rangeOf(filter);
  const status = statusWanted(filter);
  if (status === 'none') return { jobs: [] };
  const fits = fitting(filter, range);
  const readPage = id === undefined ? pageReader(broker) : knownIds.pageReader(broker, id);
  const isByTime = [order, state, id, since, until].some((each) => each !== undefined);
  const orderOf = isByTime ? orderByTime : orderByStart;
  const sources = new Sources(broker, type, range, readPage);
  const { letter, direction, groups } = orderOf(broker, { ...filter, ...(status && { status }) }, sources);
  const sizes = groups.map(({ length }) => length);
  let place: Place = { group: 0, positions: [] };
  if (cursor !== undefined) place = decodeCursor(cursor, letter, sizes);
  const page = new Page(limit, id);
  // Whoever named a whole id should not wait for long for the others that begin with it.
  const exact = id !== undefined && cursor === undefined ? await findJob(broker, id) : undefined;
  if (exact && fits(exact)) page.jobs.set(exact.id, exact);
  const budget = new ScanBudget(id === undefined || page.jobs.size > 0 ? LISTING : SEARCHING);
  for (let { group, positions } = place; group < groups.length; group++, positions = []) {
    const readers = (groups[group] ?? []).map(
      (source, at) => new Reader(source, direction, limit, positions[at]),
    );
    if (!page.isFull && !budget.isSpent) await page.take(readers, direction, fits, budget);
    const ends = readers.map(({ position }) => position);
    if (ends.some((position) => position !== END)) {
      return { jobs: [...page.jobs.values()], cursor: encodeCursor(letter, { group, positions: ends }) };
    }
  }
  return { jobs: [...page.jobs.values()] };
}

/** A filter that few jobs fit ends its page short, with a cursor. */
class ScanBudget {
  readonly #allowed: Allowance;
  readonly #startMs = performance.now();
  #messages = 0;
  #bytes = 0;

  constructor(allowed: Allowance) {
    this.#allowed = allowed;
  }

  spend(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  get isSpent(): boolean {
    const { minMessages, maxMessages, maxMs } = this.#allowed;
    if (this.#bytes >= MAX_BYTES || this.#messages >= maxMessages) return true;
    return this.#messages >= minMessages && performance.now() - this.#startMs >= maxMs;
  }
}

class Page {
  readonly jobs = new Map<string, JobRecord>();
  readonly #limit: number;
  readonly #id: string | undefined;

  /** @param id is listed first, or not at all */
  constructor(limit: number, id: string | undefined) {
    this.#limit = limit;
    this.#id = id;
  }

  get isFull(): boolean {
    return this.jobs.size >= this.#limit;
  }

  /** Takes jobs from sources, merged by time, until it is full, the sources are at their ends or the budget is spent. */
  async take(
    readers: readonly Reader[],
    direction: Direction,
    fits: (job: JobRecord) => boolean,
    budget: ScanBudget,
  ): Promise<void> {
    for (;;) {
      await Promise.all(readers.map((reader) => reader.fill(fits, budget)));
      // A source that is not read to its next job may hold the one that comes first.
      if (readers.some((reader) => reader.isBehind)) return;
      const next = firstOf(readers, direction);
      if (!next?.head) return;
      const { job } = next.head;
      const isListed = this.jobs.has(job.id) || job.id === this.#id;
      if (this.isFull && !isListed) return;
      next.take();
      if (!isListed) this.jobs.set(job.id, job);
      if (this.isFull && !readers.some((reader) => reader.isBehind)) return;
    }
  }
}

function firstOf(readers: readonly Reader[], direction: Direction): Reader | undefined {
  const sign = direction === 'newest' ? -1 : 1;
  let first: Reader | undefined;
  for (const reader of readers) {
    if (!reader.head) continue;
    const isEarlier = !first?.head || sign * (reader.head.message.timeMs - first.head.message.timeMs) < 0;
    if (isEarlier) first = reader;
  }
  return first;
}

/** A job on its way into the list, and where it was found. */
interface Found {
  message: StoredMessage;
  job: JobRecord;
}

/** Reads one source, a part at a time. */
class Reader {
  readonly #source: Source;
  readonly #direction: Direction;
  readonly #size: number;
  #buffer: Found[] = [];
  /** The next sequence to read; undefined for where the source begins. */
  #next: number | undefined;
  #isDone: boolean;

  constructor(source: Source, direction: Direction, limit: number, position: Position = START) {
    this.#source = source;
    this.#direction = direction;
    this.#size = Math.min(READ, limit);
    this.#isDone = position === END;
    if (position !== END && position !== START) this.#next = Number(position);
  }

  get head(): Found | undefined {
    return this.#buffer[0];
  }

  get isBehind(): boolean {
    return !this.#isDone && this.#buffer.length === 0;
  }

  /** Where the next page goes on. */
  get position(): Position {
    if (this.head) return String(this.head.message.seq);
    if (this.#isDone) return END;
    return this.#next === undefined ? START : String(this.#next);
  }

  take(): void {
    this.#buffer.shift();
  }

  /** Reads until there is a job, the end, or nothing left to spend. */
  async fill(fits: (job: JobRecord) => boolean, budget: ScanBudget): Promise<void> {
    for (let size = this.#size; this.isBehind && !budget.isSpent; size = Math.min(READ, size * 2)) {
      const { messages, next, read, bytes } = await this.#source.read(this.#direction, this.#next, size);
      budget.spend(read, bytes);
      this.#isDone = next === undefined;
      this.#next = next;
      const jobs = messages.length > 0 ? await this.#source.toJobs(messages) : [];
      this.#buffer = messages.flatMap((message, index) => {
        const job = jobs[index];
        return job && fits(job) ? [{ message, job }] : [];
      });
    }
  }
}
