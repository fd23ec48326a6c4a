/** The one check of a job, whichever way it comes: added, added with others, as a follow-up, redriven or over HTTP. */
import { SEALED } from './codec.js';
import type { JobDefinition } from './define-job.js';
import { invalidOption, ValidationError } from './errors.js';
import { inexactIn } from './exact-value.js';
import { beginningOf, formatPath } from './excerpt.js';
import type { JobRequest } from './job-record.js';
import {
  MAX_DELAY_MS,
  MAX_MAX_ATTEMPTS,
  MAX_PAYLOAD_BYTES,
  MAX_PROBLEM_LENGTH,
  MAX_TIMEOUT_MS,
} from './limits.js';
import { checkInteger } from './numbers.js';
import { isZod, parsePayload } from './schema.js';
import { OBJECT } from './stored-object.js';
import { checkTags } from './tags.js';
import { assertJobType, assertPriority, payloadText, payloadTooDeep } from './validation.js';
import { describeUrlFault } from './webhook-url.js';

/** What can be wrong with a job apart from its id and its payload. */
export type JobFacts = Pick<
  JobRequest,
  | 'type'
  | 'priority'
  | 'maxAttempts'
  | 'timeoutMs'
  | 'expiresInMs'
  | 'webhookUrl'
  | 'tags'
  | 'traceparent'
  | 'tracestate'
>;

/** @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_PRIORITY_INVALID`, `JETFLEET_OPTION_INVALID` */
export function checkFacts(facts: JobFacts): void {
  const { type, priority, maxAttempts, timeoutMs, expiresInMs, webhookUrl, traceparent, tracestate } = facts;
  assertJobType(type);
  assertPriority(priority);
  checkInteger('maxAttempts', maxAttempts, 1, MAX_MAX_ATTEMPTS);
  checkInteger('timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS);
  checkInteger('expiresInMs', expiresInMs, 1, MAX_DELAY_MS);
  const urlFault = webhookUrl === undefined ? undefined : describeUrlFault(webhookUrl);
  if (urlFault !== undefined) throw invalidOption(`webhookUrl ${urlFault}`);
  if (facts.tags !== undefined) checkTags('tags', facts.tags);
  checkHeader('traceparent', traceparent);
  checkHeader('tracestate', tracestate);
}

/**
 * A payload as it is stored, and its JSON text.
 * @param maxObjectBytes how large it may be where it is kept as an object
 * @returns also whether it is to be one
 * @throws ValidationError `JETFLEET_PAYLOAD_*`, with the path of what would change
 */
export function checkPayload(
  type: string,
  payload: unknown,
  job?: JobDefinition,
  maxObjectBytes = 0,
): { payload: unknown; body: string; isLarge: boolean } {
  const isParsed = job?.stores === 'parsed' && isZod(job.payload);
  const parsed = isParsed ? parsePayload(type, job.payload, payload) : payload;
  const checked = parsed === undefined ? null : parsed;
  const maxBytes = Math.max(MAX_PAYLOAD_BYTES, maxObjectBytes);
  const fault = inexactIn(checked, maxBytes);
  if (fault === 'too deep') throw payloadTooDeep();
  if (fault === 'too large') {
    throw new ValidationError('JETFLEET_PAYLOAD_TOO_LARGE', `payload has over ${maxBytes} values`);
  }
  if (fault !== undefined) {
    const path = beginningOf(formatPath(fault.path), MAX_PROBLEM_LENGTH);
    const { message } = fault;
    throw new ValidationError('JETFLEET_PAYLOAD_INVALID', `payload ${path ? `${path} ` : ''}${message}`, {
      problems: [{ path, message }],
    });
  }
  for (const key of [SEALED, OBJECT])
    if (typeof checked === 'object' && checked !== null && key in checked)
      throw new ValidationError('JETFLEET_PAYLOAD_INVALID', `payload has the key ${key}, which is reserved`);
  const body = payloadText(checked, maxBytes);
  const isLarge = maxObjectBytes > 0 && Buffer.byteLength(body) > MAX_PAYLOAD_BYTES;
  return { payload: checked, body, isLarge };
}

function checkHeader(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && /^[\x20-\x7e]{1,512}$/.test(value))) return;
  throw invalidOption(`${name} must be 1 to 512 printable ASCII characters`);
}
