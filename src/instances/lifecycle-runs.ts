/** What the charts of instances that exist call: reads and orders of the provider, and the jobs of a replacement. */
import type { AnyActorLogic } from 'xstate';
import {
  type CheckedInstance,
  type CheckInstanceSettings,
  checkInstanceChart,
  type InstanceOrder,
  type MigrateCheckpoint,
  migrateInstanceChart,
  type OrderCheckpoint,
  type OrderedInstance,
  type OrderInstanceSettings,
  orderInstanceChart,
  type Replacement,
} from '../../machines/index.js';
import type { Broker } from '../broker/broker.js';
import type { AddressGuard } from '../jobs/address-guard.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError } from '../jobs/errors.js';
import { derivedId, isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { findJob } from '../queue/job-lookup.js';
import { ANY } from '../wire/subjects.js';
import type { JobContext } from '../worker/job-handler.js';
import type { CallActor } from './job-calls.js';
import { createInstance, deleteInstance } from './jobs.js';
import type { OwnedInstances } from './owned-instances.js';
import { probePorts } from './probe-ports.js';
import { rentedBy } from './rented.js';
import { type CheckInstancePayload, createInstancePayload, type MigrateInstancePayload } from './schemas.js';

type ReadInput = { jobId: string; novitaInstanceId: string; isFirst: boolean };

function orderActors<C extends OrderCheckpoint>(
  actor: CallActor,
  instances: OwnedInstances,
  order: InstanceOrder,
) {
  return {
    readInstance: actor<OrderedInstance, ReadInput>(async (job, input) => {
      const instance = await instances.read(job, input.novitaInstanceId, input.isFirst);
      if (!instance) return null;
      const { status, healthy, reason, startedAt } = instance;
      const isAble = instances.isAble(input.novitaInstanceId, order);
      return { status, healthy, isAble, ...defined({ reason, startedAt }) };
    }),
    announceOrder: actor<void, { jobId: string; checkpoint: C }>((job, { checkpoint }) =>
      job.saveCheckpoint(checkpoint),
    ),
    orderInstance: actor<void, ReadInput>((job, { novitaInstanceId }) =>
      instances.order(job, novitaInstanceId, order),
    ),
  };
}

/** Starts, stops or restarts an instance. */
export function orderInstanceRun(
  actor: CallActor,
  instances: OwnedInstances,
  order: 'start' | 'stop' | 'restart',
  settings: OrderInstanceSettings,
): AnyActorLogic {
  return orderInstanceChart(order, settings).provide({ actors: orderActors(actor, instances, order) });
}

/** Checks whether an instance runs and its ports answer. */
export function checkInstanceRun(
  actor: CallActor,
  instances: OwnedInstances,
  guard: AddressGuard,
  settings: CheckInstanceSettings,
): AnyActorLogic {
  return checkInstanceChart(settings).provide({
    actors: {
      readInstance: actor(async (job, input: ReadInput): Promise<CheckedInstance> => {
        const instance = await instances.read(job, input.novitaInstanceId, input.isFirst);
        if (!instance) return null;
        const { status, healthy, reason, endpoints } = instance;
        return { status, healthy, endpoints, ...defined({ reason }) };
      }),
      probePorts: actor((job, { endpoints }) =>
        probePorts(endpoints, job.payload as CheckInstancePayload, guard, job.signal),
      ),
    },
  });
}

/** Moves an instance to another machine. */
export function migrateInstanceRun(
  actor: CallActor,
  instances: OwnedInstances,
  broker: () => Promise<Broker>,
  settings: OrderInstanceSettings,
): AnyActorLogic {
  const add = async (job: JobContext, id: string) => {
    const owner = await ownerOf(job, instances, await broker());
    await addLike(await broker(), owner, job.record, id);
  };
  const isRunning = async (job: JobContext, id: string) => {
    const [instance] = await instances.find(job, { ids: [id] });
    return instance?.status === 'running' && instance.healthy;
  };
  return migrateInstanceChart(settings).provide({
    actors: {
      ...orderActors<MigrateCheckpoint>(actor, instances, 'migrate'),
      addReplacement: actor(async (job, { checkpoint }) => {
        const jobId = derivedId(job.id, 'replacement');
        // Before it is added: from here on nothing else is done for the instance.
        const noted: MigrateCheckpoint = { ...checkpoint, replacementJobId: jobId };
        await job.saveCheckpoint(noted);
        await add(job, jobId);
        return { jobId };
      }),
      readReplacement: actor(async (job, { replacementJobId }): Promise<Replacement> => {
        const rented = await rentedBy(await broker(), replacementJobId);
        // The worker died before it had added it.
        if (!rented) await add(job, replacementJobId);
        if (!rented || rented.state === 'pending') return { state: 'pending' };
        if (rented.state === 'failed') return rented;
        const { novitaInstanceId, createJobId, isUp, isWatched } = rented;
        // The record of its monitor was removed: the provider is asked.
        const runs = isUp || (!isWatched && (await isRunning(job, novitaInstanceId)));
        return runs ? { state: 'running', novitaInstanceId, createJobId } : { state: 'pending' };
      }),
    },
  });
}

/** The create job that rented the instance of a job: by what the provider shows, or, where that is gone, by its own record. */
async function ownerOf(job: JobContext, instances: OwnedInstances, broker: Broker): Promise<JobRecord> {
  const { novitaInstanceId, createJobId, watch } = job.payload as MigrateInstancePayload;
  const [instance] = await instances.find(job, { ids: [novitaInstanceId] });
  if (instance) return instances.ownerOf(job, instance);
  if (watch) await assertNotDeletedByUs(broker, instances, novitaInstanceId);
  const named = isJobId(createJobId) ? await findJob(broker, createJobId as string) : undefined;
  const recorded = textField(named?.result, 'novitaInstanceId');
  const isIts = recorded !== undefined && instances.isSame(recorded, novitaInstanceId);
  if (named?.type === createInstance.type && isIts) return named;
  throw new JetfleetError(
    'JETFLEET_INSTANCE_NOT_OURS',
    `instance ${novitaInstanceId} is gone, and createJobId names no create_instance job that rented it; nothing like it can be rented`,
  );
}

/** Most events of delete jobs that are read for that. */
const MAX_DELETES_READ = 200_000;
const PAGE = 500;

/**
 * A watch cannot know who has deleted an instance. One that a job of this queue has deleted is not wanted any more.
 * @throws JetfleetError `JETFLEET_INSTANCE_VANISHED`
 */
async function assertNotDeletedByUs(broker: Broker, instances: OwnedInstances, id: string): Promise<void> {
  const { subjects, read } = broker;
  const filter = subjects.event(deleteInstance.type, ANY, ANY);
  let taken = 0;
  for await (const message of read.walk(subjects.streamName('events'), filter, 1, PAGE)) {
    const deletion = broker.recordOf(message);
    const deleted = textField(deletion?.payload, 'novitaInstanceId');
    if (deletion && deleted !== undefined && instances.isSame(deleted, id)) {
      const why = `instance ${id} was deleted by job ${deletion.id} of this queue, so it is not replaced`;
      throw new JetfleetError('JETFLEET_INSTANCE_VANISHED', why);
    }
    if (++taken >= MAX_DELETES_READ) return;
  }
}

/** Adds a create job like another one. By way of TIMERS, so that its parent is believed. A second one of the id is dropped. */
async function addLike(broker: Broker, owner: JobRecord, parent: JobRecord, id: string): Promise<void> {
  if (await findJob(broker, id)) return;
  const like = createInstancePayload.parse(owner.payload);
  // The migration reports for the whole; what the first one had until some time is over.
  const { webhookUrl: _, deadline: __, waitForCapacityUntil: ___, avoid: ____, watch, ...rest } = like;
  const { watch: goesOn } = parent.payload as MigrateInstancePayload;
  const payload = { ...rest, ...(goesOn === undefined && defined({ watch })) };
  await broker.jobs.enqueueAgain({
    id,
    type: createInstance.type,
    priority: parent.priority,
    payload,
    parentId: parent.id,
    createdAt: new Date(broker.clock.now()).toISOString(),
    ...defined({ tags: owner.tags, traceparent: parent.traceparent, tracestate: parent.tracestate }),
  });
}
