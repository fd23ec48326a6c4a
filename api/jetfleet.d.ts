export { NatsConnection } from '@nats-io/transport-node';
import { K as KnownJobs, P as ProgressOptions, c as JobQueueService, C as Codec } from './shared/job-queue-service.js';
export { A as AddOptions, e as Added, f as AddedFlow, g as AuditAction, h as AuditEntry, i as AuditFilter, j as AuditPage, B as BatchOptions, k as ChangeOptions, l as ChildEnd, m as CleanupOptions, n as CodecContext, o as CodecField, D as DeadLetterCause, p as DeadLetterCauses, q as DeadLetterFilter, r as DeadLetters, s as DeleteConsumerOptions, t as DrainOptions, u as Drift, E as EndRetention, v as EndedJob, w as EventConsumerLag, x as EventDeadLetter, y as EventFilter, z as EventHandler, F as EventMeta, G as EventOptions, H as EventSubscription, L as Fairness, M as Flow, N as FlowGraph, O as FlowJob, Q as FlowJobStatus, S as FlowJobs, U as FlowOptions, V as FlowStatus, X as FlowTree, Y as FollowOptions, Z as HistoryCounts, _ as HistoryGroup, $ as HistoryPoint, a as JobDefinition, a0 as JobDefinitionOptions, a1 as JobFilter, a2 as JobLimit, a3 as JobLimits, a4 as JobLog, a5 as JobPage, b as JobQueueOptions, a6 as JobQueueStats, a7 as JobStep, a8 as JobSteps, J as JobTypes, a9 as JsonChange, aa as LimitFilter, ab as LimitSettings, ac as LogLine, ad as LogOptions, ae as Overlap, af as Pause, ag as PauseOptions, ah as PauseScope, ai as PermitContext, aj as PriorityPolicy, ak as RateLimit, q as RedriveFilter, al as ReportedProgress, am as RescheduleOptions, an as ResumeOptions, ao as Resumed, ap as Retention, aq as RetryAllOptions, ar as RetryOptions, as as RetryPolicy, R as RunDefaults, at as RunNowOptions, au as Schedule, av as ScheduleOptions, aw as ScheduleRun, ax as Schedules, ay as SealedValue, az as SendSignalOptions, aA as SentSignal, aB as ShownLimit, aC as ShownPermit, aD as StatsHistory, aE as StatsHistoryOptions, aF as StatusCounts, aG as StreamedChunk, aH as TopologyReport, T as TypedRecord, aI as WaitOptions, aJ as defineJob, aK as formatDrift, aL as isSealed, aM as retryDelayMs } from './shared/job-queue-service.js';
import { GpuProvider } from './gpu.js';
import { W as WorkerExtension, c as WorkerHooks } from './shared/job-worker-service.js';
export { B as BuiltInPayloads, C as ChildJob, d as ChildrenOptions, e as ClaimedFrom, H as Handled, f as HandlerOptions, I as InspectOptions, g as Installed, h as JobContext, i as JobHandler, j as JobProgress, J as JobQueueService, k as JobType, a as JobWorkerOptions, b as JobWorkerService, K as KeepSteps, S as SettledAttempt, l as ShutdownResult, m as SignalOptions, n as SweepOptions, T as TypedHandler, o as WEBHOOK_RETRY, p as WorkerHost, q as createInstance, r as deleteInstance, s as handled, t as monitorInstance, u as sendWebhook } from './shared/job-worker-service.js';
export { C as CreateInstancePayload, D as DeleteInstancePayload, M as MonitorInstancePayload, O as OnTimeout, d as createInstancePayload, e as deleteInstancePayload, m as monitorInstancePayload } from './shared/schemas.js';
export { A as AbortReason, B as BrokerError, C as ConflictError, E as ERROR_CODES, c as ErrorCode, a as JetfleetError, d as JobAborted, J as JobErrorInfo, e as JobFailedError, N as NonRetryableError, P as Problem, R as RetryableError, T as TimeoutError, U as UniqueKeyTakenError, V as ValidationError } from './shared/errors.js';
import { U as UniqueScope } from './shared/job-options.js';
export { D as DebounceOptions, F as FollowUp, c as JobChange, a as JobOptions, J as JobRecord, K as KeyOf, b as NewJob, N as NextJob, O as OnConflict, P as PastFailure, d as UniqueKey, e as UniqueOptions, W as WaitsFor } from './shared/job-options.js';
import { BreakerPolicy } from './machines.js';
export { C as Completed, j as CompletedWith, J as JobOutcome, S as Snoozed, k as complete, s as snooze } from './shared/worker-lifecycle.js';
import { W as WorkKind, J as JobPriority, a as JobStatus } from './shared/vocabulary.js';
export { b as JobState, O as OnFailure } from './shared/vocabulary.js';
import { L as Logger } from './shared/logger.js';
export { c as createLogger } from './shared/logger.js';
export { T as TraceContext, b as TracedAdd, c as TracedCall, d as TracedJobs, a as Tracing } from './shared/tracing.js';
export { S as SendWebhookPayload, s as sendWebhookPayload } from './shared/schemas2.js';
import { WebhookClientOptions } from './webhooks.js';
import '@standard-schema/spec';
import './shared/commit-options.js';
import 'zod';
import 'xstate';
import 'node:http';
import 'node:https';
import 'node:dns';

/** In the place of a token of a subject: any. It is no text, so that nothing from outside can be it. */
declare const ANY: unique symbol;
type Any = typeof ANY;

/** All streams of a namespace. Timers have one of their own: whoever may publish there can empty it. */
declare const STREAM_KINDS: readonly ["timers", "jobs", "webhooks", "events"];
type StreamKind = (typeof STREAM_KINDS)[number];
/** Streams that are made when they are first used. */
declare const EXTRA_KINDS: readonly ['unique', 'tags', 'limits', 'activity', 'steps', 'signals', 'control', 'audit', 'objects', 'history', 'endpoints'];
type ExtraKind = (typeof EXTRA_KINDS)[number];
/**
 * Why Jetfleet set a timer: the next attempt of a retrying job, the next look of a waiting one, or a permit that a job waits for,
 * which is mostly woken before.
 */
type TimerReason = 'retrying' | 'waiting' | 'limited';
/** What a work subject says. Without an id the stream's sequence names the job. */
interface WorkAddress {
    kind: WorkKind;
    priority: JobPriority;
    type: string;
    id?: string;
}
interface TimerAddress {
    kind: WorkKind | Any;
    priority: JobPriority | Any;
    type: string | Any;
    id: string | Any;
}
interface EventAddress {
    type: string;
    status: JobStatus;
    id: string;
}
/**
 * A consumer and its subjects. A purge makes the server forget what was handed back to each consumer whose filter it
 * covers, or which covers it. So `removal` removes the consumer's messages, and neither covers the other: each has a
 * wildcard where the other has none (decision 29).
 */
interface ConsumerSubjects {
    name: string;
    /** What the consumer filters on; it also reads and counts its messages. */
    filter: string;
    /** What removes its messages. */
    removal: string;
}
/** Subjects, streams and consumers of one namespace: `acme` makes `acme.jobs.>` and `ACME_JOBS`. */
declare class Subjects {
    #private;
    /** `''` or `'acme.'`. */
    readonly prefix: string;
    readonly namespace: string;
    /**
     * @param namespace lower case, 1 to 32 of `[a-z0-9_]`, starting with a letter; empty (default) for none
     * @param jobs says which types have a stream of their own. Defaults to none
     * @throws JetfleetError `JETFLEET_OPTION_INVALID`
     */
    constructor(namespace?: string, jobs?: KnownJobs);
    /** The work stream that a type's jobs go to. */
    workKindOf(type: string): WorkKind;
    /**
     * The work streams that a worker of a type listens on. `jobs` is always among them, so that a producer who publishes
     * `jobs.<priority>.send_webhook` by hand is served too.
     */
    workKindsFor(type: string): WorkKind[];
    streamName(kind: StreamKind | ExtraKind): string;
    /** `jobs.<priority>.<type>.<id>`; without an id the three-token form, in which it is published. */
    work(address: WorkAddress): string;
    /** The one filter that fences the message of a job with an id: of whatever type and priority it is. */
    workOf(kind: WorkKind, id: string): string;
    /** What is stored of one type and priority. */
    workFilter(kind: WorkKind, priority: JobPriority | Any, type: string | Any): string;
    /** How a work stream stores what was published without an id. */
    bareWork(address: Omit<WorkAddress, 'id'>): string;
    /** What is published of one priority: without an id, and with one. */
    publishedWork(kind: WorkKind, priority: JobPriority): string[];
    /** How a work stream stores what was published without an id. */
    idTransform(kind: WorkKind): {
        src: string;
        dest: string;
    };
    /** `due.jobs.<priority>.<type>.<id>`: where a timer puts its job in TIMERS, from which JOBS takes it. */
    due(address: WorkAddress): string;
    /** Every due job of one priority or type: without an id, and with one. */
    dueFilters(kind: WorkKind, priority: JobPriority | Any, type?: string | Any): string[];
    /** `timers.jobs`: on which TIMERS hands due jobs to a work stream. Nobody else publishes or subscribes there. */
    handover(kind: WorkKind): string;
    /** `schedules.jobs.<id>`: the timer of a job that a producer delayed. */
    schedule(kind: WorkKind | Any, id: string | Any): string;
    /** `schedules.jobs.<reason>.<priority>.<type>.<id>`: a timer that Jetfleet set itself, countable by what it is for. */
    timer(reason: TimerReason, address: TimerAddress): string;
    /** `events.<type>.<status>.<id>`; each part may be {@link ANY}. */
    event(type: string | Any, status: JobStatus | Any, id: string | Any): string;
    /** The one filter that fences a job's transitions. Always this string: the server compares filters by their text. */
    eventsOf(id: string): string;
    /** `control.pauses`: the list of what is paused. */
    pauses(): string;
    /** `audit.actions`: who did what. */
    audit(): string;
    /** `unique.<type>.<scope>.<token>`: who has a unique key; see `keyToken`. */
    uniqueKey(type: string | Any, scope: UniqueScope, keyToken: string | Any): string;
    /** `jetfleet.cancelled`: tells workers of a cancelled job, without being stored. */
    cancelled(): string;
    /** `jetfleet.swept`: tells workers that one of them has swept, without being stored. */
    swept(): string;
    /** `jetfleet.workers`: asks every worker what it does. */
    workersAsked(): string;
    /** `jetfleet.settled`: asks every worker which messages of some consumers it has settled, before they are removed. */
    settledAsked(): string;
    /** `jetfleet.charts`: asks every worker for the charts that its handlers run. */
    chartsAsked(): string;
    /** `jetfleet.drain`: tells one worker, by its name in the body, to take no more jobs, or to take them again. */
    drainOrdered(): string;
    /** `jetfleet.watch`: somebody watches a job, or all, and goes on saying so. */
    watched(): string;
    /** `inspect.<worker>.<job id>`: what a state machine does, while somebody watches; each may be {@link ANY}. */
    inspection(worker: string | Any, jobId: string | Any): string;
    consumerName(type: string, priority: JobPriority): string;
    /** The consumer that hands out the jobs of one type and priority. */
    consumerFor(kind: WorkKind, priority: JobPriority, type: string): ConsumerSubjects;
    /** What the name of a consumer says, or undefined for a stranger's. */
    parseConsumer(name: string): {
        type: string;
        priority: JobPriority;
    } | undefined;
    /** The parts of a work subject, as published or as stored, or undefined when it is none. */
    parseWork(subject: string): WorkAddress | undefined;
    /** The job that a timer with this target brings, or undefined when it is no `due` subject. */
    parseDue(subject: string): WorkAddress | undefined;
    /** The work subject that a due one leads to, as it was published; undefined for any other. */
    workOfDue(subject: string): string | undefined;
    /** The subject of a job of any type and priority that is due now. */
    dueOf(kind: WorkKind | Any, id: string): string;
    /** The subjects of a producer's timer by the id that it is listed under: `cron-<name>` also names `cron.<name>`. */
    schedulesOf(kind: WorkKind | Any, id: string): string[];
    /** Of all timers of producers. */
    scheduleFilters(kind: WorkKind): string[];
    /** The id that a producer's timer is listed under, or undefined for a timer of Jetfleet's own. */
    scheduleId(subject: string): string | undefined;
    isSchedule(subject: string): boolean;
    /** The parts of an event subject, or undefined when it is none. */
    parseEvent(subject: string): EventAddress | undefined;
    /** The tokens of a subject of this namespace; none for any other. */
    tokensOf(subject: string): string[];
}

/** The headers of the wire contract. The first group is for producers in any language. */
declare const Header: {
    readonly MSG_ID: 'Nats-Msg-Id';
    readonly MAX_ATTEMPTS: 'Jetfleet-Max-Attempts';
    readonly TIMEOUT_MS: 'Jetfleet-Timeout-Ms';
    readonly EXPIRES_IN_MS: 'Jetfleet-Expires-In-Ms';
    readonly WEBHOOK_URL: 'Jetfleet-Webhook-Url';
    /** Up to 10 tags, parted by commas: `tenant:acme,nightly`. */
    readonly TAGS: 'Jetfleet-Tags';
    readonly TRACEPARENT: 'traceparent';
    readonly TRACESTATE: 'tracestate';
    /** ISO 8601: when the job was first asked for. Set by Jetfleet; believed only of a message that comes from TIMERS. */
    readonly CREATED_AT: 'Jetfleet-Created-At';
    /** What somebody has changed of a delayed job, as JSON. Set by Jetfleet; believed only of a message that comes from TIMERS. */
    readonly CHANGE: 'Jetfleet-Change';
    /** The job that this one follows from. Set by Jetfleet; only a job whose id is derived from that job's may have it. */
    readonly PARENT_ID: 'Jetfleet-Parent-Id';
    /** The group of its parent's children in which the end of this one counts. Set by Jetfleet, beside the parent's id. */
    readonly AWAITED: 'Jetfleet-Awaited';
    /** `<scope> <key in percent encoding>`: the unique key that the job has. Says nothing where UNIQUE does not give it to the job. */
    readonly UNIQUE: 'Jetfleet-Unique';
    /** Of a job in line for a permit, as JSON: all permits that it needs. Set by Jetfleet. */
    readonly LIMITS: 'Jetfleet-Limits';
    /** On a message from TIMERS: what the job waits for has come, so that it need not wait until it is due. */
    readonly WOKEN: 'Jetfleet-Woken';
    /** `@at <RFC 3339>`, a cron expression or `@every <duration>` (nats-server ADR-51). */
    readonly SCHEDULE: 'Nats-Schedule';
    readonly SCHEDULE_TARGET: 'Nats-Schedule-Target';
    readonly SCHEDULE_TIME_ZONE: 'Nats-Schedule-Time-Zone';
    /**
     * Set by the server on what a recurring schedule has started: the subject of the schedule, and when it fires next. With `purge` in the
     * place of that, a message removes the schedule as it is stored.
     */
    readonly SCHEDULER: 'Nats-Scheduler';
    readonly SCHEDULE_NEXT: 'Nats-Schedule-Next';
    readonly ROLLUP: 'Nats-Rollup';
    /** Of a recurring schedule: `skip`, `allow` or `cancel`. One that lacks it is of `allow`. */
    readonly OVERLAP: 'Jetfleet-Overlap';
    readonly JITTER_MS: 'Jetfleet-Jitter-Ms';
    /** ISO 8601: when it ends. */
    readonly UNTIL: 'Jetfleet-Until';
    /** Of a paused schedule: what its `Nats-Schedule` and `Nats-Schedule-Time-Zone` were, and since when; ISO 8601. */
    readonly PAUSED_SCHEDULE: 'Jetfleet-Paused-Schedule';
    readonly PAUSED_TIME_ZONE: 'Jetfleet-Paused-Time-Zone';
    readonly PAUSED_AT: 'Jetfleet-Paused-At';
    /** Of a run that somebody asked for, or that makes up for a missed tick. Set by Jetfleet; believed only of what comes from TIMERS. */
    readonly SCHEDULED_BY: 'Jetfleet-Scheduled-By';
    /** ISO 8601: of a run that makes up for a missed tick, when the next one is due. */
    readonly NEXT_TICK: 'Jetfleet-Next-Tick';
    /** After how long the server removes a message, as `30s` (ADR-43). */
    readonly TTL: 'Nats-TTL';
    /** Set by the server on what a work stream has taken from TIMERS; it refuses the header of anybody else. */
    readonly STREAM_SOURCE: 'Nats-Stream-Source';
    /** Set by the server on a stored message that it hands to a reader (ADR-31). */
    readonly READ_FROM: 'Nats-Stream';
};
type Header = (typeof Header)[keyof typeof Header];

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
declare function examine(queue: JobQueueService, options?: DoctorOptions): Promise<Examination>;

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
}
/**
 * With this, a worker rents, watches and deletes GPU instances: it handles `create_instance`, `monitor_instance` and
 * `delete_instance`, and its sweeps look for instances that belong to nobody.
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

export { ANY, Codec, FINDINGS, Header, JobPriority, JobStatus, Logger, ProgressOptions, Subjects, WorkerExtension, WorkerHooks, compression, encryption, examine, gpuInstances, logAttempts, webhooks };
export type { CompressionOptions, DoctorOptions, EncryptionOptions, Examination, Finding, FindingCode, GpuInstancesOptions, InstanceRead, Mended, Severity, WebhooksOptions };
