/**
 * A new job that ends before its claim was due writes its outcome alone. That it ran, and since when, stands in the
 * outcome; whoever shows the steps of a job adds that one here.
 */
import { forgetOldest } from '../jobs/forget-oldest.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';

/** Jobs whose start is remembered; the oldest are forgotten first. */
const MAX_REMEMBERED = 20_000;

/** Finds, in records in their order, those that stand for a run without a record of its own. */
export class ImpliedRuns {
  readonly #started = new Set<string>();

  /**
   * @param isFirst whether it is the first record of its job, where that is known of itself; else earlier records tell
   * @returns the record that the claim of the run would have written, to be shown before this one
   */
  before(record: JobRecord, isFirst?: boolean): JobRecord | undefined {
    const { id, startedAt, status } = record;
    const isKnown = this.#started.delete(id);
    if (startedAt !== undefined && !isTerminal(status)) this.#started.add(id);
    forgetOldest(this.#started, MAX_REMEMBERED);
    // Later attempts have their claims written.
    const isUnclaimed = (isFirst ?? !isKnown) && record.attempt === 1;
    return isUnclaimed && startedAt !== undefined && !isClaim(record)
      ? claimOf(record, startedAt)
      : undefined;
  }
}

/** A job that is handed back has its attempt back as well. */
function isClaim({ state }: JobRecord): boolean {
  return state === 'running' || state === 'queued' || state === 'scheduled';
}

function claimOf(record: JobRecord, startedAt: string): JobRecord {
  const { result: _, error: __, next: ___, finishedAt: ____, nextRunAt: _____, ...kept } = record;
  return { ...kept, status: 'processing', state: 'running', updatedAt: startedAt };
}
