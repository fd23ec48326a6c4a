/** Spans and metrics of jobs by OpenTelemetry, through its API alone: whoever registers a provider gets them. */
import {
  type Attributes,
  type Context,
  context as contexts,
  createNoopMeter,
  metrics,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import type { TraceContext, TracedAdd, Tracing } from '../telemetry/tracing.js';
import { packageVersion } from '../telemetry/version.js';
import type { ClaimedFrom, SettledAttempt, WorkerHooks } from '../worker/hooks/worker-hooks.js';
import type { JobContext } from '../worker/job-handler.js';
import { destination, NAME, SYSTEM } from './attributes.js';
import { JobMetrics } from './job-metrics.js';
import { fail, guarded, within } from './own-span.js';
import { traceContextOf, withProducer } from './trace-context.js';

/** Of an attempt that a worker has under way. */
interface OpenAttempt {
  span: Span;
  within: Context;
  from: ClaimedFrom;
}

/**
 * Traces and measures the jobs of a queue and of the workers on it. It uses what is registered with the OpenTelemetry API of this
 * process, now or later; where nothing is, it does nothing.
 *
 * @example const queue = new JobQueueService({ tracing: openTelemetry() })
 */
export function openTelemetry(): Tracing {
  const tracer = trace.getTracer(NAME, packageVersion());
  const measured = new JobMetrics();
  const attempts = new WeakMap<JobContext, OpenAttempt>();

  async function adding<T>(traced: TracedAdd, add: (context: TraceContext) => Promise<T>): Promise<T> {
    const { jobs, id, traceparent, tracestate } = traced;
    const count = jobs.reduce((sum, each) => sum + each.count, 0);
    const [first, ...others] = jobs;
    const isOne = first !== undefined && others.length === 0;
    const attributes: Attributes = {
      ...SYSTEM,
      ...(isOne && destination(first)),
      'messaging.operation.name': 'add',
      'messaging.operation.type': 'send',
      ...(count > 1 && { 'messaging.batch.message_count': count }),
      ...(id !== undefined && { 'messaging.message.id': id }),
    };
    const parent = guarded(() => withProducer(contexts.active(), traced)) ?? ROOT_CONTEXT;
    const start = () =>
      tracer.startSpan(isOne ? `add ${first.type}` : 'add', { kind: SpanKind.PRODUCER, attributes }, parent);
    const begunAt = performance.now();
    const measure = (error?: unknown) =>
      guarded(() => measured.added(traced, performance.now() - begunAt, error));
    try {
      const added = await within(parent, start, (span) =>
        // Without a tracer the caller's own context goes along.
        add({ traceparent, tracestate, ...carriedBy(span) } as TraceContext),
      );
      measure();
      return added;
    } catch (error) {
      measure(error ?? new Error('no reason'));
      throw error;
    }
  }

  async function calling<T>(
    { name, attributes }: Parameters<Tracing['calling']>[0],
    call: (context: TraceContext) => Promise<T>,
  ): Promise<T> {
    const active = guarded(() => trace.getActiveSpan());
    // What is not sampled here may be elsewhere, and the other system goes on with the trace.
    if (!guarded(() => active?.isRecording())) return call(carriedBy(active));
    const start = () => tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes: { ...attributes } });
    const parent = guarded(() => contexts.active()) ?? ROOT_CONTEXT;
    return within(parent, start, (span) => call(carriedBy(span ?? active)));
  }

  function onClaim(job: JobContext, from: ClaimedFrom): void {
    const { type, priority } = job;
    const { state, since, claimedAt, stream } = from;
    measured.claimed(job, from);
    const producer = withProducer(contexts.active(), from);
    const about: Attributes = {
      ...SYSTEM,
      ...destination({ type, priority, stream }),
      'messaging.message.id': job.id,
      'jetfleet.job.attempt': job.attempt,
    };
    const attributes = {
      ...about,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
    };
    const span = tracer.startSpan(`process ${type}`, { kind: SpanKind.CONSUMER, attributes }, producer);
    attempts.set(job, { span, within: trace.setSpan(producer, span), from });
    span.addEvent('claimed', { 'jetfleet.worker': from.worker ?? '' });
    const waiting = { ...about, 'jetfleet.job.state': state, 'jetfleet.job.wait': from.waitedMs / 1_000 };
    tracer
      .startSpan(`wait ${type}`, { startTime: since, attributes: waiting }, producer)
      .end(claimedAt < since ? since : claimedAt);
  }

  async function around(job: JobContext, next: () => Promise<unknown>): Promise<void> {
    const open = attempts.get(job);
    if (!open) {
      await next();
      return;
    }
    await within(
      open.within,
      () => tracer.startSpan(`handle ${job.type}`, {}, open.within),
      () => next(),
    );
  }

  function onSettled(job: JobContext, settled: SettledAttempt): void {
    const open = attempts.get(job);
    attempts.delete(job);
    if (!open) return;
    measured.settled(job, open.from, settled);
    open.span.setAttribute('jetfleet.job.state', settled.state);
    if (settled.error && settled.state !== 'completed') fail(open.span, settled.error);
    open.span.end();
  }

  const hooks: WorkerHooks = { name: 'opentelemetry', onClaim, around, onSettled };
  return { adding, calling, hooks };
}

/** The trace context that is active now, for messages that another client publishes, and for jobs of an outbox. */
export function activeTraceContext(): TraceContext {
  return traceContextOf(trace.getActiveSpan());
}

/** Whether this process has registered a provider of traces or of metrics with the API. */
export function isProviderRegistered(): boolean {
  const tracers = trace.getTracerProvider();
  if (!(tracers instanceof ProxyTracerProvider) || tracers.getDelegateTracer(NAME) !== undefined) return true;
  return metrics.getMeterProvider().getMeter(NAME) !== createNoopMeter();
}

function carriedBy(span: Span | undefined): TraceContext {
  return guarded(() => traceContextOf(span)) ?? {};
}
