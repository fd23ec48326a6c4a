import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isJobType, isTerminal, STATUSES } from '../jobs/vocabulary.js';
import { pendingRecordOf } from '../queue/job-lookup.js';
import { recordsById } from '../queue/list/work-jobs.js';
import { sumOf, uncoveredTypes } from '../queue/stats/unhandled-types.js';
import { Header } from '../wire/headers.js';
import {
  ANY,
  type StreamKind,
  type Subjects,
  WORK_KINDS,
  type WorkKind,
  workKindsFor,
} from '../wire/subjects.js';
import { type Diagnosis, diagnose } from './finding.js';
import { failImpossible, removeMessage } from './mend-job.js';

/** As many jobs as the broker tells the last events of in one request. */
const PAGE = 256;
/** Bodies of one look that has a limit; an accepted payload may have half a megabyte. */
const MAX_BYTES = 64 * 1024 * 1024;

const ENDED = STATUSES.filter(isTerminal);

interface Coverage {
  isCovered: (subject: string) => boolean;
  /** What has come since is not counted: a later look finds it. */
  uncovered: number;
  /** Types that have a consumer. */
  types: ReadonlySet<string>;
}

/** A message, and the job that it would bring to a worker. */
interface Carried {
  kind: StreamKind;
  message: StoredMessage;
  job: JobRecord;
}

/**
 * Finds timers of jobs that have ended, and messages that no consumer covers, or can ever cover. What a consumer covers is
 * left to the workers, which acknowledge it: taking it away could make nats-server forget others (decision 15). A look goes on
 * where the last one ended, and begins anew at the end of the stream: what is left over does not move.
 */
export class MessageCheck {
  readonly #broker: Broker;
  readonly #limit: number;
  readonly #next = { timers: 1, jobs: 1, webhooks: 1 };

  /** @param limit how many messages of a stream one look reads at most */
  constructor(broker: Broker, limit: number) {
    this.#broker = broker;
    this.#limit = limit;
  }

  /** @param graceMs how long a job must have ended, and its message have been there */
  async look(graceMs: number): Promise<Diagnosis[]> {
    const found: Diagnosis[] = [];
    for (const kind of ['timers', ...WORK_KINDS] as const)
      found.push(...(await this.#lookAt(kind, this.#broker.clock.now() - graceMs)));
    return found;
  }

  async #lookAt(kind: 'timers' | 'jobs' | 'webhooks', beforeMs: number): Promise<Diagnosis[]> {
    const { subjects, read } = this.#broker;
    const found: Diagnosis[] = [];
    const coverage = await this.#coverage(kind);
    const { isCovered, uncovered } = coverage;
    // A million messages that wait for their workers are counted, and not read.
    if (uncovered === 0 || (kind !== 'timers' && (await this.#onlyWait(kind, coverage)))) {
      this.#next[kind] = 1;
      return found;
    }
    const maxBytes = Number.isFinite(this.#limit) ? MAX_BYTES : Number.POSITIVE_INFINITY;
    for (let count = 0, bytes = 0; count < this.#limit && bytes < maxBytes; ) {
      const page = await read.page(subjects.streamName(kind), '>', this.#next[kind], PAGE);
      const unwatched = page.filter(({ subject }) => !isCovered(subject));
      if (kind !== 'timers') found.push(...unwatched.flatMap((message) => this.#ofImpossible(kind, message)));
      found.push(...(await this.#ofEndedJobs(kind, unwatched, beforeMs)));
      const last = page.at(-1);
      this.#next[kind] = !last || page.length < PAGE ? 1 : last.seq + 1;
      if (this.#next[kind] === 1) break;
      count += page.length;
      bytes += page.reduce((sum, { data }) => sum + data.length, 0);
    }
    return found;
  }

  /** Whether some consumer hands out what is on a subject, and how many messages none of them does. */
  async #coverage(kind: 'timers' | WorkKind): Promise<Coverage> {
    const { subjects, topology, read } = this.#broker;
    const stream = subjects.streamName(kind);
    const total = await read.count(stream, '>');
    if (kind === 'timers') return { isCovered: isDue(subjects), uncovered: total, types: new Set() };
    const consumers = await topology.consumers(kind);
    const names = new Set(consumers.map(({ name }) => name));
    const isCovered = (subject: string) => {
      const work = subjects.parseWork(subject);
      if (work === undefined) return false;
      const { name, filter } = subjects.consumerFor(kind, work.priority, work.type);
      return names.has(name) && subject.startsWith(filter.slice(0, -1));
    };
    const filters = consumers.flatMap(({ config }) => config.filter_subject ?? []);
    const covered = await Promise.all(filters.map((filter) => read.count(stream, filter)));
    const types = new Set(consumers.flatMap(({ name }) => subjects.parseConsumer(name)?.type ?? []));
    return { isCovered, uncovered: Math.max(0, total - sumOf(covered)), types };
  }

  /** Whether all that no consumer covers is of types that a worker may have some day, and of which no job has ended. */
  async #onlyWait(kind: WorkKind, { types: covered, uncovered }: Coverage): Promise<boolean> {
    const { subjects, counts } = this.#broker;
    const { types, unknown } = await uncoveredTypes(this.#broker, kind, covered, true);
    if (unknown > 0 || [...types.keys()].some((type) => isImpossible(kind, type))) return false;
    const waits = [...types.values()].flatMap((waiting) => [...waiting.values()]);
    if (sumOf(waits) < uncovered) return false;
    const ends = [...types.keys()].flatMap((type) =>
      ENDED.map((status) => counts.of(subjects.streamName('events'), subjects.event(type, status, ANY))),
    );
    return sumOf(await Promise.all(ends)) === 0;
  }

  #ofImpossible(kind: WorkKind, message: StoredMessage): Diagnosis[] {
    const { seq, subject } = message;
    const type = this.#broker.subjects.parseWork(subject)?.type;
    if (type === undefined || !isImpossible(kind, type)) return [];
    const job = pendingRecordOf(this.#broker, message);
    if (!job) return [];
    const what = `${subject} (message ${seq}): no worker can have the type ${type}`;
    const mend = () => failImpossible(this.#broker, { kind, seq, subject }, job);
    return [diagnose('type_impossible', job.id, what, mend, { since: job.createdAt })];
  }

  async #ofEndedJobs(kind: StreamKind, page: StoredMessage[], beforeMs: number): Promise<Diagnosis[]> {
    const old = page.filter(({ timeMs }) => timeMs <= beforeMs);
    const carried = old.flatMap((message) => {
      const job = isRecurring(this.#broker, message) ? undefined : pendingRecordOf(this.#broker, message);
      return job ? [{ kind, message, job }] : [];
    });
    if (carried.length === 0) return [];
    const ended = await this.#ended(
      carried.map(({ job }) => job.id),
      beforeMs,
    );
    return carried.flatMap((each) => {
      const record = ended.get(each.job.id);
      return record && !this.#isNamesake(each, record) ? [this.#diagnosis(each, record)] : [];
    });
  }

  /** The last records of those of the jobs that ended at `beforeMs` at the latest. */
  async #ended(ids: readonly string[], beforeMs: number): Promise<Map<string, JobRecord>> {
    const last = await recordsById(this.#broker, [...new Set(ids)]);
    const isEnded = ({ status, finishedAt, updatedAt }: JobRecord) =>
      isTerminal(status) && Date.parse(finishedAt ?? updatedAt) <= beforeMs;
    return new Map([...last].filter(([, record]) => isEnded(record)));
  }

  /** Numbers begin anew with a stream that was made again: a job without an id then meets the record of another. */
  #isNamesake({ message, job }: Carried, record: JobRecord): boolean {
    const work = this.#broker.subjects.parseWork(message.subject);
    const isNumbered = work !== undefined && work.id === undefined && sequenceOf(job.id) !== undefined;
    return isNumbered && job.createdAt !== record.createdAt;
  }

  #diagnosis({ kind, message, job }: Carried, record: JobRecord): Diagnosis {
    const { seq, subject } = message;
    const since = record.finishedAt ?? record.updatedAt;
    const what = `${subject} (message ${seq}) is still there, the job is ${record.state} since ${since}`;
    const mend = () => removeMessage(this.#broker, { kind, seq, subject }, record.id);
    return diagnose('message_left_over', job.id, what, mend, { since });
  }
}

/** Whether no worker can ever take a type from this stream. */
function isImpossible(kind: WorkKind, type: string): boolean {
  return !isJobType(type) || !workKindsFor(type).includes(kind);
}

/** Whether it is a due job on its way to its work stream. */
function isDue(subjects: Subjects): (subject: string) => boolean {
  return (subject) => !subjects.isSchedule(subject);
}

/** A timer that fires again and again, or whose message gets an id of its own, belongs to no single job. */
function isRecurring({ subjects }: Broker, { subject, headers }: StoredMessage): boolean {
  if (!subjects.isSchedule(subject)) return false;
  const target = subjects.parseDue(headers.get(Header.SCHEDULE_TARGET));
  return !headers.get(Header.SCHEDULE).startsWith('@at ') || target?.id === undefined;
}
