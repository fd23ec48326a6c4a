import { forgetOldest } from '../../jobs/forget-oldest.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { ImpliedRuns } from '../implied-runs.js';

/** What one record says of times, in milliseconds. */
export interface Times {
  /** The first attempt of the job has begun. */
  isStart?: true;
  /** From when the job could start to when it did. */
  waitMs?: number;
  /** From its first start to its end. */
  runMs?: number;
}

/** Jobs that are remembered between their records; the oldest are forgotten first. */
const MAX_REMEMBERED = 20_000;

/** Tells from a row of records how long jobs waited and ran. */
export class JobTimes {
  /** Jobs whose start was counted, by the time at which their next attempt is due, or 0. */
  readonly #started = new Map<string, number>();
  readonly #runs = new ImpliedRuns();

  /** @param isFirst whether it is the first record of its job, where that is known of itself; else earlier records tell */
  of(record: JobRecord, isFirst?: boolean): Times {
    const run = this.#runs.before(record, isFirst);
    return { ...(run && this.#timesOf(run)), ...this.#timesOf(record, isFirst) };
  }

  #timesOf(record: JobRecord, isFirst?: boolean): Times {
    const { id, state, status, startedAt, updatedAt, finishedAt, nextRunAt } = record;
    const dueMs = this.#started.get(id);
    if (isTerminal(status)) {
      this.#started.delete(id);
      return startedAt === undefined ? {} : { runMs: between(startedAt, finishedAt ?? updatedAt) };
    }
    if (state === 'running') {
      this.#remember(id, 0);
      // A handler that has begun before its claim may have written a checkpoint as its claim, later than it began.
      const isStart = startedAt !== undefined && (startedAt === updatedAt || isFirst === true);
      return { ...(isStart && { isStart }), ...this.#waitOf(record, dueMs, isStart) };
    }
    if (nextRunAt !== undefined) this.#remember(id, Date.parse(nextRunAt));
    // It was handed back, or runs again after its failure: it waits from now on.
    else if (state === 'queued') this.#remember(id, Date.parse(updatedAt));
    return {};
  }

  #waitOf(record: JobRecord, dueMs: number | undefined, isStart: boolean): Times {
    const { createdAt, updatedAt, startedAt = updatedAt, redrives } = record;
    if (dueMs) return { waitMs: Math.max(0, Date.parse(updatedAt) - dueMs) };
    // Of a job that runs again after its failure, the record before says since when it waits.
    return dueMs === undefined && isStart && !redrives ? { waitMs: between(createdAt, startedAt) } : {};
  }

  #remember(id: string, dueMs: number): void {
    this.#started.delete(id);
    this.#started.set(id, dueMs);
    forgetOldest(this.#started, MAX_REMEMBERED);
  }
}

function between(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}
