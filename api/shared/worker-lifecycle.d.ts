import { z } from 'zod';
import { JobErrorInfo } from './errors.js';
import { NextJob } from './job-options.js';
import * as xstate from 'xstate';

/** What the jobs of instances that exist take, and what they leave. */

/** `start_instance`, `stop_instance` and `restart_instance`. */
declare const orderInstancePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    webhookUrl: z.ZodOptional<z.ZodString>;
    maxWaitTime: z.ZodOptional<z.ZodNumber>;
}, z.core.$strict>;
type OrderInstancePayload = z.infer<typeof orderInstancePayload>;
/** What a watch reports. `deleted`: by somebody else; `stopped`: from outside, or by a job. */
declare const WATCH_EVENTS: readonly ["spotInterrupted", "deleted", "stopped", "failed", "unhealthy", "priceChanged"];
type WatchEvent = (typeof WATCH_EVENTS)[number];
/**
 * What follows from an event: nothing is reported, it is reported, and the instance is migrated, replaced or deleted after that.
 */
declare const watchPolicy: z.ZodEnum<{
    delete: "delete";
    ignore: "ignore";
    migrate: "migrate";
    notify: "notify";
    replace: "replace";
}>;
type WatchPolicy = z.infer<typeof watchPolicy>;
/** `watch_instance`: watches an instance that runs, and reports what happens to it. */
declare const watchInstancePayload: z.ZodObject<{
    webhookUrl: z.ZodOptional<z.ZodString>;
    on: z.ZodOptional<z.ZodObject<{
        deleted: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            ignore: "ignore";
            migrate: "migrate";
            notify: "notify";
            replace: "replace";
        }>>;
        failed: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            ignore: "ignore";
            migrate: "migrate";
            notify: "notify";
            replace: "replace";
        }>>;
        priceChanged: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            ignore: "ignore";
            migrate: "migrate";
            notify: "notify";
            replace: "replace";
        }>>;
        spotInterrupted: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            ignore: "ignore";
            migrate: "migrate";
            notify: "notify";
            replace: "replace";
        }>>;
        stopped: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            ignore: "ignore";
            migrate: "migrate";
            notify: "notify";
            replace: "replace";
        }>>;
        unhealthy: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            ignore: "ignore";
            migrate: "migrate";
            notify: "notify";
            replace: "replace";
        }>>;
    }, z.core.$strict>>;
    health: z.ZodOptional<z.ZodObject<{
        ports: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
        path: z.ZodOptional<z.ZodString>;
        expectStatus: z.ZodOptional<z.ZodNumber>;
        probeTimeoutMs: z.ZodOptional<z.ZodNumber>;
        failures: z.ZodOptional<z.ZodNumber>;
    }, z.core.$strict>>;
    minIntervalMs: z.ZodOptional<z.ZodNumber>;
    maxIntervalMs: z.ZodOptional<z.ZodNumber>;
    priceIntervalMs: z.ZodOptional<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<0>]>>;
    pricePerHour: z.ZodOptional<z.ZodNumber>;
    reported: z.ZodOptional<z.ZodArray<z.ZodEnum<{
        deleted: "deleted";
        failed: "failed";
        priceChanged: "priceChanged";
        spotInterrupted: "spotInterrupted";
        stopped: "stopped";
        unhealthy: "unhealthy";
    }>>>;
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    createJobId: z.ZodOptional<z.ZodString>;
}, z.core.$strict>;
type WatchInstancePayload = z.infer<typeof watchInstancePayload>;
/** `migrate_instance`: moves an instance, such as a reclaimed spot instance, to another machine. */
declare const migrateInstancePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    webhookUrl: z.ZodOptional<z.ZodString>;
    maxWaitTime: z.ZodOptional<z.ZodNumber>;
    by: z.ZodOptional<z.ZodEnum<{
        provider: "provider";
        replacement: "replacement";
    }>>;
    createJobId: z.ZodOptional<z.ZodString>;
    watch: z.ZodOptional<z.ZodObject<{
        webhookUrl: z.ZodOptional<z.ZodString>;
        on: z.ZodOptional<z.ZodObject<{
            deleted: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            failed: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            priceChanged: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            spotInterrupted: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            stopped: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            unhealthy: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
        }, z.core.$strict>>;
        health: z.ZodOptional<z.ZodObject<{
            ports: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
            path: z.ZodOptional<z.ZodString>;
            expectStatus: z.ZodOptional<z.ZodNumber>;
            probeTimeoutMs: z.ZodOptional<z.ZodNumber>;
            failures: z.ZodOptional<z.ZodNumber>;
        }, z.core.$strict>>;
        minIntervalMs: z.ZodOptional<z.ZodNumber>;
        maxIntervalMs: z.ZodOptional<z.ZodNumber>;
        priceIntervalMs: z.ZodOptional<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<0>]>>;
        pricePerHour: z.ZodOptional<z.ZodNumber>;
        reported: z.ZodOptional<z.ZodArray<z.ZodEnum<{
            deleted: "deleted";
            failed: "failed";
            priceChanged: "priceChanged";
            spotInterrupted: "spotInterrupted";
            stopped: "stopped";
            unhealthy: "unhealthy";
        }>>>;
    }, z.core.$strict>>;
}, z.core.$strict>;
type MigrateInstancePayload = z.infer<typeof migrateInstancePayload>;
/** `check_instance`: whether an instance runs and its ports answer. */
declare const checkInstancePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    webhookUrl: z.ZodOptional<z.ZodString>;
    ports: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
    path: z.ZodOptional<z.ZodString>;
    expectStatus: z.ZodOptional<z.ZodNumber>;
    probeTimeoutMs: z.ZodOptional<z.ZodNumber>;
    maxWaitTime: z.ZodOptional<z.ZodNumber>;
}, z.core.$strict>;
type CheckInstancePayload = z.infer<typeof checkInstancePayload>;
/** How one port answered. */
declare const portAnswer: z.ZodObject<{
    port: z.ZodNumber;
    protocol: z.ZodString;
    isHealthy: z.ZodBoolean;
    status: z.ZodOptional<z.ZodNumber>;
    error: z.ZodOptional<z.ZodString>;
    durationMs: z.ZodNumber;
}, z.core.$strip>;
type PortAnswer = z.infer<typeof portAnswer>;
/** `auto_stop`: stops or deletes an instance that nobody has used for a while, or whose lease is over. */
declare const autoStopPayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    webhookUrl: z.ZodOptional<z.ZodString>;
    idleMs: z.ZodOptional<z.ZodNumber>;
    until: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
    action: z.ZodOptional<z.ZodEnum<{
        delete: "delete";
        stop: "stop";
    }>>;
    lastUsedAt: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
}, z.core.$strict>;
type AutoStopPayload = z.infer<typeof autoStopPayload>;
/** `extend_lease`: moves the end of the lease that an `auto_stop` job keeps. */
declare const extendLeasePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    webhookUrl: z.ZodOptional<z.ZodString>;
    byMs: z.ZodOptional<z.ZodNumber>;
    until: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
    autoStopJobId: z.ZodOptional<z.ZodString>;
}, z.core.$strict>;
type ExtendLeasePayload = z.infer<typeof extendLeasePayload>;
/** The `result` of a completed `extend_lease`. */
declare const extendLeaseResult: z.ZodObject<{
    autoStopJobId: z.ZodString;
    until: z.ZodString;
}, z.core.$strip>;
type ExtendLeaseResult = z.infer<typeof extendLeaseResult>;
/** `keep_lease`: renews the lease of an instance, which the watchdog on it asks for, until the instance is gone. */
declare const keepLeasePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    leaseMs: z.ZodNumber;
}, z.core.$strict>;
type KeepLeasePayload = z.infer<typeof keepLeasePayload>;

/** Marks what {@link complete} and {@link snooze} have made: any other object is a result. */
declare const OUTCOME: unique symbol;
/** The end of an attempt that has done the job. */
interface Completed<Result = unknown> {
    kind: 'completed';
    result?: Result;
    next?: NextJob[];
    /** Replaces the job's checkpoint where it is given: what is known of the end, for those who read the record. */
    checkpoint?: unknown;
    readonly [OUTCOME]?: true;
}
/** The same, of a handler that must return a result. */
type CompletedWith<Result> = Completed<Result> & {
    result: Result;
};
/** Hibernation: the job holds nothing but a broker timer until `delayMs` have passed, and no attempt is used up. */
interface Snoozed<Checkpoint = unknown> {
    kind: 'snoozed';
    delayMs: number;
    checkpoint?: Checkpoint;
    readonly [OUTCOME]?: true;
}
/** How an attempt ended. Charts end with one of these as their output. */
type JobOutcome = Completed | Snoozed | Failed;
/** The end of an attempt that has not done the job. */
interface Failed {
    kind: 'failed';
    error: JobErrorInfo;
    timedOut?: boolean;
    /** As in {@link Completed}. */
    checkpoint?: unknown;
}
/**
 * Returned by a handler to hibernate: the job frees its slot and is run again after `delayMs`, in the same attempt.
 * @param delayMs at most 366 days; below 0 counts as 0
 * @param checkpoint replaces the job's checkpoint where it is given
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a delay that is no such number
 */
declare function snooze<Checkpoint = never>(delayMs: number, checkpoint?: Checkpoint): Snoozed<Checkpoint>;
/** Returned by a handler to complete with a result and jobs that follow; a plain value is a result without any. */
declare function complete(): CompletedWith<undefined>;
declare function complete<Result>(result: Result, next?: NextJob[]): CompletedWith<Result>;

/**
 * What one run of a job is given. A run chart is any actor logic with this input whose output is a `JobOutcome`.
 * A job that hibernated runs again with the same `attempt`, a later `now`, and the checkpoint it left.
 */
interface RunInput<P = unknown> {
    jobId: string;
    type: string;
    attempt: number;
    maxAttempts: number;
    /** Limit for one run, in milliseconds. */
    timeoutMs?: number;
    tags?: readonly string[];
    payload: P;
    checkpoint?: unknown;
    webhookUrl?: string;
    /** ISO time at which the worker began this run: the only clock that a chart knows. */
    now: string;
}
type Thrown = {
    error: unknown;
};

/** When what fails is given a rest, and when it is disabled. Times are milliseconds. */
interface BreakerPolicy {
    /** Failures in a row that open the breaker. */
    failures: number;
    /** The first rest; doubles with each probe that fails. */
    restMs: number;
    maxRestMs: number;
    /** How long a probe may take before another call probes. */
    probeMs: number;
    /** Failing for so long raises an alert. */
    alertAfterMs: number;
    /** Failing for so long disables it, where it can be disabled. */
    disableAfterMs: number;
    /** So many failures in a row are needed for that, so that one call which is retried for days disables nothing. */
    disableFailures: number;
}
type BreakerState = 'closed' | 'open' | 'halfOpen' | 'disabled';
/** Why it is disabled. */
type DisabledBy = 'user' | 'gone' | 'failing';
/** What is known of what the breaker protects. Times are ISO 8601. */
interface BreakerFacts {
    /** In a row. */
    failures: number;
    /** Rests since the last success. */
    rests: number;
    /** The first of the failures in a row. */
    failingSince?: string | undefined;
    lastFailureAt?: string | undefined;
    /** Why the last one failed. */
    error?: string | undefined;
    /** When the rest ends, in ms since 1970. */
    openUntilMs?: number | undefined;
    /** Until when the call that probes may take. */
    probeUntilMs?: number | undefined;
    /** When the alert was raised. */
    alertedAt?: string | undefined;
    disabledAt?: string | undefined;
    disabledBy?: DisabledBy | undefined;
    reason?: string | undefined;
}
interface BreakerContext extends BreakerFacts {
    policy: BreakerPolicy;
}
type BreakerEvent = 
/** A call has succeeded. */
{
    type: 'SUCCEEDED';
    at: string;
}
/** One has failed. */
 | {
    type: 'FAILED';
    at: string;
    error: string;
}
/** It is gone for good. */
 | {
    type: 'GONE';
    at: string;
    error: string;
}
/** A call asks to be the one that tries what rests. */
 | {
    type: 'PROBE';
    at: string;
} | {
    type: 'DISABLE';
    at: string;
    reason?: string | undefined;
} | {
    type: 'ENABLE';
    at: string;
};
/** How something fares, as it is stored. */
interface BreakerSnapshot extends BreakerFacts {
    state: BreakerState;
}
declare const HEALTHY: BreakerSnapshot;
/** Where an event leads; `accepted` is false where the state ignores it. */
interface BreakerStep {
    snapshot: BreakerSnapshot;
    accepted: boolean;
}

interface WorkerLifecycleContext {
    /** How long a drain may wait for running jobs; set by SHUTDOWN. */
    timeoutMs: number;
    /** Why the worker could not start, or not drain. */
    error?: JobErrorInfo;
}
type WorkerLifecycleEvent = {
    type: 'START';
}
/** Claims nothing more; jobs that run go on. */
 | {
    type: 'STOP';
}
/** Drains for at most `timeoutMs`, then hands the rest back. */
 | {
    type: 'SHUTDOWN';
    timeoutMs: number;
} | {
    type: 'BROKER_LOST';
} | {
    type: 'BROKER_BACK';
};
/** The life of one worker process, from idle to stopped. */
declare const workerLifecycleMachine: xstate.StateMachine<WorkerLifecycleContext, {
    type: 'START';
} | {
    type: 'STOP';
} | {
    type: 'SHUTDOWN';
    timeoutMs: number;
} | {
    type: 'BROKER_LOST';
} | {
    type: 'BROKER_BACK';
}, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, void> | xstate.PromiseActorLogic<void, {
        timeoutMs: number;
    }>> | undefined;
}, {
    src: "drain";
    logic: xstate.PromiseActorLogic<void, {
        timeoutMs: number;
    }>;
    id: string | undefined;
} | {
    src: "startUp";
    logic: xstate.PromiseActorLogic<void, void>;
    id: string | undefined;
}, {
    type: "clearError";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveError";
    params: Thrown;
} | {
    type: "saveTimeout";
    params: {
        timeoutMs: number;
    };
}, never, never, "disconnected" | "draining" | "failed" | "idle" | "paused" | "running" | "starting" | "stopped", string, xstate.NonReducibleUnknown, xstate.NonReducibleUnknown, xstate.EventObject, xstate.MetaObject, {
    id: "worker_lifecycle";
    states: {
        readonly idle: {};
        readonly starting: {};
        readonly running: {};
        readonly disconnected: {};
        readonly paused: {};
        readonly failed: {};
        readonly draining: {};
        readonly stopped: {};
    };
}, xstate.MetaObject>;
type WorkerLifecycleState = ReturnType<typeof workerLifecycleMachine.getInitialSnapshot>['value'];

export { HEALTHY, OUTCOME, autoStopPayload, checkInstancePayload, complete, extendLeasePayload, migrateInstancePayload, orderInstancePayload, snooze, watchInstancePayload, workerLifecycleMachine };
export type { AutoStopPayload, BreakerContext, BreakerEvent, BreakerFacts, BreakerPolicy, BreakerSnapshot, BreakerState, BreakerStep, CheckInstancePayload, Completed, CompletedWith, DisabledBy, ExtendLeasePayload, ExtendLeaseResult, Failed, JobOutcome, KeepLeasePayload, MigrateInstancePayload, OrderInstancePayload, PortAnswer, RunInput, Snoozed, Thrown, WatchEvent, WatchInstancePayload, WatchPolicy, WorkerLifecycleContext, WorkerLifecycleEvent, WorkerLifecycleState };
