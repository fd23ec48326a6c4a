/** The jobs that a handler asks for, checked as every other job before its own outcome is written. */
import { atPlace, ValidationError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import { checkFacts, checkPayload } from '../jobs/job-check.js';
import { assertJobId, assertNotReserved, derivedId } from '../jobs/job-id.js';
import type { NextJob } from '../jobs/job-options.js';
import type { FollowUp, JobRecord } from '../jobs/job-record.js';
import { assertOptions, type OptionNames } from '../jobs/options.js';

const NEXT_JOB: OptionNames<Required<NextJob>> = {
  type: true,
  idSuffix: true,
  payload: true,
  priority: true,
  maxAttempts: true,
  webhookUrl: true,
};
const SUFFIX = /^[A-Za-z0-9_-]+$/;

/**
 * @param next what a handler gave to `complete()`; anything, since handlers may be plain JavaScript
 * @throws ValidationError as adding the job would, and `JETFLEET_OPTION_INVALID` for what is no list of jobs
 */
export function checkNextJobs(parent: JobRecord, next: unknown): FollowUp[] {
  if (next === undefined) return [];
  if (!Array.isArray(next)) throw invalid(`next must be an array of jobs, got ${excerptOf(next)}`);
  return Array.from(next as unknown[], (each, index) => {
    try {
      return checkNextJob(parent, each);
    } catch (error) {
      throw atPlace(error, `next job ${index}`);
    }
  });
}

function checkNextJob(parent: JobRecord, next: unknown): FollowUp {
  assertOptions('it', next as NextJob, NEXT_JOB);
  const { idSuffix, type, payload, priority = parent.priority, maxAttempts, webhookUrl } = next as NextJob;
  if (typeof idSuffix !== 'string' || !SUFFIX.test(idSuffix)) {
    throw new ValidationError(
      'JETFLEET_ID_INVALID',
      `idSuffix ${excerptOf(idSuffix)} must be a string of A-Z a-z 0-9 _ -`,
    );
  }
  return checkFollowUp({
    type,
    id: derivedId(parent.id, idSuffix),
    payload,
    priority,
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(webhookUrl !== undefined && { webhookUrl }),
  });
}

function checkFollowUp(followUp: FollowUp): FollowUp {
  assertJobId(followUp.id);
  assertNotReserved(followUp.id);
  checkFacts(followUp);
  return { ...followUp, payload: checkPayload(followUp.type, followUp.payload).payload };
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

function invalid(message: string): ValidationError {
  return new ValidationError('JETFLEET_OPTION_INVALID', message);
}
