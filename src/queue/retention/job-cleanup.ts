import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../../broker/broker.js';
import { FRESH_MS } from '../../broker/consume/delivery.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { isJobId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { MAX_CLAIM_AFTER_MS } from '../../jobs/limits.js';
import { isTerminal, JobType } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';
import { allCarriersOf, type Carrier, carriedAmong, removeCarriers } from '../job-carriers.js';
import { dueNow } from '../job-lookup.js';
import { recordsById } from '../list/work-jobs.js';
import { type InUse, instancesInUse, isFollowedUp, isKept } from './kept-owners.js';
import { floorOf } from './settled-messages.js';

/** Events that are looked at together. */
const PAGE = 500;
/** Jobs that are removed one by one at once; each takes some requests. */
const PARALLEL = 16;
/** Jobs of a type that wait for one that stays to go as well; more are removed one by one. */
const MOST_GOING = 20_000;
/** A removal costs the server much the same, however many go. */
const WORTH_REMOVING = 2_000;
/** Until a handler that has begun has its claim written, and for the write. */
const CLAIM_MS = MAX_CLAIM_AFTER_MS + 1_000;

/**
 * Removes the records of jobs that finished more than `olderThanMs` ago. EVENTS forgets them by itself after its
 * `max_age`; this frees the room earlier. A job that rented an instance stays while something of it may have to be deleted.
 * @param onProgress told now and then how many jobs are removed
 * @returns how many jobs were removed
 */
export async function cleanupJobs(
  broker: Broker,
  olderThanMs: number,
  { atMs, onProgress = () => {} }: { atMs?: number; onProgress?: (done: number) => void } = {},
): Promise<number> {
  const { subjects, read } = broker;
  const nowMs = atMs ?? (await latestTime(broker));
  const cutoff = nowMs - olderThanMs;
  const removals = new Removals(broker);
  let inUse: InUse | undefined;
  const lookAt = async (old: readonly StoredMessage[]) => {
    for (const event of old) removals.note(event);
    const ended = old.filter(({ subject }) => isTerminal(subjects.parseEvent(subject)?.status ?? 'pending'));
    // Once for all pages: what is old had ended before, and the jobs under way may be many.
    inUse ??= ended.some((event) => isCreate(broker, event)) ? await instancesInUse(broker) : undefined;
    // All are checked before one goes: a job is kept while what follows from it cannot be found.
    const jobs = await endedOf(broker, ended);
    const carried = await carriedAmong(
      broker,
      jobs.map(({ record }) => record),
    );
    const latest = await latestAmong(broker, jobs, old);
    const repeatable = await repeatableAmong(broker, jobs);
    const facts = { carried, latest, repeatable, inUse: inUse ?? NONE, nowMs };
    const removable = await Promise.all(jobs.map((job) => removableOf(broker, job, facts)));
    await removals.remove(removable.filter((job) => job !== undefined));
    onProgress(removals.count);
  };
  for await (const page of read.pages(subjects.streamName('events'), '>', 1, PAGE)) {
    const old = page.filter(({ timeMs }) => timeMs <= cutoff);
    await lookAt(old);
    // Events are stored in the order of their time, so the first young one ends the search.
    if (old.length < page.length) break;
  }
  const removed = await removals.end();
  onProgress(removed);
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

/** A finished job that is to be removed. */
interface Removable {
  record: JobRecord;
  /** The messages that carry it, which go first. */
  carriers: readonly Carrier[];
  /** The last of its events, after which nothing is touched. */
  upTo: number;
}

/** The record of a job's end, and its place. */
interface Ended {
  record: JobRecord;
  event: StoredMessage;
}

/** What is known of the jobs that ended on a page. */
interface Facts {
  /** Those that have messages stored. */
  carried: ReadonlySet<JobRecord>;
  /** Those whose end is their last event. */
  latest: ReadonlySet<JobRecord>;
  /** Those that may be published once more. */
  repeatable: ReadonlySet<JobRecord>;
  inUse: InUse;
  nowMs: number;
}

/** The ends of jobs among events of their ends. A message that is no record says nothing about a job, and is removed. */
async function endedOf(broker: Broker, events: readonly StoredMessage[]): Promise<Ended[]> {
  const ended = events.map((event) => ({ event, record: broker.recordOf(event) }));
  const foreign = ended.filter(({ record }) => record === undefined);
  await Promise.all(foreign.map(({ event }) => broker.topology.deleteMessage('events', event.seq)));
  return ended.flatMap(({ event, record }) => (record ? [{ event, record }] : []));
}

/** Of those whose end is the last of their events on the page, those that have none behind it either. */
async function latestAmong(
  { read, subjects }: Broker,
  jobs: readonly Ended[],
  page: readonly StoredMessage[],
): Promise<ReadonlySet<JobRecord>> {
  const idOf = ({ subject }: StoredMessage) => subject.slice(subject.lastIndexOf('.') + 1);
  const lastOnPage = new Map(page.map((event) => [idOf(event), event.seq]));
  const last = jobs.filter(({ record, event }) => lastOnPage.get(record.id) === event.seq);
  const filters = last.map(({ record }) => subjects.eventsOf(record.id));
  const behind = (page.at(-1)?.seq ?? 0) + 1;
  const later = new Set((await read.lastOfEach(subjects.streamName('events'), filters, behind)).map(idOf));
  return new Set(last.map(({ record }) => record).filter(({ id }) => !later.has(id)));
}

/**
 * Those that follow from a job whose message may be handed out again: whoever meets that one publishes what follows once more,
 * and without its record it would be a new job.
 */
async function repeatableAmong(broker: Broker, jobs: readonly Ended[]): Promise<ReadonlySet<JobRecord>> {
  const parentIds = jobs.flatMap(({ record: { parentId } }) =>
    parentId !== undefined && isJobId(parentId) ? [parentId] : [],
  );
  const parents = await recordsById(broker, [...new Set(parentIds)]);
  const unsettled = new Set<string>();
  // Most of them share a few consumers.
  const asked = new Map<string, ReturnType<ConsumerOf>>();
  const consumerOf: ConsumerOf = (kind, name) => {
    const info = asked.get(`${kind} ${name}`) ?? broker.topology.consumer(kind, name);
    asked.set(`${kind} ${name}`, info);
    return info;
  };
  const lookAt = async (parent: JobRecord) => {
    const carriers = await allCarriersOf(broker, parent);
    const places = await Promise.all(carriers.map((carrier) => placeOf(broker, parent, carrier, consumerOf)));
    if (places.some((place) => place !== 'settled')) unsettled.add(parent.id);
  };
  await Promise.all([...(await carriedAmong(broker, [...parents.values()]))].map(lookAt));
  return new Set(jobs.map(({ record }) => record).filter(({ parentId = '' }) => unsettled.has(parentId)));
}

/**
 * A finished job, unless it lives again or is to be kept. What carries it is listed before its last record is read: a
 * redrive writes its record first and its message after that, so what is listed belongs to the life that has ended.
 */
async function removableOf(
  broker: Broker,
  { record, event }: Ended,
  { carried, latest, repeatable, inUse, nowMs }: Facts,
): Promise<Removable | undefined> {
  if (repeatable.has(record)) return undefined;
  const carriers = carried.has(record) ? await allCarriersOf(broker, record) : [];
  if (carried.has(record) && (await mayArrive(broker, record))) return undefined;
  const isLatest = carriers.length === 0 && latest.has(record);
  const upTo = isLatest ? event.seq : await lastOf(broker, event, record);
  if (upTo === undefined) return undefined;
  if (carriers.length > 0 && !(await isFollowedUp(broker, record))) return undefined;
  if (await isKept(broker, record, inUse, nowMs)) return undefined;
  return { record, carriers, upTo };
}

/** Whether the message of a job that was cancelled as its timer fired is perhaps on its way. Asked after its timers were. */
async function mayArrive(broker: Broker, { id, state }: JobRecord): Promise<boolean> {
  return state === 'cancelled' && (await dueNow(broker, ANY, id)) !== undefined;
}

/**
 * Removes jobs: their messages, then their events. The events of one type go together up to the first that has to stay; what
 * lies behind that goes job by job. Nothing goes that is newer than what was looked at, so a job that lives again meanwhile
 * keeps its new record.
 *
 * A worker that was given a message and has not claimed it yet would take the job for a new one without its record, so that
 * record stays until the worker has claimed it, or knows that it is late.
 */
class Removals {
  readonly #broker: Broker;
  /** Jobs that stay so far, by type: for each the first of its events. They are noted in that order. */
  readonly #staying = new Map<string, Map<string, number>>();
  /** Jobs of each type that go, by id: for each the last of its events. */
  readonly #going = new Map<string, Map<string, number>>();
  /** Up to where events were looked at. */
  #seen = 0;
  #removed = 0;
  /** Their messages were perhaps handed out while they were removed. */
  readonly #late: Removable[] = [];

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** How many jobs are removed so far. */
  get count(): number {
    return this.#removed;
  }

  /** Takes note of an event, in the order of EVENTS. */
  note({ subject, seq }: StoredMessage): void {
    this.#seen = seq;
    const { type, id } = this.#broker.subjects.parseEvent(subject) ?? {};
    if (type === undefined || id === undefined) return;
    const going = this.#going.get(type);
    if (seq <= (going?.get(id) ?? 0)) return;
    // It lives again.
    going?.delete(id);
    const staying = ofType(this.#staying, type);
    if (!staying.has(id)) staying.set(id, seq);
  }

  async remove(jobs: readonly Removable[]): Promise<void> {
    const carried = jobs.filter(({ carriers }) => carriers.length > 0);
    for (let start = 0; start < carried.length; start += PARALLEL)
      await Promise.all(carried.slice(start, start + PARALLEL).map((job) => this.#removeCarried(job)));
    for (const { record, carriers, upTo } of jobs) {
      if (carriers.length > 0) continue;
      this.#staying.get(record.type)?.delete(record.id);
      ofType(this.#going, record.type).set(record.id, upTo);
    }
    const going = [...this.#going.values()].reduce((sum, { size }) => sum + size, 0);
    if (going < WORTH_REMOVING) return;
    for (const [type, ofThis] of this.#going) {
      await this.#removeFirst(type);
      if (ofThis.size > MOST_GOING) await this.#purgeAll(ofThis);
    }
  }

  /** @returns how many jobs were removed */
  async end(): Promise<number> {
    for (const [type, going] of this.#going) {
      await this.#removeFirst(type);
      await this.#purgeAll(going);
    }
    if (this.#late.length > 0) await delay(FRESH_MS + CLAIM_MS);
    await this.#purgeEach(this.#late.map(({ record, upTo }) => [record.id, upTo]));
    return this.#removed;
  }

  async #removeCarried(job: Removable): Promise<void> {
    const broker = this.#broker;
    const { record, carriers } = job;
    // Of what it has claimed, a worker knows the record.
    const unclaimed = carriers.filter(({ seq }) => seq > (record.workSeq ?? 0));
    const before = await Promise.all(unclaimed.map((carrier) => placeOf(broker, record, carrier)));
    if (before.includes('handed out')) return;
    await removeCarriers(broker, carriers);
    // A timer may have fired before it was removed.
    if ((await allCarriersOf(broker, record)).length > 0 || (await mayArrive(broker, record))) return;
    const waiting = unclaimed.filter((_, index) => before[index] === 'waiting');
    // The server counts no message as handed out that is removed, so all those count that it has passed.
    const after = await Promise.all(waiting.map((carrier) => placeOf(broker, record, carrier)));
    if (!after.every((place) => place === 'waiting')) {
      this.#late.push(job);
      return;
    }
    await this.#purge(record.id, job.upTo);
    this.#staying.get(record.type)?.delete(record.id);
  }

  /** All events of a type, up to the first of those that stay. */
  async #removeFirst(type: string): Promise<void> {
    const { subjects, topology } = this.#broker;
    const [firstStaying = this.#seen + 1] = this.#staying.get(type)?.values() ?? [];
    const going = ofType(this.#going, type);
    const gone = [...going].filter(([, upTo]) => upTo < firstStaying);
    if (gone.length === 0) return;
    await topology.purge('events', subjects.event(type, ANY, ANY), firstStaying - 1);
    for (const [id] of gone) going.delete(id);
    this.#removed += gone.length;
  }

  async #purgeAll(going: Map<string, number>): Promise<void> {
    await this.#purgeEach([...going]);
    going.clear();
  }

  async #purgeEach(jobs: readonly (readonly [id: string, upTo: number])[]): Promise<void> {
    for (let start = 0; start < jobs.length; start += PARALLEL)
      await Promise.all(jobs.slice(start, start + PARALLEL).map(([id, upTo]) => this.#purge(id, upTo)));
  }

  async #purge(id: string, upTo: number): Promise<void> {
    const { subjects, topology } = this.#broker;
    if ((await topology.purge('events', subjects.eventsOf(id), upTo)) > 0) this.#removed++;
  }
}

function ofType<V>(byType: Map<string, Map<string, V>>, type: string): Map<string, V> {
  const known = byType.get(type) ?? new Map<string, V>();
  byType.set(type, known);
  return known;
}

type ConsumerOf = Broker['topology']['consumer'];

/** Whether a worker may have a message of a job that it has not settled; one that no consumer covers waits. */
async function placeOf(
  { subjects, topology }: Broker,
  { type, priority }: JobRecord,
  { kind, seq }: Carrier,
  consumerOf: ConsumerOf = (stream, name) => topology.consumer(stream, name),
): Promise<'waiting' | 'handed out' | 'settled'> {
  if (kind === 'timers' || kind === 'events') return 'waiting';
  const info = await consumerOf(kind, subjects.consumerName(type, priority));
  if (!info || seq > info.delivered.stream_seq) return 'waiting';
  return seq > floorOf(info) ? 'handed out' : 'settled';
}

/** Up to where nothing but the finished job's records stands, or undefined when the job has moved on from `event`. */
async function lastOf(broker: Broker, event: StoredMessage, record: JobRecord): Promise<number | undefined> {
  const last = await broker.lastEvent(record.id);
  // What follows may be somebody else's message, which is no record of the job.
  const isOwn = last?.seq === event.seq || isDeepStrictEqual(last?.record, record);
  return isOwn ? last?.seq : undefined;
}
