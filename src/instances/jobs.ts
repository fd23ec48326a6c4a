/** The job types of instances, and what a failed job has rented: one that gives up leaves nothing behind, however it ended. */
import { MAX_LIVES } from '../gpu/instance-name.js';
import { defineJob } from '../jobs/define-job.js';
import { failureId } from '../jobs/job-id.js';
import type { NextJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_MAX_ATTEMPTS } from '../jobs/limits.js';
import { textField } from '../jobs/text-field.js';
import {
  createInstancePayload,
  createInstanceResult,
  type DeleteInstancePayload,
  deleteInstancePayload,
  deleteInstanceResult,
  type MonitorInstancePayload,
  monitorInstancePayload,
  monitorInstanceResult,
} from './schemas.js';

/** Deletes what a job has rented, until the provider says that it is gone. */
export const deleteInstance = defineJob({
  type: 'delete_instance',
  payload: deleteInstancePayload,
  stores: 'parsed',
  result: deleteInstanceResult,
  // What is to be deleted costs money until it is gone: only time ends that, not lost workers.
  maxAttempts: MAX_MAX_ATTEMPTS,
});

/** Rents exactly one instance. Whatever a failed one has rented is deleted. */
export const createInstance = defineJob({
  type: 'create_instance',
  payload: createInstancePayload,
  stores: 'parsed',
  result: createInstanceResult,
  after: (job) => deletionOf(rentedByCreate(job)),
});

/** Watches an instance until it runs. One that nobody will use is deleted. */
export const monitorInstance = defineJob({
  type: 'monitor_instance',
  payload: monitorInstancePayload,
  stores: 'parsed',
  result: monitorInstanceResult,
  // Polls hold a slot for one call only, so many instances can be watched at once.
  concurrency: 50,
  after: (job) => deletionOf(rentedByMonitor(job)),
});

function deletionOf(rented: DeleteInstancePayload | undefined): NextJob[] {
  return rented ? [deleteInstance.next(rented, { idSuffix: 'delete' })] : [];
}

/** The name under which a create job rents, or rented, as far as its record tells. */
export function instanceNameOf({ checkpoint }: JobRecord): string | undefined {
  return textField(checkpoint, 'instanceName');
}

/** Everything of the name that was recorded before the first create: it is on the record exactly when one may have been sent. */
export function rentedByCreate(record: JobRecord): DeleteInstancePayload | undefined {
  const instanceName = instanceNameOf(record);
  if (record.status !== 'failed' || instanceName === undefined) return undefined;
  return { instanceId: textField(record.payload, 'instanceId') ?? instanceName, instanceName };
}

/** A monitor that failed so has applied `onTimeout` itself, or never had an instance of ours. */
const DONE_CODES: readonly string[] = ['JETFLEET_INSTANCE_TIMEOUT', 'JETFLEET_INSTANCE_NOT_OURS'];

/** One that seems to have vanished is deleted too: the provider may have been wrong. */
function rentedByMonitor(record: JobRecord): DeleteInstancePayload | undefined {
  const payload = givenUpBy(record);
  if (!payload || record.status === 'completed' || DONE_CODES.includes(record.error?.code ?? ''))
    return undefined;
  return { instanceId: payload.instanceId, novitaInstanceId: payload.novitaInstanceId };
}

/**
 * The payload of a monitor that has failed in a way which leaves its instance without use: what is still there of it then,
 * however the job saw to it, costs money for nobody. One that is no monitor's names no instance that was ever watched.
 */
export function givenUpBy({
  status,
  state,
  payload,
  error,
  result,
}: JobRecord): MonitorInstancePayload | undefined {
  const { success, data } = monitorInstancePayload.safeParse(payload);
  // It was shown to be gone: one that comes back is nobody's.
  if (success && status === 'completed' && textField(result, 'status') === 'replaced') return data;
  if (status !== 'failed' || !success) return undefined;
  if (state === 'cancelled') return data;
  const isLeft = data.onTimeout === 'stop' && error?.code === 'JETFLEET_INSTANCE_TIMEOUT';
  return data.onTimeout === 'keep' || isLeft ? undefined : data;
}

/** Types whose failed jobs may leave an instance behind. */
const RENTING: readonly string[] = [createInstance.type, monitorInstance.type];

/** Ids of the delete jobs that may have followed from a job, in any of its lives. */
export function deletesAfter(job: JobRecord): string[] {
  const lives = RENTING.includes(job.type) ? Math.min(job.redrives ?? 0, MAX_LIVES) : 0;
  const now = (job.next ?? []).filter(({ type }) => type === deleteInstance.type).map(({ id }) => id);
  const before = Array.from({ length: lives }, (_, redrives) =>
    failureId({ id: job.id, redrives }, 'delete'),
  );
  return [...now, ...before];
}
