import type { Broker } from '../broker/broker.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal, type JobState } from '../jobs/vocabulary.js';
import { type WorkKind, workKindsFor } from '../wire/subjects.js';
import { type Diagnosis, diagnose } from './finding.js';
import { publishAgain, queueAgain, removeFailure, setTimerAgain } from './mend-job.js';
import type { OpenJob } from './open-job.js';

export interface JobCheckOptions {
  /** How long past its time a job may be before it is looked into, in milliseconds. Defaults to one minute. */
  graceMs?: number;
  /** How many of the latest events the first look reads. Defaults to all. */
  lookBack?: number;
}

const PAGE = 500;
export const DEFAULT_JOB_GRACE_MS = 60_000;
/** A running job shows no sign of life but its message, so nothing is concluded before several leases are over. */
const LEASES = 4;

/**
 * Finds jobs that nothing will bring on: no message, no timer. It reads each event once, in order, and so knows which
 * jobs are open; only those that are overdue cost more.
 */
export class JobCheck {
  readonly #broker: Broker;
  readonly #graceMs: number;
  readonly #lookBack: number;
  readonly #open = new Map<string, OpenJob>();
  #next: number | undefined;

  constructor(broker: Broker, { graceMs = DEFAULT_JOB_GRACE_MS, lookBack }: JobCheckOptions = {}) {
    this.#broker = broker;
    this.#graceMs = graceMs;
    this.#lookBack = lookBack ?? Number.POSITIVE_INFINITY;
  }

  async look(): Promise<Diagnosis[]> {
    const found = await this.#readEvents();
    const { ackWaitMs } = await this.#broker.topology.effective();
    const now = Date.now();
    for (const job of this.#open.values()) {
      if (now - dueMs(job.record, ackWaitMs) < this.#graceMs) continue;
      const diagnosis = await this.#examine(job);
      if (diagnosis) found.push(diagnosis);
    }
    return found;
  }

  async #readEvents(): Promise<Diagnosis[]> {
    const { subjects, read, topology } = this.#broker;
    const { state } = await topology.streamInfo('events');
    const from = Math.max(this.#next ?? 1, state.first_seq, state.last_seq - this.#lookBack + 1);
    const found: Diagnosis[] = [];
    for (let seq = from; ; ) {
      const page = await read.page(subjects.streamName('events'), subjects.event('*', '*', '*'), seq, PAGE);
      for (const message of page) {
        const record = this.#broker.recordOf(message);
        if (!record) continue;
        if (isTerminal(record.status)) this.#open.delete(record.id);
        else this.#open.set(record.id, { record, seq: message.seq });
        if (record.state === 'queued' && record.redrives)
          found.push(...(await this.#leftOver(record, message.seq)));
      }
      const last = page.at(-1);
      if (last) this.#next = last.seq + 1;
      if (!last || page.length < PAGE) return found;
      seq = last.seq + 1;
    }
  }

  /** A redrive removes the failure that it follows; one that died before that leaves the job in two lists. */
  async #leftOver({ id, type }: JobRecord, seq: number): Promise<Diagnosis[]> {
    const { subjects, read } = this.#broker;
    const failure = await read.last(subjects.streamName('events'), subjects.event(type, 'failed', id));
    if (!failure || failure.seq > seq) return [];
    const message = `event ${failure.seq} says FAILED, event ${seq} that it was retried`;
    return [diagnose('failure_left_over', id, message, () => removeFailure(this.#broker, failure.seq))];
  }

  async #examine(job: OpenJob): Promise<Diagnosis | undefined> {
    const { record, seq } = job;
    if (await this.#isCarried(record)) return undefined;
    // It may have moved on between the two looks.
    const last = await this.#broker.lastEvent(record.id);
    if (last?.seq !== seq) return undefined;
    const since = `${record.state} since ${record.updatedAt}`;
    switch (record.state) {
      case 'running':
        return diagnose(
          'processing_stale',
          record.id,
          `${since} by ${record.worker}, and its message is gone`,
          () => queueAgain(this.#broker, job),
        );
      case 'queued':
        return diagnose('job_without_message', record.id, `${since}, and no message is in the stream`, () =>
          publishAgain(this.#broker, job),
        );
      default:
        return diagnose(
          'job_without_timer',
          record.id,
          `${since}, due at ${record.nextRunAt}, and has no timer`,
          () => setTimerAgain(this.#broker, job),
        );
    }
  }

  /** Whether a work message or a timer will bring the job to a worker. */
  async #isCarried(record: JobRecord): Promise<boolean> {
    for (const kind of workKindsFor(record.type)) {
      if (await this.#isCarriedBy(kind, record)) return true;
    }
    return false;
  }

  /** The message is looked for before and after the timer, which may fire, or be set, between two looks. */
  async #isCarriedBy(kind: WorkKind, record: JobRecord): Promise<boolean> {
    if (await this.#hasMessage(kind, record)) return true;
    if (!TIMED.has(record.state)) return false;
    return (await this.#hasTimer(kind, record)) || (await this.#hasMessage(kind, record));
  }

  async #hasMessage(kind: WorkKind, { id, type, priority, workSeq }: JobRecord): Promise<boolean> {
    const { subjects, read } = this.#broker;
    const stream = subjects.streamName(kind);
    if (await read.last(stream, subjects.work({ kind, priority, type, id }))) return true;
    if (workSeq === undefined) return false;
    // Published without an id, so that its subject does not name it.
    const message = await read.bySequence(stream, workSeq);
    return message?.subject === subjects.work({ kind, priority, type });
  }

  async #hasTimer(kind: WorkKind, { id, type, priority }: JobRecord): Promise<boolean> {
    const { subjects, read } = this.#broker;
    const address = { kind, priority, type, id };
    const timers = [
      subjects.timer('retrying', address),
      subjects.timer('waiting', address),
      subjects.schedule(kind, id),
    ];
    const found = await Promise.all(timers.map((timer) => read.last(subjects.streamName(kind), timer)));
    return found.some((timer) => timer !== undefined);
  }
}

const TIMED: ReadonlySet<JobState> = new Set(['scheduled', 'retrying', 'waiting']);

/** From when on somebody should have done something about the job. */
function dueMs({ state, nextRunAt, updatedAt }: JobRecord, ackWaitMs: number): number {
  const updated = Date.parse(updatedAt);
  if (state === 'running') return updated + LEASES * ackWaitMs;
  return Math.max(updated, nextRunAt === undefined ? 0 : Date.parse(nextRunAt));
}
