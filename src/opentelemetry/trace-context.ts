/** W3C trace context to and from what OpenTelemetry knows. The wire contract is W3C, whatever propagator a process has. */
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type Span,
  type SpanContext,
  trace,
} from '@opentelemetry/api';
import type { TraceContext } from '../telemetry/tracing.js';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;

/** The context of a producer, or the given one where that is none. */
export function withProducer(context: Context, { traceparent, tracestate }: TraceContext): Context {
  const [, traceId = '', spanId = '', flags = '0'] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  const producer: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(producer) ? trace.setSpanContext(context, producer) : context;
}

/** What messages carry of a span; nothing of one that is not recorded anywhere. */
export function traceContextOf(span: Span | undefined): TraceContext {
  const context = span?.spanContext();
  if (!context || !isSpanContextValid(context)) return {};
  const { traceId, spanId, traceFlags, traceState } = context;
  const state = traceState?.serialize();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
    ...(state && { tracestate: state }),
  };
}
