import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../broker/broker.js';
import { FRESH_MS } from '../broker/delivery.js';
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
/** For the write of a claim. */
const CLAIM_MS = 1_000;

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
  const removals = new Removals(broker);
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
        const removable = await Promise.all(part.map((event) => removableOf(broker, event, used, nowMs)));
        await Promise.all(removable.map((job) => job && removals.remove(job)));
      }
      const last = page.at(-1);
      if (!last || old.length < page.length) break;
      seq = last.seq + 1;
    }
  }
  return removals.end();
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

/** A finished job that is to be removed. */
interface Removable {
  record: JobRecord;
  /** The messages that carry it, which go first. */
  carriers: readonly Carrier[];
  /** The last of its events, after which nothing is touched. */
  upTo: number;
}

/**
 * A finished job, unless it lives again or is to be kept. What carries it is listed before its last record is read: a
 * redrive writes its record first and its message after that, so what is listed belongs to the life that has ended.
 */
async function removableOf(
  broker: Broker,
  event: StoredMessage,
  inUse: InUse,
  nowMs: number,
): Promise<Removable | undefined> {
  const id = broker.subjects.parseEvent(event.subject)?.id;
  if (id === undefined) return undefined;
  const record = broker.recordOf(event);
  if (!record) {
    // Somebody else's message, which says nothing about the job.
    await broker.topology.deleteMessage('events', event.seq);
    return undefined;
  }
  const carriers = await allCarriersOf(broker, record);
  const upTo = await lastOf(broker, id, event, record);
  if (upTo === undefined) return undefined;
  if (carriers.length > 0 && !(await isFollowedUp(broker, record))) return undefined;
  return (await isKept(broker, record, inUse, nowMs)) ? undefined : { record, carriers, upTo };
}

/**
 * Removes jobs: their messages, then their events. A worker that was given a message and has not claimed it yet would take the
 * job for a new one without its record, so that record stays until the worker has claimed it, or knows that it is late.
 */
class Removals {
  readonly #broker: Broker;
  #removed = 0;
  /** Their messages were perhaps handed out while they were removed. */
  readonly #late: Removable[] = [];

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async remove(job: Removable): Promise<void> {
    const broker = this.#broker;
    const { record, carriers } = job;
    // Of what it has claimed, a worker knows the record.
    const unclaimed = carriers.filter(({ seq }) => seq > (record.workSeq ?? 0));
    const before = await Promise.all(unclaimed.map((carrier) => placeOf(broker, record, carrier)));
    if (before.includes('handed out')) return;
    await removeCarriers(broker, carriers);
    // A timer may have fired before it was removed.
    if (carriers.length > 0 && (await allCarriersOf(broker, record)).length > 0) return;
    const waiting = unclaimed.filter((_, index) => before[index] === 'waiting');
    // The server counts no message as handed out that is removed, so all those count that it has passed.
    const after = await Promise.all(waiting.map((carrier) => placeOf(broker, record, carrier)));
    if (after.every((place) => place === 'waiting')) await this.#purge(job);
    else this.#late.push(job);
  }

  /** @returns how many jobs were removed */
  async end(): Promise<number> {
    if (this.#late.length > 0) await delay(FRESH_MS + CLAIM_MS);
    for (const job of this.#late) await this.#purge(job);
    return this.#removed;
  }

  async #purge({ record, upTo }: Removable): Promise<void> {
    const { subjects, topology } = this.#broker;
    if ((await topology.purge('events', subjects.eventsOf(record.id), upTo)) > 0) this.#removed++;
  }
}

/** Whether a worker may have a message of a job that it has not settled; one that no consumer covers waits. */
async function placeOf(
  { subjects, topology }: Broker,
  { id, type, priority }: JobRecord,
  { kind, seq }: Carrier,
): Promise<'waiting' | 'handed out' | 'settled'> {
  if (kind === 'timers' || kind === 'events') return 'waiting';
  const info = await topology.consumer(
    kind,
    subjects.consumerName(type, priority, sequenceOf(id) !== undefined),
  );
  if (!info || seq > info.delivered.stream_seq) return 'waiting';
  return seq > floorOf(info) ? 'handed out' : 'settled';
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
