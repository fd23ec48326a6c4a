/** How a job ends of which something can never be accepted or written: FAILED, since another attempt would end the same. */
import { ValidationError } from '../../jobs/errors.js';
import { toJobError } from '../../jobs/job-error.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { followingFrom } from '../../queue/follow-ups.js';
import { type TransitionFacts, transitionRecord, withFollowUps } from '../../queue/transition-record.js';
import { isUnwritable } from './job-writes.js';

/** The FAILED record of such a job, with all that it held before. */
export function refusedRecord(
  jobs: KnownJobs,
  before: JobRecord,
  cause: unknown,
  facts: TransitionFacts,
): JobRecord {
  const error = { ...toJobError(cause), retryable: false };
  const record = transitionRecord(before, 'rejected', { attempt: before.attempt, error }, facts);
  try {
    return withFollowUps(jobs, record, undefined, true);
  } catch (tooMuch) {
    if (!(tooMuch instanceof ValidationError)) throw tooMuch;
    return withoutContent(jobs, record);
  }
}

/** Writes that record, without payload, checkpoint and history where it does not fit. @returns the record that is written */
export async function writeRefusal(
  jobs: KnownJobs,
  whole: JobRecord,
  write: (record: JobRecord) => Promise<unknown>,
): Promise<JobRecord> {
  try {
    await write(whole);
    return whole;
  } catch (error) {
    if (!isUnwritable(error)) throw error;
  }
  const small = withoutContent(jobs, whole);
  await write(small);
  return small;
}

/** Small whatever the job held; what removes its instance stays. */
function withoutContent(jobs: KnownJobs, record: JobRecord): JobRecord {
  const { payload: _, checkpoint: __, result: ___, failures: ____, next: _____, error, ...rest } = record;
  const { code = '', message = '' } = error ?? {};
  const next = followingFrom(jobs, record, true);
  return {
    ...rest,
    payload: null,
    error: { code, message, retryable: false },
    ...(next.length > 0 && { next }),
  };
}
