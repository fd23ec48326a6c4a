/** Which finished jobs a cleanup keeps, because an instance can be deleted only while their records exist. */
import type { Broker } from '../broker/broker.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { allCarriersOf } from '../queue/job-carriers.js';
import { findJob, isFollowedUp, pendingRecordOf } from '../queue/job-lookup.js';
import { recordsById } from '../queue/list/work-jobs.js';
import type { OwnersAmong } from '../queue/queue-extension.js';
import { ANY, type StreamKind } from '../wire/subjects.js';
import {
  createInstance,
  deleteInstance,
  deletesAfter,
  instanceNameOf,
  monitorInstance,
  rentedByCreate,
} from './jobs.js';
import {
  autoStop,
  checkInstance,
  keepLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from './lifecycle-jobs.js';

/** Types whose jobs stop and delete what the job before them rented. */
const INSTANCE_TYPES: readonly string[] = [
  ...[monitorInstance, deleteInstance],
  ...[startInstance, stopInstance, restartInstance, migrateInstance, checkInstance, autoStop],
  watchInstance,
  keepLease,
].map(({ type }) => type);
/** A provider may carry out a create, or show it, long after it was sent; then the sweeper needs its owner. */
const LATE_CREATE_MS = 3_600_000;
/** A create, its monitor, and the job that deletes after that; a record that somebody made may go in a circle. */
const MAX_HOPS = 4;
const PAGE = 256;

/** Ids of jobs, ids of instances and names of instances that jobs under way may still have to stop or delete. */
export type InUse = ReadonlySet<string>;

/**
 * Reads the jobs that work on instances, and the deletions that failed. They need not follow from the job that rented
 * the instance: a user or the sweeper may have added them. None is missed that moves meanwhile: one that goes back to a timer
 * writes an event, and one that goes on from there, from timer to work stream, is met by reading these twice in this order.
 */
export async function instancesInUse(broker: Broker): Promise<InUse> {
  const { subjects, topology } = broker;
  const used = new Set<string>();
  const add = ({ parentId, payload }: JobRecord) => {
    const names = [parentId, textField(payload, 'novitaInstanceId'), textField(payload, 'instanceName')];
    for (const each of names) if (each !== undefined) used.add(each);
  };
  const before = await topology.lastSequence('events', subjects.event(ANY, ANY, ANY));
  for (const type of INSTANCE_TYPES) {
    const waiting = new Map([...(await carried(broker, type)), ...(await carried(broker, type))]);
    const last = await recordsById(broker, [...waiting.keys()]);
    for (const [id, request] of waiting) {
      const job = last.get(id) ?? request;
      if (!isTerminal(job.status)) add(job);
    }
    const moved = pages(broker, 'events', subjects.event(type, ANY, ANY), before + 1);
    for await (const event of moved) {
      const job = broker.recordOf(event);
      if (job && !isTerminal(job.status)) add(job);
    }
  }
  for await (const event of pages(broker, 'events', subjects.event(deleteInstance.type, 'failed', ANY))) {
    const job = broker.recordOf(event);
    if (job && leavesInstance(job)) add(job);
  }
  return used;
}

/** The jobs of a type whose message or timer is stored, by id. */
async function carried(broker: Broker, type: string): Promise<Map<string, JobRecord>> {
  const { subjects } = broker;
  const timers = { kind: 'jobs', priority: ANY, type, id: ANY } as const;
  const places: [StreamKind, string][] = [
    ...subjects.scheduleFilters('jobs').map((filter): [StreamKind, string] => ['timers', filter]),
    ['timers', subjects.timer('waiting', timers)],
    ['timers', subjects.timer('retrying', timers)],
    ['timers', subjects.timer('limited', timers)],
    ...subjects.dueFilters('jobs', ANY, type).map((filter): [StreamKind, string] => ['timers', filter]),
    ['jobs', subjects.workFilter('jobs', ANY, type)],
  ];
  const jobs = new Map<string, JobRecord>();
  for (const [kind, filter] of places) {
    for await (const message of pages(broker, kind, filter)) {
      const job = pendingRecordOf(broker, message);
      if (job?.type === type) jobs.set(job.id, job);
    }
  }
  return jobs;
}

function pages({ read, subjects }: Broker, kind: StreamKind, filter: string, fromSeq = 1) {
  return read.walk(subjects.streamName(kind), filter, fromSeq, PAGE);
}

/**
 * Finds the finished jobs that must stay because something that they may have rented is not yet shown to be gone. One cleanup
 * has one of these. It asks once the messages of the jobs are listed, and what follows from them was looked up: what is
 * published in between would be missed.
 */
export function ownersToKeep(broker: Broker, nowMs: number): OwnersAmong {
  let inUse: InUse | undefined;
  return async (finished) => {
    const hasCreate = finished.some(({ type }) => type === createInstance.type);
    // Once: all that is asked for had ended before, and the jobs under way may be many.
    if (hasCreate) inUse ??= await instancesInUse(broker);
    const used = inUse ?? new Set();
    const kept = await Promise.all(finished.map((record) => isKept(broker, record, used, nowMs)));
    return new Set(finished.filter((_, index) => kept[index]));
  };
}

async function isKept(broker: Broker, record: JobRecord, inUse: InUse, nowMs: number): Promise<boolean> {
  if (record.type === createInstance.type) {
    if (mayShowLate(record, nowMs) || isInUse(record, inUse)) return true;
  }
  // Without a create job's record nothing could use a failed deletion any more.
  if (leavesInstance(record) && record.parentId !== undefined) {
    return (await broker.lastEvent(record.parentId)) !== undefined;
  }
  return hasFollowersUnderWay(broker, record);
}

async function hasFollowersUnderWay(broker: Broker, record: JobRecord, hops = 0): Promise<boolean> {
  if (hops > MAX_HOPS) return false;
  const next = (record.next ?? []).filter(({ type }) => INSTANCE_TYPES.includes(type)).map(({ id }) => id);
  for (const id of new Set([...next, ...deletesAfter(record)])) {
    const job = await findJob(broker, id);
    if (!job || !INSTANCE_TYPES.includes(job.type)) continue;
    if (!isTerminal(job.status) || leavesInstance(job)) return true;
    // Its messages are listed first: they go only after what follows was published.
    const carriers = await allCarriersOf(broker, job);
    if (carriers.length > 0 && !(await isFollowedUp(broker, job))) return true;
    if (await hasFollowersUnderWay(broker, job, hops + 1)) return true;
  }
  return false;
}

/** A deletion that failed otherwise than by a refusal leaves its instance for the next one. */
function leavesInstance({ type, status, error }: JobRecord): boolean {
  return type === deleteInstance.type && status === 'failed' && error?.code !== 'JETFLEET_INSTANCE_NOT_OURS';
}

/** Whether a create of any life of the job that failed may still be carried out. */
function mayShowLate(record: JobRecord, nowMs: number): boolean {
  const ends = (record.failures ?? []).map(({ finishedAt }) => finishedAt);
  if (rentedByCreate(record)) ends.push(record.finishedAt ?? record.updatedAt);
  return ends.some((end) => nowMs - Date.parse(end ?? '') < LATE_CREATE_MS);
}

function isInUse(record: JobRecord, inUse: InUse): boolean {
  const names = [record.id, instanceNameOf(record), textField(record.result, 'novitaInstanceId')];
  return names.some((each) => each !== undefined && inUse.has(each));
}
