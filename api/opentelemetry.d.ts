import { TraceContext, Tracing } from './shared/tracing.js';
export { TracedAdd, TracedCall } from './shared/tracing.js';
import './shared/vocabulary.js';

/**
 * Traces and measures the jobs of a queue and of the workers on it. It uses what is registered with the OpenTelemetry API of this
 * process, now or later; where nothing is, it does nothing.
 *
 * @example const queue = new JobQueueService({ tracing: openTelemetry() })
 */
declare function openTelemetry(): Tracing;
/** The trace context that is active now, for messages that another client publishes, and for jobs of an outbox. */
declare function activeTraceContext(): TraceContext;
/** Whether this process has registered a provider of traces or of metrics with the API. */
declare function isProviderRegistered(): boolean;

export { TraceContext, Tracing, activeTraceContext, isProviderRegistered, openTelemetry };
