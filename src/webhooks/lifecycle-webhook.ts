import { createInstance, deleteInstance, monitorInstance } from '../instances/jobs.js';
import {
  autoStop,
  checkInstance,
  extendLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from '../instances/lifecycle-jobs.js';
import type { WatchEvent } from '../instances/schemas.js';
import { defined } from '../jobs/defined.js';
import type { NextJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { webhookUrlFault } from '../jobs/webhook-url.js';
import { sendWebhook, WEBHOOK_MAX_ATTEMPTS } from './jobs.js';

/** How a job about an instance that exists ended, by its type. */
const OPERATIONS = {
  [deleteInstance.type]: { done: 'deleted', failed: 'delete_failed' },
  [startInstance.type]: { done: 'started', failed: 'start_failed' },
  [stopInstance.type]: { done: 'stopped', failed: 'stop_failed' },
  [restartInstance.type]: { done: 'restarted', failed: 'restart_failed' },
  [migrateInstance.type]: { done: 'migrated', failed: 'migrate_failed' },
  [checkInstance.type]: { done: 'healthy', failed: 'check_failed' },
  [autoStop.type]: { done: 'idle', failed: 'auto_stop_failed' },
  [watchInstance.type]: { done: 'watch_ended', failed: 'watch_failed' },
  [extendLease.type]: { done: 'lease_extended', failed: 'lease_failed' },
} as Readonly<Record<string, { done: InstanceStatus; failed: InstanceStatus }>>;

/** How an instance operation ended, in the words of the webhook. */
export type InstanceStatus =
  | ('running' | 'failed' | 'timeout')
  | ('deleted' | 'delete_failed' | 'started' | 'start_failed' | 'stopped' | 'stop_failed')
  | (
      | 'restarted'
      | 'restart_failed'
      | 'migrated'
      | 'migrate_failed'
      | 'healthy'
      | 'unhealthy'
      | 'check_failed'
    )
  | ('spot_interrupted' | 'vanished' | 'crashed' | 'price_changed' | 'watch_ended' | 'watch_failed')
  | ('idle' | 'lease_over' | 'auto_stop_ended' | 'auto_stop_failed' | 'lease_extended' | 'lease_failed');
/** How a job of another type ended. */
export type EndStatus = 'completed' | 'failed' | 'timeout';

/** Body of a lifecycle webhook about an instance operation, in the shape of Standard Webhooks. */
export interface InstanceWebhook {
  type: `instance.${InstanceStatus}`;
  /** When the operation ended, ISO 8601. */
  timestamp: string;
  /** Grows with each webhook about the instance: of two, the one with the higher number is the newer. */
  sequence: number;
  data: {
    /** The caller's own id; missing when the payload of the job could not be read. */
    instanceId?: string;
    status: InstanceStatus;
    /** The provider's id, once there is one. */
    novitaInstanceId?: string;
    /** The provider's id of the instance that a migration has replaced. */
    replaced?: string;
    /** Milliseconds from the start of the operation to its end. */
    elapsedTime?: number;
    /** What went wrong, in words. */
    error?: string;
    /** What went wrong, as one of `docs/errors.md`. */
    errorCode?: string;
    jobId: string;
  };
}

/** Body of a lifecycle webhook about a job of any other type, in the same shape. */
export interface JobWebhook {
  type: `job.${EndStatus}`;
  /** When the job ended, ISO 8601. */
  timestamp: string;
  /** Grows with each webhook about the job. */
  sequence: number;
  data: {
    jobId: string;
    jobType: string;
    status: EndStatus;
    /** Milliseconds from when the job was added to its end. */
    elapsedTime?: number;
    /** What went wrong, in words. */
    error?: string;
    /** What went wrong, as one of `docs/errors.md`. */
    errorCode?: string;
  };
}

/**
 * The `send_webhook` job that follows from the end of a job, if one does. None does when the job has not ended, no webhook
 * URL was given, or it is a completed `create_instance`, whose monitor job reports for the whole operation. So an operation
 * has one terminal webhook. The same record gives the same bytes and the same id, so a worker may repeat it.
 *
 * Of `create_instance` and `monitor_instance`, `payload.webhookUrl` comes before the record's; one that cannot be used counts as
 * missing, since the job has failed for it already. Neither is there a webhook for a job that failed because the worker may
 * not deliver to its URL.
 */
export function lifecycleWebhook(record: JobRecord): NextJob[] {
  const { error } = record;
  if (!isTerminal(record.status) || error?.code === 'JETFLEET_WEBHOOK_URL_INVALID') return [];
  // What a payload of another type calls `webhookUrl` is its handler's own.
  const urls = [
    isOfInstance(record) ? textField(record.payload, 'webhookUrl') : undefined,
    record.webhookUrl,
  ];
  const url = urls.find(isUsable);
  if (url === undefined) return [];
  const body = lifecycleBody(record);
  if (!body) return [];
  const idSuffix = `webhook-${body.data.status}`;
  return [sendWebhook.next({ url, payload: body }, { idSuffix, maxAttempts: WEBHOOK_MAX_ATTEMPTS })];
}

export type LifecycleWebhook = InstanceWebhook | JobWebhook;

/** What is told of the end of a job; undefined for one that has not ended, and for a create, of which its monitor tells. */
export function lifecycleBody(record: JobRecord): LifecycleWebhook | undefined {
  if (!isTerminal(record.status)) return undefined;
  return isOfInstance(record) ? aboutInstance(record) : aboutJob(record);
}

function isOfInstance({ type }: JobRecord): boolean {
  return type === createInstance.type || type === monitorInstance.type || Object.hasOwn(OPERATIONS, type);
}

function endOf({ status, state }: JobRecord): EndStatus {
  if (status === 'completed') return 'completed';
  return state === 'timed_out' ? 'timeout' : 'failed';
}

function aboutJob(record: JobRecord): JobWebhook {
  const { id: jobId, type: jobType, createdAt } = record;
  const status = endOf(record);
  const { timestamp, sequence, ...ended } = endFacts(record, createdAt);
  return { type: `job.${status}`, timestamp, sequence, data: { jobId, jobType, status, ...ended } };
}

/** How a monitor ended, in the words of its instance. */
const OF_MONITOR = { completed: 'running', failed: 'failed', timeout: 'timeout' } as const;

/** What a watch has seen, in the words of the webhook. */
const OF_WATCH: Readonly<Record<string, InstanceStatus>> = {
  spotInterrupted: 'spot_interrupted',
  deleted: 'vanished',
  stopped: 'stopped',
  failed: 'crashed',
  unhealthy: 'unhealthy',
  priceChanged: 'price_changed',
} satisfies Record<WatchEvent, InstanceStatus>;

/** What a completed job has found, where that is not what it was added for. */
function otherThanDone(result: unknown): InstanceStatus | undefined {
  if ((result as { isHealthy?: unknown } | undefined)?.isHealthy === false) return 'unhealthy';
  const event = textField(result, 'event');
  if (event !== undefined && Object.hasOwn(OF_WATCH, event)) return OF_WATCH[event];
  const reason = textField(result, 'reason');
  if (reason === 'lease_over') return reason;
  return reason === 'ended' ? 'auto_stop_ended' : undefined;
}

/** Undefined where the operation goes on: with the monitor of a create, and with the create that follows a replaced instance. */
function instanceStatusOf(record: JobRecord): InstanceStatus | undefined {
  const { type, result } = record;
  const end = endOf(record);
  const words = OPERATIONS[type];
  if (words) return end === 'completed' ? (otherThanDone(result) ?? words.done) : words.failed;
  if (type === createInstance.type) return end === 'completed' ? undefined : 'failed';
  return end === 'completed' && textField(result, 'status') === 'replaced' ? undefined : OF_MONITOR[end];
}

function aboutInstance(record: JobRecord): InstanceWebhook | undefined {
  const status = instanceStatusOf(record);
  if (status === undefined) return undefined;
  const { payload, result, checkpoint } = record;
  const { timestamp, sequence, ...ended } = endFacts(
    record,
    textField(payload, 'startTime'),
    record.createdAt,
  );
  const instanceId = textField(payload, 'instanceId') || undefined;
  // A create that failed after its instance was made knows the instance from what it left behind, a migration the new one from its result.
  const ids = [result, payload, checkpoint].map((each) => textField(each, 'novitaInstanceId'));
  const novitaInstanceId = ids.find(Boolean);
  return {
    type: `instance.${status}`,
    timestamp,
    sequence,
    data: {
      ...defined({ instanceId }),
      status,
      ...defined({ novitaInstanceId, replaced: textField(result, 'replaced') }),
      ...ended,
      jobId: record.id,
    },
  };
}

/** @param starts times from which the operation is counted, the first that can be read */
function endFacts({ finishedAt, updatedAt, error }: JobRecord, ...starts: (string | undefined)[]) {
  const timestamp = finishedAt ?? updatedAt;
  const times = starts.map((start) => Date.parse(start ?? ''));
  const fromMs = times.find((time) => !Number.isNaN(time)) ?? Number.NaN;
  const elapsedTime = Math.max(0, Date.parse(timestamp) - fromMs);
  return {
    timestamp,
    // By the clock of the broker, which is one for all workers.
    sequence: Date.parse(timestamp),
    ...(!Number.isNaN(elapsedTime) && { elapsedTime }),
    ...(error && { error: error.message, errorCode: error.code }),
  };
}

function isUsable(value: unknown): value is string {
  return webhookUrlFault(value) === undefined;
}
