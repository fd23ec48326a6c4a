import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { JobQueueService, NewJob } from '../queue/job-queue-service.js';
import { checkJob } from '../queue/job-request.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The id of the job that an `Idempotency-Key` stands for: the same key is the same job, in every process.
 * @throws ValidationError `JETFLEET_HTTP_INVALID`
 */
export function idOfKey(key: string): string {
  if (!KEY.test(key)) {
    throw new ValidationError(
      'JETFLEET_HTTP_INVALID',
      'Idempotency-Key must be 1 to 255 printable ASCII characters without spaces',
    );
  }
  return `key-${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;
}

/**
 * Whether the job of a key is there already, so that it need not be added again.
 * @throws JetfleetError `JETFLEET_HTTP_KEY_REUSED` when it is another job
 */
export async function isRepeated(queue: JobQueueService, id: string, job: NewJob): Promise<boolean> {
  const { type, payload, priority = 'normal', ...options } = job;
  const { request } = checkJob(type, payload, priority, { ...options, id }, Date.now());
  const known = await queue.getJob(id);
  if (!known) return false;
  const wanted = { type: request.type, priority: request.priority, payload: asJson(request.payload) };
  if (isDeepStrictEqual(wanted, partOf(known)) && sameOptions(known, request)) return true;
  throw new JetfleetError(
    'JETFLEET_HTTP_KEY_REUSED',
    `the Idempotency-Key stands for job ${id} already, which is another one: ${known.type}, ${known.priority}`,
  );
}

function partOf({ type, priority, payload }: JobRecord) {
  return { type, priority, payload: asJson(payload) };
}

/** Options that are left out have defaults that may have changed since. */
function sameOptions(known: JobRecord, wanted: Partial<JobRecord>): boolean {
  return (['maxAttempts', 'timeoutMs', 'webhookUrl'] as const).every(
    (name) => wanted[name] === undefined || wanted[name] === known[name],
  );
}

function asJson(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}
