/** The jobs that follow from one that has ended: those that its handler asks for, and those that its type says. */
import type { Broker } from '../broker/broker.js';
import type { EndedJob } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { atPlace, invalidOption, JetfleetError, ValidationError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import { checkFacts, checkPayload } from '../jobs/job-check.js';
import { toJobError } from '../jobs/job-error.js';
import { assertJobId, assertNotReserved, derivedId, failureId } from '../jobs/job-id.js';
import type { NextJob } from '../jobs/job-options.js';
import type { FollowUp, JobRecord } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { assertOptions, type OptionNames } from '../jobs/options.js';

const NEXT_JOB: OptionNames<Required<NextJob>> = {
  type: true,
  idSuffix: true,
  payload: true,
  priority: true,
  maxAttempts: true,
  timeoutMs: true,
  webhookUrl: true,
  tags: true,
};
const SUFFIX = /^[A-Za-z0-9_-]+$/;

/**
 * @param next what a handler gave to `complete()`; anything, since handlers may be plain JavaScript
 * @throws ValidationError as adding the job would, and `JETFLEET_OPTION_INVALID` for what is no list of jobs
 */
export function askedFor(jobs: KnownJobs, parent: JobRecord, next: unknown): FollowUp[] {
  return followUpsOf(parent, next, derivedId, 'next').map((each) => ({
    ...each,
    payload: checkPayload(each.type, each.payload, jobs.get(each.type)).payload,
  }));
}

/**
 * What follows from the end of a job by its type, and by those that listen to all types. Their payloads are checked before
 * their handlers run, as those of all jobs are.
 * @param mustEnd leaves out what fails
 * @throws ValidationError `JETFLEET_OPTION_INVALID` when `after` fails, or gives what is no list of jobs
 */
export function followingFrom(jobs: KnownJobs, ended: JobRecord, mustEnd = false): FollowUp[] {
  return jobs.afterOf(ended.type).flatMap((after) => {
    try {
      return followUpsOf(ended, after(ended as EndedJob), (_, suffix) => failureId(ended, suffix), 'after');
    } catch (error) {
      if (mustEnd) return [];
      if (error instanceof ValidationError) throw error;
      throw invalidOption(`after of ${ended.type} failed: ${toJobError(error).message}`);
    }
  });
}

/**
 * Refuses to end a job of which this process does not know what follows from its end, although its workers do.
 * @throws JetfleetError `JETFLEET_TYPE_UNKNOWN`
 */
export async function assertKnown({ known, handlers }: Broker, { id, type }: JobRecord): Promise<void> {
  if (known.knows(type) || !(await handlers.hasAfter(type))) return;
  throw new JetfleetError(
    'JETFLEET_TYPE_UNKNOWN',
    `job ${id} cannot be ended here: other jobs follow from the end of ${type}, and this process does not know which; give its queue the definition, new JobQueueService({ jobs: [...] })`,
  );
}

function followUpsOf(
  parent: JobRecord,
  next: unknown,
  idOf: (parentId: string, suffix: string) => string,
  name: string,
): FollowUp[] {
  if (next === undefined) return [];
  if (!Array.isArray(next)) throw invalidOption(`${name} must be an array of jobs, got ${excerptOf(next)}`);
  return Array.from(next as unknown[], (each, index) => {
    try {
      return followUpOf(parent, each, idOf);
    } catch (error) {
      throw atPlace(error, `${name} job ${index}`);
    }
  });
}

function followUpOf(
  parent: JobRecord,
  next: unknown,
  idOf: (parentId: string, suffix: string) => string,
): FollowUp {
  assertOptions('it', next as NextJob, NEXT_JOB);
  const {
    idSuffix,
    type,
    payload,
    priority = parent.priority,
    maxAttempts,
    timeoutMs,
    webhookUrl,
    tags,
  } = next as NextJob;
  if (typeof idSuffix !== 'string' || !SUFFIX.test(idSuffix)) {
    throw new ValidationError(
      'JETFLEET_ID_INVALID',
      `idSuffix ${excerptOf(idSuffix)} must be a string of A-Z a-z 0-9 _ -`,
    );
  }
  const id = idOf(parent.id, idSuffix);
  assertJobId(id);
  assertNotReserved(id);
  const options = defined({ maxAttempts, timeoutMs, webhookUrl, tags });
  const followUp: FollowUp = { type, id, payload, priority, ...options };
  checkFacts(followUp);
  return followUp;
}

/** @throws ValidationError `JETFLEET_ID_INVALID` for two jobs of one id: the second would never run */
export function assertDifferent(next: readonly FollowUp[]): void {
  const ids = new Set<string>();
  for (const { id } of next) {
    if (ids.has(id)) {
      throw new ValidationError(
        'JETFLEET_ID_INVALID',
        `two next jobs have the id ${id}; give each its own idSuffix`,
      );
    }
    ids.add(id);
  }
}
