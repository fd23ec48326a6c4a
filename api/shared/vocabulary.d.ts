/** The words every layer and every language shares. As tokens of NATS subjects their spelling is part of the wire contract. */
/** The work streams: most jobs, and webhooks, so that a dead endpoint never competes with other work. */
declare const WORK_KINDS: readonly ['jobs', 'webhooks'];
type WorkKind = (typeof WORK_KINDS)[number];
/** Strict order: a worker starts a lower priority only when no higher one waits. */
declare const JobPriority: {
    readonly CRITICAL: 'critical';
    readonly HIGH: 'high';
    readonly NORMAL: 'normal';
    readonly LOW: 'low';
};
type JobPriority = (typeof JobPriority)[keyof typeof JobPriority];
declare const JobStatus: {
    readonly PENDING: 'pending';
    readonly PROCESSING: 'processing';
    readonly COMPLETED: 'completed';
    readonly FAILED: 'failed';
};
type JobStatus = (typeof JobStatus)[keyof typeof JobStatus];
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
type JobState = 'queued' | 'scheduled' | 'retrying' | 'running' | 'waiting' | 'completed' | 'exhausted' | 'rejected' | 'timed_out' | 'expired' | 'cancelled';
/**
 * What the failure of a job means to those that run after it.
 *
 * - `fail`: they never start, what runs is cancelled, and the whole FAILS
 * - `continue`: they run, and see the failure among their results
 * - `ignore`: they run, and do not see it
 */
declare const OnFailure: {
    readonly FAIL: 'fail';
    readonly CONTINUE: 'continue';
    readonly IGNORE: 'ignore';
};
type OnFailure = (typeof OnFailure)[keyof typeof OnFailure];

export { JobPriority, JobStatus, OnFailure };
export type { JobState, WorkKind };
