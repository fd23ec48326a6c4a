import { causeOf, isCauseId } from '../../jobs/cause.js';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { isJobId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { checkedTime, checkInteger } from '../../jobs/numbers.js';
import { checkBoolean, checkText, type OptionNames } from '../../jobs/options.js';
import { checkTags } from '../../jobs/tags.js';
import {
  isJobType,
  isPriority,
  isState,
  isStatus,
  type JobPriority,
  type JobState,
  type JobStatus,
  PRIORITIES,
  STATUSES,
  statusOf,
} from '../../jobs/vocabulary.js';

/** Which jobs to list, and how. What is left out fits every job. */
export interface JobFilter {
  type?: string;
  status?: JobStatus;
  priority?: JobPriority;
  /** One of the nested states: `retrying`. */
  state?: JobState;
  /**
   * An id, or the beginning of one. Of six characters and more of a generated id, jobs that changed within a minute after it was made come
   * first: a search finds them at once among any number of others.
   */
  id?: string;
  /** Only jobs that have all of these tags. */
  tags?: readonly string[];
  /** Only jobs whose last record this worker has written: that it runs, or that it ran last. */
  worker?: string;
  /** Only FAILED jobs whose error has this code: `JETFLEET_TIMEOUT`, or one of a handler's own. */
  errorCode?: string;
  /** Only FAILED jobs of one cause, by its id: see `deadLetters.causes`. */
  cause?: string;
  /** Only FAILED jobs that nobody has cancelled. */
  deadLetters?: boolean;
  /** Only jobs that changed (`updatedAt`) at this time or later. */
  since?: Date | string;
  /** Only jobs that changed (`updatedAt`) at this time or earlier. */
  until?: Date | string;
  /**
   * By the time of the last change, all statuses together. Defaults to `oldest` with `state`, `id`, `tags`, `errorCode`, `since` or `until`,
   * else to processing, pending in the order in which they will start, completed, failed.
   */
  order?: 'oldest' | 'newest';
  /** Most jobs on a page, 1 to 1,000. Defaults to 100. */
  limit?: number;
  /** Where the page before ended. */
  cursor?: string;
}

export const JOB_FILTER: OptionNames<Required<JobFilter>> = {
  type: true,
  status: true,
  priority: true,
  state: true,
  id: true,
  tags: true,
  worker: true,
  errorCode: true,
  cause: true,
  deadLetters: true,
  since: true,
  until: true,
  order: true,
  limit: true,
  cursor: true,
};

export interface JobPage {
  jobs: JobRecord[];
  /** Pass it on for the next page, also after one that is not full; absent on the last one. */
  cursor?: string;
}

const MAX_LIMIT = 1_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function assertFilter(filter: JobFilter): void {
  const { type, status, priority, state, id, tags, errorCode, cause, order, limit = 100, cursor } = filter;
  const refuse = (problem: string) => {
    throw invalidOption(problem);
  };
  if (type !== undefined && !isJobType(type)) refuse(`type ${excerptOf(type)} is not snake_case`);
  if (status !== undefined && !isStatus(status)) {
    refuse(`status ${excerptOf(status)} is none of ${STATUSES.join(', ')}`);
  }
  if (priority !== undefined && !isPriority(priority)) {
    refuse(`priority ${excerptOf(priority)} is none of ${PRIORITIES.join(', ')}`);
  }
  if (state !== undefined && !isState(state)) refuse(`state ${excerptOf(state)} is none of a job`);
  if (id !== undefined && !isJobId(id)) refuse(`id ${excerptOf(id)} is no job id, nor the beginning of one`);
  if (order !== undefined && order !== 'oldest' && order !== 'newest') {
    refuse(`order ${excerptOf(order)} is neither oldest nor newest`);
  }
  checkTags('tags', tags);
  checkText('worker', filter.worker);
  checkText('errorCode', errorCode);
  if (cause !== undefined && !isCauseId(cause))
    refuse(`cause ${excerptOf(cause)} is no id of a cause, which has ten digits of 0-9 a-f`);
  checkBoolean('deadLetters', filter.deadLetters);
  checkInteger('limit', limit, 1, MAX_LIMIT);
  checkText('cursor', cursor);
}

/** When jobs have changed last, milliseconds since the epoch, both ends included. */
export interface TimeRange {
  sinceMs: number;
  untilMs: number;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function rangeOf({ since, until }: JobFilter): TimeRange {
  return {
    sinceMs: since === undefined ? 0 : checkedTime('since', since),
    untilMs: until === undefined ? Number.POSITIVE_INFINITY : checkedTime('until', until),
  };
}

/** The status that a filter asks for, also where it names only a state or an error: undefined for any, `none` for two that exclude each other. */
export function statusWanted(filter: JobFilter): JobStatus | 'none' | undefined {
  const { status, state } = filter;
  const wanted = new Set([
    status,
    state && statusOf(state),
    isOfFailed(filter) ? ('failed' as const) : undefined,
  ]);
  wanted.delete(undefined);
  return wanted.size > 1 ? 'none' : [...wanted][0];
}

/** Whether a filter names what only FAILED jobs have. */
export function isOfFailed({ errorCode, cause, deadLetters }: JobFilter): boolean {
  return errorCode !== undefined || cause !== undefined || deadLetters === true;
}

/** A job that has ended without success, and by nobody's wish. */
function isDeadLetter({ status, state }: JobRecord): boolean {
  return status === 'failed' && state !== 'cancelled';
}

/** Whether a job is one that the filter asks for. */
export function fitting(filter: JobFilter, { sinceMs, untilMs }: TimeRange): (job: JobRecord) => boolean {
  const { type, status, state, priority, id, tags = [], worker, errorCode, cause, deadLetters } = filter;
  return (job) =>
    (!type || job.type === type) &&
    (!status || job.status === status) &&
    (!state || job.state === state) &&
    (!priority || job.priority === priority) &&
    (!id || job.id.startsWith(id)) &&
    (worker === undefined || job.worker === worker) &&
    (errorCode === undefined || (job.status === 'failed' && job.error?.code === errorCode)) &&
    (cause === undefined || (job.status === 'failed' && causeOf(job.error).id === cause)) &&
    (!deadLetters || isDeadLetter(job)) &&
    tags.every((tag) => job.tags?.includes(tag)) &&
    (sinceMs === 0 || Date.parse(job.updatedAt) >= sinceMs) &&
    (untilMs === Number.POSITIVE_INFINITY || Date.parse(job.updatedAt) <= untilMs);
}
