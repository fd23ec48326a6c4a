import type { NewJob } from '../jobs/job-options.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { isJobType, isPriority, JobPriority } from '../jobs/vocabulary.js';
import type { TracedJobs } from '../telemetry/tracing.js';

/** What stands for a type or a priority that is none: what a caller gives in its place may be of any length, and anything. */
const INVALID = 'other';

/** How many jobs of each type and priority a call adds. What is wrong with them is said later, by the check of the jobs. */
export function tracedJobs(known: KnownJobs, jobs: readonly unknown[]): TracedJobs[] {
  const found = new Map<string, TracedJobs>();
  for (const job of jobs) {
    const given = Object(job) as Partial<NewJob>;
    const type = isJobType(given.type) ? given.type : INVALID;
    const { priority: asked = JobPriority.NORMAL } = given;
    const priority = isPriority(asked) ? asked : INVALID;
    const key = `${priority} ${type}`;
    const one = found.get(key);
    if (one) one.count++;
    else found.set(key, { type, priority, count: 1, stream: known.streamOf(type) });
  }
  return [...found.values()];
}

/** Whether the context of the call is to go with a job. What is no object is refused as it was given. */
export function isWithoutTrace(job: unknown): boolean {
  return typeof job === 'object' && job !== null && (job as NewJob).traceparent === undefined;
}
