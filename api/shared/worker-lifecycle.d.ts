import { JobErrorInfo } from './errors.js';
import { NextJob } from './job-options.js';
import * as xstate from 'xstate';

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

/** Marks what {@link complete} and {@link snooze} have made: any other object is a result. */
declare const OUTCOME: unique symbol;
/** The end of an attempt that has done the job. */
interface Completed<Result = unknown> {
    kind: 'completed';
    result?: Result;
    next?: NextJob[];
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
type JobOutcome = Completed | Snoozed | {
    kind: 'failed';
    error: JobErrorInfo;
    timedOut?: boolean;
};
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

export { HEALTHY, OUTCOME, complete, snooze, workerLifecycleMachine };
export type { BreakerContext, BreakerEvent, BreakerFacts, BreakerPolicy, BreakerSnapshot, BreakerState, BreakerStep, Completed, CompletedWith, DisabledBy, JobOutcome, RunInput, Snoozed, Thrown, WorkerLifecycleContext, WorkerLifecycleEvent, WorkerLifecycleState };
