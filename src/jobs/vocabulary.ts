/** The words every layer and every language shares. As tokens of NATS subjects their spelling is part of the wire contract. */

/** The work streams: most jobs, and webhooks, so that a dead endpoint never competes with other work. */
export const WORK_KINDS = ['jobs', 'webhooks'] as const;
export type WorkKind = (typeof WORK_KINDS)[number];

/** Strict order: a worker starts a lower priority only when no higher one waits. */
export const JobPriority = {
  CRITICAL: 'critical',
  HIGH: 'high',
  NORMAL: 'normal',
  LOW: 'low',
} as const;
export type JobPriority = (typeof JobPriority)[keyof typeof JobPriority];

/** Every priority, highest first: the order in which workers ask for work. */
export const PRIORITIES: readonly JobPriority[] = ['critical', 'high', 'normal', 'low'];

export const JobStatus = {
  PENDING: 'pending',
  PROCESSING: 'processing',
  COMPLETED: 'completed',
  FAILED: 'failed',
} as const;
export type JobStatus = (typeof JobStatus)[keyof typeof JobStatus];

export const STATUSES: readonly JobStatus[] = ['pending', 'processing', 'completed', 'failed'];

/**
 * Where a job stands inside its status; the nested states of the `job` chart.
 *
 * - pending: `queued` (a work message waits), `scheduled` (a broker timer waits), `retrying` (a timer for the
 *   next attempt waits)
 * - processing: `running` (a worker holds it), `waiting` (it hibernates until a broker timer)
 * - completed
 * - failed: `exhausted` (no attempt left), `rejected` (invalid, or refused for good), `timed_out`, `expired` (it waited longer than
 *   it may), `cancelled`
 */
export type JobState =
  | 'queued'
  | 'scheduled'
  | 'retrying'
  | 'running'
  | 'waiting'
  | 'completed'
  | 'exhausted'
  | 'rejected'
  | 'timed_out'
  | 'expired'
  | 'cancelled';

const STATUS_OF: Record<JobState, JobStatus> = {
  queued: 'pending',
  scheduled: 'pending',
  retrying: 'pending',
  running: 'processing',
  waiting: 'processing',
  completed: 'completed',
  exhausted: 'failed',
  rejected: 'failed',
  timed_out: 'failed',
  expired: 'failed',
  cancelled: 'failed',
};

export const STATES = Object.keys(STATUS_OF) as readonly JobState[];

export function statusOf(state: JobState): JobStatus {
  return STATUS_OF[state];
}

/** True for COMPLETED and FAILED: no worker will touch the job again. */
export function isTerminal(status: JobStatus): boolean {
  return status === 'completed' || status === 'failed';
}

const JOB_TYPE = /^[a-z][a-z0-9_]{0,63}$/;

/** True for 1 to 64 of `[a-z0-9_]`, starting with a letter. */
export function isJobType(value: unknown): value is string {
  return typeof value === 'string' && JOB_TYPE.test(value);
}

export function isPriority(value: unknown): value is JobPriority {
  return (PRIORITIES as readonly unknown[]).includes(value);
}

export function isState(value: unknown): value is JobState {
  return typeof value === 'string' && Object.hasOwn(STATUS_OF, value);
}

export function isStatus(value: unknown): value is JobStatus {
  return (STATUSES as readonly unknown[]).includes(value);
}

/**
 * What the failure of a job means to those that run after it.
 *
 * - `fail`: they never start, what runs is cancelled, and the whole FAILS
 * - `continue`: they run, and see the failure among their results
 * - `ignore`: they run, and do not see it
 */
export const OnFailure = { FAIL: 'fail', CONTINUE: 'continue', IGNORE: 'ignore' } as const;
export type OnFailure = (typeof OnFailure)[keyof typeof OnFailure];
