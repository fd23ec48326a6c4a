import type { Broker } from '../broker/broker.js';
import type { JobDefinition } from '../jobs/define-job.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { After, KnownJobs } from '../jobs/known-jobs.js';
import type { WorkKind } from '../jobs/vocabulary.js';

/** Which of some finished jobs must stay, for a reason that their own messages do not show. */
export type OwnersAmong = (finished: readonly JobRecord[]) => Promise<ReadonlySet<JobRecord>>;

/** Makes that for one cleanup at `nowMs`. */
export type OwnersToKeep = (broker: Broker, nowMs: number) => OwnersAmong;

/** What a product brings to every queue, whether or not a worker runs its jobs there. */
export interface QueueExtension {
  readonly jobs: readonly JobDefinition[];
  /** The work stream of these jobs. Every process must say the same. Defaults to `jobs`. */
  readonly stream?: WorkKind;
  /** Which jobs follow from the end of a job of any type. */
  readonly afterEach?: After;
  /** Which finished jobs a cleanup leaves. Defaults to none. */
  readonly ownersToKeep?: OwnersToKeep;
}

export function install(known: KnownJobs, { jobs, stream, afterEach }: QueueExtension): void {
  for (const job of jobs) {
    known.add(job);
    if (stream) known.setStream(job.type, stream);
  }
  if (afterEach) known.addAfterEach(afterEach);
}
