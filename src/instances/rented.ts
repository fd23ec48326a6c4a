/** What the jobs of a create operation have come to: the create, its monitor, and the creates that followed from a replaced offer. */
import type { Broker } from '../broker/broker.js';
import type { JobErrorInfo } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { findJob } from '../queue/job-lookup.js';
import { createInstance, monitorInstance } from './jobs.js';

/** The instance of an operation, as far as its jobs say. */
export type Rented =
  | { state: 'pending'; createJobId: string }
  /** It is rented; `isUp` once its monitor has seen it run, and `isWatched` while there is a record of that monitor. */
  | {
      state: 'rented';
      createJobId: string;
      instanceId: string;
      novitaInstanceId: string;
      isUp: boolean;
      isWatched: boolean;
    }
  | { state: 'failed'; createJobId: string; error: Pick<JobErrorInfo, 'code' | 'message'> };

/** More offers than one operation tries; records that somebody made may go in a circle. */
const MAX_OFFERS = 50;

/**
 * @param createJobId the job with which the operation began
 * @returns undefined where there is no such job
 */
export async function rentedBy(broker: Broker, createJobId: string): Promise<Rented | undefined> {
  let create = await findJob(broker, createJobId);
  for (let offers = 0; create?.type === createInstance.type && offers < MAX_OFFERS; offers++) {
    const { id } = create;
    if (create.status === 'failed') return failedOf(id, create);
    if (create.status !== 'completed') return { state: 'pending', createJobId: id };
    const monitor: JobRecord | undefined = await followerOf(broker, create, monitorInstance.type);
    if (monitor?.status === 'failed') return failedOf(id, monitor);
    if (textField(monitor?.result, 'status') !== 'replaced') return rented(create, monitor);
    const next: JobRecord | undefined = monitor && (await followerOf(broker, monitor, createInstance.type));
    if (!next) return { state: 'pending', createJobId: id };
    create = next;
  }
  return undefined;
}

function rented(create: JobRecord, monitor: JobRecord | undefined): Rented {
  const novitaInstanceId = textField(create.result, 'novitaInstanceId');
  const instanceId = textField(create.payload, 'instanceId');
  const { id: createJobId } = create;
  if (novitaInstanceId === undefined || instanceId === undefined) return { state: 'pending', createJobId };
  return {
    state: 'rented',
    createJobId,
    instanceId,
    novitaInstanceId,
    isUp: monitor?.status === 'completed',
    isWatched: monitor !== undefined,
  };
}

function failedOf(createJobId: string, { error, id, state }: JobRecord): Rented {
  const { code = 'JETFLEET_INSTANCE_FAILED', message = `job ${id} is FAILED (${state})` } = error ?? {};
  return { state: 'failed', createJobId, error: { code, message } };
}

async function followerOf(broker: Broker, { next = [] }: JobRecord, type: string) {
  const follower = next.find((each) => each.type === type);
  return follower && findJob(broker, follower.id);
}
