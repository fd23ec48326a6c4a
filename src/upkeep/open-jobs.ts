import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { forgetOldest } from '../jobs/forget-oldest.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';

export interface OpenJob {
  record: JobRecord;
  seq: number;
}

/** What is kept of an open job: where its message is. Payloads of many waiting jobs would fill the memory. */
export interface OpenJobNote
  extends Pick<JobRecord, 'id' | 'type' | 'priority' | 'state' | 'updatedAt' | 'limited'> {
  nextRunAt: string | undefined;
  workSeq: number | undefined;
  seq: number;
}

/** The event by which a job was taken out of the dead letters. */
export interface Redrive {
  id: string;
  type: string;
  seq: number;
  at: string;
}

const PAGE = 2_000;

/** Follows EVENTS and so knows which jobs are open; of more than `maxOpen` those that are due first. */
export class OpenJobs {
  readonly #broker: Broker;
  readonly #lookBack: number;
  readonly #maxOpen: number;
  readonly #open = new Map<string, OpenJobNote>();
  readonly #redrives = new Map<string, Redrive>();
  #next = 1;

  /** At most the `lookBack` latest events are read at once, and `maxOpen` jobs and redrives remembered. */
  constructor(broker: Broker, lookBack = Number.POSITIVE_INFINITY, maxOpen = Number.POSITIVE_INFINITY) {
    this.#broker = broker;
    this.#lookBack = lookBack;
    this.#maxOpen = maxOpen;
  }

  /** The open jobs as of the last read. One whose end was skipped stands here until {@link note} says better. */
  get open(): OpenJobNote[] {
    return [...this.#open.values()];
  }

  get redrives(): Redrive[] {
    return [...this.#redrives.values()];
  }

  async readOn(): Promise<void> {
    const { subjects, read, topology } = this.#broker;
    const { state } = await topology.streamInfo('events');
    const latest = state.last_seq - this.#lookBack + 1;
    // A stream that was recreated counts from 1 again.
    if (this.#next > state.last_seq + 1) this.#forget();
    this.#next = Math.max(this.#next, state.first_seq, latest);
    let count = 0;
    for await (const message of read.walk(subjects.streamName('events'), '>', this.#next, PAGE)) {
      this.#take(message);
      if (++count % PAGE === 0) this.#trim();
    }
    this.#trim();
  }

  /** What a later read of one job has shown; without a record, that nothing is known of it any more. */
  note(id: string, last: { record?: JobRecord; seq: number } | undefined): void {
    if (!last?.record || isTerminal(last.record.status)) this.#open.delete(id);
    else this.#open.set(id, noteOf(last.record, last.seq));
  }

  done({ id, seq }: Redrive): void {
    if (this.#redrives.get(id)?.seq === seq) this.#redrives.delete(id);
  }

  #take(message: StoredMessage): void {
    const { seq } = message;
    this.#next = seq + 1;
    const record = this.#broker.recordOf(message);
    if (!record) return;
    const { id, type, state, attempt, redrives, updatedAt } = record;
    this.note(id, { record, seq });
    // One that is retried at a pace waits for its timer first.
    const isRedriven = redrives && (state === 'queued' || (state === 'retrying' && attempt === 0));
    if (isRedriven) this.#redrives.set(id, { id, type, seq, at: updatedAt });
  }

  #trim(): void {
    if (this.#open.size > this.#maxOpen) {
      const byDue = [...this.#open.values()].sort((a, b) => dueOf(a) - dueOf(b));
      // Somewhat fewer than allowed, so that not every page sorts them.
      for (const { id } of byDue.slice(Math.ceil(this.#maxOpen * 0.9))) this.#open.delete(id);
    }
    forgetOldest(this.#redrives, this.#maxOpen);
  }

  #forget(): void {
    this.#next = 1;
    this.#open.clear();
    this.#redrives.clear();
  }
}

function dueOf({ updatedAt, nextRunAt }: OpenJobNote): number {
  return Math.max(Date.parse(updatedAt) || 0, Date.parse(nextRunAt ?? '') || 0);
}

function noteOf(record: JobRecord, seq: number): OpenJobNote {
  const { id, type, priority, state, updatedAt, nextRunAt, workSeq, limited } = record;
  return { id, type, priority, state, updatedAt, nextRunAt, workSeq, seq, ...(limited && { limited }) };
}
