import { CreateInstancePayload, DeleteInstancePayload, MonitorInstancePayload } from './jetfleet.js';
export { CreateInstanceResult, DeleteInstanceResult, MonitorInstanceResult } from './shared/payload-schemas.js';
import { Delivery } from './shared/payload-schemas2.js';
import { SendWebhookPayload } from './jetfleet.js';
import { RunInput, Thrown, Failed, PortAnswer, BreakerSnapshot, BreakerEvent, BreakerPolicy, BreakerStep, BreakerContext, DisabledBy, ExtendLeaseResult, KeepLeasePayload } from './shared/worker-lifecycle.js';
import { AutoStopPayload, JobOutcome, OrderInstancePayload, Completed, Snoozed, CheckInstancePayload, ExtendLeasePayload, MigrateInstancePayload, WatchEvent, WatchInstancePayload } from './jetfleet.js';
export { BreakerFacts, BreakerState, HEALTHY, WorkerLifecycleContext, WorkerLifecycleEvent, WorkerLifecycleState, workerLifecycleMachine } from './shared/worker-lifecycle.js';
import * as xstate from 'xstate';
import { AnyActorLogic, SnapshotFrom } from 'xstate';
import { JobErrorInfo } from './jetfleet.js';
import { JobState } from './jetfleet.js';
import 'zod';
import './shared/job-options.js';

/** What was said to the job: when the instance was used, and when its lease ends. ISO times. */
interface LeaseNews {
    usedAt?: string;
    until?: string;
}
interface AutoStopCheckpoint {
    /** ISO time of the first run. */
    since: string;
    usedAt?: string;
    until?: string;
}
interface AutoStopContext {
    input: RunInput<AutoStopPayload>;
    checkpoint: AutoStopCheckpoint;
    outcome: JobOutcome;
}

/** What reads have proven of an instance, as a chart leaves it on the record of its job: what the instance costs follows from that. */
interface Proven {
    /** `deleted`: by the job itself; `watchdog`: by its own watchdog, as its lease was over; `gone`: by somebody else. */
    is: 'running' | 'stopped' | 'gone' | 'deleted' | 'watchdog';
    /** ISO time since when. */
    since: string;
    /** Its provider has taken it back. */
    isInterrupted?: boolean;
}
/** What a run of any of these charts may leave. */
interface ProvenCheckpoint {
    proven?: Proven;
}

/** How long, and how often in a row, the provider has said the same of an instance: that it does not know it, for one. */
interface Repeated {
    /** ISO time of the first such answer. */
    since: string;
    reads: number;
}

/** What a provider can be told to do with an instance that exists. */
type InstanceOrder = 'start' | 'stop' | 'restart' | 'migrate';
/** What a read found; null when the provider does not know the instance. */
type OrderedInstance = {
    status: string;
    healthy: boolean;
    reason?: string;
    /** When it started last, ISO 8601, where the provider says so. */
    startedAt?: string;
    /** Whether its provider has a call for the order. */
    isAble: boolean;
} | null;
/** What one run leaves for the next. */
interface OrderCheckpoint extends ProvenCheckpoint {
    /** ISO time of the first run. */
    since: string;
    /** Reads so far: the pause between them grows. */
    reads: number;
    /** When the order was sent last; written before it is sent. */
    sentAt?: string;
    /** Whether the provider has confirmed it. */
    isAccepted?: boolean;
    /** Whether a read since then has shown that it is carried out. */
    isUnderWay?: boolean;
    /** When the instance had started before the order. */
    startedBefore?: string;
    /** Set while the provider says that it does not know the instance. */
    absent?: Repeated;
    lastStatus?: string;
    lastError?: Pick<JobErrorInfo, 'code' | 'message'>;
}
interface OrderInstanceContext<P extends OrderInstancePayload = OrderInstancePayload, C extends OrderCheckpoint = OrderCheckpoint> {
    input: RunInput<P>;
    checkpoint: C;
    outcome: JobOutcome;
}
type Known = NonNullable<OrderedInstance>;
/** `unproven`: nobody can say whether the order was carried out, and to repeat it would do harm. */
type OrderVerdict = 'done' | 'wait' | 'send' | 'unproven';
/**
 * What a read of the instance says about the order. An order is repeated only when reads have shown for `settleMs` that it was not
 * carried out: an answer that was lost says nothing.
 */
declare function verdictOf(order: InstanceOrder, { checkpoint, input }: Pick<OrderInstanceContext, 'checkpoint' | 'input'>, read: Known, settleMs: number): OrderVerdict;

interface OrderInstanceSettings {
    /** Pause before the second read; it doubles up to `pollIntervalMs`. Defaults to 2 seconds. */
    verifyIntervalMs?: number;
    /** Longest pause between two reads. Defaults to 10 seconds. */
    pollIntervalMs?: number;
    /**
     * For how long an order may not show that was sent, and for how long the provider must not know an instance before it counts as gone.
     * Defaults to 10 seconds.
     */
    settleMs?: number;
}
/** The input of the actors of the chart. */
type OrderActorInput = {
    jobId: string;
    novitaInstanceId: string;
    /** Whether nothing was read for the job yet: it is proven to be ours then. */
    isFirst: boolean;
};
type Read$5 = {
    read: OrderedInstance;
};
declare const WORDS: {
    readonly start: 'Starts an instance that was stopped, until it runs and is healthy.';
    readonly stop: 'Stops an instance, until a read shows that it has stopped.';
    readonly restart: 'Restarts an instance, until a read shows that it runs again.';
};
/**
 * Has a provider start, stop or restart an instance. One run is one read, and at most one order. The order is written before it is sent, and
 * a read decides what has become of it.
 */
declare function orderInstanceChart<O extends keyof typeof WORDS>(order: O, settings?: OrderInstanceSettings): xstate.StateMachine<OrderInstanceContext<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}, OrderCheckpoint>, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, OrderActorInput> | xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }> | xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>> | undefined;
}, {
    src: "announceOrder";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "orderInstance";
    logic: xstate.PromiseActorLogic<void, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>;
    id: string | undefined;
}, {
    type: "noteAccepted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteAnnounced";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteDone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$5;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteUnable";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnproven";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isDone";
    params: Read$5;
} | {
    type: "isFinal";
    params: Thrown;
} | {
    type: "isGone";
    params: Read$5;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isUnable";
    params: Read$5;
} | {
    type: "isUnproven";
    params: Read$5;
} | {
    type: "mustSend";
    params: Read$5;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$5;
}, never, "announcing" | "completed" | "failed" | "ordering" | "reading" | "snoozed" | "timedOut", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: `${O}_instance`;
    states: {
        readonly reading: {};
        readonly announcing: {};
        readonly ordering: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The charts of `start_instance`, `stop_instance` and `restart_instance` with their default settings. */
declare const startInstanceMachine: xstate.StateMachine<OrderInstanceContext<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}, OrderCheckpoint>, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, OrderActorInput> | xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }> | xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>> | undefined;
}, {
    src: "announceOrder";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "orderInstance";
    logic: xstate.PromiseActorLogic<void, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>;
    id: string | undefined;
}, {
    type: "noteAccepted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteAnnounced";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteDone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$5;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteUnable";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnproven";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isDone";
    params: Read$5;
} | {
    type: "isFinal";
    params: Thrown;
} | {
    type: "isGone";
    params: Read$5;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isUnable";
    params: Read$5;
} | {
    type: "isUnproven";
    params: Read$5;
} | {
    type: "mustSend";
    params: Read$5;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$5;
}, never, "announcing" | "completed" | "failed" | "ordering" | "reading" | "snoozed" | "timedOut", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "start_instance";
    states: {
        readonly reading: {};
        readonly announcing: {};
        readonly ordering: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
declare const stopInstanceMachine: xstate.StateMachine<OrderInstanceContext<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}, OrderCheckpoint>, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, OrderActorInput> | xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }> | xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>> | undefined;
}, {
    src: "announceOrder";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "orderInstance";
    logic: xstate.PromiseActorLogic<void, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>;
    id: string | undefined;
}, {
    type: "noteAccepted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteAnnounced";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteDone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$5;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteUnable";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnproven";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isDone";
    params: Read$5;
} | {
    type: "isFinal";
    params: Thrown;
} | {
    type: "isGone";
    params: Read$5;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isUnable";
    params: Read$5;
} | {
    type: "isUnproven";
    params: Read$5;
} | {
    type: "mustSend";
    params: Read$5;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$5;
}, never, "announcing" | "completed" | "failed" | "ordering" | "reading" | "snoozed" | "timedOut", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "stop_instance";
    states: {
        readonly reading: {};
        readonly announcing: {};
        readonly ordering: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
declare const restartInstanceMachine: xstate.StateMachine<OrderInstanceContext<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}, OrderCheckpoint>, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, OrderActorInput> | xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }> | xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>> | undefined;
}, {
    src: "announceOrder";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: OrderCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "orderInstance";
    logic: xstate.PromiseActorLogic<void, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>;
    id: string | undefined;
}, {
    type: "noteAccepted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteAnnounced";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteDone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$5;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteUnable";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnproven";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isDone";
    params: Read$5;
} | {
    type: "isFinal";
    params: Thrown;
} | {
    type: "isGone";
    params: Read$5;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isUnable";
    params: Read$5;
} | {
    type: "isUnproven";
    params: Read$5;
} | {
    type: "mustSend";
    params: Read$5;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$5;
}, never, "announcing" | "completed" | "failed" | "ordering" | "reading" | "snoozed" | "timedOut", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "restart_instance";
    states: {
        readonly reading: {};
        readonly announcing: {};
        readonly ordering: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

type News = {
    news: LeaseNews;
};
type Read$4 = {
    read: {
        status: string;
    } | null;
};
/** Waits until an instance has been idle for too long, or its lease is over, and has it stopped or deleted then. */
declare const autoStopMachine: xstate.StateMachine<AutoStopContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<LeaseNews, {
        jobId: string;
    }> | xstate.PromiseActorLogic<{
        hasMore: boolean;
    }, {
        jobId: string;
        checkpoint: AutoStopCheckpoint;
    }> | xstate.PromiseActorLogic<{
        status: string;
    } | null, OrderActorInput>> | undefined;
}, {
    src: "keepNews";
    logic: xstate.PromiseActorLogic<{
        hasMore: boolean;
    }, {
        jobId: string;
        checkpoint: AutoStopCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<{
        status: string;
    } | null, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readNews";
    logic: xstate.PromiseActorLogic<LeaseNews, {
        jobId: string;
    }>;
    id: string | undefined;
}, {
    type: "noteEnded";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteNews";
    params: News;
} | {
    type: "noteOver";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilOver";
    params: xstate.NonReducibleUnknown;
}, {
    type: "hasMore";
    params: {
        hasMore: boolean;
    };
} | {
    type: "isEnded";
    params: Read$4;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isOver";
    params: unknown;
}, never, "completed" | "failed" | "keeping" | "listening" | "reading" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    idleMs?: number | undefined;
    until?: string | undefined;
    action?: "delete" | "stop" | undefined;
    lastUsedAt?: string | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "auto_stop";
    states: {
        readonly listening: {};
        readonly keeping: {};
        readonly reading: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

/** What a read found; null when the provider does not know the instance. */
type CheckedInstance = {
    status: string;
    healthy: boolean;
    reason?: string;
    endpoints: {
        port: number;
        protocol: string;
        url: string;
    }[];
} | null;
interface CheckCheckpoint extends ProvenCheckpoint {
    /** ISO time of the first run. */
    since: string;
    absent?: Repeated;
}
interface CheckInstanceContext {
    input: RunInput<CheckInstancePayload>;
    checkpoint: CheckCheckpoint;
    read: CheckedInstance;
    ports: PortAnswer[];
    outcome: JobOutcome;
}

interface CheckInstanceSettings {
    /** Pause between two checks of an instance that is not healthy yet. Defaults to 2 seconds. */
    verifyIntervalMs?: number;
    /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
    settleMs?: number;
}
type Read$3 = {
    read: CheckedInstance;
};
type Probed$1 = {
    ports: PortAnswer[];
};
/** Checks whether an instance runs and its ports answer, again and again until it is healthy or its time is over. */
declare function checkInstanceChart(settings?: CheckInstanceSettings): xstate.StateMachine<CheckInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<CheckedInstance>['endpoints'];
    }> | xstate.PromiseActorLogic<CheckedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
    }>> | undefined;
}, {
    src: "probePorts";
    logic: xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<CheckedInstance>['endpoints'];
    }>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<CheckedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
    }>;
    id: string | undefined;
}, {
    type: "noteChecked";
    params: xstate.NonReducibleUnknown;
} | {
    type: "notePorts";
    params: Probed$1;
} | {
    type: "noteRead";
    params: Read$3;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilCheck";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isGone";
    params: Read$3;
} | {
    type: "isHealthy";
    params: Probed$1;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$3;
} | {
    type: "runs";
    params: Read$3;
}, never, "completed" | "failed" | "probing" | "reading" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    ports?: number[] | undefined;
    path?: string | undefined;
    expectStatus?: number | undefined;
    probeTimeoutMs?: number | undefined;
    maxWaitTime?: number | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "check_instance";
    states: {
        readonly reading: {};
        readonly probing: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The chart of `check_instance` with its default settings. */
declare const checkInstanceMachine: xstate.StateMachine<CheckInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<CheckedInstance>['endpoints'];
    }> | xstate.PromiseActorLogic<CheckedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
    }>> | undefined;
}, {
    src: "probePorts";
    logic: xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<CheckedInstance>['endpoints'];
    }>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<CheckedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
    }>;
    id: string | undefined;
}, {
    type: "noteChecked";
    params: xstate.NonReducibleUnknown;
} | {
    type: "notePorts";
    params: Probed$1;
} | {
    type: "noteRead";
    params: Read$3;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilCheck";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isGone";
    params: Read$3;
} | {
    type: "isHealthy";
    params: Probed$1;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$3;
} | {
    type: "runs";
    params: Read$3;
}, never, "completed" | "failed" | "probing" | "reading" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    ports?: number[] | undefined;
    path?: string | undefined;
    expectStatus?: number | undefined;
    probeTimeoutMs?: number | undefined;
    maxWaitTime?: number | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "check_instance";
    states: {
        readonly reading: {};
        readonly probing: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

/** What the chart needs to know of something that can be rented; the worker's own offers carry more. */
interface Offer {
    provider?: string;
    productId: string;
    region: string;
    /** By which the offer is avoided, in this job and by others. */
    key?: string;
}
/** An offer that refused this job, or was passed over since its turn comes later. */
interface RefusedOffer {
    offer: Offer;
    error: JobErrorInfo;
    turnInMs?: number | undefined;
}
interface FoundInstance {
    id: string;
}
interface CreateInstanceContext {
    input: RunInput<CreateInstancePayload>;
    instanceName: string;
    /** An earlier create may have been carried out. */
    outcomeUnknown: boolean;
    lookUps: number;
    unknownCreates: number;
    /** Offers not yet refused, the present one first; undefined until resolved. */
    offers?: Offer[];
    /** Those that refused in this run, the latest last. */
    refused: RefusedOffer[];
    found: string[];
    created?: string;
    error?: JobErrorInfo;
    /** Nothing was sent: the job waits for its turn among the calls of the account. */
    waitMs?: number;
    /** How long a job waits that waits for capacity, before it asks again. */
    capacityPollMs: number;
}

interface CreateInstanceSettings {
    /** Pause before a name is looked up again while an earlier create may still show. Defaults to 2000 ms. */
    settleDelayMs?: number;
    /** How many look-ups must find nothing before another create is safe. Defaults to 5. */
    maxLookUps?: number;
    /** How many creates one attempt may send while their outcomes stay unknown. Defaults to 3. */
    maxCreates?: number;
    /** How often a job asks again that waits for capacity. Defaults to 30,000 ms. */
    capacityPollMs?: number;
}
/** The defaults of {@link CreateInstanceSettings}. */
declare const DEFAULT_SETTLE_DELAY_MS = 2000;
declare const MAX_LOOK_UPS = 5;
declare const DEFAULT_CAPACITY_POLL_MS = 30000;
type Found$1 = {
    found: FoundInstance[];
};
type Offers = {
    offers: Offer[];
};
/**
 * Rents exactly one instance. The provider knows no idempotency key, so the name that the job derives is the only
 * identity that survives a crash: it is recorded before the first create, and looked up before any other.
 */
declare function createInstanceChart(settings?: CreateInstanceSettings): xstate.StateMachine<CreateInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<FoundInstance[], {
        jobId: string;
        instanceName: string;
    }> | xstate.PromiseActorLogic<Offer[], {
        jobId: string;
        payload: CreateInstancePayload;
    }> | xstate.PromiseActorLogic<{
        instanceName: string;
    }, {
        jobId: string;
    }> | xstate.PromiseActorLogic<{
        providerInstanceId: string;
    }, {
        jobId: string;
        instanceName: string;
        offer: Offer;
        refused: RefusedOffer[];
        isLast: boolean;
    }>> | undefined;
}, {
    src: "createInstance";
    logic: xstate.PromiseActorLogic<{
        providerInstanceId: string;
    }, {
        jobId: string;
        instanceName: string;
        offer: Offer;
        refused: RefusedOffer[];
        isLast: boolean;
    }>;
    id: string | undefined;
} | {
    src: "findInstances";
    logic: xstate.PromiseActorLogic<FoundInstance[], {
        jobId: string;
        instanceName: string;
    }>;
    id: string | undefined;
} | {
    src: "recordIntent";
    logic: xstate.PromiseActorLogic<{
        instanceName: string;
    }, {
        jobId: string;
    }>;
    id: string | undefined;
} | {
    src: "resolveOffers";
    logic: xstate.PromiseActorLogic<Offer[], {
        jobId: string;
        payload: CreateInstancePayload;
    }>;
    id: string | undefined;
}, {
    type: "countLookUp";
    params: xstate.NonReducibleUnknown;
} | {
    type: "nextOffer";
    params: Thrown;
} | {
    type: "noteUnknownOutcome";
    params: Thrown;
} | {
    type: "saveCreated";
    params: {
        providerInstanceId: string;
    };
} | {
    type: "saveError";
    params: Thrown;
} | {
    type: "saveFound";
    params: Found$1;
} | {
    type: "saveIntent";
    params: {
        instanceName: string;
    };
} | {
    type: "saveNoCapacity";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveOffers";
    params: Offers;
} | {
    type: "saveOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveRefusal";
    params: Thrown;
} | {
    type: "saveUnreadable";
    params: Thrown;
} | {
    type: "saveWait";
    params: Thrown;
}, {
    type: "canTryNextOffer";
    params: Thrown;
} | {
    type: "comesLater";
    params: Thrown;
} | {
    type: "createdTooOften";
    params: unknown;
} | {
    type: "foundSome";
    params: Found$1;
} | {
    type: "hasIntent";
    params: unknown;
} | {
    type: "hasOffers";
    params: Offers;
} | {
    type: "hasOffersAndIntent";
    params: Offers;
} | {
    type: "isAmbiguous";
    params: Thrown;
} | {
    type: "isLeftToWait";
    params: Thrown;
} | {
    type: "isOver";
    params: unknown;
} | {
    type: "mayHaveRented";
    params: unknown;
} | {
    type: "mayStillShow";
    params: unknown;
} | {
    type: "needsOffers";
    params: unknown;
}, "settleDelay", "completed" | "creating" | "deciding" | "failed" | "lookingUp" | "recordingIntent" | "resolvingOffers" | "settling" | "waitingForTurn", string, RunInput<{
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
    watch?: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
    } | undefined;
    lease?: {
        ms: number;
        endUrl?: string | undefined;
    } | undefined;
    avoid?: string[] | undefined;
    deadline?: string | undefined;
    waitForCapacityUntil?: string | undefined;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
    onTimeout?: "delete" | "keep" | "stop" | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "create_instance";
    states: {
        readonly deciding: {};
        readonly resolvingOffers: {};
        readonly recordingIntent: {};
        readonly lookingUp: {};
        readonly settling: {};
        readonly creating: {};
        readonly waitingForTurn: {};
        readonly completed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The chart of `create_instance` with its default settings. */
declare const createInstanceMachine: xstate.StateMachine<CreateInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<FoundInstance[], {
        jobId: string;
        instanceName: string;
    }> | xstate.PromiseActorLogic<Offer[], {
        jobId: string;
        payload: CreateInstancePayload;
    }> | xstate.PromiseActorLogic<{
        instanceName: string;
    }, {
        jobId: string;
    }> | xstate.PromiseActorLogic<{
        providerInstanceId: string;
    }, {
        jobId: string;
        instanceName: string;
        offer: Offer;
        refused: RefusedOffer[];
        isLast: boolean;
    }>> | undefined;
}, {
    src: "createInstance";
    logic: xstate.PromiseActorLogic<{
        providerInstanceId: string;
    }, {
        jobId: string;
        instanceName: string;
        offer: Offer;
        refused: RefusedOffer[];
        isLast: boolean;
    }>;
    id: string | undefined;
} | {
    src: "findInstances";
    logic: xstate.PromiseActorLogic<FoundInstance[], {
        jobId: string;
        instanceName: string;
    }>;
    id: string | undefined;
} | {
    src: "recordIntent";
    logic: xstate.PromiseActorLogic<{
        instanceName: string;
    }, {
        jobId: string;
    }>;
    id: string | undefined;
} | {
    src: "resolveOffers";
    logic: xstate.PromiseActorLogic<Offer[], {
        jobId: string;
        payload: CreateInstancePayload;
    }>;
    id: string | undefined;
}, {
    type: "countLookUp";
    params: xstate.NonReducibleUnknown;
} | {
    type: "nextOffer";
    params: Thrown;
} | {
    type: "noteUnknownOutcome";
    params: Thrown;
} | {
    type: "saveCreated";
    params: {
        providerInstanceId: string;
    };
} | {
    type: "saveError";
    params: Thrown;
} | {
    type: "saveFound";
    params: Found$1;
} | {
    type: "saveIntent";
    params: {
        instanceName: string;
    };
} | {
    type: "saveNoCapacity";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveOffers";
    params: Offers;
} | {
    type: "saveOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveRefusal";
    params: Thrown;
} | {
    type: "saveUnreadable";
    params: Thrown;
} | {
    type: "saveWait";
    params: Thrown;
}, {
    type: "canTryNextOffer";
    params: Thrown;
} | {
    type: "comesLater";
    params: Thrown;
} | {
    type: "createdTooOften";
    params: unknown;
} | {
    type: "foundSome";
    params: Found$1;
} | {
    type: "hasIntent";
    params: unknown;
} | {
    type: "hasOffers";
    params: Offers;
} | {
    type: "hasOffersAndIntent";
    params: Offers;
} | {
    type: "isAmbiguous";
    params: Thrown;
} | {
    type: "isLeftToWait";
    params: Thrown;
} | {
    type: "isOver";
    params: unknown;
} | {
    type: "mayHaveRented";
    params: unknown;
} | {
    type: "mayStillShow";
    params: unknown;
} | {
    type: "needsOffers";
    params: unknown;
}, "settleDelay", "completed" | "creating" | "deciding" | "failed" | "lookingUp" | "recordingIntent" | "resolvingOffers" | "settling" | "waitingForTurn", string, RunInput<{
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
    watch?: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
    } | undefined;
    lease?: {
        ms: number;
        endUrl?: string | undefined;
    } | undefined;
    avoid?: string[] | undefined;
    deadline?: string | undefined;
    waitForCapacityUntil?: string | undefined;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
    onTimeout?: "delete" | "keep" | "stop" | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "create_instance";
    states: {
        readonly deciding: {};
        readonly resolvingOffers: {};
        readonly recordingIntent: {};
        readonly lookingUp: {};
        readonly settling: {};
        readonly creating: {};
        readonly waitingForTurn: {};
        readonly completed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

/** What one poll leaves for the next. */
interface DeleteCheckpoint {
    /** ISO time of the first poll. */
    since: string;
    /** Set while the provider shows nothing of it. */
    absent?: Repeated;
    found: string[];
    /** Polls so far: the pause between them grows. */
    looks: number;
}
interface DeleteInstanceContext {
    input: RunInput<DeleteInstancePayload>;
    checkpoint: DeleteCheckpoint;
    present: string[];
    outcome: JobOutcome;
}

interface DeleteInstanceSettings {
    /** Pause before the second poll; it doubles up to a minute. Defaults to 2 seconds. */
    verifyIntervalMs?: number;
    /**
     * How long nothing must be found before it counts as gone: a provider forgets for a moment what it has just made, and
     * a create may still be under way. Defaults to 10 seconds.
     */
    settleMs?: number;
    /** How long deleting may take altogether. Defaults to 24 hours. */
    giveUpAfterMs?: number;
}
/** The input of the actor that reads what is there. */
type DeleteActorInput = {
    jobId: string;
    payload: DeleteInstancePayload;
    /** Ids of all that earlier polls have found. */
    found: string[];
};
type Looked = {
    found: FoundInstance[];
};
/** Deletes what a failed job has rented. One run is one poll; between runs the job hibernates. */
declare function deleteInstanceChart(settings?: DeleteInstanceSettings): xstate.StateMachine<DeleteInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, {
        jobId: string;
        instanceIds: string[];
    }> | xstate.PromiseActorLogic<FoundInstance[], DeleteActorInput>> | undefined;
}, {
    src: "deleteInstances";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        instanceIds: string[];
    }>;
    id: string | undefined;
} | {
    src: "findInstances";
    logic: xstate.PromiseActorLogic<FoundInstance[], DeleteActorInput>;
    id: string | undefined;
}, {
    type: "noteDeleted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteError";
    params: Thrown;
} | {
    type: "noteLook";
    params: Looked;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteStillThere";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilNextLook";
    params: xstate.NonReducibleUnknown;
}, {
    type: "foundSome";
    params: Looked;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Looked;
}, never, "completed" | "deleting" | "failed" | "looking" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId?: string | undefined;
    instanceName?: string | undefined;
    webhookUrl?: string | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "delete_instance";
    states: {
        readonly looking: {};
        readonly deleting: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The chart of `delete_instance` with its default settings. */
declare const deleteInstanceMachine: xstate.StateMachine<DeleteInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, {
        jobId: string;
        instanceIds: string[];
    }> | xstate.PromiseActorLogic<FoundInstance[], DeleteActorInput>> | undefined;
}, {
    src: "deleteInstances";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        instanceIds: string[];
    }>;
    id: string | undefined;
} | {
    src: "findInstances";
    logic: xstate.PromiseActorLogic<FoundInstance[], DeleteActorInput>;
    id: string | undefined;
}, {
    type: "noteDeleted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteError";
    params: Thrown;
} | {
    type: "noteLook";
    params: Looked;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteStillThere";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilNextLook";
    params: xstate.NonReducibleUnknown;
}, {
    type: "foundSome";
    params: Looked;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Looked;
}, never, "completed" | "deleting" | "failed" | "looking" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId?: string | undefined;
    instanceName?: string | undefined;
    webhookUrl?: string | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "delete_instance";
    states: {
        readonly looking: {};
        readonly deleting: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

/** One chart for each endpoint of webhooks. */
declare const endpointBreakerMachine: xstate.StateMachine<BreakerContext, {
    type: 'SUCCEEDED';
    at: string;
} | {
    type: 'FAILED';
    at: string;
    error: string;
} | {
    type: 'GONE';
    at: string;
    error: string;
} | {
    type: 'PROBE';
    at: string;
} | {
    type: 'DISABLE';
    at: string;
    reason?: string | undefined;
} | {
    type: 'ENABLE';
    at: string;
}, {}, never, {
    type: "disable";
    params: {
        at: string;
        by: DisabledBy;
        reason?: string | undefined;
    };
} | {
    type: "forget";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteFailure";
    params: {
        event: {
            type: 'FAILED';
            at: string;
            error: string;
        };
    };
} | {
    type: "noteProbe";
    params: {
        event: {
            type: 'PROBE';
            at: string;
        };
    };
} | {
    type: "rest";
    params: {
        event: {
            type: 'FAILED';
            at: string;
            error: string;
        };
    };
}, {
    type: "isHopeless";
    params: {
        event: {
            type: 'FAILED';
            at: string;
            error: string;
        };
    };
} | {
    type: "isOneTooMany";
    params: unknown;
} | {
    type: "isProbeLost";
    params: {
        event: {
            type: 'PROBE';
            at: string;
        };
    };
} | {
    type: "isRested";
    params: {
        event: {
            type: 'PROBE';
            at: string;
        };
    };
}, never, {}, string, {
    policy?: BreakerPolicy;
}, xstate.NonReducibleUnknown, xstate.EventObject, xstate.MetaObject, {
    id: string;
    states: {
        readonly closed: {};
        readonly open: {};
        readonly halfOpen: {};
        readonly disabled?: {} | undefined;
    };
}, xstate.MetaObject>;
declare const breakerAfter: ({ state, ...facts }: BreakerSnapshot, event: BreakerEvent, policy?: BreakerPolicy) => BreakerStep;

declare const DEFAULT_BREAKER_POLICY: BreakerPolicy;

interface ExtendLeaseContext {
    input: RunInput<ExtendLeasePayload>;
    /** The lease as it is to be; written before it is sent, so that a repetition does not extend it twice. */
    lease: ExtendLeaseResult | null;
    outcome: JobOutcome;
}
type Found = {
    lease: ExtendLeaseResult | null;
};
/** Moves the end of a lease, by a signal to the job that keeps it. */
declare const extendLeaseMachine: xstate.StateMachine<ExtendLeaseContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: ExtendLeaseResult | null;
    }> | xstate.PromiseActorLogic<void, {
        jobId: string;
        lease: ExtendLeaseResult | null;
    }> | xstate.PromiseActorLogic<{
        autoStopJobId: string;
        until: string;
    } | null, {
        jobId: string;
    }>> | undefined;
}, {
    src: "findLease";
    logic: xstate.PromiseActorLogic<{
        autoStopJobId: string;
        until: string;
    } | null, {
        jobId: string;
    }>;
    id: string | undefined;
} | {
    src: "keepLease";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: ExtendLeaseResult | null;
    }>;
    id: string | undefined;
} | {
    src: "sendLease";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        lease: ExtendLeaseResult | null;
    }>;
    id: string | undefined;
}, {
    type: "noteError";
    params: Thrown;
} | {
    type: "noteExtended";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteLease";
    params: Found;
} | {
    type: "noteNone";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isFound";
    params: Found;
} | {
    type: "isKept";
    params: unknown;
}, never, "completed" | "deciding" | "failed" | "finding" | "keeping" | "sending", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    byMs?: number | undefined;
    until?: string | undefined;
    autoStopJobId?: string | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "extend_lease";
    states: {
        readonly deciding: {};
        readonly finding: {};
        readonly keeping: {};
        readonly sending: {};
        readonly completed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

/** What the record of a job says when a worker takes it up. */
interface JobMachineInput {
    jobId: string;
    type: string;
    payload: unknown;
    /** The attempt that ran last; 0 before the first. */
    attempt: number;
    maxAttempts: number;
    /** Limit for one run. Defaults to 24 hours, which is also the longest. */
    timeoutMs?: number;
    checkpoint?: unknown;
    webhookUrl?: string;
    tags?: readonly string[];
}
interface JobMachineContext extends JobMachineInput {
    /** How the last run ended by itself; absent after a timeout, a cancellation or a lost lease. */
    outcome?: JobOutcome;
    /** Why the job failed, or why it is to be tried again. */
    error?: JobErrorInfo;
    /** When the present run began, ISO; empty before the first. */
    now: string;
}
type JobEvent = 
/** A worker takes a pending job: a new attempt. */
{
    type: 'CLAIM';
    now: string;
}
/** The timer of a waiting job fired: the same attempt goes on. */
 | {
    type: 'RESUME';
    now: string;
}
/** The worker that held the job fell silent; `error` is why the job fails if no attempt is left. */
 | {
    type: 'RECLAIM';
    now: string;
    error: JobErrorInfo;
}
/** The run left something durable for later runs without ending. */
 | {
    type: 'CHECKPOINT';
    checkpoint: unknown;
} | {
    type: 'REJECT';
    error: JobErrorInfo;
} | {
    type: 'TIMEOUT';
    error: JobErrorInfo;
}
/** The job waited longer for its first attempt than it may. */
 | {
    type: 'EXPIRE';
    error: JobErrorInfo;
} | {
    type: 'CANCEL';
    error: JobErrorInfo;
}
/** The worker shuts down and hands the job back, which burns no attempt. */
 | {
    type: 'RELEASE';
};
type Attempts = Pick<JobMachineInput, 'attempt' | 'maxAttempts'>;
declare function timeoutOf({ timeoutMs }: {
    timeoutMs?: number | undefined;
}): number;
declare function timeoutError(context: {
    timeoutMs?: number | undefined;
}): JobErrorInfo;

type Ended = {
    outcome: JobOutcome;
};
/** Every job is one of these: pending, processing, completed or failed, and where it stands inside that. */
declare const jobMachine: xstate.StateMachine<JobMachineContext, {
    type: 'CLAIM';
    now: string;
} | {
    type: 'RESUME';
    now: string;
} | {
    type: 'RECLAIM';
    now: string;
    error: JobErrorInfo;
} | {
    type: 'CHECKPOINT';
    checkpoint: unknown;
} | {
    type: 'REJECT';
    error: JobErrorInfo;
} | {
    type: 'TIMEOUT';
    error: JobErrorInfo;
} | {
    type: 'EXPIRE';
    error: JobErrorInfo;
} | {
    type: 'CANCEL';
    error: JobErrorInfo;
} | {
    type: 'RELEASE';
}, {
    [x: string]: xstate.ActorRefFromLogic<AnyActorLogic> | undefined;
}, {
    src: "run";
    logic: AnyActorLogic;
    id: string | undefined;
}, {
    type: "beginAttempt";
    params: {
        now: string;
    };
} | {
    type: "giveAttemptBack";
    params: xstate.NonReducibleUnknown;
} | {
    type: "resumeAttempt";
    params: {
        now: string;
    };
} | {
    type: "saveCheckpoint";
    params: {
        checkpoint: unknown;
    };
} | {
    type: "saveError";
    params: {
        error: JobErrorInfo;
    };
} | {
    type: "saveNoAttemptLeft";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveOutcome";
    params: Ended;
} | {
    type: "saveTimeout";
    params: xstate.NonReducibleUnknown;
}, {
    type: "attemptsLeft";
    params: unknown;
} | {
    type: "isCompleted";
    params: Ended;
} | {
    type: "isRefused";
    params: Ended;
} | {
    type: "isRetryable";
    params: Ended;
} | {
    type: "isSnoozed";
    params: Ended;
} | {
    type: "isTimedOut";
    params: Ended;
}, "attemptTimeout", "completed" | {
    failed: "cancelled" | "exhausted" | "expired" | "rejected" | "timed_out";
} | {
    pending: "queued" | "retrying" | "scheduled";
} | {
    processing: "running" | "waiting";
}, string, JobMachineInput, xstate.NonReducibleUnknown, xstate.EventObject, xstate.MetaObject, {
    id: "job";
    states: {
        readonly pending: {
            states: {
                readonly queued: {};
                readonly scheduled: {};
                readonly retrying: {};
            };
        };
        readonly processing: {
            states: {
                readonly running: {};
                readonly waiting: {};
            };
        };
        readonly completed: {};
        readonly failed: {
            states: {
                readonly exhausted: {};
                readonly rejected: {};
                readonly timed_out: {};
                readonly expired: {};
                readonly cancelled: {};
            };
        };
    };
}, xstate.MetaObject>;
type JobMachine = typeof jobMachine;
type JobSnapshot = SnapshotFrom<JobMachine>;
/** The leaf state of a job, as it stands on its record. */
declare function jobStateOf(snapshot: Pick<JobSnapshot, 'value'>): JobState;
/** A snapshot to go on from a record with. In `running` nothing runs until `RECLAIM`: the run of another worker cannot be taken over. */
declare function resolveJobState(state: JobState, input: JobMachineInput, machine?: xstate.StateMachine<JobMachineContext, {
    type: 'CLAIM';
    now: string;
} | {
    type: 'RESUME';
    now: string;
} | {
    type: 'RECLAIM';
    now: string;
    error: JobErrorInfo;
} | {
    type: 'CHECKPOINT';
    checkpoint: unknown;
} | {
    type: 'REJECT';
    error: JobErrorInfo;
} | {
    type: 'TIMEOUT';
    error: JobErrorInfo;
} | {
    type: 'EXPIRE';
    error: JobErrorInfo;
} | {
    type: 'CANCEL';
    error: JobErrorInfo;
} | {
    type: 'RELEASE';
}, {
    [x: string]: xstate.ActorRefFromLogic<AnyActorLogic> | undefined;
}, {
    src: "run";
    logic: AnyActorLogic;
    id: string | undefined;
}, {
    type: "beginAttempt";
    params: {
        now: string;
    };
} | {
    type: "giveAttemptBack";
    params: xstate.NonReducibleUnknown;
} | {
    type: "resumeAttempt";
    params: {
        now: string;
    };
} | {
    type: "saveCheckpoint";
    params: {
        checkpoint: unknown;
    };
} | {
    type: "saveError";
    params: {
        error: JobErrorInfo;
    };
} | {
    type: "saveNoAttemptLeft";
    params: xstate.NonReducibleUnknown;
} | {
    type: "saveOutcome";
    params: Ended;
} | {
    type: "saveTimeout";
    params: xstate.NonReducibleUnknown;
}, {
    type: "attemptsLeft";
    params: unknown;
} | {
    type: "isCompleted";
    params: Ended;
} | {
    type: "isRefused";
    params: Ended;
} | {
    type: "isRetryable";
    params: Ended;
} | {
    type: "isSnoozed";
    params: Ended;
} | {
    type: "isTimedOut";
    params: Ended;
}, "attemptTimeout", "completed" | {
    failed: "cancelled" | "exhausted" | "expired" | "rejected" | "timed_out";
} | {
    pending: "queued" | "retrying" | "scheduled";
} | {
    processing: "running" | "waiting";
}, string, JobMachineInput, xstate.NonReducibleUnknown, xstate.EventObject, xstate.MetaObject, {
    id: "job";
    states: {
        readonly pending: {
            states: {
                readonly queued: {};
                readonly scheduled: {};
                readonly retrying: {};
            };
        };
        readonly processing: {
            states: {
                readonly running: {};
                readonly waiting: {};
            };
        };
        readonly completed: {};
        readonly failed: {
            states: {
                readonly exhausted: {};
                readonly rejected: {};
                readonly timed_out: {};
                readonly expired: {};
                readonly cancelled: {};
            };
        };
    };
}, xstate.MetaObject>): JobSnapshot;
/** Where an event leads, without running anything; `accepted` is false when the state ignores the event. */
declare function nextJobState(machine: JobMachine, snapshot: JobSnapshot, event: JobEvent): {
    state: JobState;
    context: JobMachineContext;
    accepted: boolean;
};

interface KeepLeaseSettings {
    /** Pause between two reads of an instance that seems to be gone. Defaults to 2 seconds. */
    verifyIntervalMs?: number;
    /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
    settleMs?: number;
}
interface KeepLeaseCheckpoint extends ProvenCheckpoint {
    /** ISO time of the first run. */
    since: string;
    /** When the lease was renewed last. */
    renewedAt?: string;
    /** When it was over, since a renewal came too late for it: as long as no read has shown the instance after that. */
    lapsedAt?: string;
    absent?: Repeated;
}
interface KeepLeaseContext {
    input: RunInput<KeepLeasePayload>;
    checkpoint: KeepLeaseCheckpoint;
    outcome: JobOutcome;
}
type Read$2 = {
    read: {
        status: string;
    } | null;
};
/**
 * Keeps the lease of an instance for as long as there is the instance: each run renews it, by the record that it writes. A read that fails says
 * nothing about the instance, and renews the lease too.
 */
declare function keepLeaseChart({ verifyIntervalMs, settleMs }?: KeepLeaseSettings): xstate.StateMachine<KeepLeaseContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<{
        status: string;
    } | null, {
        jobId: string;
        novitaInstanceId: string;
    }>> | undefined;
}, {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<{
        status: string;
    } | null, {
        jobId: string;
        novitaInstanceId: string;
    }>;
    id: string | undefined;
}, {
    type: "noteEnded";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$2;
} | {
    type: "noteRenewal";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeUntilRenewal";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeUntilVerified";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isAway";
    params: Read$2;
} | {
    type: "provenGone";
    params: Read$2;
}, never, "completed" | "reading" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    leaseMs: number;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "keep_lease";
    states: {
        readonly reading: {};
        readonly completed: {};
        readonly snoozed: {};
    };
}, xstate.MetaObject>;
/** The chart of `keep_lease` with its default settings. */
declare const keepLeaseMachine: xstate.StateMachine<KeepLeaseContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<{
        status: string;
    } | null, {
        jobId: string;
        novitaInstanceId: string;
    }>> | undefined;
}, {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<{
        status: string;
    } | null, {
        jobId: string;
        novitaInstanceId: string;
    }>;
    id: string | undefined;
}, {
    type: "noteEnded";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$2;
} | {
    type: "noteRenewal";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeUntilRenewal";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeUntilVerified";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isAway";
    params: Read$2;
} | {
    type: "provenGone";
    params: Read$2;
}, never, "completed" | "reading" | "snoozed", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    leaseMs: number;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "keep_lease";
    states: {
        readonly reading: {};
        readonly completed: {};
        readonly snoozed: {};
    };
}, xstate.MetaObject>;

interface MigrateCheckpoint extends OrderCheckpoint {
    /** The `create_instance` job that rents another instance, written before it is added. */
    replacementJobId?: string;
}
type MigrateInstanceContext = OrderInstanceContext<MigrateInstancePayload, MigrateCheckpoint>;
/** How far the other instance is. */
type Replacement = {
    state: 'pending';
} | {
    state: 'running';
    novitaInstanceId: string;
    createJobId: string;
} | {
    state: 'failed';
    error: Pick<JobErrorInfo, 'code' | 'message'>;
};

type Read$1 = {
    read: OrderedInstance;
};
type Replaced = {
    replacement: Replacement;
};
/**
 * Moves an instance to another machine: by the provider's own call, or by another instance. The other one is rented and watched by jobs of
 * its own, and the old one is deleted only once the other runs.
 */
declare function migrateInstanceChart(settings?: OrderInstanceSettings): xstate.StateMachine<MigrateInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, OrderActorInput> | xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }> | xstate.PromiseActorLogic<{
        jobId: string;
    }, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }> | xstate.PromiseActorLogic<OrderedInstance, OrderActorInput> | xstate.PromiseActorLogic<Replacement, {
        jobId: string;
        replacementJobId: string;
    }>> | undefined;
}, {
    src: "addReplacement";
    logic: xstate.PromiseActorLogic<{
        jobId: string;
    }, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "announceOrder";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "orderInstance";
    logic: xstate.PromiseActorLogic<void, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readReplacement";
    logic: xstate.PromiseActorLogic<Replacement, {
        jobId: string;
        replacementJobId: string;
    }>;
    id: string | undefined;
}, {
    type: "noteAccepted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteAnnounced";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteMigrated";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteNotReplaced";
    params: Replaced;
} | {
    type: "noteOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteProvenGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$1;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteReplaced";
    params: Replaced;
} | {
    type: "noteReplacing";
    params: {
        jobId: string;
    };
} | {
    type: "noteUnable";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "cannotNow";
    params: Thrown;
} | {
    type: "goneAndReplaced";
    params: Read$1;
} | {
    type: "isDone";
    params: Read$1;
} | {
    type: "isFinal";
    params: Thrown;
} | {
    type: "isGone";
    params: Read$1;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isReplaced";
    params: Read$1;
} | {
    type: "isReplacing";
    params: unknown;
} | {
    type: "isUnable";
    params: Read$1;
} | {
    type: "mustSend";
    params: Read$1;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$1;
} | {
    type: "replacementFailed";
    params: Replaced;
} | {
    type: "replacementRuns";
    params: Replaced;
}, never, "announcing" | "awaitingReplacement" | "completed" | "deciding" | "failed" | "ordering" | "reading" | "replacing" | "snoozed" | "timedOut", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
    by?: "provider" | "replacement" | undefined;
    createJobId?: string | undefined;
    watch?: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
    } | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "migrate_instance";
    states: {
        readonly deciding: {};
        readonly reading: {};
        readonly announcing: {};
        readonly ordering: {};
        readonly replacing: {};
        readonly awaitingReplacement: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The chart of `migrate_instance` with its default settings. */
declare const migrateInstanceMachine: xstate.StateMachine<MigrateInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, OrderActorInput> | xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }> | xstate.PromiseActorLogic<{
        jobId: string;
    }, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }> | xstate.PromiseActorLogic<OrderedInstance, OrderActorInput> | xstate.PromiseActorLogic<Replacement, {
        jobId: string;
        replacementJobId: string;
    }>> | undefined;
}, {
    src: "addReplacement";
    logic: xstate.PromiseActorLogic<{
        jobId: string;
    }, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "announceOrder";
    logic: xstate.PromiseActorLogic<void, {
        jobId: string;
        checkpoint: MigrateCheckpoint;
    }>;
    id: string | undefined;
} | {
    src: "orderInstance";
    logic: xstate.PromiseActorLogic<void, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<OrderedInstance, OrderActorInput>;
    id: string | undefined;
} | {
    src: "readReplacement";
    logic: xstate.PromiseActorLogic<Replacement, {
        jobId: string;
        replacementJobId: string;
    }>;
    id: string | undefined;
}, {
    type: "noteAccepted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteAnnounced";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteMigrated";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteNotReplaced";
    params: Replaced;
} | {
    type: "noteOverdue";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteProvenGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRead";
    params: Read$1;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteReplaced";
    params: Replaced;
} | {
    type: "noteReplacing";
    params: {
        jobId: string;
    };
} | {
    type: "noteUnable";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteUnreadable";
    params: Thrown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "cannotNow";
    params: Thrown;
} | {
    type: "goneAndReplaced";
    params: Read$1;
} | {
    type: "isDone";
    params: Read$1;
} | {
    type: "isFinal";
    params: Thrown;
} | {
    type: "isGone";
    params: Read$1;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isReplaced";
    params: Read$1;
} | {
    type: "isReplacing";
    params: unknown;
} | {
    type: "isUnable";
    params: Read$1;
} | {
    type: "mustSend";
    params: Read$1;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenGone";
    params: Read$1;
} | {
    type: "replacementFailed";
    params: Replaced;
} | {
    type: "replacementRuns";
    params: Replaced;
}, never, "announcing" | "awaitingReplacement" | "completed" | "deciding" | "failed" | "ordering" | "reading" | "replacing" | "snoozed" | "timedOut", string, RunInput<{
    instanceId: string;
    novitaInstanceId: string;
    webhookUrl?: string | undefined;
    maxWaitTime?: number | undefined;
    by?: "provider" | "replacement" | undefined;
    createJobId?: string | undefined;
    watch?: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
    } | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "migrate_instance";
    states: {
        readonly deciding: {};
        readonly reading: {};
        readonly announcing: {};
        readonly ordering: {};
        readonly replacing: {};
        readonly awaitingReplacement: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

/**
 * What a check found; null when the provider does not know the instance. `name` is the provider's for it. `nextPollMs` is
 * how long the next poll may wait, where somebody reads the instance in between.
 */
type InstanceCheck = {
    name?: string;
    status: string;
    healthy: boolean;
    reason?: string;
    nextPollMs?: number;
} | null;
/** Removing or stopping the instance, once that has begun. */
interface Removal {
    phase: 'deleting' | 'stopping';
    since: string;
}
/** What a monitor leaves on its record for its next run. */
interface MonitorCheckpoint extends Partial<Removal>, ProvenCheckpoint {
    lastStatus: string;
    /** Set while the provider says that it does not know the instance. */
    absent?: Repeated;
    /** Set while the provider says that the instance has failed or was preempted. */
    broken?: Repeated;
    /** Set once a read after the deadline has shown the instance not ready. */
    late?: Repeated;
}
interface MonitorInstanceContext {
    input: RunInput<MonitorInstancePayload>;
    maxWaitMs: number;
    elapsedMs: number;
    lastStatus: string;
    /** Set once the instance is being removed or stopped. */
    removal?: Removal;
    absent?: Repeated;
    broken?: Repeated;
    late?: Repeated;
    /** What the run ends with, if no state decides otherwise: another check. */
    outcome: JobOutcome;
}
/** The input of each actor of the chart. */
type MonitorActorInput = {
    jobId: string;
    novitaInstanceId: string;
    /** Whether an answer of a moment ago will not do, since the instance may be given up on the strength of it. */
    isLastLook: boolean;
};
declare function isGone(check: InstanceCheck): boolean;
declare function isBroken(check: InstanceCheck): boolean;
/** Whether a monitor that is shown this has more to do than to wait. */
declare function endsTheWait(check: InstanceCheck): boolean;

declare const DEFAULT_POLL_INTERVAL_MS = 10000;
interface MonitorInstanceSettings {
    /** Pause between two checks. Defaults to 10 seconds. */
    pollIntervalMs?: number;
    /** Pause between two reads of an instance that is being removed, or seems to be gone, broken or late. Defaults to 2 seconds. */
    verifyIntervalMs?: number;
    /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
    settleMs?: number;
    /**
     * How long removing may take, from its first try, and how long past the deadline the instance may stay unreadable
     * before the job gives up. Defaults to 20 minutes.
     */
    deleteGraceMs?: number;
    /** How long past the deadline an instance may stay unreadable that is to be kept anyway. Defaults to 1 minute. */
    transientGraceMs?: number;
}
type Checked = {
    check: InstanceCheck;
};
/**
 * Watches one instance by polls, one per run, and hibernates between them. A read that fails says nothing about the
 * instance, and one answer that it is unknown, has failed or is late proves nothing: a later read has to agree. Nothing is
 * removed but after a read that showed it.
 */
declare function monitorInstanceChart(settings?: MonitorInstanceSettings): xstate.StateMachine<MonitorInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, MonitorActorInput> | xstate.PromiseActorLogic<InstanceCheck, MonitorActorInput>> | undefined;
}, {
    src: "checkInstance";
    logic: xstate.PromiseActorLogic<InstanceCheck, MonitorActorInput>;
    id: string | undefined;
} | {
    src: "deleteInstance";
    logic: xstate.PromiseActorLogic<void, MonitorActorInput>;
    id: string | undefined;
} | {
    src: "stopInstance";
    logic: xstate.PromiseActorLogic<void, MonitorActorInput>;
    id: string | undefined;
}, {
    type: "beginDelete";
    params: xstate.NonReducibleUnknown;
} | {
    type: "beginStop";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteBroken";
    params: Checked;
} | {
    type: "noteCheck";
    params: Checked;
} | {
    type: "noteDeleted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteKept";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteNotDeleted";
    params: Thrown;
} | {
    type: "noteReady";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteStillThere";
    params: Checked;
} | {
    type: "noteStopped";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteVanished";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeRemoval";
    params: Thrown;
} | {
    type: "snoozeUntilNextPoll";
    params: Checked;
} | {
    type: "snoozeUntilVerified";
    params: xstate.NonReducibleUnknown;
}, {
    type: "goneAfterLate";
    params: Checked;
} | {
    type: "isBroken";
    params: Checked;
} | {
    type: "isGone";
    params: Checked;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isReady";
    params: Checked;
} | {
    type: "isStopped";
    params: Checked;
} | {
    type: "keeps";
    params: unknown;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenBroken";
    params: Checked;
} | {
    type: "provenGone";
    params: Checked;
} | {
    type: "provenLate";
    params: unknown;
} | {
    type: "removalOverdue";
    params: unknown;
} | {
    type: "stops";
    params: unknown;
} | {
    type: "unreadableAndKept";
    params: unknown;
} | {
    type: "unreadableTooLong";
    params: unknown;
} | {
    type: "wasDeleting";
    params: unknown;
} | {
    type: "wasStopping";
    params: unknown;
}, never, "applyingTimeout" | "checking" | "completed" | "deciding" | "deleting" | "failed" | "snoozed" | "stopping" | "timedOut" | "verifyingGone" | "verifyingStopped", string, RunInput<{
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
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        } | undefined;
        lease?: {
            ms: number;
            endUrl?: string | undefined;
        } | undefined;
        avoid?: string[] | undefined;
        deadline?: string | undefined;
        waitForCapacityUntil?: string | undefined;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
    } | undefined;
    nextOptions?: {
        maxAttempts?: number | undefined;
        timeoutMs?: number | undefined;
        tags?: string[] | undefined;
    } | undefined;
    watch?: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        createJobId?: string | undefined;
    } | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "monitor_instance";
    states: {
        readonly deciding: {};
        readonly checking: {};
        readonly applyingTimeout: {};
        readonly stopping: {};
        readonly verifyingStopped: {};
        readonly deleting: {};
        readonly verifyingGone: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The chart of `monitor_instance` with its default settings. */
declare const monitorInstanceMachine: xstate.StateMachine<MonitorInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<void, MonitorActorInput> | xstate.PromiseActorLogic<InstanceCheck, MonitorActorInput>> | undefined;
}, {
    src: "checkInstance";
    logic: xstate.PromiseActorLogic<InstanceCheck, MonitorActorInput>;
    id: string | undefined;
} | {
    src: "deleteInstance";
    logic: xstate.PromiseActorLogic<void, MonitorActorInput>;
    id: string | undefined;
} | {
    src: "stopInstance";
    logic: xstate.PromiseActorLogic<void, MonitorActorInput>;
    id: string | undefined;
}, {
    type: "beginDelete";
    params: xstate.NonReducibleUnknown;
} | {
    type: "beginStop";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteBroken";
    params: Checked;
} | {
    type: "noteCheck";
    params: Checked;
} | {
    type: "noteDeleted";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteGone";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteKept";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteNotDeleted";
    params: Thrown;
} | {
    type: "noteReady";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "noteStillThere";
    params: Checked;
} | {
    type: "noteStopped";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteVanished";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeRemoval";
    params: Thrown;
} | {
    type: "snoozeUntilNextPoll";
    params: Checked;
} | {
    type: "snoozeUntilVerified";
    params: xstate.NonReducibleUnknown;
}, {
    type: "goneAfterLate";
    params: Checked;
} | {
    type: "isBroken";
    params: Checked;
} | {
    type: "isGone";
    params: Checked;
} | {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isReady";
    params: Checked;
} | {
    type: "isStopped";
    params: Checked;
} | {
    type: "keeps";
    params: unknown;
} | {
    type: "overdue";
    params: unknown;
} | {
    type: "provenBroken";
    params: Checked;
} | {
    type: "provenGone";
    params: Checked;
} | {
    type: "provenLate";
    params: unknown;
} | {
    type: "removalOverdue";
    params: unknown;
} | {
    type: "stops";
    params: unknown;
} | {
    type: "unreadableAndKept";
    params: unknown;
} | {
    type: "unreadableTooLong";
    params: unknown;
} | {
    type: "wasDeleting";
    params: unknown;
} | {
    type: "wasStopping";
    params: unknown;
}, never, "applyingTimeout" | "checking" | "completed" | "deciding" | "deleting" | "failed" | "snoozed" | "stopping" | "timedOut" | "verifyingGone" | "verifyingStopped", string, RunInput<{
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
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        } | undefined;
        lease?: {
            ms: number;
            endUrl?: string | undefined;
        } | undefined;
        avoid?: string[] | undefined;
        deadline?: string | undefined;
        waitForCapacityUntil?: string | undefined;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
    } | undefined;
    nextOptions?: {
        maxAttempts?: number | undefined;
        timeoutMs?: number | undefined;
        tags?: string[] | undefined;
    } | undefined;
    watch?: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        createJobId?: string | undefined;
    } | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "monitor_instance";
    states: {
        readonly deciding: {};
        readonly checking: {};
        readonly applyingTimeout: {};
        readonly stopping: {};
        readonly verifyingStopped: {};
        readonly deleting: {};
        readonly verifyingGone: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly timedOut: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

declare const DEFAULT_PROVIDER_POLICY: BreakerPolicy;
/** One chart for each provider, for what all of its regions share, and one for each of its regions. */
declare const providerBreakerMachine: xstate.StateMachine<BreakerContext, {
    type: 'SUCCEEDED';
    at: string;
} | {
    type: 'FAILED';
    at: string;
    error: string;
} | {
    type: 'GONE';
    at: string;
    error: string;
} | {
    type: 'PROBE';
    at: string;
} | {
    type: 'DISABLE';
    at: string;
    reason?: string | undefined;
} | {
    type: 'ENABLE';
    at: string;
}, {}, never, {
    type: "disable";
    params: {
        at: string;
        by: DisabledBy;
        reason?: string | undefined;
    };
} | {
    type: "forget";
    params: xstate.NonReducibleUnknown;
} | {
    type: "noteFailure";
    params: {
        event: {
            type: 'FAILED';
            at: string;
            error: string;
        };
    };
} | {
    type: "noteProbe";
    params: {
        event: {
            type: 'PROBE';
            at: string;
        };
    };
} | {
    type: "rest";
    params: {
        event: {
            type: 'FAILED';
            at: string;
            error: string;
        };
    };
}, {
    type: "isHopeless";
    params: {
        event: {
            type: 'FAILED';
            at: string;
            error: string;
        };
    };
} | {
    type: "isOneTooMany";
    params: unknown;
} | {
    type: "isProbeLost";
    params: {
        event: {
            type: 'PROBE';
            at: string;
        };
    };
} | {
    type: "isRested";
    params: {
        event: {
            type: 'PROBE';
            at: string;
        };
    };
}, never, {}, string, {
    policy?: BreakerPolicy;
}, xstate.NonReducibleUnknown, xstate.EventObject, xstate.MetaObject, {
    id: string;
    states: {
        readonly closed: {};
        readonly open: {};
        readonly halfOpen: {};
        readonly disabled?: {} | undefined;
    };
}, xstate.MetaObject>;
declare const providerBreakerAfter: ({ state, ...facts }: BreakerSnapshot, event: BreakerEvent, policy?: BreakerPolicy) => BreakerStep;

/** The webhook hibernates: its endpoint rests or is disabled, or it is not its turn. */
interface Parked {
    parkForMs: number;
    /** Stays with the job. */
    checkpoint: unknown;
}
interface SendWebhookContext {
    input: RunInput<SendWebhookPayload>;
    delivery?: Delivery;
    parked?: Parked;
    error?: JobErrorInfo;
}
/** Delivers one webhook once; the job's retry schedule, not this chart, makes the next try. */
declare const sendWebhookMachine: xstate.StateMachine<SendWebhookContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<Parked | {
        status: number;
        durationMs: number;
        headers?: Record<string, string> | undefined;
        excerpt?: string | undefined;
    }, {
        jobId: string;
        payload: SendWebhookPayload;
        checkpoint: unknown;
    }>> | undefined;
}, {
    src: "deliver";
    logic: xstate.PromiseActorLogic<Parked | {
        status: number;
        durationMs: number;
        headers?: Record<string, string> | undefined;
        excerpt?: string | undefined;
    }, {
        jobId: string;
        payload: SendWebhookPayload;
        checkpoint: unknown;
    }>;
    id: string | undefined;
}, {
    type: "saveDelivery";
    params: {
        ended: Delivery | Parked;
    };
} | {
    type: "saveError";
    params: Thrown;
} | {
    type: "saveParked";
    params: {
        ended: Delivery | Parked;
    };
}, {
    type: "isParked";
    params: {
        ended: Delivery | Parked;
    };
} | {
    type: "isRetryable";
    params: Thrown;
}, never, "delivered" | "delivering" | "parked" | "refused" | "retryLater", string, RunInput<{
    url?: string | undefined;
    endpoint?: string | undefined;
    order?: {
        key: string;
        sequence: number;
    } | undefined;
    payload: unknown;
    headers?: Record<string, string> | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "send_webhook";
    states: {
        readonly delivering: {};
        readonly delivered: {};
        readonly parked: {};
        readonly retryLater: {};
        readonly refused: {};
    };
}, xstate.MetaObject>;

/**
 * The way that most jobs take through the chart: asking it costs more than all the rest of a short job. A test holds this file to it.
 * @returns the attempt that a claim begins, its next state being `running`; undefined where the chart must be asked
 */
declare function claimedAttempt(from: JobState, event: JobEvent, attempts: Attempts): number | undefined;
/** Where an attempt leads that failed outside its chart, which therefore cannot be asked. */
declare function failedAttempt({ code, retryable }: JobErrorInfo, attempts: Attempts): JobState;

/** What a read found; null when the provider does not know the instance. */
type WatchedInstance = {
    status: string;
    healthy: boolean;
    reason?: string;
    /** Its provider takes it back, or has. */
    isInterrupted?: boolean;
    endpoints: {
        port: number;
        protocol: string;
        url: string;
    }[];
    /** ISO time at which a list was read that shows it, perhaps for another watch. Absent where the instance was read for this run. */
    readAt?: string;
} | null;
interface WatchCheckpoint extends ProvenCheckpoint {
    /** Reads in a row that have shown nothing new: the pause between them grows. */
    calm: number;
    /** What a read has shown that a later one has to confirm. */
    suspect?: Repeated & {
        event: WatchEvent;
    };
    /** Events that were reported and are not over. */
    reported: WatchEvent[];
    /** Checks of the ports in a row that have failed. */
    failures: number;
    pricePerHour?: number;
    /** When the price was looked at last. */
    pricedAt?: string;
    /** When a look has found one last. */
    priceShownAt?: string;
    /** As what it is billed, by so many reads in a row. */
    billedAs?: Repeated & {
        state: 'running' | 'stopped';
    };
}
interface WatchInstanceContext {
    input: RunInput<WatchInstancePayload>;
    checkpoint: WatchCheckpoint;
    read: WatchedInstance;
    outcome: JobOutcome;
}

interface WatchInstanceSettings {
    /** Pause between two reads while something changes. Defaults to 10 seconds. */
    pollIntervalMs?: number;
    /** Pause before a read that has to confirm another. Defaults to 2 seconds. */
    verifyIntervalMs?: number;
    /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
    settleMs?: number;
}
type Read = {
    read: WatchedInstance;
};
type Probed = {
    ports: PortAnswer[];
};
type Priced = {
    pricePerHour: number | null;
};
/**
 * Watches an instance that runs, by one read in each run, and hibernates between them: soon while something changes, seldom while all is
 * well. An event ends the job, so that it stands on EVENTS with what follows from it; another watch follows.
 */
declare function watchInstanceChart(settings?: WatchInstanceSettings): xstate.StateMachine<WatchInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<WatchedInstance>['endpoints'];
    }> | xstate.PromiseActorLogic<Priced, {
        jobId: string;
        novitaInstanceId: string;
    }> | xstate.PromiseActorLogic<WatchedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
        isSure: boolean;
        pauseMs: number;
    }>> | undefined;
}, {
    src: "probePorts";
    logic: xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<WatchedInstance>['endpoints'];
    }>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<WatchedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
        isSure: boolean;
        pauseMs: number;
    }>;
    id: string | undefined;
} | {
    src: "readPrice";
    logic: xstate.PromiseActorLogic<Priced, {
        jobId: string;
        novitaInstanceId: string;
    }>;
    id: string | undefined;
}, {
    type: "notePorts";
    params: Probed;
} | {
    type: "notePrice";
    params: Priced;
} | {
    type: "noteRead";
    params: Read;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "reportPrice";
    params: Priced;
} | {
    type: "reportRead";
    params: xstate.NonReducibleUnknown;
} | {
    type: "reportUnhealthy";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isPriceChanged";
    params: Priced;
} | {
    type: "isProvenEvent";
    params: Read;
} | {
    type: "isUnhealthy";
    params: Probed;
} | {
    type: "stillWantsPrice";
    params: unknown;
} | {
    type: "wantsPrice";
    params: Read;
} | {
    type: "wantsProbe";
    params: Read;
}, never, "completed" | "failed" | "pricing" | "probing" | "reading" | "snoozed", string, RunInput<{
    webhookUrl?: string | undefined;
    on?: {
        deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
    } | undefined;
    health?: {
        ports?: number[] | undefined;
        path?: string | undefined;
        expectStatus?: number | undefined;
        probeTimeoutMs?: number | undefined;
        failures?: number | undefined;
    } | undefined;
    minIntervalMs?: number | undefined;
    maxIntervalMs?: number | undefined;
    priceIntervalMs?: number | undefined;
    pricePerHour?: number | undefined;
    reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
    instanceId: string;
    novitaInstanceId: string;
    createJobId?: string | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "watch_instance";
    states: {
        readonly reading: {};
        readonly probing: {};
        readonly pricing: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;
/** The chart of `watch_instance` with its default settings. */
declare const watchInstanceMachine: xstate.StateMachine<WatchInstanceContext, xstate.AnyEventObject, {
    [x: string]: xstate.ActorRefFromLogic<xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<WatchedInstance>['endpoints'];
    }> | xstate.PromiseActorLogic<Priced, {
        jobId: string;
        novitaInstanceId: string;
    }> | xstate.PromiseActorLogic<WatchedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
        isSure: boolean;
        pauseMs: number;
    }>> | undefined;
}, {
    src: "probePorts";
    logic: xstate.PromiseActorLogic<{
        port: number;
        protocol: string;
        isHealthy: boolean;
        status?: number | undefined;
        error?: string | undefined;
        durationMs: number;
    }[], {
        jobId: string;
        endpoints: NonNullable<WatchedInstance>['endpoints'];
    }>;
    id: string | undefined;
} | {
    src: "readInstance";
    logic: xstate.PromiseActorLogic<WatchedInstance, {
        jobId: string;
        novitaInstanceId: string;
        isFirst: boolean;
        isSure: boolean;
        pauseMs: number;
    }>;
    id: string | undefined;
} | {
    src: "readPrice";
    logic: xstate.PromiseActorLogic<Priced, {
        jobId: string;
        novitaInstanceId: string;
    }>;
    id: string | undefined;
}, {
    type: "notePorts";
    params: Probed;
} | {
    type: "notePrice";
    params: Priced;
} | {
    type: "noteRead";
    params: Read;
} | {
    type: "noteRefused";
    params: Thrown;
} | {
    type: "reportPrice";
    params: Priced;
} | {
    type: "reportRead";
    params: xstate.NonReducibleUnknown;
} | {
    type: "reportUnhealthy";
    params: xstate.NonReducibleUnknown;
} | {
    type: "snoozeAfterError";
    params: Thrown;
} | {
    type: "snoozeUntilRead";
    params: xstate.NonReducibleUnknown;
}, {
    type: "isNotOurs";
    params: Thrown;
} | {
    type: "isPriceChanged";
    params: Priced;
} | {
    type: "isProvenEvent";
    params: Read;
} | {
    type: "isUnhealthy";
    params: Probed;
} | {
    type: "stillWantsPrice";
    params: unknown;
} | {
    type: "wantsPrice";
    params: Read;
} | {
    type: "wantsProbe";
    params: Read;
}, never, "completed" | "failed" | "pricing" | "probing" | "reading" | "snoozed", string, RunInput<{
    webhookUrl?: string | undefined;
    on?: {
        deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
    } | undefined;
    health?: {
        ports?: number[] | undefined;
        path?: string | undefined;
        expectStatus?: number | undefined;
        probeTimeoutMs?: number | undefined;
        failures?: number | undefined;
    } | undefined;
    minIntervalMs?: number | undefined;
    maxIntervalMs?: number | undefined;
    priceIntervalMs?: number | undefined;
    pricePerHour?: number | undefined;
    reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
    instanceId: string;
    novitaInstanceId: string;
    createJobId?: string | undefined;
}>, Completed<unknown> | Failed | Snoozed<unknown>, xstate.EventObject, xstate.MetaObject, {
    id: "watch_instance";
    states: {
        readonly reading: {};
        readonly probing: {};
        readonly pricing: {};
        readonly completed: {};
        readonly snoozed: {};
        readonly failed: {};
    };
}, xstate.MetaObject>;

export { BreakerEvent, BreakerPolicy, BreakerSnapshot, BreakerStep, DEFAULT_BREAKER_POLICY, DEFAULT_CAPACITY_POLL_MS, DEFAULT_POLL_INTERVAL_MS, DEFAULT_PROVIDER_POLICY, DEFAULT_SETTLE_DELAY_MS, Delivery, DisabledBy, MAX_LOOK_UPS, RunInput, autoStopMachine, breakerAfter, checkInstanceChart, checkInstanceMachine, claimedAttempt, createInstanceChart, createInstanceMachine, deleteInstanceChart, deleteInstanceMachine, endpointBreakerMachine, endsTheWait, extendLeaseMachine, failedAttempt, isBroken, isGone, jobMachine, jobStateOf, keepLeaseChart, keepLeaseMachine, migrateInstanceChart, migrateInstanceMachine, monitorInstanceChart, monitorInstanceMachine, nextJobState, orderInstanceChart, providerBreakerAfter, providerBreakerMachine, resolveJobState, restartInstanceMachine, sendWebhookMachine, startInstanceMachine, stopInstanceMachine, timeoutError, timeoutOf, verdictOf, watchInstanceChart, watchInstanceMachine };
export type { AutoStopCheckpoint, AutoStopContext, CheckCheckpoint, CheckInstanceContext, CheckInstanceSettings, CheckedInstance, CreateInstanceContext, CreateInstanceSettings, DeleteActorInput, DeleteCheckpoint, DeleteInstanceContext, DeleteInstanceSettings, ExtendLeaseContext, FoundInstance, InstanceCheck, InstanceOrder, JobEvent, JobMachine, JobMachineContext, JobMachineInput, JobSnapshot, KeepLeaseCheckpoint, KeepLeaseContext, KeepLeaseSettings, LeaseNews, MigrateCheckpoint, MigrateInstanceContext, MonitorActorInput, MonitorCheckpoint, MonitorInstanceContext, MonitorInstanceSettings, Offer, OrderActorInput, OrderCheckpoint, OrderInstanceContext, OrderInstanceSettings, OrderVerdict, OrderedInstance, Parked, Proven, ProvenCheckpoint, RefusedOffer, Repeated, Replacement, SendWebhookContext, WatchCheckpoint, WatchInstanceContext, WatchInstanceSettings, WatchedInstance };
