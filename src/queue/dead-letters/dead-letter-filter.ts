import { causeOf, isCauseId } from '../../jobs/cause.js';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { checkedTime } from '../../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../../jobs/options.js';
import { checkTags } from '../../jobs/tags.js';
import { isJobType } from '../../jobs/vocabulary.js';

/** Which of the dead letters to take: of FAILED jobs all but those that somebody cancelled. What is left out fits each. */
export interface DeadLetterFilter {
  type?: string;
  /** Only those that failed at this time or later. */
  since?: Date | string;
  /** Only those that failed at this time or earlier. */
  until?: Date | string;
  /** Only those whose error has this code. */
  errorCode?: string;
  /** Only those of one cause, by its id: see `deadLetters.causes`. */
  cause?: string;
  /** Only those that have all of these tags. */
  tags?: readonly string[];
}

export const DEAD_LETTER_FILTER: OptionNames<Required<DeadLetterFilter>> = {
  type: true,
  since: true,
  until: true,
  errorCode: true,
  cause: true,
  tags: true,
};

/** A job that has ended without success, and by nobody's wish. */
export function isDeadLetter({ status, state }: Pick<JobRecord, 'status' | 'state'>): boolean {
  return status === 'failed' && state !== 'cancelled';
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_TAG_INVALID` */
export function checkDeadLetterFilter(filter: DeadLetterFilter): void {
  assertOptions('filter', filter, DEAD_LETTER_FILTER);
  const { type, since, until, errorCode, cause, tags } = filter;
  if (type !== undefined && !isJobType(type))
    throw invalidOption(`type ${excerptOf(type)} is not snake_case`);
  if (since !== undefined) checkedTime('since', since);
  if (until !== undefined) checkedTime('until', until);
  checkText('errorCode', errorCode);
  checkCause(cause);
  checkTags('tags', tags);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkCause(cause: unknown): void {
  if (cause === undefined || isCauseId(cause)) return;
  throw invalidOption(`cause ${excerptOf(cause)} is no id of a cause, which has ten digits of 0-9 a-f`);
}

/** Whether a dead letter is one that the filter asks for. */
export function fittingDeadLetters(filter: DeadLetterFilter): (job: JobRecord) => boolean {
  const { type, errorCode, cause, tags = [] } = filter;
  const sinceMs = filter.since === undefined ? 0 : checkedTime('since', filter.since);
  const untilMs = filter.until === undefined ? Number.POSITIVE_INFINITY : checkedTime('until', filter.until);
  return (job) => {
    const failedMs = Date.parse(job.finishedAt ?? job.updatedAt);
    return (
      isDeadLetter(job) &&
      (type === undefined || job.type === type) &&
      failedMs >= sinceMs &&
      failedMs <= untilMs &&
      (errorCode === undefined || job.error?.code === errorCode) &&
      (cause === undefined || causeOf(job.error).id === cause) &&
      tags.every((tag) => job.tags?.includes(tag))
    );
  };
}
