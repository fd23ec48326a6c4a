import { invalidOption } from '../jobs/errors.js';
import { checkFacts, checkPayload } from '../jobs/job-check.js';
import { assertCallerId, generateJobId } from '../jobs/job-id.js';
import type { JobOptions } from '../jobs/job-options.js';
import type { JobRequest } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { MAX_DELAY_MS } from '../jobs/limits.js';
import { checkedTime, checkInteger } from '../jobs/numbers.js';
import { assertOptions, type OptionNames } from '../jobs/options.js';
import { tagsOfJob } from '../jobs/tags.js';
import { type CheckedUnique, type KeptToOne, keptToOne } from '../jobs/unique-options.js';
import type { JobPriority } from '../jobs/vocabulary.js';

const JOB_OPTIONS: OptionNames<Required<JobOptions>> = {
  id: true,
  delayMs: true,
  runAt: true,
  maxAttempts: true,
  timeoutMs: true,
  expiresInMs: true,
  webhookUrl: true,
  tags: true,
  traceparent: true,
  tracestate: true,
  unique: true,
  debounce: true,
};

/** A checked job, its payload as JSON, and when it may start at the earliest (milliseconds since the epoch). */
export interface CheckedJob {
  request: JobRequest;
  body: string;
  /** The payload is too large for a message, and is to be kept as an object. */
  isLarge?: true;
  runAtMs?: number | undefined;
  /** The key that it is to have. */
  unique?: CheckedUnique;
}

/**
 * Checks what a caller asks for, before anything is sent.
 * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_PRIORITY_INVALID`, `JETFLEET_ID_INVALID`,
 *   `JETFLEET_OPTION_INVALID`, `JETFLEET_TAG_INVALID`, and `JETFLEET_PAYLOAD_*`
 */
export function checkJob(
  jobs: KnownJobs,
  type: string,
  payload: unknown,
  priority: JobPriority,
  options: JobOptions,
  nowMs: number,
  maxObjectBytes = 0,
): CheckedJob {
  assertOptions('options', options, JOB_OPTIONS);
  const { id, maxAttempts, timeoutMs, expiresInMs, webhookUrl, traceparent, tracestate } = options;
  // Spreads would cost a list of many jobs half as much again.
  const request: JobRequest = { id: id as string, type, priority, payload, createdAt: '' };
  if (maxAttempts !== undefined) request.maxAttempts = maxAttempts;
  if (timeoutMs !== undefined) request.timeoutMs = timeoutMs;
  if (expiresInMs !== undefined) request.expiresInMs = expiresInMs;
  if (webhookUrl !== undefined) request.webhookUrl = webhookUrl;
  if (traceparent !== undefined) request.traceparent = traceparent;
  if (tracestate !== undefined) request.tracestate = tracestate;
  checkFacts(request);
  if (id !== undefined) assertCallerId(id);
  const definition = jobs.get(type);
  const { payload: checked, body, isLarge } = checkPayload(type, payload, definition, maxObjectBytes);
  request.payload = checked;
  if (id === undefined) {
    request.id = generateJobId();
    request.isNew = true;
  }
  const tagsOfType = definition?.tags;
  if (options.tags !== undefined || tagsOfType !== undefined) {
    const tags = tagsOfJob({ type, payload: checked, tags: options.tags }, tagsOfType);
    if (tags) request.tags = tags;
  }
  const job: CheckedJob = { request, body };
  if (isLarge) job.isLarge = true;
  if (isKeptToOne(options) || (definition && isKeptToOne(definition))) setUnique(job, options, definition);
  setTimes(job, options, nowMs);
  return job;
}

function isKeptToOne({ unique, debounce }: KeptToOne): boolean {
  return unique !== undefined || debounce !== undefined;
}

/** Many calls may store one job of such a key, so that none of its messages is the only one. */
function setUnique(job: CheckedJob, options: JobOptions, ofType: KeptToOne | undefined): void {
  const { request } = job;
  const unique = keptToOne(options, ofType, request.payload);
  if (!unique) return;
  if (unique.scope === 'waiting') {
    const { id, delayMs, runAt, debounce } = options;
    const [other] = Object.entries({ id, delayMs, runAt }).find(([, value]) => value !== undefined) ?? [];
    if (other && !debounce) return;
    if (other) throw invalidOption(`debounce and ${other} exclude each other; give one`);
  }
  request.unique = { key: unique.key, scope: unique.scope };
  job.unique = unique;
}

/**
 * Sets when a job was added, and when it starts: once more where only then the broker's time is known.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function setTimes(job: CheckedJob, { delayMs, runAt }: JobOptions, nowMs: number): void {
  job.request.createdAt = new Date(nowMs).toISOString();
  job.runAtMs = undefined;
  if (delayMs !== undefined && runAt !== undefined) {
    throw invalidOption('delayMs and runAt exclude each other; give one');
  }
  checkInteger('delayMs', delayMs, 0, MAX_DELAY_MS);
  if (delayMs) job.runAtMs = nowMs + delayMs;
  if (runAt === undefined) return;
  const at = checkedTime('runAt', runAt);
  if (at - nowMs > MAX_DELAY_MS)
    throw invalidOption(`runAt ${JSON.stringify(runAt)} is more than 366 days away`);
  if (at > nowMs) job.runAtMs = at;
}
