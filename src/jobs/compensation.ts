import { failureId } from './job-id.js';
import type { FollowUp, JobRecord } from './job-record.js';
import { DELETE_MAX_ATTEMPTS } from './limits.js';
import { type DeleteInstancePayload, monitorInstancePayload } from './payloads.js';
import { JobType } from './vocabulary.js';

/** A monitor that failed so has removed or stopped the instance already, or seen that it is gone. */
const SETTLED_CODES: readonly string[] = ['JETFLEET_INSTANCE_VANISHED', 'JETFLEET_INSTANCE_TIMEOUT'];

/**
 * The `delete_instance` job that follows when a job fails which may have rented something: a job that gives up leaves
 * nothing behind, however it failed, also when it was cancelled or its last worker died.
 *
 * - `create_instance`: everything of the name that was recorded before the first create
 * - `monitor_instance`: its instance, unless the monitor saw to it, or `onTimeout` is `keep` and nobody cancelled it
 */
export function compensationFor(record: JobRecord): FollowUp | undefined {
  if (record.status !== 'failed') return undefined;
  const payload = rented(record);
  if (!payload) return undefined;
  return {
    type: JobType.DELETE_INSTANCE,
    id: failureId(record, 'delete'),
    payload,
    priority: record.priority,
    maxAttempts: DELETE_MAX_ATTEMPTS,
  };
}

function rented(record: JobRecord): DeleteInstancePayload | undefined {
  if (record.type === JobType.CREATE_INSTANCE) return rentedByCreate(record);
  if (record.type === JobType.MONITOR_INSTANCE) return rentedByMonitor(record);
  return undefined;
}

/** The name is on the record exactly when a create may have been sent. */
function rentedByCreate({ checkpoint, payload }: JobRecord): DeleteInstancePayload | undefined {
  const { instanceName } = (checkpoint ?? {}) as { instanceName?: unknown };
  const { instanceId } = (payload ?? {}) as { instanceId?: unknown };
  if (typeof instanceName !== 'string') return undefined;
  return { instanceId: typeof instanceId === 'string' ? instanceId : instanceName, instanceName };
}

/** A payload that is no monitor's names no instance that was ever watched. */
function rentedByMonitor({ payload, state, error }: JobRecord): DeleteInstancePayload | undefined {
  const { success, data } = monitorInstancePayload.safeParse(payload);
  if (!success || SETTLED_CODES.includes(error?.code ?? '')) return undefined;
  if (data.onTimeout === 'keep' && state !== 'cancelled') return undefined;
  return { instanceId: data.instanceId, novitaInstanceId: data.novitaInstanceId };
}
