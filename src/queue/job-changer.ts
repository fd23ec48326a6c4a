import { assertJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { assertPriority } from '../jobs/validation.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import { AuditTrail } from './audit/audit-trail.js';
import { changeJob } from './change/change-job.js';
import {
  type ChangeOptions,
  checkChange,
  checkReschedule,
  type RescheduleOptions,
} from './change/wanted-change.js';
import { JobReader } from './job-reader.js';

/** The part of the queue that changes when, or in which order, a job that waits will run. */
export class JobChanger extends JobReader {
  /** Who did what over HTTP and on the dashboard: `list`. */
  readonly audit = new AuditTrail((work) => this.use(work));

  /**
   * Gives a job that waits another priority; it stands last among the jobs of that. A delayed or retrying job keeps its time.
   * @returns the record afterwards
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job runs or may have begun, has
   *   ended, or waits for a signal or other jobs
   * @throws ValidationError `JETFLEET_PRIORITY_INVALID`, `JETFLEET_OPTION_INVALID`
   */
  async setPriority(id: string, priority: JobPriority, options: ChangeOptions = {}): Promise<JobRecord> {
    assertJobId(id);
    assertPriority(priority);
    const wanted = { ...checkChange(options), what: 'priority', priority } as const;
    return this.use((broker) => changeJob(broker, id, wanted));
  }

  /**
   * Has a job run now that is scheduled, retrying or asleep, as far as its priority and a pause allow. One that is queued stays as it is.
   * @returns the record afterwards
   * @throws as {@link setPriority} does
   */
  async promote(id: string, options: ChangeOptions = {}): Promise<JobRecord> {
    assertJobId(id);
    const wanted = { ...checkChange(options), what: 'promoted', atMs: (nowMs: number) => nowMs } as const;
    return this.use((broker) => changeJob(broker, id, wanted));
  }

  /**
   * Moves a job that waits to another time, sooner or later; also one that is queued, which leaves the queue until then.
   * @example await queue.reschedule('order-42', {delayMs: 60_000})
   * @returns the record afterwards
   * @throws as {@link setPriority} does
   * @throws ValidationError `JETFLEET_OPTION_INVALID`, also for a time that is past
   */
  async reschedule(id: string, options: RescheduleOptions): Promise<JobRecord> {
    assertJobId(id);
    const wanted = checkReschedule(options);
    return this.use((broker) => changeJob(broker, id, wanted));
  }
}
