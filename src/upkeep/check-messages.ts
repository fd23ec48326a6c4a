import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { isJobType, isTerminal, STATUSES } from '../jobs/vocabulary.js';
import { pendingRecordOf } from '../queue/job-lookup.js';
import { broughtBy } from '../queue/list/work-jobs.js';
import { coveringConsumers } from '../queue/retention/acknowledged-messages.js';
import { isOfNamesake, reasonToKeepMessage } from '../queue/retention/purgeable.js';
import { sumOf } from '../queue/stats/sum-of.js';
import { uncoveredTypes } from '../queue/stats/unhandled-types.js';
import { Header } from '../wire/headers.js';
import { ANY, type StreamKind, type Subjects, WORK_KINDS, type WorkKind } from '../wire/subjects.js';
import { type Diagnosis, diagnose } from './finding.js';
import { failImpossible, removeMessage } from './mend-job.js';

/** As many jobs as the broker tells the last events of in one request. */
const PAGE = 256;
/** Bodies that are read at a time, where there is a limit; an accepted payload may have half a megabyte. */
const MAX_BYTES = 64 * 1024 * 1024;

const ENDED = STATUSES.filter(isTerminal);

/** The streams of such messages. */
export const MESSAGE_KINDS = ['timers', ...WORK_KINDS] as const;
type MessageKind = (typeof MESSAGE_KINDS)[number];

type IsCovered = (subject: string) => boolean;

/**
 * Finds timers of jobs that have ended, and messages that no consumer covers, or can ever cover. The rest is left to the workers:
 * taking it away could make nats-server forget others (decision 15). A check goes on where the last one ended.
 */
export class MessageCheck {
  readonly #broker: Broker;
  readonly #limit: number;
  readonly #next = { timers: 1, jobs: 1, webhooks: 1 };

  /** @param limit how many messages of a stream are read at a time at most. Defaults to all */
  constructor(broker: Broker, limit = Number.POSITIVE_INFINITY) {
    this.#broker = broker;
    this.#limit = limit;
  }

  /** @param graceMs how long a job must have ended, and its message have been there */
  async run(kind: MessageKind, graceMs: number): Promise<Diagnosis[]> {
    const { subjects, read, clock } = this.#broker;
    const beforeMs = clock.now() - graceMs;
    const found: Diagnosis[] = [];
    const from = this.#next[kind];
    this.#next[kind] = 1;
    // What is due is on its way to its work stream.
    const isDue: IsCovered = (subject) => !subjects.isSchedule(subject);
    const isCovered = kind === 'timers' ? isDue : await this.#coverageOf(kind);
    if (!isCovered) return found;
    let left = this.#limit;
    let bytesLeft = Number.isFinite(left) ? MAX_BYTES : left;
    for await (const page of read.pages(subjects.streamName(kind), '>', from, PAGE)) {
      const uncovered = page.filter(({ subject }) => !isCovered(subject));
      if (kind !== 'timers') found.push(...uncovered.flatMap((message) => this.#ofImpossible(kind, message)));
      found.push(...(await this.#leftOver(kind, uncovered, beforeMs)));
      left -= page.length;
      bytesLeft -= sumOf(page.map(({ data }) => data.length));
      if (left > 0 && bytesLeft > 0) continue;
      this.#next[kind] = (page.at(-1)?.seq ?? 0) + 1;
      break;
    }
    return found;
  }

  /** Which subjects some consumer hands out. Undefined where all else only waits for workers, so that it need not be read. */
  async #coverageOf(kind: WorkKind): Promise<IsCovered | undefined> {
    const { subjects, read } = this.#broker;
    const stream = subjects.streamName(kind);
    const total = await read.count(stream, '>');
    const consumers = await coveringConsumers(this.#broker, kind);
    const covered = await Promise.all(consumers.map(({ filter }) => read.count(stream, filter)));
    const uncovered = total - sumOf(covered);
    const types = new Set(consumers.map(({ type }) => type));
    if (uncovered <= 0 || (await this.#onlyWait(kind, types, uncovered))) return undefined;
    const names = new Set(consumers.map(({ name }) => name));
    return (subject) => {
      const work = subjects.parseWork(subject);
      return work !== undefined && names.has(subjects.consumerName(work.type, work.priority));
    };
  }

  /** Whether all that no consumer covers is of types that a worker may have some day, and of which no job has ended. */
  async #onlyWait(kind: WorkKind, covered: ReadonlySet<string>, uncovered: number): Promise<boolean> {
    const { subjects, counts } = this.#broker;
    const { types, unknown } = await uncoveredTypes(this.#broker, kind, covered, true);
    if (unknown > 0 || [...types.keys()].some((type) => isImpossible(subjects, kind, type))) return false;
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
    if (type === undefined || !isImpossible(this.#broker.subjects, kind, type)) return [];
    const job = pendingRecordOf(this.#broker, message);
    if (!job) return [];
    const what = `${subject} (message ${seq}): no worker can have the type ${type}`;
    const mend = () => failImpossible(this.#broker, { kind, seq, subject }, job);
    return [diagnose('type_impossible', job.id, what, mend, { since: job.createdAt })];
  }

  /** Those of the messages that are purgeable, since their jobs have ended. */
  async #leftOver(kind: StreamKind, messages: StoredMessage[], beforeMs: number): Promise<Diagnosis[]> {
    const broker = this.#broker;
    const old = messages.filter(({ timeMs }) => timeMs <= beforeMs);
    return (await broughtBy(broker, old)).flatMap(({ message, job, record: named }) => {
      const { seq, subject } = message;
      const record = job && named && !isOfNamesake(broker.subjects, message, job, named) ? named : undefined;
      const isRecurring = isRecurringTimer(broker, message);
      const facts = { seq, place: 'uncovered', job, isRecurring, record, endedByMs: beforeMs } as const;
      if (!record || reasonToKeepMessage(facts)) return [];
      const since = record.finishedAt ?? record.updatedAt;
      const what = `${subject} (message ${seq}) is still there, the job is ${record.state} since ${since}`;
      const mend = () => removeMessage(broker, { kind, seq, subject }, record.id);
      return [diagnose('message_left_over', record.id, what, mend, { since })];
    });
  }
}

function isImpossible(subjects: Subjects, kind: WorkKind, type: string): boolean {
  return !isJobType(type) || !subjects.workKindsFor(type).includes(kind);
}

/** A timer that fires again and again, or whose message gets an id of its own, belongs to no single job. */
function isRecurringTimer({ subjects }: Broker, { subject, headers }: StoredMessage): boolean {
  if (!subjects.isSchedule(subject)) return false;
  const target = subjects.parseDue(headers.get(Header.SCHEDULE_TARGET));
  return !headers.get(Header.SCHEDULE).startsWith('@at ') || target?.id === undefined;
}
