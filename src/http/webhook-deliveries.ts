import { defined } from '../jobs/defined.js';
import type { JobErrorInfo } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { shownJob } from '../jobs/shown-job.js';
import { isTerminal } from '../jobs/vocabulary.js';
import type { RecordedTransition } from '../queue/job-history.js';

/** How an endpoint answered when it accepted a webhook. */
interface WebhookResponse {
  status: number;
  durationMs: number;
}

/** A `send_webhook` job as a delivery, without secrets. */
export function deliveryOf(record: JobRecord) {
  const job = shownJob(record);
  const { id, parentId, status, state, attempt, maxAttempts, createdAt, updatedAt, nextRunAt, error } = job;
  const { url, payload } = asObject(job.payload);
  const event = asObject(payload).type;
  return defined({
    id,
    parentId,
    url: typeof url === 'string' ? url : '',
    event: typeof event === 'string' ? event : undefined,
    status,
    state,
    attempt,
    maxAttempts,
    createdAt,
    updatedAt,
    nextRunAt,
    response: responseOf(job),
    error,
  });
}

/** With what was sent, and each attempt. */
export function wholeDeliveryOf(job: JobRecord, history: readonly RecordedTransition[]) {
  const { payload, headers } = asObject(shownJob(job).payload);
  return {
    ...deliveryOf(job),
    payload: payload ?? null,
    ...(headers !== undefined && { headers: headers as Record<string, string> }),
    attempts: history.flatMap(({ record }) => attemptOf(shownJob(record)) ?? []),
  };
}

/** An attempt that ended is the record of what it led to: an end, or a wait for the next one. */
function attemptOf(record: JobRecord) {
  const { state, status, attempt, updatedAt, error } = record;
  if (attempt === 0 || !(isTerminal(status) || state === 'retrying') || state === 'cancelled')
    return undefined;
  const response = responseOf(record);
  return defined({
    attempt,
    at: updatedAt,
    durationMs: response?.durationMs,
    response,
    error: error as JobErrorInfo | undefined,
  });
}

function responseOf({ result }: JobRecord): WebhookResponse | undefined {
  const { status, durationMs } = asObject(result);
  return typeof status === 'number' && typeof durationMs === 'number' ? { status, durationMs } : undefined;
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
