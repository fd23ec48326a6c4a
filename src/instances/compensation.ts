/**
 * What a failed job has rented: a job that gives up leaves nothing behind, however it failed, also when it was cancelled or
 * its last worker died.
 */
import { failureId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { type DeleteInstancePayload, monitorInstancePayload } from './schemas.js';

/** A monitor that failed so has applied `onTimeout` itself, or never had an instance of ours. */
const DONE_CODES: readonly string[] = ['JETFLEET_INSTANCE_TIMEOUT', 'JETFLEET_INSTANCE_NOT_OURS'];

/** Types whose failed jobs may leave an instance behind. */
const RENTING: readonly string[] = ['create_instance', 'monitor_instance'];
/** A record that claims more lives than any job has had is not believed further. */
const MAX_LIVES = 1_000;

/** Ids of the delete jobs that may have followed from a job, in any of its lives. */
export function deletesAfter(job: JobRecord): string[] {
  const lives = RENTING.includes(job.type) ? Math.min(job.redrives ?? 0, MAX_LIVES) : 0;
  const now = (job.next ?? []).filter(({ type }) => type === 'delete_instance').map(({ id }) => id);
  const before = Array.from({ length: lives }, (_, redrives) =>
    failureId({ id: job.id, redrives }, 'delete'),
  );
  return [...now, ...before];
}

/** Everything of the name that was recorded before the first create: it is on the record exactly when one may have been sent. */
export function rentedByCreate({
  status,
  checkpoint,
  payload,
}: JobRecord): DeleteInstancePayload | undefined {
  const { instanceName } = (checkpoint ?? {}) as { instanceName?: unknown };
  const { instanceId } = (payload ?? {}) as { instanceId?: unknown };
  if (status !== 'failed' || typeof instanceName !== 'string') return undefined;
  return { instanceId: typeof instanceId === 'string' ? instanceId : instanceName, instanceName };
}

/**
 * The instance of a monitor, unless the monitor saw to it, or `onTimeout` is `keep` and nobody cancelled it. One that seems to
 * have vanished is deleted too: the provider may have been wrong. A payload that is no monitor's names no instance that was ever
 * watched.
 */
export function rentedByMonitor(record: JobRecord): DeleteInstancePayload | undefined {
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
