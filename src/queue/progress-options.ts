import type { OptionNames } from '../jobs/options.js';

/** For calls that may go over many jobs. */
export interface ProgressOptions {
  /** Called now and then with the number of jobs that are done. What it throws is logged and goes no further. */
  onProgress?: (done: number) => void;
}

export const PROGRESS_OPTIONS: OptionNames<Required<ProgressOptions>> = { onProgress: true };
