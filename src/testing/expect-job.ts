/** Assertions about jobs, for any test runner: they throw an AssertionError of Node, which vitest, jest and node:test show with its difference. */
import { AssertionError } from 'node:assert';
import type { JobDefinition } from '../jobs/define-job.js';
import type { JobErrorInfo } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { assertOptions, type OptionNames } from '../jobs/options.js';
import type { JobPriority, JobState, JobStatus } from '../jobs/vocabulary.js';
import { matches } from './matches.js';
import type { TestQueue } from './test-queue.js';

/** Which job is meant. What is left out fits every job. */
export interface JobQuery {
  id?: string;
  /** The name of a type, or its definition. */
  type?: string | JobDefinition;
  /** What the payload has at least. */
  payload?: unknown;
  priority?: JobPriority;
  status?: JobStatus;
  state?: JobState;
  /** The job that it follows from. */
  parentId?: string;
}

const QUERY: OptionNames<Required<JobQuery>> = {
  id: true,
  type: true,
  payload: true,
  priority: true,
  status: true,
  state: true,
  parentId: true,
};

/** What is expected of a time: a Date or an ISO 8601 text, or so many ms from now. A second more or less fits. */
export interface ExpectedTime {
  at?: Date | string;
  inMs?: number;
}

const TOLERANCE_MS = 1_000;

/**
 * Expects something of the one job that an id or a query names.
 *
 * @example
 * await expectJob(test, id).toComplete({ pages: 3 });
 * await expectJob(test, { type: sendReceipt, payload: { order: 42 } }).toBeQueued();
 */
export function expectJob(test: TestQueue, which: string | JobQuery): JobExpectation {
  const query = typeof which === 'string' ? { id: which } : which;
  assertOptions('the query', query, QUERY);
  return new JobExpectation(test, query);
}

/** Each gives the record, or throws an AssertionError. */
export class JobExpectation {
  readonly #test: TestQueue;
  readonly #query: JobQuery;

  /** @internal */
  constructor(test: TestQueue, query: JobQuery) {
    this.#test = test;
    this.#query = query;
  }

  /** There is exactly one. @param record what its record has at least */
  async toExist(record: Partial<JobRecord> = {}): Promise<JobRecord> {
    return this.#check(siteOf(this.toExist), record);
  }

  /** There are so many. */
  async toExistTimes(count: number): Promise<JobRecord[]> {
    const site = siteOf(this.toExistTimes);
    const found = await this.#found();
    if (found.length !== count) {
      const why = `expected ${count} of ${this.#named()}, found ${found.length}`;
      throw failure(why, found.length, count, site);
    }
    return found;
  }

  /** There is none. */
  async toBeAbsent(): Promise<void> {
    const site = siteOf(this.toBeAbsent);
    const [first] = await this.#found();
    if (first) throw failure(`expected no ${this.#named()}, found ${first.id}`, first, undefined, site);
  }

  /** It waits for a worker. */
  async toBeQueued(record: Partial<JobRecord> = {}): Promise<JobRecord> {
    return this.#check(siteOf(this.toBeQueued), { ...record, state: 'queued' });
  }

  /** It waits for its time: delayed, for its next attempt, or asleep. */
  async toBeScheduled(time: ExpectedTime = {}): Promise<JobRecord> {
    const site = siteOf(this.toBeScheduled);
    const job = await this.#one(site);
    const wantedMs = timeOf(time, this.#test.now().getTime());
    const dueMs = Date.parse(job.nextRunAt ?? '');
    if (Number.isNaN(dueMs)) {
      throw failure(`expected ${label(job)} to wait for its time`, job.state, 'scheduled', site);
    }
    if (wantedMs !== undefined && Math.abs(dueMs - wantedMs) > TOLERANCE_MS) {
      const wanted = new Date(wantedMs).toISOString();
      throw failure(`expected ${label(job)} to start at ${wanted}`, job.nextRunAt, wanted, site);
    }
    return job;
  }

  /** It COMPLETED. @param result what its result has at least */
  async toComplete(result?: unknown): Promise<JobRecord> {
    return this.#check(siteOf(this.toComplete), {
      status: 'completed',
      ...(result !== undefined && { result }),
    });
  }

  /** It FAILED. @param error what its error has at least; a regular expression fits a text */
  async toFail(error: { [K in keyof JobErrorInfo]?: JobErrorInfo[K] | RegExp } = {}): Promise<JobRecord> {
    return this.#check(siteOf(this.toFail), { status: 'failed', error });
  }

  /** Its record has at least this. */
  async toMatch(record: Record<string, unknown>): Promise<JobRecord> {
    return this.#check(siteOf(this.toMatch), record);
  }

  async #check(site: string, wanted: object): Promise<JobRecord> {
    const job = await this.#one(site);
    if (matches(job, wanted)) return job;
    // What was not asked for would hide the difference.
    const actual = Object.fromEntries(Object.keys(wanted).map((key) => [key, job[key as keyof JobRecord]]));
    const why = job.error ? `; it failed with ${job.error.code}: ${job.error.message}` : '';
    throw failure(`${label(job)} is not as expected${why}`, actual, wanted, site);
  }

  async #one(site: string): Promise<JobRecord> {
    const found = await this.#found();
    if (found.length === 1) return found[0] as JobRecord;
    const all = found.length > 0 ? found : await this.#test.jobs();
    const list = all
      .slice(0, 10)
      .map((job) => `  ${label(job)}, ${job.state}: ${JSON.stringify(job.payload)}`);
    const others = found.length > 0 ? 'these fit' : 'these are there';
    const why = `expected one ${this.#named()}, found ${found.length}; ${list.length > 0 ? `${others}:` : 'there is no job'}`;
    throw failure([why, ...list].join('\n'), found.length, 1, site);
  }

  async #found(): Promise<JobRecord[]> {
    const { id, type, payload, ...others } = this.#query;
    // The newest word on a single job is that of the queue.
    const job = id === undefined ? undefined : await this.#test.queue.getJob(id);
    const jobs = id === undefined ? await this.#test.jobs() : job ? [job] : [];
    const wanted = {
      ...(type !== undefined && { type: typeof type === 'string' ? type : type.type }),
      ...(payload !== undefined && { payload }),
      ...others,
    };
    return jobs.filter((each) => matches(each, wanted));
  }

  #named(): string {
    const { id, type, ...others } = this.#query;
    const name = typeof type === 'object' ? type.type : type;
    const rest = Object.keys(others).length > 0 ? ` with ${JSON.stringify(others)}` : '';
    return ['job', name, id].filter((part) => part !== undefined).join(' ') + rest;
  }
}

/** The frames of whoever has called a method: after the first wait they are gone. */
function siteOf(method: (...args: never[]) => unknown): string {
  const site = { stack: '' };
  Error.captureStackTrace(site, method);
  return site.stack.replace(/^.*\n/, '');
}

function failure(message: string, actual: unknown, expected: unknown, site: string): AssertionError {
  const error = new AssertionError({ message, actual, expected, operator: 'expectJob' });
  error.stack = `AssertionError [${error.code}]: ${message}\n${site}`;
  return error;
}

function label({ type, id }: JobRecord): string {
  return `job ${type} ${id}`;
}

function timeOf({ at, inMs }: ExpectedTime, nowMs: number): number | undefined {
  if (at !== undefined) return new Date(at).getTime();
  return inMs === undefined ? undefined : nowMs + inMs;
}
