import type { Logger } from '../../telemetry/logger.js';
import type { JobContext } from '../job-handler.js';
import type { WorkerHooks } from './worker-hooks.js';

const TRACE_ID = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/**
 * Logs one line for each attempt, once its outcome is stored, with all that there is to count and search by: id, type, priority, attempt,
 * state, how long it waited and ran, the code of its error, and the trace that it is part of. `jetfleet worker` does.
 *
 * @example worker.use(logAttempts(createLogger()))
 */
export function logAttempts(logger: Logger): WorkerHooks {
  const since = new WeakMap<JobContext, number>();
  return {
    name: 'attempt log',
    onClaim: (job, from) => {
      since.set(job, from.since.getTime());
    },
    onSettled: (job, { state, durationMs, error, record }) => {
      const { id: jobId, type, priority, attempt, maxAttempts } = job;
      const from = since.get(job);
      const [, traceId] = TRACE_ID.exec(record.traceparent ?? '') ?? [];
      const line = {
        ...{ jobId, type, priority, attempt, maxAttempts, state },
        ...(from !== undefined && { waitMs: Math.max(0, Date.parse(job.record.updatedAt) - from) }),
        durationMs: Math.round(durationMs),
        ...(error && state !== 'completed' && { code: error.code }),
        ...(record.parentId !== undefined && { parentId: record.parentId }),
        ...(traceId !== undefined && { traceId }),
      };
      logger.info(line, 'attempt ended');
    },
  };
}
