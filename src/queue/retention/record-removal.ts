import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { forbiddenIn } from '../../broker/connection/forbidden.js';
import { FRESH_MS } from '../../broker/consume/delivery.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { inParts } from '../../jobs/in-parts.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { MAX_CLAIM_AFTER_MS } from '../../jobs/limits.js';
import { referencesOf } from '../../jobs/stored-object.js';
import { ANY } from '../../wire/subjects.js';
import { allCarriersOf, type Carrier, removeCarriers } from '../job-carriers.js';
import { dueNow } from '../job-lookup.js';
import { type ConsumerCounts, type Place, placeOf } from './purgeable.js';

/** Jobs that are removed one by one at once; each takes some requests. */
const PARALLEL = 16;
/** Jobs of a type that wait for one that stays to go as well; more are removed one by one. */
const MOST_GOING = 20_000;
/** A removal costs the server much the same, however many go. */
const WORTH_REMOVING = 2_000;
/** Of one job that are read at once. */
const MAX_EVENTS = 100;
/** Until a handler that has begun has its claim written, and for the write. */
const CLAIM_MS = MAX_CLAIM_AFTER_MS + 1_000;

/** A finished job whose record is purgeable. */
export interface Purgeable {
  record: JobRecord;
  /** The messages that carry it, which go first. */
  carriers: readonly Carrier[];
  /** Those of them that no worker was given. */
  undelivered: readonly Carrier[];
  /** The last of its events, after which nothing is touched. */
  upTo: number;
  /** The last message in TIMERS that has brought it to the work stream: without its record it would bring the job again (decision 102). */
  due?: number;
}

/** Where the messages of jobs are; each consumer is asked once, since most jobs share a few. */
export function placesFrom({ subjects, topology }: Broker) {
  const asked = new Map<string, Promise<ConsumerCounts | undefined>>();
  return ({ type, priority }: JobRecord, carriers: readonly Carrier[]): Promise<Place[]> =>
    Promise.all(
      carriers.map(async ({ kind, seq, priority: stored = priority }) => {
        if (kind !== 'jobs' && kind !== 'webhooks') return 'uncovered';
        const name = subjects.consumerName(type, stored);
        const counts = asked.get(`${kind} ${name}`) ?? topology.consumer(kind, name);
        asked.set(`${kind} ${name}`, counts);
        return placeOf(seq, await counts);
      }),
    );
}

/** Those of the messages of a job that no worker was given, and its timers. */
export async function untaken(
  broker: Broker,
  job: JobRecord,
  carriers: readonly Carrier[],
): Promise<Carrier[]> {
  const places = await placesFrom(broker)(job, carriers);
  return carriers.filter((_, at) => places[at] === 'pending' || places[at] === 'uncovered');
}

/** Whether the message of a job that was cancelled as its timer fired is perhaps on its way. Asked after its timers were. */
export async function mayArrive(broker: Broker, { id, state }: JobRecord): Promise<boolean> {
  return state === 'cancelled' && (await dueNow(broker, ANY, id)) !== undefined;
}

/** What is kept of a job that goes. */
interface Gone {
  type: string;
  upTo: number;
  /** Only where it has something besides: tags, or objects. */
  record: JobRecord | undefined;
}

interface RemovalOptions {
  isSelective?: boolean;
  dryRun?: boolean;
}

/** The jobs of one type whose events were seen, by id. */
interface OfType {
  /** Jobs that stay so far: for each the first of its events. They are noted in that order. */
  staying: Map<string, number>;
  /** Jobs that go: for each the last of its events. */
  going: Map<string, number>;
}

/**
 * Removes jobs: their messages, then their events. The events of one type go together up to the first that has to stay; what
 * lies behind that goes job by job. Nothing goes that is newer than what was checked, so a job that lives again meanwhile
 * keeps its new record.
 *
 * A worker that was given a message and has not claimed it yet would take the job for a new one without its record, so that
 * record stays until the worker has claimed it, or knows that it is late. Where a cancelled job has no message any more, another
 * cleanup may have removed it this moment, so that counts as well.
 */
export class RecordRemoval {
  readonly #broker: Broker;
  readonly #types = new Map<string, OfType>();
  readonly #isSelective: boolean;
  /** Ids of jobs that stay, since a message of theirs came meanwhile. */
  readonly left = new Set<string>();
  readonly #dryRun: boolean;
  /** Up to where events were seen. */
  #seen = 0;
  #removed = 0;
  /** Perhaps a worker was given the message of each before it was removed, and has yet to claim the job. */
  readonly #late = new Map<string, Gone>();
  /** When the last of them was checked, ms of `performance.now()`. */
  #lateAtMs = 0;
  /** Jobs with tags or objects that go, or are gone. */
  readonly #holders = new Map<string, JobRecord>();

  /**
   * @param isSelective whether jobs of a type go that lie among others which nobody has noted. Defaults to false
   * @param dryRun whether jobs are counted alone. Defaults to false
   */
  constructor(broker: Broker, { isSelective = false, dryRun = false }: RemovalOptions = {}) {
    this.#broker = broker;
    this.#isSelective = isSelective;
    this.#dryRun = dryRun;
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
    const { staying, going } = this.#ofType(type);
    if (seq <= (going.get(id) ?? this.#late.get(id)?.upTo ?? 0)) return;
    // It lives again.
    going.delete(id);
    this.#late.delete(id);
    if (!staying.has(id)) staying.set(id, seq);
  }

  async remove(jobs: readonly Purgeable[]): Promise<void> {
    if (this.#dryRun) {
      this.#removed += jobs.length;
      return;
    }
    const ids = jobs.map(({ record }) => record.id);
    await Promise.all([this.#broker.activity.forget(ids), this.#broker.extra.steps.forget(ids)]);
    const { subjects, topology } = this.#broker;
    const due = jobs.filter((job) => job.due !== undefined);
    await inParts(due, PARALLEL, (job) =>
      topology.purge('timers', subjects.dueOf(ANY, job.record.id), job.due),
    );
    const carried = jobs.filter(({ carriers }) => carriers.length > 0);
    await inParts(carried, PARALLEL, (job) => this.#removeCarried(job));
    for (const job of jobs) {
      if (job.carriers.length > 0) continue;
      if (job.record.state === 'cancelled') this.#noteLate(job);
      else this.#letGo(job.record.id, goneOf(job));
    }
    const types = [...this.#types];
    if (types.reduce((sum, [, { going }]) => sum + going.size, 0) < WORTH_REMOVING) return;
    for (const [type, ofType] of types) {
      await this.#removeFirst(type, ofType);
      if (this.#isSelective || ofType.going.size > MOST_GOING) await this.#purgeAll(ofType);
    }
  }

  /** @returns how many jobs were removed */
  async end(): Promise<number> {
    const leftMs = this.#lateAtMs + FRESH_MS + CLAIM_MS - performance.now();
    if (this.#late.size > 0) await delay(Math.max(0, leftMs));
    for (const [id, gone] of this.#late) this.#letGo(id, gone);
    for (const [type, ofType] of this.#types) {
      await this.#removeFirst(type, ofType);
      await this.#purgeAll(ofType);
    }
    return this.#removed;
  }

  #noteLate(job: Purgeable): void {
    this.#late.set(job.record.id, goneOf(job));
    this.#lateAtMs = performance.now();
  }

  #letGo(id: string, { type, upTo, record }: Gone): void {
    const { staying, going } = this.#ofType(type);
    staying.delete(id);
    going.set(id, upTo);
    if (record) this.#holders.set(id, record);
  }

  async #removeCarried(job: Purgeable): Promise<void> {
    const { record, carriers, undelivered, upTo } = job;
    const broker = this.#broker;
    await removeCarriers(broker, carriers);
    // A timer may have fired before it was removed.
    if ((await allCarriersOf(broker, record)).length > 0 || (await mayArrive(broker, record))) {
      this.left.add(record.id);
      return;
    }
    // The server counts no message as delivered that is removed, so all those count that it has passed.
    const places = await placesFrom(broker)(record, undelivered);
    if (places.some((place) => place === 'delivered' || place === 'acknowledged')) {
      this.#noteLate(job);
      return;
    }
    await this.#purge(record.id, upTo);
    await this.#forget(holds(record) ? [record] : []);
    this.#ofType(record.type).staying.delete(record.id);
  }

  /** All events of a type, up to the first of those that stay. */
  async #removeFirst(type: string, { staying, going }: OfType): Promise<void> {
    if (this.#isSelective) return;
    const { subjects, topology } = this.#broker;
    const [firstStaying = this.#seen + 1] = staying.values();
    const gone = [...going].filter(([, upTo]) => upTo < firstStaying);
    if (gone.length === 0) return;
    try {
      await topology.purge('events', subjects.event(type, ANY, ANY), firstStaying - 1);
    } catch (error) {
      // Who may not remove ranges removes one job after the other.
      if (forbiddenIn(error)) return;
      throw error;
    }
    for (const [id] of gone) going.delete(id);
    this.#removed += gone.length;
    await this.#forgetHeld(gone.map(([id]) => id));
  }

  async #purgeAll({ going }: OfType): Promise<void> {
    await inParts([...going], PARALLEL, ([id, upTo]) => this.#purge(id, upTo));
    await this.#forgetHeld([...going.keys()]);
    going.clear();
  }

  async #forgetHeld(ids: readonly string[]): Promise<void> {
    if (this.#holders.size === 0) return;
    const jobs = ids.flatMap((id) => this.#holders.get(id) ?? []);
    for (const id of ids) this.#holders.delete(id);
    await this.#forget(jobs);
  }

  /** After the records: an entry without its job is passed over, and a job without its entry is not found. The same holds for objects. */
  async #forget(jobs: readonly JobRecord[]): Promise<void> {
    if (jobs.length === 0) return;
    await this.#broker.tags.forget(jobs);
    await this.#broker.extra.objects.forget(jobs);
  }

  async #purge(id: string, upTo: number): Promise<void> {
    const { subjects, topology } = this.#broker;
    const filter = subjects.eventsOf(id);
    const purged = await topology.purge('events', filter, upTo).catch((error) => {
      // Who may remove single records may perhaps not remove ranges of them.
      if (forbiddenIn(error)) return this.#deleteEach(filter, upTo);
      throw error;
    });
    if (purged > 0) this.#removed++;
  }

  /** Oldest first: as long as anything is left of the job, its end is. */
  async #deleteEach(filter: string, upTo: number): Promise<number> {
    const { subjects, read, topology } = this.#broker;
    let deleted = 0;
    for await (const page of read.pages(subjects.streamName('events'), filter, 1, MAX_EVENTS, upTo))
      for (const { seq } of page) {
        await topology.deleteMessage('events', seq);
        deleted++;
      }
    return deleted;
  }

  #ofType(type: string): OfType {
    const known = this.#types.get(type) ?? { staying: new Map(), going: new Map() };
    this.#types.set(type, known);
    return known;
  }
}

function goneOf({ record, upTo }: Purgeable): Gone {
  return { type: record.type, upTo, record: holds(record) ? record : undefined };
}

function holds(record: JobRecord): boolean {
  return record.tags !== undefined || referencesOf(record).length > 0;
}
