import type { JobRecord } from '../jobs/job-record.js';

/** A job that had not ended when its last event was read. */
export interface OpenJob {
  record: JobRecord;
  /** Sequence of its last event. */
  seq: number;
}
