export { NatsConnection } from '@nats-io/transport-node';
import { ProgressOptions, EngineQueue, Codec } from './shared/job-queue-service.js';
export { AddOptions, Added, AddedFlow, AuditAction, AuditEntry, AuditFilter, AuditPage, BatchOptions, ChangeOptions, ChildEnd, CleanupOptions, CodecContext, CodecField, DeadLetterCause, DeadLetterCauses, DeadLetterFilter, DeadLetters, DeleteConsumerOptions, DrainOptions, Drift, EndRetention, EndedJob, EventConsumerLag, EventDeadLetter, EventFilter, EventHandler, EventMeta, EventOptions, EventSubscription, Fairness, FamilyJob, Flow, FlowGraph, FlowJob, FlowJobStatus, FlowJobs, FlowOptions, FlowStatus, FlowTree, FollowOptions, HistoryCounts, HistoryGroup, HistoryPoint, JobDefinition, JobDefinitionOptions, JobFamily, JobFilter, JobLimit, JobLimits, JobLog, JobPage, JobQueueOptions, JobQueueStats, JobStep, JobSteps, JobTypes, JsonChange, LimitFilter, LogLine, LogOptions, Overlap, Pause, PauseOptions, PauseScope, PermitContext, PriorityPolicy, DeadLetterFilter as RedriveFilter, ReportedProgress, RescheduleOptions, ResumeOptions, Resumed, Retention, RetryAllOptions, RetryOptions, RetryPolicy, RunDefaults, RunNowOptions, Schedule, ScheduleChange, ScheduleOptions, ScheduleRun, Schedules, SealedValue, SendSignalOptions, SentSignal, StatsHistory, StatsHistoryOptions, StatusCounts, StreamedChunk, TopologyReport, TypedRecord, WaitOptions, defineJob, formatDrift, isSealed, retryDelayMs } from './shared/job-queue-service.js';
import { GpuProvider } from './gpu.js';
import { AddressGuardOptions } from './shared/webhook-client.js';
import { WebhookClientOptions } from './webhooks.js';
import { WorkerExtension, LedgerEntry, WorkerHooks } from './shared/job-worker-service.js';
export { ANY, AutoStopOptions, BuiltInPayloads, CheckOptions, ChildJob, ChildrenOptions, ClaimedFrom, DeleteOptions, ExtendLeaseOptions, Handled, HandlerOptions, InspectOptions, Installed, InstanceAddress, Instances, JobContext, JobHandler, JobProgress, JobQueueService, JobType, JobWorkerOptions, JobWorkerService, KeepSteps, Ledger, LedgerChange, LedgerDays, LedgerEnd, LedgerFilter, LedgerPage, LedgerSeen, LedgerSums, MigrateOptions, OrderOptions, SettledAttempt, ShownProvider, ShutdownResult, SignalOptions, SpentQuery, Subjects, SweepOptions, TypedHandler, WEBHOOK_RETRY, WatchOptions, WorkerHost, autoStop, checkInstance, createInstance, deleteInstance, extendLease, handled, keepLease, migrateInstance, monitorInstance, restartInstance, sendWebhook, startInstance, statusOf, stopInstance, watchInstance } from './shared/job-worker-service.js';
import { autoStopPayload as autoStopPayload$1, checkInstancePayload as checkInstancePayload$1, extendLeasePayload as extendLeasePayload$1, migrateInstancePayload as migrateInstancePayload$1, orderInstancePayload as orderInstancePayload$1, watchInstancePayload as watchInstancePayload$1 } from './shared/worker-lifecycle.js';
import { BreakerPolicy } from './machines.js';
export { AutoStopPayload, CheckInstancePayload, Completed, CompletedWith, ExtendLeasePayload, JobOutcome, MigrateInstancePayload, OrderInstancePayload, Snoozed, WatchEvent, WatchInstancePayload, WatchPolicy, complete, snooze } from './shared/worker-lifecycle.js';
import { createInstancePayload as createInstancePayload$1, deleteInstancePayload as deleteInstancePayload$1, monitorInstancePayload as monitorInstancePayload$1 } from './shared/payload-schemas.js';
export { CreateInstancePayload, DeleteInstancePayload, MonitorInstancePayload, OnTimeout } from './shared/payload-schemas.js';
export { AbortReason, BrokerError, ConflictError, ERROR_CODES, ErrorCode, JetfleetError, JobAborted, JobErrorInfo, JobFailedError, NonRetryableError, Problem, RetryableError, TimeoutError, UniqueKeyTakenError, ValidationError } from './shared/errors.js';
export { DebounceOptions, FollowUp, JobChange, JobOptions, JobRecord, KeyOf, NewJob, NextJob, OnConflict, PastFailure, UniqueKey, UniqueOptions, WaitsFor } from './shared/job-options.js';
export { LimitSettings, RateLimit, ShownLimit, ShownPermit } from './shared/shown-limit.js';
export { JobPriority, JobState, JobStatus, OnFailure } from './shared/vocabulary.js';
import { Logger } from './shared/logger.js';
export { createLogger } from './shared/logger.js';
export { TraceContext, TracedAdd, TracedCall, TracedJobs, Tracing } from './shared/tracing.js';
import { sendWebhookPayload as sendWebhookPayload$1 } from './shared/payload-schemas2.js';
export { SendWebhookPayload } from './shared/payload-schemas2.js';
export { Header } from './shared/commit-options.js';
import '@standard-schema/spec';
import 'node:http';
import 'node:https';
import 'node:dns';
import './shared/orphans.js';
import 'zod';
import 'xstate';
import '@nats-io/jetstream';

/** `create_instance`: rents exactly one instance. Sizes are GB, times milliseconds. */
declare const createInstancePayload: typeof createInstancePayload$1;
/** `monitor_instance`: watches an instance until it runs, or until `maxWaitTime` has passed since `startTime`. */
declare const monitorInstancePayload: typeof monitorInstancePayload$1;
/** `delete_instance`: deletes one instance by the provider's id, or every instance of a name that was recorded before a create. */
declare const deleteInstancePayload: typeof deleteInstancePayload$1;
/** `start_instance`, `stop_instance` and `restart_instance`. */
declare const orderInstancePayload: typeof orderInstancePayload$1;
/** `watch_instance`: watches an instance that runs, and reports what happens to it. */
declare const watchInstancePayload: typeof watchInstancePayload$1;
/** `migrate_instance`: moves an instance, such as a reclaimed spot instance, to another machine. */
declare const migrateInstancePayload: typeof migrateInstancePayload$1;
/** `check_instance`: whether an instance runs and its ports answer. */
declare const checkInstancePayload: typeof checkInstancePayload$1;
/** `auto_stop`: stops or deletes an instance that nobody has used for a while, or whose lease is over. */
declare const autoStopPayload: typeof autoStopPayload$1;
/** `extend_lease`: moves the end of the lease that an `auto_stop` job keeps. */
declare const extendLeasePayload: typeof extendLeasePayload$1;

/** `send_webhook`: delivers `payload` to `url`, or to a registered endpoint, signed, until it is accepted. */
declare const sendWebhookPayload: typeof sendWebhookPayload$1;

/** What a doctor looks for. `docs/doctor.md` explains each one; a test holds the two together. */
/** `danger` can lose, repeat or cost; `warning` is stuck or left over; `info` is worth knowing. */
type Severity = 'danger' | 'warning' | 'info';
declare const FINDINGS: {
    readonly check_failed: {
        readonly severity: 'warning';
        readonly explanation: 'A check could not be made, so what it looks for is not known. Everything else was examined.';
        readonly fix: null;
    };
    readonly server_too_old: {
        readonly severity: 'danger';
        readonly explanation: 'The nats-server is older than Jetfleet needs.';
        readonly fix: null;
    };
    readonly jetstream_disabled: {
        readonly severity: 'danger';
        readonly explanation: 'The nats-server runs without JetStream, so it cannot keep jobs.';
        readonly fix: null;
    };
    readonly server_limit: {
        readonly severity: 'danger';
        readonly explanation: 'The nats-server takes smaller messages than a job and its record can be.';
        readonly fix: null;
    };
    readonly clock_offset: {
        readonly severity: 'warning';
        readonly explanation: 'The clock of this machine differs from the one of the broker. Jobs are not affected: they go by the broker.';
        readonly fix: null;
    };
    readonly sync_interval_not_always: {
        readonly severity: 'danger';
        readonly explanation: 'A single node confirms messages before they are on disk: a power cut loses accepted jobs.';
        readonly fix: null;
    };
    readonly sync_interval_unknown: {
        readonly severity: 'info';
        readonly explanation: 'Only the monitoring page of the server shows when it flushes to disk, and no page was given.';
        readonly fix: null;
    };
    readonly sync_told_wrong: {
        readonly severity: 'info';
        readonly explanation: 'The setting `sync` does not match how the server flushes, which costs speed, not jobs.';
        readonly fix: null;
    };
    readonly stream_missing: {
        readonly severity: 'danger';
        readonly explanation: 'A stream does not exist, so its messages are refused.';
        readonly fix: 'creates it';
    };
    readonly consumer_missing: {
        readonly severity: 'warning';
        readonly explanation: 'A type that workers handle lacks the consumer of one priority, so those jobs wait.';
        readonly fix: 'creates it';
    };
    readonly stream_stalled: {
        readonly severity: 'danger';
        readonly explanation: 'A stream stores nothing: its disk is full, or was and the server has not been restarted since.';
        readonly fix: null;
    };
    readonly stream_drift: {
        readonly severity: 'danger';
        readonly explanation: 'A stream has a setting that can lose or repeat jobs.';
        readonly fix: 'sets it, where the server lets it be changed';
    };
    readonly consumer_drift: {
        readonly severity: 'danger';
        readonly explanation: 'A consumer has a setting that can lose or repeat jobs.';
        readonly fix: 'sets it, where the server lets it be changed';
    };
    readonly setting_drift: {
        readonly severity: 'info';
        readonly explanation: 'A setting differs from what Jetfleet would choose, which costs comfort, not jobs.';
        readonly fix: null;
    };
    readonly copies_low: {
        readonly severity: 'warning';
        readonly explanation: 'A stream has fewer copies than were asked for, or one in a cluster where nobody has said how many.';
        readonly fix: 'makes as many as --replicas or JETFLEET_REPLICAS says; without them, nothing';
    };
    readonly type_unhandled: {
        readonly severity: 'warning';
        readonly explanation: 'Jobs of a type wait that no worker takes: none has a handler for it, or all that had are gone or paused.';
        readonly fix: null;
    };
    readonly paused: {
        readonly severity: 'info';
        readonly explanation: 'Somebody has paused jobs: they wait until the pause ends.';
        readonly fix: null;
    };
    readonly pause_drift: {
        readonly severity: 'warning';
        readonly explanation: 'A consumer is paused, or not, against the list of pauses: a call of `pause` or `resume` failed half way, or somebody paused the consumer by hand.';
        readonly fix: 'pauses and resumes every consumer as the list says';
    };
    readonly type_impossible: {
        readonly severity: 'warning';
        readonly explanation: 'A message names a type that no worker can have, or one that belongs to another stream: its job would wait for ever.';
        readonly fix: 'records the job as FAILED with JETFLEET_TYPE_INVALID, then removes the message';
    };
    readonly job_without_timer: {
        readonly severity: 'danger';
        readonly explanation: 'A job waits for its time, is overdue, and no timer will bring it back.';
        readonly fix: 'sets its timer again, for now';
    };
    readonly job_without_message: {
        readonly severity: 'danger';
        readonly explanation: 'A queued job has no work message, so no worker will ever see it.';
        readonly fix: 'publishes its message again';
    };
    readonly processing_stale: {
        readonly severity: 'danger';
        readonly explanation: 'A job was being worked on, and its message is gone: no worker will take it over.';
        readonly fix: 'queues it again, the lost attempt being counted; without one left it fails as stalled';
    };
    readonly message_unowned: {
        readonly severity: 'danger';
        readonly explanation: 'A consumer has lost sight of messages that are stored: no worker gets those jobs.';
        readonly fix: 'recreates the consumer once it has no unacknowledged message; it then delivers all that is stored';
    };
    readonly messages_held: {
        readonly severity: 'warning';
        readonly explanation: 'Many messages of ended jobs stay behind one that a worker has had for long, or that each worker hands back.';
        readonly fix: 'removes the messages of the ended jobs; the one that holds them stays';
    };
    readonly message_left_over: {
        readonly severity: 'warning';
        readonly explanation: 'A timer, or a message of a type without workers, is left of a job that has ended; what follows may be missing.';
        readonly fix: 'publishes what follows from the job again, then removes the message';
    };
    readonly tag_left_over: {
        readonly severity: 'info';
        readonly explanation: 'An entry of the index of tags names a job that never came, or one that has ended and is kept no longer.';
        readonly fix: 'has the broker remove it';
    };
    readonly key_left_over: {
        readonly severity: 'info';
        readonly explanation: 'A unique key is kept for a job that has ended, or never came. Whoever adds a job of the key gets it all the same.';
        readonly fix: 'removes what is kept of it';
    };
    readonly object_left_over: {
        readonly severity: 'info';
        readonly explanation: 'A large payload or result is stored that no job holds: its job has expired, was never added, or has another payload now.';
        readonly fix: 'removes it';
    };
    readonly signal_left_over: {
        readonly severity: 'warning';
        readonly explanation: 'Signals are stored for a job that has ended, or for an id that nobody has used for seven days.';
        readonly fix: 'removes them';
    };
    readonly permit_left_over: {
        readonly severity: 'warning';
        readonly explanation: 'A job that has ended still holds a permit of a limit, so another one waits.';
        readonly fix: 'gives it back, and calls the next one';
    };
    readonly permit_unused: {
        readonly severity: 'warning';
        readonly explanation: 'A permit of a limit is free, and jobs wait for it: whoever was to call them died.';
        readonly fix: 'calls the next one';
    };
    readonly failure_left_over: {
        readonly severity: 'warning';
        readonly explanation: 'A job that was retried still counts as a dead letter.';
        readonly fix: 'removes the event of the old failure';
    };
    readonly time_zones_unknown: {
        readonly severity: 'warning';
        readonly explanation: 'The nats-server knows no time zones, so it refuses schedules that name one.';
        readonly fix: null;
    };
    readonly schedule_faulty: {
        readonly severity: 'warning';
        readonly explanation: 'A schedule does not do what it looks like: its target has an id, so that only its first tick runs, or brings no job to a worker.';
        readonly fix: null;
    };
    readonly tick_missed: {
        readonly severity: 'warning';
        readonly explanation: 'A schedule was due and did not fire, as after its nats-server was killed.';
        readonly fix: 'starts the run that was due last';
    };
    readonly ticks_left_over: {
        readonly severity: 'info';
        readonly explanation: 'What is known of the ticks of a schedule is still there, and the schedule is gone.';
        readonly fix: 'removes it';
    };
    readonly instance_orphaned: {
        readonly severity: 'danger';
        readonly explanation: 'An instance costs money and belongs to no job: its job failed, or has another instance.';
        readonly fix: 'adds a delete_instance job for it';
    };
    readonly provider_unreachable: {
        readonly severity: 'warning';
        readonly explanation: 'The GPU provider could not be asked, so instances were not checked.';
        readonly fix: null;
    };
    readonly instance_unknown: {
        readonly severity: 'info';
        readonly explanation: 'An instance has a name of Jetfleet, and no record knows it: its record has expired, or another Jetfleet owns it.';
        readonly fix: null;
    };
};
type FindingCode = keyof typeof FINDINGS;
/** One thing that is wrong, or worth knowing. */
interface Finding {
    code: FindingCode;
    severity: Severity;
    /** The stream, consumer, job, type or instance that it is about. */
    target: string;
    /** What is wrong with it, in a sentence. */
    message: string;
    /** Whether `mend` can do something about it. */
    fixable: boolean;
    /** Since when it is so, where that is known; ISO 8601. */
    since?: string;
}
/** What became of a finding that was to be mended. */
interface Mended {
    code: FindingCode;
    target: string;
    /** What was done, or why nothing could be. */
    result: string;
    ok: boolean;
}

interface DoctorOptions {
    /** The account whose instances are looked at. Defaults to none: instances are not examined. */
    provider?: GpuProvider;
    /** Monitoring page of the nats-server, such as `http://127.0.0.1:8222`. Defaults to none. */
    monitorUrl?: string;
    /**
     * How long something may be overdue, or an instance exist, before it is looked into, in milliseconds. Defaults to
     * one minute for jobs and ten for instances.
     */
    graceMs?: number;
    /** Called with the number of checks that are made. What it throws is logged and goes no further. */
    onProgress?: (done: number) => void;
}
interface Examination {
    findings: Finding[];
    /** Mends what can be mended, and tells what became of it. `onProgress` is called with the number of findings that are done. */
    mend(options?: ProgressOptions): Promise<Mended[]>;
}
/**
 * Looks at everything that can go wrong around a queue: the server, its streams, jobs that nothing brings on, and
 * instances that belong to nobody. Changes nothing unless `mend` is called.
 * @throws BrokerError `JETFLEET_BROKER_UNREACHABLE`
 * @throws ValidationError `JETFLEET_OPTION_INVALID` when `monitorUrl` is no monitoring page, or `graceMs` no number
 */
declare function examine(queue: EngineQueue, options?: DoctorOptions): Promise<Examination>;

/** What the address of a callback for a job ends with: who knows it may have this job look, and nothing else. */
declare function callbackToken(secret: string, jobId: string): string;

interface LeaseOptions {
    /** Where instances reach the HTTP API of this queue: `https://jetfleet.example.com`. */
    url: string;
    /** The `callbackSecret` of that API. */
    secret: string;
}

interface RentalLimits {
    /**
     * Instances that may be rented at once, 0 to 1,000,000. Counted are all whose name begins with `jetfleet-` on the
     * provider's account, and the creates under way in every worker of the queue. A create beyond it rents nothing, raises
     * an alert and is tried again after 30 s: `JETFLEET_LIMIT_INSTANCES`. Defaults to no limit.
     */
    maxInstances?: number;
    /** As `maxInstances`, for GPUs: `JETFLEET_LIMIT_GPUS`. An instance whose provider does not say counts as 8. */
    maxGpus?: number;
}

interface GpuInstancesOptions extends RentalLimits {
    /** The account on which instances are rented, or several, of different providers. Ids then begin with the name of their provider. */
    provider: GpuProvider | readonly GpuProvider[];
    /** How long an offer that refused is tried after all others, by every worker, in milliseconds. Defaults to 300,000. */
    avoidRefusedMs?: number;
    /** How often a job asks again that waits for capacity, in milliseconds: one of all jobs that wait for the same. Defaults to 30,000. */
    capacityPollMs?: number;
    /** Pause between two polls of an instance, in milliseconds. Defaults to 10,000. */
    pollIntervalMs?: number;
    /**
     * With more monitors than make so many polls in a second, they make their own ones less often, each a claim and a
     * record, and are woken in between when a read of their instance shows a change. `Infinity`: never. Defaults to 200.
     */
    ownPollsPerSecond?: number;
    /**
     * Pause before an uncertain create is looked up again, and between looks whether a deleted instance is gone, in
     * milliseconds. Five times this long a create of unknown outcome may take to show. Defaults to 2,000.
     */
    settleDelayMs?: number;
    /**
     * Which addresses `check_instance` may reach. Where the ports of an instance are comes from its provider. Defaults to public addresses, encrypted
     * or not.
     */
    probeGuard?: AddressGuardOptions;
    /** Where instances with a lease ask for it. Defaults to none: jobs with a lease are refused. */
    lease?: LeaseOptions;
    /** How long the ledger keeps the entry of an instance that has ended, in milliseconds. Defaults to 400 days. */
    keepLedgerMs?: number;
}
/**
 * With this, a worker rents, watches and deletes GPU instances: it handles `create_instance`, `monitor_instance`,
 * `delete_instance` and the jobs of instances that exist, and its sweeps look for instances that belong to nobody.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function gpuInstances(options: GpuInstancesOptions): WorkerExtension;

/**
 * A read of the instance of a waiting job, between the polls of the job itself, as the channel `jetfleet.instance.read`
 * reports it. Times are milliseconds since the epoch.
 */
interface InstanceRead {
    jobId: string;
    /** When it had to be read at the latest; `doneMs` where it was read sooner. */
    dueMs: number;
    doneMs: number;
}

/**
 * An amount that a person has written, such as `$1.50` or `1.23456`.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that names `what`, also for more than five decimals
 */
declare function parseAmount(what: string, text: string): number;
/** `$1.23450` */
declare function formatAmount(amount: number): string;
/** What a time costs, rounded up to a whole unit. @param ms whole milliseconds */
declare function costOfTime(pricePerHour: number, ms: number): number;

/** What an instance has cost until a time, in ms since the epoch: no more than until its end. */
declare function costOf(entry: LedgerEntry, nowMs: number): number;
/** What it costs for an hour as it is now; 0 where it has stopped or ended. */
declare function ratePerHour({ changes, endedAt }: LedgerEntry): number;
/** What it has cost on each UTC day from `fromMs` on. The days add up to what it has cost since then. */
declare function costByDay(entry: LedgerEntry, fromMs: number, nowMs: number): Map<string, number>;

interface WebhooksOptions extends WebhookClientOptions {
    /**
     * A secret, `whsec_…`, or a private key, `whsk_…`; several while one is being replaced, or for receivers of both. Without one,
     * webhooks go out unsigned.
     */
    secret?: string | string[] | undefined;
    /**
     * Any text. With it `X-Webhook-Signature: sha256=<hex>` and `X-Webhook-Timestamp` go along, as receivers of the in-memory queue check
     * them: HMAC-SHA256 of the body alone, which protects from no repetition. Defaults to none.
     */
    legacySecret?: string | undefined;
    /** The keys of endpoints' secrets: `<id>:<32 bytes in base64>`, with blanks between several. Defaults to JETFLEET_WEBHOOK_KEYS. */
    endpointKeys?: string | undefined;
    /** When an endpoint that fails is given a rest, and when it is disabled. Defaults to those of `DEFAULT_BREAKER_POLICY`. */
    breaker?: Partial<BreakerPolicy> | undefined;
}
/**
 * With this, a worker delivers webhooks: it handles `send_webhook`, and refuses jobs whose webhook it could not deliver.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID`
 */
declare function webhooks(options?: WebhooksOptions): WorkerExtension;

interface CompressionOptions {
    /** What is smaller stays as it is, in bytes of JSON. Defaults to 1,024. */
    overBytes?: number;
    /** `brotli` makes less of it, and takes longer. Defaults to `gzip`. */
    algorithm?: 'gzip' | 'brotli';
}
/**
 * A codec that compresses larger payloads and results. Every process of this version and later reads them, without a setting.
 * Before encryption only: what is encrypted cannot be compressed.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function compression(options?: CompressionOptions): Codec;

interface EncryptionOptions {
    /** Keys of 32 bytes by their ids, as bytes or in base64. An id is 1 to 32 of `A-Z a-z 0-9 _ -`, and stands beside what is encrypted. */
    keys: Readonly<Record<string, Uint8Array | string>>;
    /** The id of the key that encrypts. All of them decrypt. */
    current: string;
}
/**
 * A codec that encrypts with AES-256-GCM. The type of the job and what of it is encrypted are authenticated with it, so that nobody can
 * pass the payload of one type off as that of another.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function encryption(options: EncryptionOptions): Codec;

/**
 * Logs one line for each attempt, once its outcome is stored, with all that there is to count and search by: id, type, priority, attempt,
 * state, how long it waited and ran, the code of its error, and the trace that it is part of. `jetfleet worker --log-attempts` does. At a level
 * above `info` it does nothing.
 *
 * @example worker.use(logAttempts(createLogger()))
 */
declare function logAttempts(logger: Logger): WorkerHooks;

export { Codec, FINDINGS, LedgerEntry, Logger, ProgressOptions, WorkerExtension, WorkerHooks, autoStopPayload, callbackToken, checkInstancePayload, compression, costByDay, costOf, costOfTime, createInstancePayload, deleteInstancePayload, encryption, examine, extendLeasePayload, formatAmount, gpuInstances, logAttempts, migrateInstancePayload, monitorInstancePayload, orderInstancePayload, parseAmount, ratePerHour, sendWebhookPayload, watchInstancePayload, webhooks };
export type { CompressionOptions, DoctorOptions, EncryptionOptions, Examination, Finding, FindingCode, GpuInstancesOptions, InstanceRead, Mended, Severity, WebhooksOptions };
