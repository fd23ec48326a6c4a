/** The job that deletes an orphaned instance, and whether one is at work already. */
import { createHash } from 'node:crypto';
import type { Broker } from '../broker/broker.js';
import { isoTime } from '../jobs/iso-time.js';
import { derivedId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob } from '../queue/job-lookup.js';
import { redriveJob } from '../queue/job-redrive.js';
import type { KnownInstance } from './instance-directory.js';
import { deleteInstance } from './jobs.js';
import type { DeleteInstancePayload } from './schemas.js';

/** How often an instance may come back after it was shown to be gone. */
const MAX_DELETES = 20;

/** Whether some job deletes the instance already: one that followed from a failure, or one of an earlier look. */
export async function isBeingDeleted(
  broker: Broker,
  { id, name }: KnownInstance,
  candidates: readonly string[],
): Promise<boolean> {
  for (const candidate of [orphanJobId(id), ...candidates]) {
    const job = await findJob(broker, candidate);
    if (job?.type !== deleteInstance.type || isTerminal(job.status)) continue;
    const { novitaInstanceId, instanceName } = (job.payload ?? {}) as Partial<DeleteInstancePayload>;
    if (novitaInstanceId === id || (novitaInstanceId === undefined && instanceName === name)) return true;
  }
  return false;
}

/** Adds a job that deletes the instance, or revives the one that gave up; returns what was done. */
export async function deleteOrphan(
  broker: Broker,
  instance: KnownInstance,
  owner: JobRecord,
): Promise<string> {
  for (let count = 1; count <= MAX_DELETES; count++) {
    const id = count === 1 ? orphanJobId(instance.id) : derivedId(orphanJobId(instance.id), String(count));
    const job = await findJob(broker, id);
    // Shown to be gone, and listed again: that is another deletion.
    if (job?.status === 'completed') continue;
    if (job?.status === 'failed') await redriveJob(broker, id);
    if (!job) await enqueueDelete(broker, id, instance, owner);
    return `job ${id} deletes it`;
  }
  throw new Error(`the provider has shown instance ${instance.id} again after ${MAX_DELETES} deletions`);
}

async function enqueueDelete(
  broker: Broker,
  id: string,
  { id: novitaInstanceId, name }: KnownInstance,
  owner: JobRecord,
) {
  const { instanceId } = (owner.payload ?? {}) as { instanceId?: unknown };
  const payload: DeleteInstancePayload = {
    instanceId: typeof instanceId === 'string' ? instanceId : name,
    novitaInstanceId,
  };
  // By way of TIMERS, so that its parent is believed although its id comes from the instance.
  await broker.jobs.enqueueAgain({
    id,
    type: deleteInstance.type,
    priority: 'normal',
    payload,
    parentId: owner.id,
    createdAt: isoTime(broker.clock.now()),
  });
}

/** The provider may choose any characters for its ids, a job may not. */
function orphanJobId(instanceId: string): string {
  return `orphan-${createHash('sha256').update(instanceId).digest('hex').slice(0, 24)}`;
}
