/** Counts of one minute, or of several that are added up, in bounded memory. */
import type { JobRecord } from '../../jobs/job-record.js';
import { MAX_HISTORY_ERRORS, MAX_HISTORY_VALUES } from '../../jobs/limits.js';
import { LogHistogram } from '../../jobs/log-histogram.js';
import { DIMENSIONS, type Dimension } from '../../jobs/stats-history.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import type { StoredBreakdown, StoredMinute, StoredTally } from '../../wire/history-message.js';
import type { Times } from '../stats/job-times.js';

/** What is kept of the name of a value. */
const MAX_VALUE = 128;

/** What became of some jobs. */
export class Tally {
  started = 0;
  completed = 0;
  failed = 0;
  cancelled = 0;
  retried = 0;
  readonly wait = new LogHistogram();
  readonly run = new LogHistogram();

  note(record: JobRecord, { isStart, waitMs, runMs }: Times): void {
    const { status, state } = record;
    if (isStart) this.started++;
    if (status === 'completed') this.completed++;
    else if (state === 'cancelled') this.cancelled++;
    else if (status === 'failed') this.failed++;
    else if (isRetry(record)) this.retried++;
    if (waitMs !== undefined) this.wait.add(waitMs);
    if (runMs !== undefined) this.run.add(runMs);
  }

  merge(other: StoredTally): void {
    this.started += other.started;
    this.completed += other.completed;
    this.failed += other.failed;
    this.cancelled += other.cancelled;
    this.retried += other.retried;
    this.wait.merge(other.wait);
    this.run.merge(other.run);
  }

  /** How much it counts for, where there is no room for all. */
  get weight(): number {
    return this.started + this.completed + this.failed + this.cancelled + this.retried;
  }

  stored(): StoredTally {
    const { started, completed, failed, cancelled, retried, wait, run } = this;
    return { started, completed, failed, cancelled, retried, wait: wait.sparse(), run: run.sparse() };
  }
}

/**
 * Tallies by value. Where there is no room for another one, the one that counts least goes into `other`: what stays is what counts most, and
 * its counts are exact as long as it stays.
 */
export class Breakdown {
  readonly #max: number;
  readonly #values = new Map<string, Tally>();
  #other: Tally | undefined;

  constructor(max = MAX_HISTORY_VALUES) {
    this.#max = max;
  }

  get(value: string): Tally | undefined {
    return this.#values.get(value);
  }

  of(value: string): Tally {
    const known = this.#values.get(value);
    if (known) return known;
    if (this.#values.size >= this.#max) this.#dropLeast();
    const tally = new Tally();
    this.#values.set(value, tally);
    return tally;
  }

  merge({ values, other }: StoredBreakdown): void {
    for (const [value, tally] of Object.entries(values)) this.of(value).merge(tally);
    if (other) this.#rest().merge(other);
  }

  /** The one that counts most first. */
  sorted(): [string, Tally][] {
    return [...this.#values].sort(([, a], [, b]) => b.weight - a.weight);
  }

  get other(): Tally | undefined {
    return this.#other;
  }

  stored(): StoredBreakdown {
    const values = Object.fromEntries([...this.#values].map(([value, tally]) => [value, tally.stored()]));
    return { values, ...(this.#other && { other: this.#other.stored() }) };
  }

  #dropLeast(): void {
    let least: [string, Tally] | undefined;
    for (const each of this.#values) if (!least || each[1].weight < least[1].weight) least = each;
    if (!least) return;
    this.#values.delete(least[0]);
    this.#rest().merge(least[1].stored());
  }

  #rest(): Tally {
    this.#other ??= new Tally();
    return this.#other;
  }
}

/** How often each code of an error ended a job; those beyond the limit count as `''`. */
export class ErrorCounts {
  readonly #counts = new Map<string, number>();

  add(code: string, count = 1): void {
    const isKnown = this.#counts.has(code) || this.#counts.size < MAX_HISTORY_ERRORS;
    const name = isKnown ? code : '';
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  merge(counts: Record<string, number>): void {
    for (const [code, count] of Object.entries(counts)) this.add(code, count);
  }

  stored(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([, a], [, b]) => b - a));
  }
}

/** All that is counted of some minutes. */
export class Tallies {
  readonly all = new Tally();
  readonly errors = new ErrorCounts();
  readonly by = Object.fromEntries(DIMENSIONS.map((each) => [each, new Breakdown()])) as Record<
    Dimension,
    Breakdown
  >;

  note(record: JobRecord, times: Times): void {
    if (!isCounted(record, times)) return;
    this.all.note(record, times);
    // One after the other: a tally that counts nothing yet would be dropped for the next one.
    for (const [dimension, value] of valuesOf(record)) this.by[dimension].of(value).note(record, times);
    if (record.status === 'failed' && record.state !== 'cancelled') this.errors.add(record.error?.code ?? '');
  }

  merge(minute: StoredMinute): void {
    this.all.merge(minute.all);
    this.errors.merge(minute.errors);
    for (const dimension of DIMENSIONS) this.by[dimension].merge(minute[dimension]);
  }

  stored(): Pick<StoredMinute, 'all' | 'errors' | Dimension> {
    const { type, priority, worker, tag } = this.by;
    return {
      all: this.all.stored(),
      errors: this.errors.stored(),
      type: type.stored(),
      priority: priority.stored(),
      worker: worker.stored(),
      tag: tag.stored(),
    };
  }
}

/** Whether a record changes any count: one that only goes to sleep does not. */
function isCounted(record: JobRecord, { isStart, waitMs, runMs }: Times): boolean {
  if (isStart || waitMs !== undefined || runMs !== undefined || isTerminal(record.status)) return true;
  return isRetry(record);
}

/**
 * Whether an attempt has failed. A job that is redriven at a pace waits in the same state, without an attempt; and one whose time or priority
 * somebody has changed has its record written again.
 */
function isRetry({ state, attempt, change, updatedAt }: JobRecord): boolean {
  return state === 'retrying' && attempt > 0 && change?.at !== updatedAt;
}

function valuesOf({ type, priority, worker, tags }: JobRecord): [Dimension, string][] {
  const texts: [Dimension, unknown][] = [
    ['type', type],
    ['priority', priority],
    ['worker', worker],
    ...[...new Set(Array.isArray(tags) ? tags : [])].map((tag): [Dimension, unknown] => ['tag', tag]),
  ];
  // A foreign client may have written anything.
  return texts.flatMap(([dimension, value]) =>
    typeof value === 'string' && value !== '' ? [[dimension, value.slice(0, MAX_VALUE)]] : [],
  );
}
