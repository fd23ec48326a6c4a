import type { Logger } from '../../telemetry/logger.js';
import type { JobContext } from '../job-handler.js';
import type { ClaimedFrom, WorkerHooks } from './worker-hooks.js';

/** Levels at which no line of `info` is written. */
const QUIET: ReadonlySet<string> = new Set(['warn', 'error', 'fatal', 'silent']);
const TRACE_ID = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/**
 * Logs one line for each attempt, once its outcome is stored, with all that there is to count and search by: id, type, priority, attempt,
 * state, how long it waited and ran, the code of its error, and the trace that it is part of. `jetfleet worker --log-attempts` does. At a level
 * above `info` it does nothing.
 *
 * @example worker.use(logAttempts(createLogger()))
 */
export function logAttempts(logger: Logger): WorkerHooks {
  const claims = new WeakMap<JobContext, ClaimedFrom>();
  return {
    name: 'attempt log',
    onClaim: (job, from) => {
      // A level may change while a worker runs.
      if (!QUIET.has(logger.level)) claims.set(job, from);
    },
    onSettled: (job, { state, durationMs, error }) => {
      const from = claims.get(job);
      if (!from) return;
      const { id: jobId, type, priority, attempt, maxAttempts } = job;
      const { waitedMs: waitMs, parentId, traceparent } = from;
      const traceId = traceparent === undefined ? undefined : TRACE_ID.exec(traceparent)?.[1];
      const line = {
        ...{ jobId, type, priority, attempt, maxAttempts, state, waitMs, durationMs: Math.round(durationMs) },
        ...(error && state !== 'completed' && { code: error.code }),
        ...(parentId !== undefined && { parentId }),
        ...(traceId !== undefined && { traceId }),
      };
      logger.info(line, 'attempt ended');
    },
  };
}
