import { assertDefinition, type JobDefinition } from '../../jobs/define-job.js';
import { defined } from '../../jobs/defined.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import {
  assertScheduleName,
  checkedRules,
  type ScheduleOptions,
  type ScheduleRules,
} from '../../jobs/schedule.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import { type CheckedJob, checkJob } from '../job-request.js';

/** What each tick starts, and how the schedule fires. */
export interface CheckedSchedule extends CheckedJob {
  rules: ScheduleRules;
}

/** Checks what a caller asks for, before anything is sent. @throws ValidationError */
export function checkSchedule(
  known: KnownJobs,
  name: string,
  job: JobDefinition | string,
  payload: unknown,
  options: ScheduleOptions,
  nowMs: number,
): CheckedSchedule {
  assertScheduleName(name);
  const rules = checkedRules(options, nowMs);
  if (typeof job !== 'string') {
    assertDefinition(job);
    known.add(job);
  }
  const { priority = JobPriority.NORMAL, maxAttempts, timeoutMs, webhookUrl } = options;
  const { traceparent, tracestate } = options;
  const jobOptions = defined({ maxAttempts, timeoutMs, webhookUrl, traceparent, tracestate });
  const type = typeof job === 'string' ? job : job.type;
  return { ...checkJob(known, type, payload, priority, jobOptions, nowMs), rules };
}
