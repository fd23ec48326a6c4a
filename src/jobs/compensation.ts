import { failureId } from './job-id.js';
import type { FollowUp, JobRecord } from './job-record.js';
import { DELETE_MAX_ATTEMPTS } from './limits.js';
import { type DeleteInstancePayload, monitorInstancePayload } from './payloads.js';
import { JobType } from './vocabulary.js';

/** A monitor that failed so has applied `onTimeout` itself, or never had an instance of ours. */
const DONE_CODES: readonly string[] = ['JETFLEET_INSTANCE_TIMEOUT', 'JETFLEET_INSTANCE_NOT_OURS'];

/**
 * The `delete_instance` job that follows when a job fails which may have rented something: a job that gives up leaves
 * nothing behind, however it failed, also when it was cancelled or its last worker died.
 *
 * - `create_instance`: everything of the name that was recorded before the first create
 * - `monitor_instance`: its instance, unless the monitor saw to it, or `onTimeout` is `keep` and nobody cancelled it. One
 *   that seems to have vanished is deleted too: the provider may have been wrong
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

/** Types whose failed jobs may leave an instance behind. */
const RENTING: readonly string[] = [JobType.CREATE_INSTANCE, JobType.MONITOR_INSTANCE];
/** A record that claims more lives than any job has had is not believed further. */
const MAX_LIVES = 1_000;

/** Ids of the delete jobs that may have followed from a job, in any of its lives. */
export function deletesAfter(job: JobRecord): string[] {
  const lives = RENTING.includes(job.type) ? Math.min(job.redrives ?? 0, MAX_LIVES) : 0;
  const now = (job.next ?? []).filter(({ type }) => type === JobType.DELETE_INSTANCE).map(({ id }) => id);
  const before = Array.from({ length: lives }, (_, redrives) =>
    failureId({ id: job.id, redrives }, 'delete'),
  );
  return [...now, ...before];
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
function rentedByMonitor(record: JobRecord): DeleteInstancePayload | undefined {
  const { success, data } = monitorInstancePayload.safeParse(record.payload);
  if (!success || DONE_CODES.includes(record.error?.code ?? '') || !givesUpInstance(record)) return undefined;
  return { instanceId: data.instanceId, novitaInstanceId: data.novitaInstanceId };
}

/**
 * Whether a monitor has failed in a way that leaves its instance without use: what is still there of it then, however
 * the job saw to it, costs money for nobody.
 */
export function givesUpInstance({ status, state, payload, error }: JobRecord): boolean {
  if (status !== 'failed') return false;
  const { success, data } = monitorInstancePayload.safeParse(payload);
  if (!success) return false;
  if (state === 'cancelled') return true;
  if (data.onTimeout === 'keep') return false;
  return data.onTimeout !== 'stop' || error?.code !== 'JETFLEET_INSTANCE_TIMEOUT';
}
