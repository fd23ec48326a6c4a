import { a as JobDefinition, R as RunDefaults, aN as Schema, l as ChildEnd, ai as PermitContext, ab as LimitSettings, aj as PriorityPolicy, as as RetryPolicy, J as JobTypes, ak as RateLimit, c as JobQueueService$1, b as JobQueueOptions, aO as AbandonedHandler } from './job-queue-service.js';
import { b as NewJob, J as JobRecord, a as JobOptions } from './job-options.js';
import { O as OnFailure, J as JobPriority, b as JobState, W as WorkKind } from './vocabulary.js';
import * as z from 'zod';
import { O as OUTCOME, j as CompletedWith, S as Snoozed, d as BreakerState, a as BreakerFacts, g as WorkerLifecycleState } from './worker-lifecycle.js';
import { AnyActorLogic, InspectionEvent } from 'xstate';
import { L as Logger } from './logger.js';
import { a as Tracing } from './tracing.js';
import { J as JobErrorInfo } from './errors.js';

/**
 * Calls functions that were handed to Jetfleet: callbacks, listeners, hooks. What they throw, or their promises reject
 * with, is logged and counted here, and goes no further.
 */
declare class UserCode {
    #private;
    /** The logger that it was made with, whose methods now never throw. */
    readonly logger: Logger;
    constructor(logger: Logger);
    /** How often each callback has failed, by its name. */
    get failures(): Record<string, number>;
    /** A logger whose methods never throw; what they throw is counted as failures of `logger`. */
    guard(logger: Logger): Logger;
    /** Runs a callback and does not wait for its promise. It never throws. */
    run(name: string, callback: () => unknown): void;
    /**
     * Counts a failure of the callback `name`, and logs it unless one was logged in the last second.
     * @param facts more for the log
     */
    note(name: string, err: unknown, facts?: object): void;
}

/** Signals: what somebody outside says to a job. */

/** How a job waits for a signal. */
interface SignalOptions {
    /** How long to wait, in milliseconds from the first time on that the job comes to this wait; at most 366 days. Defaults to without end. */
    timeoutMs?: number;
}

interface SweepOptions {
    /** Least time between two sweeps of the whole fleet, in milliseconds, at most 12 days. Defaults to five minutes. */
    intervalMs?: number;
    /** How much longer than that a worker may wait, as a part of it, 0 to 1. Defaults to 0.5. */
    jitter?: number;
    /**
     * How long something may be overdue, or an instance exist and be reported, before it is mended, in milliseconds.
     * Defaults to one minute for jobs and ten for instances.
     */
    graceMs?: number;
}

/** A job that a handler adds as its child. Its id is derived from its parent's. */
interface ChildJob extends Omit<NewJob, 'id' | 'traceparent' | 'tracestate' | 'unique' | 'debounce'> {
    /** Stands in its id, 1 to 64 of `A-Z a-z 0-9 _ -`. Defaults to its place. */
    key?: string;
}
/** How a handler waits for its children. */
interface ChildrenOptions {
    /** What the failure of one means. Defaults to `fail`. */
    onFailure?: OnFailure;
}

/** What a handler is given. */
interface JobContext<P = unknown, C = unknown, K = unknown> {
    readonly id: string;
    readonly type: string;
    readonly priority: JobPriority;
    readonly payload: P;
    /** From 1. */
    readonly attempt: number;
    readonly maxAttempts: number;
    /** What an earlier run left by `snooze` or `saveCheckpoint`. */
    readonly checkpoint: C | undefined;
    /** The whole record, as the claim writes it. */
    readonly record: JobRecord;
    /** Aborts when the job times out, is cancelled, was lost to another worker, or must be handed back: see `reason`. */
    readonly signal: AbortSignal;
    readonly logger: Logger;
    /**
     * Makes something durable for later runs of this job. Resolves once it is.
     * @throws ConflictError when another worker has taken the job over: stop at once
     * @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB
     */
    saveCheckpoint(value: C): Promise<void>;
    /**
     * Says how far the job is: a percentage, `{ done, total, message }`, or any JSON up to 4 KiB. It may be called as often as you like: at
     * most four values a second are stored, and the last one always is. `getJob` and the API show it. A new attempt
     * begins without.
     * @throws ValidationError `JETFLEET_REPORT_INVALID`
     */
    progress(value: JobProgress): void;
    /** Adds a line to the log of the job. The last 10,000 lines, and of these at most 1 MiB, are kept as long as its record: see `queue.logs`. */
    log(line: string): void;
    /**
     * Gives a part of the result to whoever reads `queue.stream(id)`, any JSON up to 128 KiB. Resolves once it is stored. Nobody has to
     * wait for it, but a handler that does emits no faster than the broker stores.
     * @throws ConflictError when another worker has taken the job over: stop at once
     * @throws ValidationError `JETFLEET_REPORT_INVALID`; BrokerError `JETFLEET_BACKPRESSURE`
     */
    emit(chunk: K): Promise<void>;
    /**
     * Keeps the jobs of this worker from within code that blocks the event loop, such as a long loop: call it at least every few seconds.
     * Calls in between cost nothing. The worker does it by itself while the event loop turns.
     */
    heartbeat(): void;
    /**
     * Keeps the jobs of this worker for `ms` although nothing is heard of it, for a call that blocks the event loop and cannot be interrupted. Resolves
     * once the broker knows. Should the process die meanwhile, its jobs start elsewhere only when the time is over. 0 ends it early.
     * @param ms up to 24 hours
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    extendLease(ms: number): Promise<void>;
    /**
     * Waits for a signal: {@link JobQueueService.signal}, or one publish on `signals.<job id>.<name>` from any language. If it has not come, the
     * job hibernates: this run of the handler ends, the job holds no slot and no memory, and once the signal has come the handler
     * runs again from its beginning, in the same attempt. The call then returns at once what was sent, in this run and in every
     * later one. The second call for a name waits for the second signal of that name. Whatever must not be done again stands
     * behind the wait, or is kept by {@link saveCheckpoint}.
     *
     * Carried by the stream SIGNALS, its one durable consumer that all workers share, and a timer in TIMERS.
     * @returns the data, null for none; undefined when `timeoutMs` have passed since the job first came to this wait
     * @throws JetfleetError `JETFLEET_HIBERNATING` when it hibernates: do not catch it
     * @throws ValidationError `JETFLEET_SIGNAL_INVALID`, `JETFLEET_OPTION_INVALID`
     */
    waitForSignal<T = unknown>(name: string, options?: {
        timeoutMs?: undefined;
    }): Promise<T>;
    waitForSignal<T = unknown>(name: string, options: SignalOptions): Promise<T | undefined>;
    /**
     * Adds jobs as children of this one, each once, and waits until all have ended. The job hibernates meanwhile, as in
     * {@link waitForSignal}: then the handler runs again from its beginning, and the call returns at once. Every run must ask for the same
     * children. They are cancelled with their parent.
     *
     * Carried by the stream SIGNALS: whoever ends the last child wakes the parent by one write to TIMERS.
     * @returns how each has ended, in the order of the list
     * @throws NonRetryableError `JETFLEET_CHILD_FAILED` when one fails, with `onFailure: 'fail'` (the default);
     *   `JETFLEET_CHILDREN_CHANGED`
     * @throws JetfleetError `JETFLEET_HIBERNATING` when it hibernates: do not catch it
     * @throws ValidationError `JETFLEET_FLOW_INVALID`, and as adding the jobs would
     */
    children<R = unknown>(jobs: readonly ChildJob[], options?: ChildrenOptions): Promise<ChildEnd<R>[]>;
    /** How the jobs of its flow have ended that this one runs after, by their keys; empty for a job of no flow. */
    results<R = unknown>(): Promise<Record<string, ChildEnd<R>>>;
    /**
     * Runs a call once all workers together leave a permit for it: a limit around any part of a job. It waits in this worker, with the slot of the job;
     * jobs that need a permit to run at all should have `limits`. An error with `retryAfterMs` closes the key until then.
     * @example await job.limit('novita:account-1', () => fetch(url))
     * @param limit `<name>:<key>`
     * @param settings defaults to those of the worker; what `queue.limits.set` has said comes before both
     * @throws what the call throws; the reason of the job's signal; JetfleetError `JETFLEET_LIMIT_UNKNOWN`
     * @throws ValidationError `JETFLEET_LIMIT_INVALID`
     */
    limit<T>(limit: string, call: (permit: PermitContext) => T | Promise<T>, settings?: LimitSettings): Promise<T>;
}
/** How far a job is. A number is a percentage. */
type JobProgress = number | string | {
    done?: number;
    total?: number;
    message?: string;
    [more: string]: unknown;
};
/**
 * Runs a job. What it returns becomes the job's result, unless it is `snooze(...)` or `complete(...)`. Any error is
 * retried with backoff; `NonRetryableError` and `ValidationError` fail the job at once.
 */
type JobHandler<P = unknown> = (job: JobContext<P>) => unknown | Promise<unknown>;
/** Runs a job of a definition: it gets, leaves and returns what the definition says. */
type TypedHandler<T extends JobTypes> = (job: JobContext<T['payload'], T['checkpoint'], T['chunk']>) => TypedOutcome<T> | Promise<TypedOutcome<T>>;
type TypedOutcome<T extends JobTypes> = Result<T> | CompletedWith<T['returned']> | Snoozed<T['checkpoint']>;
/** Without a schema of the result anything may be returned, but no outcome with another checkpoint than the definition's. */
type Result<T extends JobTypes> = unknown extends T['returned'] ? unknown extends T['checkpoint'] ? unknown : Value : T['returned'];
type Value = string | number | boolean | null | undefined | void | NoOutcome;
type NoOutcome = object & {
    readonly [OUTCOME]?: never;
    readonly then?: never;
};
/** How a worker runs one job type. */
interface HandlerOptions<P = unknown> extends RunDefaults {
    /** Checks each payload before the handler sees it; an invalid one fails the job at once. Defaults to none. */
    payload?: Schema<unknown, P>;
    /** A function. Exactly one of `handler` and `chart` is given. */
    handler?: JobHandler<P>;
    /** XState logic with a `RunInput` as input and a `JobOutcome` as output. */
    chart?: AnyActorLogic;
}
/** A definition with what runs its jobs; made by {@link handled}. */
interface Handled {
    readonly job: JobDefinition;
    readonly options: HandlerOptions;
}
/**
 * Says how the jobs of a definition run; see `handle` of the worker.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function handled<T extends JobTypes>(job: JobDefinition<T>, run: TypedHandler<T> | AnyActorLogic, options?: RunDefaults): Handled;
/** What a worker says of its types, in place of what their handlers say. */
interface HandlerOverrides {
    /** Jobs that run at once, by type; overrides what the handler says. */
    concurrency?: Readonly<Record<string, number>>;
    /** Which of the waiting jobs a free slot gets, by type; overrides what the handler says. */
    priorities?: Readonly<Record<string, PriorityPolicy>>;
    /** Delays between attempts, by type; overrides what the handler says. */
    retry?: Readonly<Record<string, RetryPolicy>>;
}

/** How one attempt ended, once that is stored. */
interface SettledAttempt {
    /**
     * Where the job stands now: `completed`, `retrying`, `exhausted`, `waiting` after a snooze, `queued` where the job was handed back, and
     * so on. `lost`: another worker has the job, or its record could not be written; the job goes on without this attempt.
     */
    readonly state: JobState | 'lost';
    /** The record as this worker wrote it last; of a lost or cancelled job, that of its claim. */
    readonly record: JobRecord;
    /** From the claim until all is written, in milliseconds. */
    readonly durationMs: number;
    /** Why the attempt failed. */
    readonly error: JobErrorInfo | undefined;
}
/** Where an attempt comes from. */
interface ClaimedFrom {
    /** What the job was before: `queued`, `retrying`, `waiting`, ... */
    readonly state: JobState;
    /** Since when it was that. */
    readonly since: Date;
    /** When the worker claimed it. */
    readonly claimedAt: Date;
    /**
     * How long it waited for a worker, in milliseconds: from when it could start until `claimedAt`. Delays, pauses before a retry and snoozes
     * are not part of it. 0 for a job that a signal woke.
     */
    readonly waitedMs: number;
    /** The first token of its subject. */
    readonly stream: WorkKind;
    /** Of its record. To read them here is cheaper than `job.record`, which is a copy. */
    readonly worker: string | undefined;
    readonly parentId: string | undefined;
    readonly traceparent: string | undefined;
    readonly tracestate: string | undefined;
}
/**
 * What a worker calls around each of its jobs, for tracing, tenants and metrics. All three are given the same object as the handler, so a
 * `WeakMap` can hold what belongs to an attempt. What they throw is logged, counted in `callbackFailures` of the queue, and goes no
 * further: no hook fails a job, changes its result or keeps it from running.
 */
interface WorkerHooks {
    /** A later one of this name takes its place. Defaults to none: then it stays. */
    readonly name?: string;
    /** Called before the handler begins, which does not wait for it. Each attempt of a job is a claim. */
    onClaim?(job: JobContext, from: ClaimedFrom): unknown;
    /**
     * Called in place of the handler: `next` begins it, and settles as it does. Whatever runs in `next` sees the `AsyncLocalStorage`
     * that it was called in. Several nest, the first one outermost. A handler that has not begun after 5 seconds, or when `around` has
     * ended, begins without it. What `around` does after `next` keeps nobody waiting. The `next` of a chart resolves once the chart has
     * ended, however it ended.
     *
     * @example around: (job, next) => tenants.run(job.payload.tenant, next)
     */
    around?(job: JobContext, next: () => Promise<unknown>): unknown;
    /** Called once for each `onClaim`, unless the process dies: when the outcome is stored, and what follows from it is published. */
    onSettled?(job: JobContext, settled: SettledAttempt): unknown;
}

/** The job of this id, which the worker runs now. @throws JetfleetError `JETFLEET_LEASE_LOST` */
type HeldJobOf = (jobId: string) => JobContext;
/** What a worker lends to an extension. */
interface WorkerHost {
    /** Of the queue. */
    readonly namespace: string;
    readonly logger: Logger;
    readonly userCode: UserCode;
    /** Of the queue. */
    readonly tracing?: Tracing;
    readonly heldJob: HeldJobOf;
    /**
     * Has a waiting job run in so many milliseconds instead of when it is due. False when that cannot be said yet: the job is
     * still on its way into its wait.
     */
    reschedule(id: string, inMs: number): Promise<boolean>;
    /** About how many jobs of a type are queued, as its consumers said with the last one; 0 before. */
    queued(type: string): number;
    /** Refuses a URL that webhooks of this worker may not go to. A worker that sends none refuses nothing. */
    checkWebhookUrl(url: string, signal: AbortSignal): Promise<void>;
}
/** What an extension brings to one worker. */
interface Installed {
    /** How to run the types that it brings: `handled(job, run)` of each. */
    handlers: Iterable<Handled>;
    checkWebhookUrl?: WorkerHost['checkWebhookUrl'];
    /** Called around each job of the worker, of whatever type. */
    hooks?: WorkerHooks;
    /** Called each time that the worker starts. What it throws fails the start. */
    start?: () => Promise<void>;
    /** Ends what it has open, within so many milliseconds. */
    close?: (withinMs: number) => unknown;
}
/** Job types with what they need, for `worker.use`. It may be used by several workers. */
interface WorkerExtension {
    readonly name: string;
    /** Called once for each worker that uses it. It opens what it needs; what it throws reaches the caller of `use`. */
    install(host: WorkerHost): Installed;
}

/** Deletes what a job has rented, until the provider says that it is gone. */
declare const deleteInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId?: string | undefined;
        instanceName?: string | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId?: string | undefined;
        instanceName?: string | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        deleted: string[];
    };
    result: {
        deleted: string[];
    };
}>;
/** Rents exactly one instance. Whatever a failed one has rented is deleted. */
declare const createInstance: JobDefinition<{
    input: {
        instanceId: string;
        name: string;
        productName: string;
        templateId: string;
        gpuNum: number;
        rootfsSize: number;
        region: string;
        billingMode?: "on_demand" | "spot" | undefined;
        regions?: string[] | undefined;
        products?: string[] | undefined;
        billingModes?: ("on_demand" | "spot")[] | undefined;
        providers?: string[] | undefined;
        templateIds?: Record<string, string> | undefined;
        placement?: "cheapest" | "fastest" | "ordered" | undefined;
        maxPricePerHour?: number | undefined;
        offerTimeoutMs?: number | undefined;
        avoid?: string[] | undefined;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
    };
    payload: {
        instanceId: string;
        name: string;
        productName: string;
        templateId: string;
        gpuNum: number;
        rootfsSize: number;
        region: string;
        billingMode?: "on_demand" | "spot" | undefined;
        regions?: string[] | undefined;
        products?: string[] | undefined;
        billingModes?: ("on_demand" | "spot")[] | undefined;
        providers?: string[] | undefined;
        templateIds?: Record<string, string> | undefined;
        placement?: "cheapest" | "fastest" | "ordered" | undefined;
        maxPricePerHour?: number | undefined;
        offerTimeoutMs?: number | undefined;
        avoid?: string[] | undefined;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        provider?: string | undefined;
        region?: string | undefined;
        productId?: string | undefined;
        adopted: boolean;
        duplicates?: string[] | undefined;
    };
    result: {
        novitaInstanceId: string;
        provider?: string | undefined;
        region?: string | undefined;
        productId?: string | undefined;
        adopted: boolean;
        duplicates?: string[] | undefined;
    };
}>;
/** Watches an instance until it runs. One that nobody will use is deleted. */
declare const monitorInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        startTime: string | Date;
        maxWaitTime?: number | undefined;
        webhookUrl?: string | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
        offerTimeoutMs?: number | undefined;
        nextOffer?: {
            instanceId: string;
            name: string;
            productName: string;
            templateId: string;
            gpuNum: number;
            rootfsSize: number;
            region: string;
            billingMode?: "on_demand" | "spot" | undefined;
            regions?: string[] | undefined;
            products?: string[] | undefined;
            billingModes?: ("on_demand" | "spot")[] | undefined;
            providers?: string[] | undefined;
            templateIds?: Record<string, string> | undefined;
            placement?: "cheapest" | "fastest" | "ordered" | undefined;
            maxPricePerHour?: number | undefined;
            offerTimeoutMs?: number | undefined;
            avoid?: string[] | undefined;
            webhookUrl?: string | undefined;
            maxWaitTime?: number | undefined;
            onTimeout?: "delete" | "keep" | "stop" | undefined;
        } | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        startTime: string;
        maxWaitTime: number;
        webhookUrl?: string | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
        offerTimeoutMs?: number | undefined;
        nextOffer?: {
            instanceId: string;
            name: string;
            productName: string;
            templateId: string;
            gpuNum: number;
            rootfsSize: number;
            region: string;
            billingMode?: "on_demand" | "spot" | undefined;
            regions?: string[] | undefined;
            products?: string[] | undefined;
            billingModes?: ("on_demand" | "spot")[] | undefined;
            providers?: string[] | undefined;
            templateIds?: Record<string, string> | undefined;
            placement?: "cheapest" | "fastest" | "ordered" | undefined;
            maxPricePerHour?: number | undefined;
            offerTimeoutMs?: number | undefined;
            avoid?: string[] | undefined;
            webhookUrl?: string | undefined;
            maxWaitTime?: number | undefined;
            onTimeout?: "delete" | "keep" | "stop" | undefined;
        } | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        status: "replaced" | "running";
        elapsedTime: number;
    };
    result: {
        novitaInstanceId: string;
        status: "replaced" | "running";
        elapsedTime: number;
    };
}>;

/** An endpoint: where webhooks of some events go, and how. */

declare const FORMATS: readonly ['standard', 'cloudevents', 'cloudevents-binary'];
/** The shape of a webhook: that of Standard Webhooks, or CloudEvents 1.0 as structured or binary HTTP messages. */
type EndpointFormat = (typeof FORMATS)[number];
/** What can be said of an endpoint. */
declare const endpointSettings: z.ZodObject<{
    url: z.ZodString;
    description: z.ZodOptional<z.ZodString>;
    events: z.ZodOptional<z.ZodArray<z.ZodString>>;
    headers: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
    concurrency: z.ZodOptional<z.ZodNumber>;
    rate: z.ZodOptional<z.ZodObject<{
        max: z.ZodNumber;
        perMs: z.ZodNumber;
    }, z.core.$strict>>;
    ordered: z.ZodOptional<z.ZodBoolean>;
    format: z.ZodOptional<z.ZodEnum<{
        cloudevents: "cloudevents";
        "cloudevents-binary": "cloudevents-binary";
        standard: "standard";
    }>>;
    keep: z.ZodOptional<z.ZodObject<{
        maxAgeMs: z.ZodOptional<z.ZodNumber>;
        maxCount: z.ZodOptional<z.ZodNumber>;
    }, z.core.$strict>>;
}, z.core.$strict>;
type EndpointSettings = z.input<typeof endpointSettings>;
interface NewEndpoint extends EndpointSettings {
    /** 1 to 40 of `A-Z a-z 0-9 _ -`. Defaults to a new one. */
    id?: string;
    /** `whsec_…` or `whsk_…`. Defaults to a new `whsec_`. */
    secret?: string;
}
/** An endpoint as it is stored. Times are ISO 8601. */
interface StoredEndpoint {
    v: 1;
    id: string;
    url: string;
    description?: string;
    events: string[];
    concurrency: number;
    rate?: RateLimit;
    ordered: boolean;
    format: EndpointFormat;
    keep: {
        maxAgeMs: number;
        maxCount: number;
    };
    /** Its secrets and headers, encrypted. */
    sealed: string;
    createdAt: string;
    updatedAt: string;
}
/** `null` takes back what was said. @throws ValidationError `JETFLEET_ENDPOINT_INVALID` */
declare const endpointChange: z.ZodObject<{
    url: z.ZodOptional<z.ZodString>;
    events: z.ZodOptional<z.ZodOptional<z.ZodArray<z.ZodString>>>;
    concurrency: z.ZodOptional<z.ZodOptional<z.ZodNumber>>;
    ordered: z.ZodOptional<z.ZodOptional<z.ZodBoolean>>;
    format: z.ZodOptional<z.ZodOptional<z.ZodEnum<{
        cloudevents: "cloudevents";
        "cloudevents-binary": "cloudevents-binary";
        standard: "standard";
    }>>>;
    keep: z.ZodOptional<z.ZodOptional<z.ZodObject<{
        maxAgeMs: z.ZodOptional<z.ZodNumber>;
        maxCount: z.ZodOptional<z.ZodNumber>;
    }, z.core.$strict>>>;
    description: z.ZodOptional<z.ZodNullable<z.ZodOptional<z.ZodString>>>;
    rate: z.ZodOptional<z.ZodOptional<z.ZodNullable<z.ZodObject<{
        max: z.ZodNumber;
        perMs: z.ZodNumber;
    }, z.core.$strict>>>>;
    headers: z.ZodOptional<z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodString>>>>;
}, z.core.$strict>;
type EndpointChange = z.input<typeof endpointChange>;

/** An endpoint as it is shown: without its secrets, and without the values of its headers. */
interface ShownEndpoint extends Omit<StoredEndpoint, 'v' | 'sealed'> {
    /** `closed`: webhooks go out. `open`, `halfOpen`: it rests, or is tried. `disabled`: its webhooks are kept. */
    state: BreakerState;
    health: Omit<BreakerFacts, 'openUntilMs' | 'probeUntilMs'> & {
        openUntil?: string;
        probeUntil?: string;
    };
    /** Webhooks that wait for their turn or for the endpoint to be enabled, and since when the oldest of them waits. */
    kept: {
        count: number;
        oldestAt?: string;
    };
    /** Missing where the key that encrypted them is not known here. */
    headerNames?: string[];
    /** Since when its secrets sign, and until when; the newest first, with its public key where it has one. */
    secrets?: {
        since: string;
        until?: string;
        publicKey?: string;
    }[];
}
/** With its secret, which is shown this one time. */
type AddedEndpoint = ShownEndpoint & {
    secret: string;
};
interface RotateSecretOptions {
    /** `whsec_…` or `whsk_…`. Defaults to a new `whsec_`. */
    secret?: string;
    /** How long the old secrets sign beside it. Defaults to 24 hours, at most 30 days. */
    keepOldForMs?: number;
}
/**
 * `queue.webhookEndpoints`: where webhooks go besides the `webhookUrl` of a job. Each method but `list` and `add` throws JetfleetError
 * `JETFLEET_NOT_FOUND` for an id that no endpoint has.
 */
declare class WebhookEndpoints {
    #private;
    /** All endpoints by id. */
    list(): Promise<ShownEndpoint[]>;
    get(id: string): Promise<ShownEndpoint>;
    /**
     * Adds an endpoint. From then on it is sent the webhooks of jobs that end.
     * @throws ValidationError `JETFLEET_ENDPOINT_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`; JetfleetError `JETFLEET_ENDPOINT_SEALED`
     *   without keys; ConflictError for an id that is taken
     */
    add(endpoint: NewEndpoint): Promise<AddedEndpoint>;
    /**
     * Changes what is given; `null` takes a description, headers or a rate back.
     * @throws ValidationError `JETFLEET_ENDPOINT_INVALID`; ConflictError when somebody else has changed it at the same time
     */
    update(id: string, change: EndpointChange): Promise<ShownEndpoint>;
    /**
     * Signs with a new secret from now on. The old ones sign beside it for a while, so that receivers can change over.
     * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_ENDPOINT_SEALED`
     */
    rotateSecret(id: string, options?: RotateSecretOptions): Promise<AddedEndpoint>;
    /** Encrypts the secrets of all endpoints with the first of the keys, so that the others can be taken away. @returns how many there are */
    reseal(): Promise<number>;
    /** Keeps its webhooks from now on. Those that are under way arrive. */
    disable(id: string, reason?: string): Promise<ShownEndpoint>;
    /** Sends what was kept, in order, and what comes. An endpoint that rests is tried at once. */
    enable(id: string): Promise<ShownEndpoint>;
    /** Removes it. Webhooks that are still to be delivered to it fail. */
    remove(id: string): Promise<void>;
    /** Sends it a webhook of the type `webhook.test`. @returns the id of the job that delivers it */
    test(id: string): Promise<string>;
}

/** The retry schedule of webhooks: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h, 24 h, each ±20 %. */
declare const WEBHOOK_RETRY: RetryPolicy;
/** Delivers a webhook, signed, until it is accepted. */
declare const sendWebhook: JobDefinition<{
    input: {
        url?: string | undefined;
        endpoint?: string | undefined;
        order?: {
            key: string;
            sequence: number;
        } | undefined;
        payload: unknown;
        headers?: Record<string, string> | undefined;
    };
    payload: {
        url?: string | undefined;
        endpoint?: string | undefined;
        order?: {
            key: string;
            sequence: number;
        } | undefined;
        payload: unknown;
        headers?: Record<string, string> | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        status: number;
        durationMs: number;
        headers?: Record<string, string> | undefined;
        excerpt?: string | undefined;
    };
    result: {
        status: number;
        durationMs: number;
        headers?: Record<string, string> | undefined;
        excerpt?: string | undefined;
    };
}>;

/** The product: the engine's queue, with the job types that Jetfleet is made for. */

/** The job types that Jetfleet handles itself, by the names of the in-memory queue. */
declare const JobType: {
    readonly CREATE_INSTANCE: 'create_instance';
    readonly MONITOR_INSTANCE: 'monitor_instance';
    readonly DELETE_INSTANCE: 'delete_instance';
    readonly SEND_WEBHOOK: 'send_webhook';
};
/** A built-in type or a user's own, snake_case. */
type JobType = keyof BuiltInPayloads | (string & {});
type PayloadFor<D> = D extends JobDefinition<infer Types> ? Types['input'] : never;
/** The payloads of the built-in job types, for typed `addJob` calls. */
interface BuiltInPayloads {
    create_instance: PayloadFor<typeof createInstance>;
    monitor_instance: PayloadFor<typeof monitorInstance>;
    delete_instance: PayloadFor<typeof deleteInstance>;
    send_webhook: PayloadFor<typeof sendWebhook>;
}
type PayloadOf<T extends string> = T extends keyof BuiltInPayloads ? BuiltInPayloads[T] : unknown;
/** Jobs of `addJobs`, the payload of each as its type asks for. */
type NewJobs<Types extends readonly string[]> = {
    readonly [Index in keyof Types]: NewJob & {
        type: Types[Index];
        payload: PayloadOf<Types[Index]>;
    };
};
/**
 * The queue: adds jobs and tells about them. It connects on its first use, and holds nothing but the connection, so
 * any number of processes may have one. It knows the types of instances and webhooks.
 */
declare class JobQueueService extends JobQueueService$1 {
    /** Where webhooks go besides the `webhookUrl` of a job. */
    readonly webhookEndpoints: WebhookEndpoints;
    /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
    constructor(options?: JobQueueOptions);
    addJob<T extends JobType>(type: T, payload: PayloadOf<T>, priority?: JobPriority, options?: JobOptions): Promise<string>;
    addJobs<const Types extends readonly string[]>(jobs: NewJobs<Types>): Promise<string[]>;
    /**
     * Sends a webhook once more: a failed one under its own id, a delivered one under a new one.
     * @returns the id of the job that delivers it
     * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when it is still being delivered
     */
    redeliver(id: string): Promise<string>;
}

/** What a worker is asked to keep of the steps of its jobs' state machines. */

/**
 * - `failed`: of each attempt that failed, also where the job is tried again. Of a function nothing: it has no machine of its own
 * - `watched`: of each attempt during which somebody watched this very job, on its page or by `watchMachines`
 * - `all`: of each attempt, of a function as well, which then takes the longer way through its machine
 */
type KeepSteps = 'failed' | 'watched' | 'all';
/** What the owner of a worker asks for. */
interface InspectOptions {
    /** Of which attempts the steps are stored with the job. Defaults to `['failed', 'watched']`; `[]` for none. */
    keep?: KeepSteps | readonly KeepSteps[];
    /** Sees every step of every state machine (XState's inspection events). What it throws is logged. */
    observe?: (event: InspectionEvent) => void;
}

/** What became of the running jobs in a shutdown. */
interface ShutdownResult {
    /** Jobs that were still running when the time was up, and went back to the queue. */
    released: number;
    /** Handlers that run still, although their signals have fired; absent when there are none. */
    abandoned?: AbandonedHandler[];
    /** What steps of the shutdown threw; all others ran. Absent when there is nothing. */
    errors?: Error[];
}

interface JobWorkerOptions extends HandlerOverrides {
    /** Written on every record. Defaults to `<host>-<pid>-<random>`. */
    name?: string;
    /** Defaults to the queue's logger. */
    logger?: Logger;
    /** Finds stuck jobs and orphaned instances every few minutes, and repairs them; see {@link SweepOptions}. `false`: never. */
    sweep?: SweepOptions | false;
    /**
     * Whether the worker obeys orders to take no more jobs (`drainWorker`, the HTTP API). Anybody who may publish on
     * `jetfleet.drain` can give them. Each ends by itself, after an hour or the time that it names, at most 24 hours. Defaults to true.
     */
    remoteDrain?: boolean;
    /**
     * How many permits each key of the limits has that handlers take with `job.limit`, by name. What `queue.limits.set` has said comes first.
     * @example limits: { novita: { concurrency: 3, rate: { max: 100, perMs: 60_000 } } }
     */
    limits?: Readonly<Record<string, LimitSettings>>;
    /**
     * Of which jobs the steps of state machines are stored, to be read by `queue.steps` and replayed on the page of the job; and who sees
     * them as they happen. A function is the same as `{ observe }`. See {@link InspectOptions} for the defaults.
     */
    inspect?: InspectOptions | ((event: InspectionEvent) => void);
}
/**
 * Runs jobs. It handles the types it has handlers for, each with its own slots, and leaves all others alone.
 *
 * `start` and `stop` may follow each other; after `shutdown` the worker is done. The queue stays open. The way of a job through
 * it stands in docs/architecture.md.
 */
declare class JobWorkerService implements AsyncDisposable {
    #private;
    readonly name: string;
    /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
    constructor(queue: JobQueueService$1, options?: JobWorkerOptions);
    /** Where the worker is in its life: `idle`, `running`, `paused`, `draining`, ... */
    get state(): WorkerLifecycleState;
    /** Ids of the jobs that run in this worker now. */
    get running(): string[];
    /**
     * Adds the job types of extensions, with what these need, before or after `start`. A second extension of one name takes the place of
     * the first, unless its types run already. Of two handlers for a type the one that came last wins. Also takes hooks, which are called
     * around every job that the worker claims from then on.
     *
     * @example worker.use(gpuInstances({ provider }), webhooks({ secret }))
     * @example worker.use({ around: (job, next) => tenants.run(job.payload.tenant, next) })
     * @throws ValidationError `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_CLOSED`. Then none of them was added
     */
    use(...extensions: (WorkerExtension | WorkerHooks)[]): this;
    /**
     * Says how to run a type by its name, before or after `start`; the last one for a type wins until it starts.
     * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
     */
    registerHandler<P>(type: string, options: HandlerOptions<P>): this;
    /**
     * Says how to run the jobs of a definition: by a function, or by XState logic with a `RunInput` as input and a `JobOutcome`
     * as output. Options come before those of the definition.
     *
     * @example worker.handle(resize, async ({ payload }) => upload(await shrink(payload.url, payload.width)))
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    handle<T extends JobTypes>(job: JobDefinition<T>, run: TypedHandler<T> | AnyActorLogic, options?: RunDefaults): this;
    /**
     * Connects, makes sure of the streams and consumers, and begins to claim. Idempotent.
     * @throws BrokerError, JetfleetError `JETFLEET_STREAM_DRIFT`: see the queue
     * @throws ValidationError `JETFLEET_OPTION_INVALID` when `concurrency` or `retry` names a type without a handler
     */
    start(): Promise<void>;
    /** Claims nothing more. Jobs that run go on; `start` resumes. */
    stop(): Promise<void>;
    /**
     * Claims nothing more, waits for running jobs, and hands back those that still run after `timeoutMs`: they lose no
     * attempt, and another worker can take them at once. Takes at most a second longer than `timeoutMs`, also while the broker
     * is away; a handler that runs still is abandoned then.
     * @param timeoutMs defaults to 30,000, at most 24 days
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    shutdown(timeoutMs?: number): Promise<ShutdownResult>;
    [Symbol.asyncDispose](): Promise<void>;
}

export { JobQueueService as J, JobWorkerService as b, JobType as k, WEBHOOK_RETRY as o, createInstance as q, deleteInstance as r, handled as s, monitorInstance as t, sendWebhook as u };
export type { BuiltInPayloads as B, ChildJob as C, Handled as H, InspectOptions as I, KeepSteps as K, SettledAttempt as S, TypedHandler as T, WorkerExtension as W, JobWorkerOptions as a, WorkerHooks as c, ChildrenOptions as d, ClaimedFrom as e, HandlerOptions as f, Installed as g, JobContext as h, JobHandler as i, JobProgress as j, ShutdownResult as l, SignalOptions as m, SweepOptions as n, WorkerHost as p };
