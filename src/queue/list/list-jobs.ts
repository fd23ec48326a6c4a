/** Lists of jobs: sources that are read side by side, a page at a time. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { generatedBetween } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { ANY } from '../../wire/subjects.js';
import { findJob } from '../job-lookup.js';
import { decodeCursor, END, encodeCursor, type Place, type Position, START } from './cursor.js';
import {
  assertFilter,
  fitting,
  isOfFailed,
  type JobFilter,
  type JobPage,
  rangeOf,
  statusWanted,
} from './job-filter.js';
import type { KnownIds } from './known-ids.js';
import { type ListOrder, orderByStart, orderByTime } from './list-order.js';
import { NearbyPages } from './nearby-pages.js';
import { type Direction, type Source, type StoredRange, sourcesOf } from './sources.js';
import { orderByTag } from './tagged.js';

/** What one page may cost. */
interface Allowance {
  /** Messages that it may read, however long it takes. */
  minMessages: number;
  maxMessages: number;
  /** Between the two, it goes on reading for so long. */
  maxMs: number;
}

/** A list takes jobs from what it reads. */
const LISTING: Allowance = { minMessages: 1_000, maxMessages: 10_000, maxMs: 100 };
/** A search by id reads ids, each once in the life of a process. */
const SEARCHING: Allowance = { minMessages: 100_000, maxMessages: Number.POSITIVE_INFINITY, maxMs: 1_000 };
/** A list by tags, by worker or by the code of an error passes over what has another status, worker or code. */
const SIFTING: Allowance = { minMessages: 500, maxMessages: 100_000, maxMs: 250 };
const MAX_BYTES = 64 * 1024 * 1024;
/** Of whoever does not wait for long: one run of ids. */
const MIN_WITHIN = 5_000;

/** How long before its job's messages an id was made as a rule, and by how much the clock of a producer may be ahead. */
const LATER_MS = 60_000;
const EARLIER_MS = 5_000;

/** Messages read at once at most: as many as the broker sends the last events of in one request. */
const READ = 256;

/**
 * A page of jobs. Without an order and what implies one: processing, pending (critical first, then oldest first), completed,
 * failed. Else by the time of the last change, after the job whose whole id the filter has; those of a generated id, or of the beginning
 * of one, that changed within a minute after it was made come first. Jobs that move meanwhile can be missed between two pages.
 * @param withinMs about how long it may search at most
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
 */
export async function listJobs(
  broker: Broker,
  knownIds: KnownIds,
  filter: JobFilter,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<JobPage> {
  assertFilter(filter);
  const { type = ANY, id, tags = [], worker, limit = 100, cursor } = filter;
  const range = rangeOf(filter);
  const status = statusWanted(filter);
  if (status === 'none') return { jobs: [] };
  const fits = fitting(filter, range);
  const query = { ...filter, ...(status && { status }) };
  const ofAll = () => {
    const readPage = id === undefined ? new NearbyPages(broker).page : knownIds.pageReader(broker, id);
    const orderOf = isByTime(filter) ? orderByTime : orderByStart;
    const parts = searchParts(id).map((stored) =>
      orderOf(broker, query, sourcesOf(broker, type, range, readPage, stored)),
    );
    return { ...(parts[0] as ListOrder), groups: parts.flatMap(({ groups }) => groups) };
  };
  const { letter, direction, groups } = tags.length > 0 ? orderByTag(broker, { ...query, tags }) : ofAll();
  const sizes = groups.map(({ length }) => length);
  let place: Place = { group: 0, positions: [] };
  if (cursor !== undefined) place = decodeCursor(cursor, letter, sizes);
  const jobs = new Map<string, JobRecord>();
  // Whoever named a whole id should not wait for long for the others that begin with it.
  const exact = id !== undefined && cursor === undefined ? await findJob(broker, id) : undefined;
  if (exact && fits(exact)) jobs.set(exact.id, exact);
  const isSearch = id !== undefined && jobs.size === 0;
  const isSifted = tags.length > 0 || worker !== undefined || isOfFailed(filter);
  const allowance = isSearch ? SEARCHING : isSifted ? SIFTING : LISTING;
  const budget = scanBudget(withinMs < allowance.maxMs ? shortened(allowance, withinMs) : allowance);
  const page: Page = { jobs, limit, id, direction, fits, budget };
  for (let { group, positions } = place; group < groups.length; group++, positions = []) {
    const readers = (groups[group] ?? []).map(
      (source, at) => new Reader(source, direction, limit, positions[at]),
    );
    if (jobs.size < limit && !budget.isSpent) await take(page, readers);
    const ends = readers.map(({ position }) => position);
    if (ends.some((position) => position !== END)) {
      return { jobs: [...jobs.values()], cursor: encodeCursor(letter, { group, positions: ends }) };
    }
  }
  return { jobs: [...jobs.values()] };
}

/**
 * The parts in which a search by id goes through the streams. A generated id says when it was made: as a rule its job has ended soon after, so
 * that part comes first. Clocks may be wrong, and jobs wait: all else follows.
 */
function searchParts(id: string | undefined): StoredRange[] {
  const made = id === undefined ? undefined : generatedBetween(id);
  if (!made) return [{}];
  const [fromMs, beforeMs] = [made.fromMs - EARLIER_MS, made.toMs + LATER_MS];
  return [{ fromMs, beforeMs }, { fromMs: beforeMs }, { beforeMs: fromMs }];
}

function isByTime(filter: JobFilter): boolean {
  const { order, state, id, since, until } = filter;
  return isOfFailed(filter) || [order, state, id, since, until].some((each) => each !== undefined);
}

function shortened(allowance: Allowance, maxMs: number): Allowance {
  return { ...allowance, minMessages: Math.min(allowance.minMessages, MIN_WITHIN), maxMs };
}

/** A filter that few jobs fit ends its page short, with a cursor. */
function scanBudget({ minMessages, maxMessages, maxMs }: Allowance) {
  const startMs = performance.now();
  let [messages, bytes] = [0, 0];
  return {
    spend(moreMessages: number, moreBytes: number): void {
      messages += moreMessages;
      bytes += moreBytes;
    },
    get isSpent(): boolean {
      if (bytes >= MAX_BYTES || messages >= maxMessages) return true;
      return messages >= minMessages && performance.now() - startMs >= maxMs;
    },
  };
}

interface Page {
  jobs: Map<string, JobRecord>;
  limit: number;
  /** Is listed first, or not at all. */
  id: string | undefined;
  direction: Direction;
  fits: (job: JobRecord) => boolean;
  budget: ReturnType<typeof scanBudget>;
}

/** Takes jobs from sources, merged by time, until the page is full, the sources are at their ends or the budget is spent. */
async function take(page: Page, readers: readonly Reader[]): Promise<void> {
  const { jobs, limit, id, direction } = page;
  for (;;) {
    await Promise.all(readers.map((reader) => reader.fill(page)));
    // A source that is not read to its next job may hold the one that comes first.
    if (readers.some((reader) => reader.isBehind)) return;
    const next = firstOf(readers, direction);
    if (!next?.head) return;
    const { job } = next.head;
    const isListed = jobs.has(job.id) || job.id === id;
    if (jobs.size >= limit && !isListed) return;
    next.take();
    if (!isListed) jobs.set(job.id, job);
    if (jobs.size >= limit && !readers.some((reader) => reader.isBehind)) return;
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
  async fill({ fits, budget }: Page): Promise<void> {
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
