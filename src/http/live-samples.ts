import { forgetOldest } from '../jobs/forget-oldest.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { ImpliedRuns } from '../queue/implied-runs.js';

/** What one record says of times, in milliseconds. */
export interface Times {
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

  of(record: JobRecord): Times {
    const run = this.#runs.before(record);
    return { ...(run && this.#timesOf(run)), ...this.#timesOf(record) };
  }

  #timesOf(record: JobRecord): Times {
    const { id, state, status, createdAt, startedAt, updatedAt, finishedAt, nextRunAt } = record;
    const dueMs = this.#started.get(id);
    if (isTerminal(status)) {
      this.#started.delete(id);
      return startedAt === undefined ? {} : { runMs: between(startedAt, finishedAt ?? updatedAt) };
    }
    if (state === 'running') {
      this.#remember(id, 0);
      if (dueMs === undefined && startedAt !== undefined) return { waitMs: between(createdAt, startedAt) };
      return dueMs ? { waitMs: Math.max(0, Date.parse(updatedAt) - dueMs) } : {};
    }
    if (nextRunAt !== undefined) this.#remember(id, Date.parse(nextRunAt));
    return {};
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

export interface Percentiles {
  p50: number;
  p95: number;
}

/** Nearest rank; null of nothing. */
export function percentiles(samples: readonly number[]): Percentiles | null {
  if (samples.length === 0) return null;
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number;
  return { p50: at(0.5), p95: at(0.95) };
}
