/**
 * Jetfleet: a durable, priority-ordered job queue for GPU instance operations on NATS JetStream.
 *
 * `JobQueueService` adds jobs and tells about them, `JobWorkerService` runs them; `gpuInstances` and `webhooks` bring it the
 * types that Jetfleet is made for. Providers are in `jetfleet/gpu`,
 * webhook signing and verifying in `jetfleet/webhooks`, the statecharts in `jetfleet/machines`, their
 * drawings and who runs them in `jetfleet/inspect`, and a nats-server for development and tests in `jetfleet/embedded`.
 */
export type { NatsConnection } from './broker/connection/connection.js';
export type { EventHandler, EventMeta, EventSubscription } from './broker/consume/event-consumer.js';
export type { EventDeadLetter } from './broker/consume/event-dead-letters.js';
export type { EventFilter, EventOptions } from './broker/consume/event-options.js';
export { type Drift, formatDrift } from './broker/topology/drift.js';
export type { TopologyReport } from './broker/topology/report.js';
export { type DoctorOptions, type Examination, examine } from './doctor/doctor.js';
export { callbackToken } from './instances/callback-token.js';
export { type GpuInstancesOptions, gpuInstances } from './instances/gpu-instances.js';
export type {
  AutoStopOptions,
  CheckOptions,
  DeleteOptions,
  ExtendLeaseOptions,
  InstanceAddress,
  Instances,
  MigrateOptions,
  OrderOptions,
  WatchOptions,
} from './instances/instances.js';
export { createInstance, deleteInstance, monitorInstance } from './instances/jobs.js';
export {
  autoStop,
  checkInstance,
  extendLease,
  keepLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from './instances/lifecycle-jobs.js';
export type { ShownProvider } from './instances/provider-health.js';
export {
  type AutoStopPayload,
  autoStopPayload,
  type CheckInstancePayload,
  type CreateInstancePayload,
  checkInstancePayload,
  createInstancePayload,
  type DeleteInstancePayload,
  deleteInstancePayload,
  type ExtendLeasePayload,
  extendLeasePayload,
  type MigrateInstancePayload,
  type MonitorInstancePayload,
  migrateInstancePayload,
  monitorInstancePayload,
  type OnTimeout,
  type OrderInstancePayload,
  orderInstancePayload,
  type WatchEvent,
  type WatchInstancePayload,
  type WatchPolicy,
  watchInstancePayload,
} from './instances/schemas.js';
export type { InstanceRead } from './instances/waiting-monitors.js';
export { type BuiltInPayloads, JobQueueService, JobType } from './jetfleet.js';
export { costOfTime, formatAmount, parseAmount } from './jobs/amount.js';
export type { AuditAction, AuditEntry, AuditPage } from './jobs/audit.js';
export type { Codec, CodecContext, CodecField, SealedValue } from './jobs/codec.js';
export { isSealed } from './jobs/codec.js';
export type { DeadLetterCause, DeadLetterCauses } from './jobs/dead-letter-causes.js';
export {
  type AddOptions,
  defineJob,
  type EndedJob,
  type JobDefinition,
  type JobDefinitionOptions,
  type JobTypes,
  type TypedRecord,
} from './jobs/define-job.js';
export {
  type AbortReason,
  BrokerError,
  ConflictError,
  ERROR_CODES,
  type ErrorCode,
  JetfleetError,
  JobAborted,
  type JobErrorInfo,
  JobFailedError,
  NonRetryableError,
  type Problem,
  RetryableError,
  TimeoutError,
  UniqueKeyTakenError,
  ValidationError,
} from './jobs/errors.js';
export type { FamilyJob, JobFamily } from './jobs/family.js';
export type { ChildEnd, FlowJob, FlowJobs } from './jobs/flow.js';
export type { JobOptions, NewJob, NextJob } from './jobs/job-options.js';
export type { FollowUp, JobChange, JobRecord, PastFailure } from './jobs/job-record.js';
export type { JsonChange } from './jobs/json-changes.js';
export type { Fairness, JobLimit, LimitSettings, RateLimit } from './jobs/limit.js';
export {
  type Completed,
  type CompletedWith,
  complete,
  type JobOutcome,
  type Snoozed,
  snooze,
} from './jobs/outcome.js';
export type { PriorityPolicy } from './jobs/priority-policy.js';
export type { EndRetention, Retention } from './jobs/retention.js';
export { type RetryPolicy, retryDelayMs } from './jobs/retry-policy.js';
export type { RunDefaults } from './jobs/run-defaults.js';
export type { Overlap, Schedule, ScheduleChange, ScheduleOptions, ScheduleRun } from './jobs/schedule.js';
export type { FlowJobStatus, FlowStatus } from './jobs/shown-flow.js';
export type { ShownLimit, ShownPermit } from './jobs/shown-limit.js';
export type { SignalOptions, WaitsFor } from './jobs/signals.js';
export type {
  HistoryCounts,
  HistoryGroup,
  HistoryPoint,
  StatsHistory,
} from './jobs/stats-history.js';
export type {
  DebounceOptions,
  KeyOf,
  OnConflict,
  UniqueKey,
  UniqueOptions,
} from './jobs/unique-options.js';
export { JobPriority, type JobState, JobStatus, type OnFailure } from './jobs/vocabulary.js';
export { costByDay, costOf, ratePerHour } from './money/cost.js';
export {
  type Ledger,
  type LedgerFilter,
  type LedgerPage,
  type SpentQuery,
  statusOf,
} from './money/ledger.js';
export type { LedgerChange, LedgerDays, LedgerEnd, LedgerEntry, LedgerSeen } from './money/ledger-entry.js';
export type { LedgerSums } from './money/sums.js';
export type { FollowOptions } from './queue/activity/follow.js';
export type { JobLog, LogLine, LogOptions } from './queue/activity/read-log.js';
export type { JobSteps } from './queue/activity/read-steps.js';
export type { ReportedProgress, StreamedChunk } from './queue/activity/streams.js';
export type { AuditFilter } from './queue/audit/audit-trail.js';
export type { ChangeOptions, RescheduleOptions } from './queue/change/wanted-change.js';
export type {
  DeadLetterFilter,
  DeadLetterFilter as RedriveFilter,
} from './queue/dead-letters/dead-letter-filter.js';
export type { DeadLetters, RetryAllOptions } from './queue/dead-letters/dead-letters.js';
export type {
  AddedFlow,
  BatchOptions,
  Flow,
  FlowGraph,
  FlowOptions,
  FlowTree,
} from './queue/flows/flow-add.js';
export type { Added } from './queue/job-add.js';
export type { RetryOptions } from './queue/job-redrive.js';
export type { WaitOptions } from './queue/job-wait.js';
export type { JobLimits, LimitFilter } from './queue/limits/job-limits.js';
export type { PermitContext } from './queue/limits/live-limits.js';
export type { JobFilter, JobPage } from './queue/list/job-filter.js';
export type { DrainOptions } from './queue/pause/drain-jobs.js';
export type { PauseOptions, Resumed, ResumeOptions } from './queue/pause/pause-jobs.js';
export type { ProgressOptions } from './queue/progress-options.js';
export type { JobQueueOptions } from './queue/queue-connection.js';
export type { CleanupOptions } from './queue/retention/cleanup-filter.js';
export type { RunNowOptions, Schedules } from './queue/schedules/schedules.js';
export type { DeleteConsumerOptions, EventConsumerLag } from './queue/stats/event-lag.js';
export type { JobQueueStats, StatusCounts } from './queue/stats/job-stats.js';
export type { StatsHistoryOptions } from './queue/stats-history/history-options.js';
export type { SendSignalOptions, SentSignal } from './queue/waiting/send-signal.js';
export { createLogger, type Logger } from './telemetry/logger.js';
export type { TraceContext, TracedAdd, TracedCall, TracedJobs, Tracing } from './telemetry/tracing.js';
export { FINDINGS, type Finding, type FindingCode, type Mended, type Severity } from './upkeep/finding.js';
export type { SweepOptions } from './upkeep/sweeper.js';
export { sendWebhook, WEBHOOK_RETRY } from './webhooks/jobs.js';
export { type SendWebhookPayload, sendWebhookPayload } from './webhooks/schemas.js';
export { type WebhooksOptions, webhooks } from './webhooks/webhooks.js';
export { type CompressionOptions, compression } from './wire/codecs/compression.js';
export { type EncryptionOptions, encryption } from './wire/codecs/encryption.js';
export { Header } from './wire/headers.js';
export type { Pause, PauseScope } from './wire/pauses.js';
export { ANY, Subjects } from './wire/subjects.js';
export type { JobStep } from './wire/told-steps.js';
export type { ChildJob, ChildrenOptions } from './worker/child-job.js';
export type { ShutdownResult } from './worker/engine-options.js';
export type { Installed, WorkerExtension, WorkerHost } from './worker/extension.js';
export { logAttempts } from './worker/hooks/attempt-log.js';
export type { ClaimedFrom, SettledAttempt, WorkerHooks } from './worker/hooks/worker-hooks.js';
export {
  type Handled,
  type HandlerOptions,
  handled,
  type JobContext,
  type JobHandler,
  type JobProgress,
  type TypedHandler,
} from './worker/job-handler.js';
export { type JobWorkerOptions, JobWorkerService } from './worker/job-worker-service.js';
export type { InspectOptions, KeepSteps } from './worker/steps/keep-steps.js';
