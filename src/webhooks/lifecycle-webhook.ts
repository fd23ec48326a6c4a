import { failureId } from '../jobs/job-id.js';
import type { FollowUp, JobRecord } from '../jobs/job-record.js';
import { DEFAULT_WEBHOOK_MAX_ATTEMPTS } from '../jobs/limits.js';
import { isTerminal, JobType } from '../jobs/vocabulary.js';
import { webhookUrlFault } from '../jobs/webhook-url.js';

/** How an instance operation ended, in the words of the webhook. */
export type LifecycleStatus = 'running' | 'failed' | 'timeout';

/** Body of a lifecycle webhook, in the shape of Standard Webhooks. */
export interface LifecycleWebhook {
  type: `instance.${LifecycleStatus}`;
  /** When the operation ended, ISO 8601. */
  timestamp: string;
  data: {
    /** The caller's own id; missing when the payload of the job could not be read. */
    instanceId?: string;
    status: LifecycleStatus;
    /** The provider's id, once there is one. */
    novitaInstanceId?: string;
    /** Milliseconds from the start of the operation to its end. */
    elapsedTime?: number;
    /** What went wrong, in words. */
    error?: string;
    /** What went wrong, as one of `docs/errors.md`. */
    errorCode?: string;
    jobId: string;
  };
}

/**
 * The `send_webhook` job that follows from the end of a `create_instance` or `monitor_instance` job, or undefined when
 * none does: the job has not ended, no webhook URL was given, or it is a completed `create_instance`, whose monitor job
 * reports for the whole operation. So an operation has one terminal webhook. The same record gives the same bytes
 * and the same id, so a worker may repeat it.
 *
 * `payload.webhookUrl` comes before the record's; one that cannot be used counts as missing, since the job has failed for
 * it already. Neither is there a webhook for a job that failed because the worker may not deliver to its URL.
 */
export function lifecycleWebhook(record: JobRecord): FollowUp | undefined {
  const status = lifecycleStatus(record);
  if (!status || record.error?.code === 'JETFLEET_WEBHOOK_URL_INVALID') return undefined;
  const payload = asObject(record.payload);
  const url = [payload.webhookUrl, record.webhookUrl].find(isUsable);
  if (url === undefined) return undefined;
  return {
    type: JobType.SEND_WEBHOOK,
    id: failureId(record, `webhook-${status}`),
    payload: { url, payload: webhookBody(record, status, payload) },
    priority: record.priority,
    maxAttempts: DEFAULT_WEBHOOK_MAX_ATTEMPTS,
  };
}

function lifecycleStatus({ type, status, state }: JobRecord): LifecycleStatus | undefined {
  if (!isTerminal(status)) return undefined;
  if (type === JobType.CREATE_INSTANCE) return status === 'failed' ? 'failed' : undefined;
  if (type !== JobType.MONITOR_INSTANCE) return undefined;
  if (status === 'completed') return 'running';
  return state === 'timed_out' ? 'timeout' : 'failed';
}

function webhookBody(
  record: JobRecord,
  status: LifecycleStatus,
  payload: Record<string, unknown>,
): LifecycleWebhook {
  const timestamp = record.finishedAt ?? record.updatedAt;
  const instanceId = firstText(payload.instanceId);
  // A create that failed after its instance was made knows the instance from what it left behind.
  const novitaInstanceId = firstText(
    payload.novitaInstanceId,
    asObject(record.result).novitaInstanceId,
    asObject(record.checkpoint).novitaInstanceId,
  );
  const startedAt = firstTime(payload.startTime, record.createdAt);
  const elapsedTime = Math.max(0, Date.parse(timestamp) - startedAt);
  const { error } = record;
  return {
    type: `instance.${status}`,
    timestamp,
    data: {
      ...(instanceId !== undefined && { instanceId }),
      status,
      ...(novitaInstanceId !== undefined && { novitaInstanceId }),
      ...(!Number.isNaN(elapsedTime) && { elapsedTime }),
      ...(error && { error: error.message, errorCode: error.code }),
      jobId: record.id,
    },
  };
}

function isUsable(value: unknown): value is string {
  return webhookUrlFault(value) === undefined;
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function firstText(...values: unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '');
}

function firstTime(...values: unknown[]): number {
  const times = values.map((value) => (typeof value === 'string' ? Date.parse(value) : Number.NaN));
  return times.find((time) => !Number.isNaN(time)) ?? Number.NaN;
}
