/** What is left to do in a queue: its streams and records are followed, so that a look costs little. */
import type { Broker } from '../broker/broker.js';
import type { EventFeed } from '../broker/consume/event-feed.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { Changes } from '../jobs/changes.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal, WORK_KINDS, type WorkKind } from '../jobs/vocabulary.js';
import { pendingRecordOf } from '../queue/job-lookup.js';
import { Header } from '../wire/headers.js';
import { isRecurring } from '../wire/schedule-message.js';
import { ANY } from '../wire/subjects.js';

/** A timer of the broker that has not fired. */
export interface Timer {
  message: StoredMessage;
  /** The job that it brings. */
  id: string;
  dueMs: number;
}

/** What a look has found. */
export interface Left {
  /** Jobs that wait in the queue, run, or are on their way between two places. */
  busy: Pick<JobRecord, 'id' | 'type' | 'state'>[];
  /** Jobs that hibernate until a signal or a child comes, or have no timer: they wait for something that is not time. */
  still: JobRecord[];
  /** The first comes first. */
  timers: Timer[];
}

interface Work {
  kind: WorkKind;
  seq: number;
  job: JobRecord;
  seenMs: number;
}

const PAGE = 500;
/** A message that has no record after this is looked for: it may have been removed. */
const STALE_MS = 300;
/** What is due later than this is parked: nobody waits for it by time. */
const PARKED_MS = 400 * 24 * 60 * 60 * 1_000;

export class OpenWork {
  readonly changes = new Changes();
  readonly #broker: Broker;
  readonly #feed: EventFeed;
  /** The last record of each job. */
  readonly #records = new Map<string, JobRecord>();
  /** The last message of each job in the work streams. */
  readonly #works = new Map<string, Work>();
  readonly #nextSeq: Record<WorkKind, number> = { jobs: 1, webhooks: 1 };
  /** Jobs that follow from others, or whose timers have fired, until they are seen. */
  readonly #expected = new Map<string, Pick<JobRecord, 'id' | 'type' | 'state'>>();

  private constructor(broker: Broker, feed: EventFeed) {
    this.#broker = broker;
    this.#feed = feed;
    void this.#follow();
  }

  static async open(broker: Broker): Promise<OpenWork> {
    return new OpenWork(broker, await broker.feed({ fromSeq: 1 }));
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  recordOf(id: string): JobRecord | undefined {
    return this.#records.get(id);
  }

  /** Every job that was ever seen, as it stands. */
  jobs(): JobRecord[] {
    const waiting = [...this.#works].flatMap(([id, { job }]) => (this.#records.has(id) ? [] : [job]));
    return [...this.#records.values(), ...waiting];
  }

  /** Has a timer fire. Until its job is seen it counts as on its way. */
  async fire({ message, id }: Timer): Promise<void> {
    const { type = '', state = 'scheduled' } =
      this.#records.get(id) ?? pendingRecordOf(this.#broker, message) ?? {};
    this.#expected.set(id, { id, type, state });
    await this.#broker.jobs.fireTimer(message);
    this.changes.note();
  }

  async look(): Promise<Left> {
    await Promise.all(WORK_KINDS.map((kind) => this.#readWork(kind)));
    await this.#forgetRemoved();
    const timers = await this.#readTimers();
    const timed = new Set(timers.map(({ id }) => id));
    const busy: Left['busy'] = [...this.#expected.values()];
    const still: JobRecord[] = [];
    for (const job of this.jobs()) {
      if (isTerminal(job.status) || this.#expected.has(job.id)) continue;
      if (job.waitsFor) {
        still.push(job);
        continue;
      }
      const waitsByTime = ['retrying', 'waiting', 'scheduled'].includes(job.state);
      if (waitsByTime && timed.has(job.id)) continue;
      if (job.state === 'waiting') still.push(job);
      else busy.push(job);
    }
    return { busy, still, timers };
  }

  async #follow(): Promise<void> {
    for await (const { record } of this.#feed) {
      const { id, status, next = [] } = record;
      this.#records.set(id, record);
      this.#expected.delete(id);
      // They are published after the record that names them.
      if (isTerminal(status))
        for (const { id: nextId, type } of next)
          if (!this.#records.has(nextId) && !this.#works.has(nextId))
            this.#expected.set(nextId, { id: nextId, type, state: 'queued' });
      this.changes.note();
    }
  }

  async #readWork(kind: WorkKind): Promise<void> {
    const { read, subjects } = this.#broker;
    const filter = subjects.workFilter(kind, ANY, ANY);
    const stream = subjects.streamName(kind);
    for await (const message of read.walk(stream, filter, this.#nextSeq[kind], PAGE)) {
      this.#nextSeq[kind] = message.seq + 1;
      const job = pendingRecordOf(this.#broker, message);
      if (!job) continue;
      this.#works.set(job.id, { kind, seq: message.seq, job, seenMs: performance.now() });
      this.#expected.delete(job.id);
      this.changes.note();
    }
  }

  /** One that was withdrawn, or cleaned up, leaves no record. */
  async #forgetRemoved(): Promise<void> {
    const { read, subjects } = this.#broker;
    const oldMs = performance.now() - STALE_MS;
    for (const [id, { kind, seq, seenMs }] of this.#works) {
      if (seenMs > oldMs || this.#records.has(id)) continue;
      if (!(await read.bySequence(subjects.streamName(kind), seq))) this.#works.delete(id);
    }
  }

  async #readTimers(): Promise<Timer[]> {
    const { read, subjects, clock } = this.#broker;
    const stream = subjects.streamName('timers');
    const timers: Timer[] = [];
    for await (const message of read.walk(stream, `${subjects.prefix}schedules.>`, 1, PAGE)) {
      const schedule = message.headers.get(Header.SCHEDULE);
      if (!schedule.startsWith('@at ') || isRecurring(message.headers)) continue;
      const dueMs = Date.parse(schedule.slice(4));
      if (Number.isNaN(dueMs) || dueMs > clock.now() + PARKED_MS) continue;
      const id = subjects.parseDue(message.headers.get(Header.SCHEDULE_TARGET))?.id;
      timers.push({ message, dueMs, id: id ?? subjects.scheduleId(message.subject) ?? message.subject });
      // What follows from a job may be delayed.
      const expected = id === undefined ? undefined : this.#expected.get(id);
      if (expected?.state === 'queued') this.#expected.delete(id as string);
    }
    return timers.sort((a, b) => a.dueMs - b.dueMs || a.message.seq - b.message.seq);
  }
}
