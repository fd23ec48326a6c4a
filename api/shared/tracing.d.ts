import { WorkKind } from './vocabulary.js';

/** What a queue and its workers report to a tracing system. The engine knows this interface alone, so that it loads none. */

/** W3C trace context, as messages carry it. */
interface TraceContext {
    traceparent?: string;
    tracestate?: string;
}
/** Jobs that are about to be stored by one call. */
interface TracedAdd extends TraceContext {
    /** At least one. */
    jobs: readonly TracedJobs[];
    /** Of a single job. */
    id?: string | undefined;
}
/** Jobs of one type and priority, as the caller gave them: they are not checked yet. */
interface TracedJobs {
    type: string;
    priority: string;
    count: number;
    /** The first token of their subject. */
    stream: WorkKind;
}
/** A call of another system on behalf of a job. */
interface TracedCall {
    /** `novita create`, `POST`. */
    name: string;
    attributes: Readonly<Record<string, string | number>>;
}
/** One way of tracing; `openTelemetry()` of `jetfleet/opentelemetry` is one. */
interface Tracing {
    /** Stores jobs. @param add called once, with the context that the messages carry */
    adding<T>(jobs: TracedAdd, add: (context: TraceContext) => Promise<T>): Promise<T>;
    /**
     * Calls another system. Outside of a job that is traced it only calls.
     * @param call called once, with the context for the other system
     */
    calling<T>(about: TracedCall, call: (context: TraceContext) => Promise<T>): Promise<T>;
    /** What workers on the queue call around each job: see `WorkerHooks`. */
    readonly hooks: object;
}

export type { TraceContext, TracedAdd, TracedCall, TracedJobs, Tracing };
