import type { JobErrorInfo } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { shownError } from '../../jobs/shown-job.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import type { Logger } from '../../telemetry/logger.js';

/** Logs an attempt that failed: one line, a warning while another attempt follows, and an error for the last one. */
export function reportFailure(logger: Logger, record: JobRecord, failure: JobErrorInfo): void {
  const { state, status, attempt, maxAttempts, nextRunAt } = record;
  const { code, message, stack } = shownError(failure);
  // The logger names the attempt.
  const facts = { code, maxAttempts, state, nextRunAt, stack };
  if (state === 'retrying') logger.warn(facts, `attempt ${attempt} of ${maxAttempts} failed: ${message}`);
  else if (isTerminal(status) && state !== 'cancelled')
    logger.error(facts, `the job failed in attempt ${attempt} of ${maxAttempts}: ${message}`);
}
