import type { JobRecord } from '../jobs/job-record.js';

/** A job's last event: its record, and the sequence that fences the next transition. */
export interface LastEvent {
  /** Absent when a stranger wrote on the job's subjects and nobody else did. */
  record?: JobRecord;
  seq: number;
}
