import { ValidationError } from '../jobs/errors.js';
import { isoTime } from '../jobs/iso-time.js';
import { assertCallerId, generateJobId } from '../jobs/job-id.js';
import type { JobRequest } from '../jobs/job-record.js';
import { MAX_DELAY_MS, MAX_MAX_ATTEMPTS, MAX_TIMEOUT_MS, MAX_URL_LENGTH } from '../jobs/limits.js';
import { checkedTime, checkInteger } from '../jobs/numbers.js';
import { BUILT_IN_SCHEMAS } from '../jobs/payloads.js';
import { assertJobType, isHttpUrl, parsePayload } from '../jobs/validation.js';
import { isPriority, type JobPriority, PRIORITIES } from '../jobs/vocabulary.js';

/** What a caller may say about a job besides its payload. */
export interface JobOptions {
  /** 1 to 100 of `[A-Za-z0-9_-]`; the same id twice is one job. Defaults to a new ULID. */
  id?: string;
  /** Start no earlier than this many milliseconds from now, at most 366 days. */
  delayMs?: number;
  /** Start no earlier than this time: instead of `delayMs`. */
  runAt?: Date | string;
  /** 1 to 100. Defaults to 3; a webhook's to 10. */
  maxAttempts?: number;
  /** Limit for one attempt in milliseconds, at most 24 hours. Defaults to its type's, else to 24 hours. */
  timeoutMs?: number;
  /** Where lifecycle webhooks go when the payload has no `webhookUrl`. */
  webhookUrl?: string;
  /** W3C trace context, kept on every record of the job. */
  traceparent?: string;
  tracestate?: string;
}

/** A checked job, and when it may start at the earliest (milliseconds since the epoch). */
export interface CheckedJob {
  request: JobRequest;
  runAtMs?: number;
}

/**
 * Checks what a caller asks for, before anything is sent.
 * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_PRIORITY_INVALID`, `JETFLEET_ID_INVALID`,
 *   `JETFLEET_OPTION_INVALID`, and `JETFLEET_PAYLOAD_*` for the built-in types
 */
export function checkJob(
  type: string,
  payload: unknown,
  priority: JobPriority,
  options: JobOptions,
  nowMs: number,
): CheckedJob {
  assertJobType(type);
  if (!isPriority(priority)) {
    throw new ValidationError(
      'JETFLEET_PRIORITY_INVALID',
      `priority ${JSON.stringify(priority)} must be one of ${PRIORITIES.join(', ')}`,
    );
  }
  if (options.id !== undefined) assertCallerId(options.id);
  checkInteger('maxAttempts', options.maxAttempts, 1, MAX_MAX_ATTEMPTS);
  checkInteger('timeoutMs', options.timeoutMs, 1, MAX_TIMEOUT_MS);
  checkUrl('webhookUrl', options.webhookUrl);
  const schema = Object.hasOwn(BUILT_IN_SCHEMAS, type) ? BUILT_IN_SCHEMAS[type] : undefined;
  const checked = schema ? parsePayload(type, schema, payload) : payload;
  const { maxAttempts, timeoutMs, webhookUrl, traceparent, tracestate } = options;
  const request: JobRequest = {
    ...(options.id === undefined ? { id: generateJobId(), isNew: true } : { id: options.id }),
    type,
    priority,
    payload: checked === undefined ? null : checked,
    createdAt: isoTime(nowMs),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(webhookUrl !== undefined && { webhookUrl }),
    ...(traceparent !== undefined && { traceparent: checkHeader('traceparent', traceparent) }),
    ...(tracestate !== undefined && { tracestate: checkHeader('tracestate', tracestate) }),
  };
  const runAtMs = startTime(options, nowMs);
  return runAtMs === undefined ? { request } : { request, runAtMs };
}

function startTime({ delayMs, runAt }: JobOptions, nowMs: number): number | undefined {
  if (delayMs !== undefined && runAt !== undefined) {
    throw invalid('delayMs and runAt exclude each other; give one');
  }
  checkInteger('delayMs', delayMs, 0, MAX_DELAY_MS);
  if (delayMs !== undefined) return delayMs === 0 ? undefined : nowMs + delayMs;
  if (runAt === undefined) return undefined;
  const at = checkedTime('runAt', runAt);
  if (at - nowMs > MAX_DELAY_MS) throw invalid(`runAt ${JSON.stringify(runAt)} is more than 366 days away`);
  return at <= nowMs ? undefined : at;
}

function checkUrl(name: string, value: string | undefined): void {
  if (value === undefined || isHttpUrl(value)) return;
  const shown = JSON.stringify(String(value).slice(0, 200));
  throw invalid(`${name} ${shown} must be an http or https URL of at most ${MAX_URL_LENGTH} characters`);
}

function checkHeader(name: string, value: string): string {
  if (/^[\x20-\x7e]{1,512}$/.test(value)) return value;
  throw invalid(`${name} must be 1 to 512 printable ASCII characters`);
}

function invalid(message: string): ValidationError {
  return new ValidationError('JETFLEET_OPTION_INVALID', message);
}
