import { createHash } from 'node:crypto';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import type { NewJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { JobPriority } from '../jobs/vocabulary.js';
import { type AddedJob, isTaken } from '../queue/job-add.js';
import type { JobQueueService } from '../queue/job-queue-service.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The id of the job that an `Idempotency-Key` stands for: the same key is the same job, in every process.
 * @throws ValidationError `JETFLEET_HTTP_INVALID`
 */
function idOfKey(key: string): string {
  if (!KEY.test(key)) {
    throw new ValidationError(
      'JETFLEET_HTTP_INVALID',
      'Idempotency-Key must be 1 to 255 printable ASCII characters without spaces',
    );
  }
  return `key-${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;
}

/**
 * Adds the job of a key, once: of many requests at the same time one adds it.
 * @returns the job, with `known` when it was there already
 * @throws JetfleetError `JETFLEET_HTTP_KEY_REUSED` when the key stands for another job
 */
export async function addByKey(queue: JobQueueService, key: string, job: NewJob): Promise<AddedJob> {
  const keyId = idOfKey(key);
  const { type, payload, priority = JobPriority.NORMAL, id = keyId, ...options } = job;
  try {
    const added = await queue.addOrFind(type, payload, priority, { ...options, id });
    if (added.known && !isAsAsked(added.known, { ...options, priority })) throw reused(id);
    return added;
  } catch (error) {
    throw isTaken(error) ? reused(id) : error;
  }
}

/** Options that are left out have defaults that may have changed since. */
function isAsAsked(known: JobRecord, wanted: Partial<JobRecord>): boolean {
  return (['priority', 'maxAttempts', 'timeoutMs', 'webhookUrl'] as const).every(
    (name) => wanted[name] === undefined || wanted[name] === known[name],
  );
}

function reused(id: string): JetfleetError {
  return new JetfleetError(
    'JETFLEET_HTTP_KEY_REUSED',
    `the Idempotency-Key stands for job ${id} already, which is another one; use a new key for a new job`,
  );
}
