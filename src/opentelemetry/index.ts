/** Traces and metrics of jobs by OpenTelemetry. Needs `@opentelemetry/api`, which whoever has an SDK has too. */
export type { TraceContext, TracedAdd, TracedCall, Tracing } from '../telemetry/tracing.js';
export { activeTraceContext, isProviderRegistered, openTelemetry } from './open-telemetry.js';
