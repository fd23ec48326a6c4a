import { invalidOption } from '../jobs/errors.js';
import { assertJobId } from '../jobs/job-id.js';
import { checkNumber } from '../jobs/numbers.js';
import { assertArray } from '../jobs/options.js';
import type { Retention } from '../jobs/retention.js';
import { JobChanger } from './job-changer.js';
import type { ProgressOptions } from './progress-options.js';
import { applyRetention } from './retention/apply-retention.js';
import { type CleanupOptions, checkCleanup } from './retention/cleanup-filter.js';
import { type DeletedJobs, deleteJobs } from './retention/delete-jobs.js';
import { cleanupJobs } from './retention/job-cleanup.js';
import { cleanupSome } from './retention/selective-cleanup.js';

const DEFAULT_CLEANUP_AGE_MS = 24 * 60 * 60 * 1000;
/** Most jobs that are removed by their ids at once. */
const MOST_DELETED = 1_000;

/** The part of the queue that removes jobs which have ended. */
export class JobRemover extends JobChanger {
  /**
   * Removes the records of jobs that finished more than `olderThanMs` ago. Takes 9 s more where a cancelled job is among them: a worker may
   * have its message this moment.
   * @param olderThanMs defaults to 24 hours
   * @param options of which type and status, and how many of these stay; see {@link CleanupOptions}
   * @returns how many jobs were removed, or with `dryRun` would be
   */
  async cleanup(olderThanMs: number = DEFAULT_CLEANUP_AGE_MS, options: CleanupOptions = {}): Promise<number> {
    checkCleanup(options);
    checkNumber('olderThanMs', olderThanMs, 0, Number.MAX_SAFE_INTEGER);
    const { type, status, dryRun } = options;
    const onProgress = this.teller(options);
    const isSome = type !== undefined || status !== undefined;
    return this.use((broker) =>
      isSome
        ? cleanupSome(broker, olderThanMs, { ...options, onProgress }, this.ownersToKeep)
        : cleanupJobs(broker, olderThanMs, this.ownersToKeep, { onProgress, dryRun: dryRun === true }),
    );
  }

  /**
   * Removes jobs that have ended, with all that is stored of them, at most 1,000 at once. One stays that may still own an instance.
   * @returns those that are gone, and of each other one why it stays
   * @throws ValidationError `JETFLEET_ID_INVALID`, `JETFLEET_OPTION_INVALID`
   */
  async deleteJobs(ids: readonly string[]): Promise<DeletedJobs> {
    assertArray('ids', ids);
    for (const id of ids) assertJobId(id);
    if (ids.length > MOST_DELETED)
      throw invalidOption(`${ids.length} ids are too many at once; give ${MOST_DELETED} at most`);
    return this.use((broker) => deleteJobs(broker, ids, this.ownersToKeep));
  }

  /**
   * Removes the ended jobs that the `retention` of their types lets go. Workers and `jetfleet server` do so by themselves every few
   * minutes, so there is no need to call it.
   * @returns how many jobs were removed
   */
  async applyRetention(): Promise<number> {
    return this.use((broker) => applyRetention(broker, this.ownersToKeep));
  }

  /**
   * What types keep that do not say so themselves.
   * @internal
   */
  get retention(): Retention | undefined {
    return this.options.retention;
  }

  protected teller({ onProgress }: ProgressOptions): (done: number) => void {
    return (done) => onProgress && this.userCode.run('onProgress', () => onProgress(done));
  }
}
