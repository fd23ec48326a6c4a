import type { JobRecord } from '../../jobs/job-record.js';
import { parseLimitName } from '../../jobs/limit.js';
import type { JobContext } from '../job-handler.js';
import type { WorkerServices } from '../worker-services.js';

interface CallingJob {
  readonly record: JobRecord;
  readonly signal: AbortSignal;
}

/** Calls of a job under limits: by what `queue.limits.set` has said, else the settings of the call, else those of the worker. */
export function callerOf(
  { liveLimits, limits, worker }: WorkerServices,
  job: CallingJob,
): JobContext['limit'] {
  return async (text, call, settings) => {
    const { name } = parseLimitName(text);
    const { id, type, priority } = job.record;
    const caller = { job: id, worker, priority, turn: type, signal: job.signal };
    return liveLimits().run(text, settings ?? limits.get(name), caller, call);
  };
}
