/** Which ended jobs a cleanup may remove, besides their age. */
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { checkInteger } from '../../jobs/numbers.js';
import { assertOptions, checkBoolean, type OptionNames } from '../../jobs/options.js';
import { assertJobType } from '../../jobs/validation.js';
import { JobStatus } from '../../jobs/vocabulary.js';
import { PROGRESS_OPTIONS, type ProgressOptions } from '../progress-options.js';

/** The ends of jobs. */
export type EndStatus = (typeof JobStatus)['COMPLETED' | 'FAILED'];
export const END_STATUSES: readonly EndStatus[] = [JobStatus.COMPLETED, JobStatus.FAILED];

/** Which jobs a cleanup removes. */
export interface CleanupOptions extends ProgressOptions {
  /** Only jobs of this type. Defaults to all. */
  type?: string;
  /** Only jobs that ended so: `completed` or `failed`. Defaults to both. */
  status?: EndStatus;
  /** How many of the type stay that ended last, of each status; those that are young enough stay in any case. Defaults to none. */
  keep?: number;
  /** Removes no more than so many, of each status oldest first, such as those that a `dryRun` has counted. Defaults to no limit. */
  atMost?: number;
  /** Counts the jobs, and removes none. Defaults to false. */
  dryRun?: boolean;
}

const CLEANUP_OPTIONS: OptionNames<Required<CleanupOptions>> = {
  ...PROGRESS_OPTIONS,
  type: true,
  status: true,
  keep: true,
  atMost: true,
  dryRun: true,
};

/** @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_TYPE_INVALID` */
export function checkCleanup(options: CleanupOptions): void {
  assertOptions('options', options, CLEANUP_OPTIONS);
  const { type, status, keep, atMost } = options;
  if (type !== undefined) assertJobType(type);
  if (status !== undefined && !END_STATUSES.includes(status))
    throw invalidOption(`status ${quoted(status)} must be completed or failed: other jobs have not ended`);
  checkInteger('keep', keep, 0);
  checkInteger('atMost', atMost, 1);
  checkBoolean('dryRun', options.dryRun);
  if (keep !== undefined && type === undefined)
    throw invalidOption(`keep ${keep} needs a type: it counts the jobs of one type`);
  if (atMost !== undefined && type === undefined && status === undefined)
    throw invalidOption(`atMost ${atMost} needs a type or a status: without them all ended jobs are removed`);
}
