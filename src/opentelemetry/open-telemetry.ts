/** Spans and metrics of jobs by OpenTelemetry, through its API alone: whoever registers a provider gets them. */
import {
  type Attributes,
  type Context,
  context as contexts,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { maskText } from '../jobs/mask-text.js';
import type { TraceContext, TracedAdd, Tracing } from '../telemetry/tracing.js';
import { packageVersion } from '../telemetry/version.js';
import type { ClaimedFrom, SettledAttempt, WorkerHooks } from '../worker/hooks/worker-hooks.js';
import type { JobContext } from '../worker/job-handler.js';
import { destination, errorType, NAME, SYSTEM } from './attributes.js';
import { JobMetrics } from './job-metrics.js';
import { traceContextOf, withProducer } from './trace-context.js';

/** Of an attempt that a worker has under way. */
interface OpenAttempt {
  span: Span;
  within: Context;
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

  async function adding<T>(jobs: TracedAdd, add: (context: TraceContext) => Promise<T>): Promise<T> {
    const attributes: Attributes = {
      ...SYSTEM,
      ...destination(jobs.type, jobs.priority),
      'messaging.operation.name': 'add',
      'messaging.operation.type': 'send',
      ...(jobs.count > 1 && { 'messaging.batch.message_count': jobs.count }),
      ...(jobs.id !== undefined && { 'messaging.message.id': jobs.id }),
    };
    const parent = withProducer(contexts.active(), jobs);
    const span = tracer.startSpan(`add ${jobs.type}`, { kind: SpanKind.PRODUCER, attributes }, parent);
    const begunAt = performance.now();
    try {
      const added = await contexts.with(trace.setSpan(parent, span), () =>
        // Without a tracer the caller's own context goes along.
        add({
          traceparent: jobs.traceparent,
          tracestate: jobs.tracestate,
          ...traceContextOf(span),
        } as TraceContext),
      );
      measured.added(jobs, performance.now() - begunAt);
      return added;
    } catch (error) {
      fail(span, error);
      measured.added(jobs, performance.now() - begunAt, error);
      throw error;
    } finally {
      span.end();
    }
  }

  async function calling<T>(
    { name, attributes }: Parameters<Tracing['calling']>[0],
    call: (context: TraceContext) => Promise<T>,
  ): Promise<T> {
    if (!trace.getActiveSpan()?.isRecording()) return call({});
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes: { ...attributes } });
    try {
      return await contexts.with(trace.setSpan(contexts.active(), span), () => call(traceContextOf(span)));
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  function onClaim(job: JobContext, from: ClaimedFrom): void {
    const { type, priority, record } = job;
    const producer = withProducer(contexts.active(), record);
    const about: Attributes = {
      ...SYSTEM,
      ...destination(type, priority),
      'messaging.message.id': job.id,
      'jetfleet.job.attempt': job.attempt,
    };
    const claimedAt = new Date(record.updatedAt);
    tracer
      .startSpan(
        `wait ${type}`,
        { startTime: from.since, attributes: { ...about, 'jetfleet.job.state': from.state } },
        producer,
      )
      .end(claimedAt < from.since ? from.since : claimedAt);
    measured.claimed(job, claimedAt.getTime() - from.since.getTime());
    const attributes = {
      ...about,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
    };
    const span = tracer.startSpan(`process ${type}`, { kind: SpanKind.CONSUMER, attributes }, producer);
    span.addEvent('claimed', { 'jetfleet.worker': record.worker ?? '' });
    attempts.set(job, { span, within: trace.setSpan(producer, span) });
  }

  async function around(job: JobContext, next: () => Promise<unknown>): Promise<void> {
    const open = attempts.get(job);
    if (!open) {
      await next();
      return;
    }
    const span = tracer.startSpan(`handle ${job.type}`, {}, open.within);
    try {
      await contexts.with(trace.setSpan(open.within, span), next);
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  function onSettled(job: JobContext, settled: SettledAttempt): void {
    const open = attempts.get(job);
    attempts.delete(job);
    measured.settled(job, settled);
    if (!open) return;
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

/** Whether this process has registered a provider of traces with the API. */
export function isTracerRegistered(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(NAME) !== undefined;
}

/** Secrets that a message quotes are masked, as in logs. */
function fail(span: Span, error: unknown): void {
  const { message = '' } = Object(error) as { message?: unknown };
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: maskText(String(message)) });
}
