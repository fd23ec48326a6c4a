import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/direct-read.js';
import { sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { JobType } from '../jobs/vocabulary.js';
import { ANY } from '../wire/subjects.js';
import { allCarriersOf, type Carrier, removeCarriers } from './job-carriers.js';
import { type InUse, instancesInUse, isFollowedUp, isKept } from './kept-owners.js';
import { floorOf } from './settled-messages.js';

const PAGE = 200;
/** Jobs at once; each takes some requests. */
const PARALLEL = 16;

/**
 * Removes the records of jobs that finished more than `olderThanMs` ago. EVENTS forgets them by itself after its
 * `max_age`; this frees the room earlier. A job that rented an instance stays while something of it may have to be deleted.
 * @returns how many jobs were removed
 */
export async function cleanupJobs(broker: Broker, olderThanMs: number, atMs?: number): Promise<number> {
  const { subjects, read } = broker;
  const stream = subjects.streamName('events');
  const nowMs = atMs ?? (await latestTime(broker));
  const cutoff = nowMs - olderThanMs;
  let removed = 0;
  for (const status of ['completed', 'failed'] as const) {
    let inUse: InUse | undefined;
    for (let seq = 1; ; ) {
      const page = await read.page(stream, subjects.event(ANY, status, ANY), seq, PAGE);
      // Events are stored in the order of their time, so the first young one ends the search.
      const old = page.filter(({ timeMs }) => timeMs <= cutoff);
      // Once for all pages: what is old had ended before, and the jobs under way may be many.
      inUse ??= old.some((event) => isCreate(broker, event)) ? await instancesInUse(broker) : undefined;
      const used = inUse ?? NONE;
      for (let start = 0; start < old.length; start += PARALLEL) {
        const part = old.slice(start, start + PARALLEL);
        // All are checked before one goes: a job is kept while what follows from it cannot be found.
        const removals = await Promise.all(part.map((event) => removalOf(broker, event, used, nowMs)));
        const isRemoved = await Promise.all(removals.map((remove) => remove?.()));
        removed += isRemoved.filter(Boolean).length;
      }
      const last = page.at(-1);
      if (!last || old.length < page.length) break;
      seq = last.seq + 1;
    }
  }
  return removed;
}

/** Slow answers leave the measured clock off by some milliseconds, and it may not have come to the last event yet. */
async function latestTime({ clock, read, subjects }: Broker): Promise<number> {
  const last = await read.last(subjects.streamName('events'), subjects.event(ANY, ANY, ANY));
  return Math.max(clock.now(), last?.timeMs ?? 0);
}

const NONE: InUse = new Set();

function isCreate({ subjects }: Broker, { subject }: StoredMessage): boolean {
  return subjects.parseEvent(subject)?.type === JobType.CREATE_INSTANCE;
}

/**
 * How to remove a finished job, unless it lives again. What carries it is listed before its last record is read: a redrive
 * writes its record first and its message after that, so what is listed belongs to the life that has ended. Nothing
 * later than that record is touched.
 */
async function removalOf(
  broker: Broker,
  event: StoredMessage,
  inUse: InUse,
  nowMs: number,
): Promise<(() => Promise<boolean>) | undefined> {
  const { subjects, topology } = broker;
  const id = subjects.parseEvent(event.subject)?.id;
  if (id === undefined) return undefined;
  const record = broker.recordOf(event);
  if (!record) {
    // Somebody else's message, which says nothing about the job.
    await topology.deleteMessage('events', event.seq);
    return undefined;
  }
  const carriers = await allCarriersOf(broker, record);
  const upTo = await lastOf(broker, id, event, record);
  if (upTo === undefined) return undefined;
  if (carriers.length > 0 && !(await isFollowedUp(broker, record))) return undefined;
  if (await isKept(broker, record, inUse, nowMs)) return undefined;
  return async () => {
    // Right before the removal, which hides from the consumer's counts what it has handed out.
    if (await isWithWorker(broker, record, carriers)) return false;
    await removeCarriers(broker, carriers);
    // One may have been handed out just before it was removed.
    if (await isWithWorker(broker, record, carriers)) return false;
    return (await topology.purge('events', subjects.eventsOf(id), upTo)) > 0;
  };
}

/**
 * Whether a worker may have a message of a cancelled job that it has not claimed, nor found cancelled. Without the record it
 * would take the job for a new one.
 */
async function isWithWorker(
  { subjects, topology }: Broker,
  { id, type, priority, state, workSeq }: JobRecord,
  carriers: readonly Carrier[],
): Promise<boolean> {
  if (state !== 'cancelled') return false;
  const name = subjects.consumerName(type, priority, sequenceOf(id) !== undefined);
  for (const { kind, seq } of carriers) {
    if ((kind !== 'jobs' && kind !== 'webhooks') || seq === workSeq) continue;
    const info = await topology.consumer(kind, name);
    if (info && floorOf(info) < seq && seq <= info.delivered.stream_seq) return true;
  }
  return false;
}

/** Up to where nothing but the finished job's records stands, or undefined when the job has moved on from `event`. */
async function lastOf(
  broker: Broker,
  id: string,
  event: StoredMessage,
  record: JobRecord,
): Promise<number | undefined> {
  const last = await broker.topology.lastSequence('events', broker.subjects.eventsOf(id));
  if (last === event.seq) return last;
  // What follows may be somebody else's message, which is no record of the job.
  const now = await broker.lastEvent(id);
  return now?.seq === last && isDeepStrictEqual(now.record, record) ? last : undefined;
}
