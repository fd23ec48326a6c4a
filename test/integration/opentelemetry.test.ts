import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { logAttempts, RetryableError } from '../../src/index.js';
import { activeTraceContext, isProviderRegistered, openTelemetry } from '../../src/opentelemetry/index.js';
import { logMasks } from '../../src/telemetry/logger.js';
import { startFleet } from '../support/fleet.js';
import { connectForeign } from '../support/foreign-client.js';
import { startNats } from '../support/nats.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PRODUCER = 'b7ad6b7169203331';
const traceparent = `00-${TRACE}-${PRODUCER}-01`;

const guide = readFileSync('docs/guides/tracing.md', 'utf8');
/** The metrics of the guide. */
const documented = [...guide.matchAll(/^\| `((?:messaging|jetfleet)\.[a-z.]+)` \|/gm)].map(
  ([, name]) => name,
);

let nats: EmbeddedServer;
const spans = new InMemorySpanExporter();
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });
const meters = new MeterProvider({ readers: [reader] });
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** As an application does it before all else. */
function register(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
  );
  metrics.setGlobalMeterProvider(meters);
}
beforeEach(() => spans.reset());
afterEach(() => {
  for (const api of [trace, context, metrics]) api.disable();
});

/** What is measured until now. */
async function measures() {
  measured.reset();
  await reader.forceFlush();
  return measured
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap((scope) => scope.metrics);
}

/** The points of one metric, by the destination. */
async function pointsOf(name: string) {
  const found = (await measures()).find(({ descriptor }) => descriptor.name === name);
  return (found?.dataPoints ?? []).map(({ attributes, value }) => ({
    to: attributes['messaging.destination.name'],
    error: attributes['error.type'],
    value: typeof value === 'number' ? value : value.count,
  }));
}

const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name);
const parentOf = ({ parentSpanContext }: ReadableSpan) =>
  spans.getFinishedSpans().find((span) => span.spanContext().spanId === parentSpanContext?.spanId)?.name;

test('an observer follows one order from a request of any client to its webhook in one trace', async () => {
  register();
  await using fleet = await startFleet({ nats, queue: { tracing: openTelemetry() } });
  await using client = await connectForeign(nats.url);
  const order = {
    ...{
      instanceId: 'my-instance',
      name: 'My GPU',
      productName: 'RTX 4090 24GB',
      templateId: 'template-123',
    },
    ...{
      gpuNum: 2,
      rootfsSize: 100,
      region: 'CN-HK-01',
      webhookUrl: `${fleet.receiver.url}/hook?token=secret`,
    },
  };
  await client.publish(`${fleet.namespace}.jobs.high.create_instance.order-42`, JSON.stringify(order), {
    traceparent,
    tracestate: 'vendor=1',
  });
  await fleet.waitForJob('order-42-monitor-webhook-running', 'completed');
  const wanted = ['create_instance', 'monitor_instance', 'send_webhook'].flatMap((type) => [
    `wait ${type}`,
    `process ${type}`,
    `handle ${type}`,
  ]);
  await vi.waitFor(() =>
    expect(spans.getFinishedSpans().map(({ name }) => name)).toEqual(
      expect.arrayContaining([...wanted, 'novita create', 'novita listOffers', 'POST']),
    ),
  );
  for (const span of spans.getFinishedSpans()) {
    expect(span.spanContext().traceId, span.name).toBe(TRACE);
    expect(JSON.stringify(span.attributes), span.name).not.toContain('secret');
  }
  expect(named('process create_instance')[0]?.parentSpanContext?.spanId).toBe(PRODUCER);
  expect(parentOf(named('handle create_instance')[0] as ReadableSpan)).toBe('process create_instance');
  expect(parentOf(named('novita create')[0] as ReadableSpan)).toBe('handle create_instance');
  expect(parentOf(named('POST')[0] as ReadableSpan)).toBe('handle send_webhook');
  // The receiver goes on with the trace.
  const [received] = fleet.receiver.requests;
  expect(received?.headers.traceparent).toBe(`00-${TRACE}-${named('POST')[0]?.spanContext().spanId}-01`);
  expect(named('process create_instance')[0]?.attributes).toMatchObject({
    'messaging.system': 'nats',
    'messaging.destination.name': 'jobs.high.create_instance',
    'messaging.operation.type': 'process',
    'messaging.message.id': 'order-42',
    'jetfleet.job.state': 'completed',
  });
  expect(named('process send_webhook')[0]?.attributes).toMatchObject({
    'messaging.destination.name': expect.stringMatching(/^webhooks\.[a-z]+\.send_webhook$/),
    'messaging.destination.template': 'webhooks.{priority}.{type}',
  });
});

test('a trace goes on over a delay, a retry, and the jobs that a handler adds', async () => {
  register();
  await using fleet = await startFleet({
    nats,
    queue: { tracing: openTelemetry() },
    handlers: {
      outer: async ({ attempt }) => {
        if (attempt === 1) throw new RetryableError('not yet: password=hunter2', { retryAfterMs: 20 });
        return fleet.queue.addJob('inner', {}, 'low', { id: 'within' });
      },
      inner: () => activeTraceContext(),
    },
  });
  const tracer = trace.getTracer('test');
  const id = await tracer.startActiveSpan('request', async (span) => {
    const added = await fleet.queue.addJob('outer', {}, 'normal', { delayMs: 50 });
    span.end();
    return added;
  });
  await fleet.waitForJob(id, 'completed');
  const inner = await fleet.waitForJob('within', 'completed');
  await vi.waitFor(() => expect(named('process inner')).toHaveLength(1));
  const traces = new Set(spans.getFinishedSpans().map((span) => span.spanContext().traceId));
  expect(traces.size).toBe(1);
  expect(parentOf(named('add outer')[0] as ReadableSpan)).toBe('request');
  expect(named('process outer').map(parentOf)).toEqual(['add outer', 'add outer']);
  expect(parentOf(named('add inner')[0] as ReadableSpan)).toBe('handle outer');
  expect(parentOf(named('process inner')[0] as ReadableSpan)).toBe('add inner');
  expect(inner.result).toMatchObject({ traceparent: expect.stringContaining([...traces][0] ?? '') });
  const [failed] = named('process outer');
  expect(failed?.status).toMatchObject({ code: 2 });
  expect(failed?.status.message).not.toContain('hunter2');
  // From the end of one attempt to the next one it waits.
  expect(named('wait outer').map(({ attributes }) => attributes['jetfleet.job.state'])).toEqual([
    expect.stringMatching(/queued|scheduled/),
    'retrying',
  ]);

  const points = await measures();
  expect(new Set(points.map(({ descriptor }) => descriptor.name))).toEqual(new Set(documented));
  const help = new Set(points.map(({ descriptor }) => descriptor.description));
  for (const each of help) expect(guide).toContain(`| ${each} |`);
  const processed = points.find(({ descriptor }) => descriptor.name === 'messaging.process.duration');
  expect(processed?.dataPoints.map(({ attributes }) => attributes)).toContainEqual(
    expect.objectContaining({ 'jetfleet.job.state': 'retrying', 'error.type': 'JETFLEET_HANDLER_FAILED' }),
  );
});

test('without a registered provider jobs run as they do, and carry what their producer gave them', async () => {
  expect(isProviderRegistered()).toBe(false);
  await using fleet = await startFleet({
    nats,
    queue: { tracing: openTelemetry() },
    handlers: { demo: () => activeTraceContext() },
  });
  const plain = await fleet.queue.addJob('demo', {});
  const given = await fleet.queue.addJob('demo', {}, 'normal', { traceparent });
  const [many] = await fleet.queue.addJobs([{ type: 'demo', payload: {} }]);
  expect(await fleet.waitForJob(plain, 'completed')).not.toHaveProperty('traceparent');
  expect(await fleet.waitForJob(given, 'completed')).toMatchObject({ traceparent });
  expect((await fleet.waitForJob(many ?? '', 'completed')).result).toEqual({});
  expect(spans.getFinishedSpans()).toEqual([]);
  register();
  expect(isProviderRegistered()).toBe(true);
  trace.disable();
  // Metrics alone are worth it.
  expect(isProviderRegistered()).toBe(true);
});

test('jobs that are added together are counted by type and priority, and those that are refused by their error', async () => {
  register();
  await using fleet = await startFleet({ nats, workers: 0, queue: { tracing: openTelemetry() } });
  await fleet.queue.addJobs([
    { type: 'many_a', payload: {} },
    { type: 'many_b', payload: {}, priority: 'high' },
    { type: 'many_a', payload: {} },
  ]);
  const invalid = { type: 'X'.repeat(1_000), payload: {} };
  await expect(fleet.queue.addJobs([{ type: 'many_c', payload: {} }, invalid])).rejects.toThrow('job 1');
  await expect(fleet.queue.addJobs([null as never])).rejects.toThrow('job 0: the job must be an object');
  const sent = (await pointsOf('messaging.client.sent.messages')).filter(({ to }) =>
    /many|X|other/.test(String(to)),
  );
  expect(sent.sort((a, b) => String(a.to).localeCompare(String(b.to)))).toEqual([
    { to: 'jobs.high.many_b', error: undefined, value: 1 },
    { to: 'jobs.normal.many_a', error: undefined, value: 2 },
    { to: 'jobs.normal.many_c', error: 'JETFLEET_TYPE_INVALID', value: 1 },
    { to: 'jobs.normal.other', error: 'JETFLEET_TYPE_INVALID', value: 1 },
    expect.objectContaining({ to: 'jobs.normal.other', value: 1 }),
  ]);
  const [mixed] = named('add');
  expect(mixed?.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
});

const one = { type: 'demo', priority: 'normal', count: 1, stream: 'jobs' } as const;
const broken = () => {
  throw new Error('a broken SDK');
};
const working = { onStart() {}, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {} };

test.each<[what: string, register: () => void]>([
  ['a span does not start', () => breakProcessor({ onStart: broken })],
  ['a span does not end', () => breakProcessor({ onEnd: broken })],
  ['no context can be set', () => vi.spyOn(context, 'with').mockImplementation(broken)],
  ['no context can be read', () => vi.spyOn(context, 'active').mockImplementation(broken)],
  ['a metric cannot be made', () => vi.spyOn(metrics, 'getMeterProvider').mockImplementation(broken)],
])(
  'where %s, what is stored or created is so once, and its outcome reaches the caller',
  async (_, breakIt) => {
    register();
    const span = new TracerProvider().getTracer('test').startSpan('handle');
    breakIt();
    try {
      const { adding, calling } = openTelemetry();
      const calls: string[] = [];
      const does = (name: string) => async () => calls.push(name);
      const fails = async () => {
        throw new RetryableError('of the caller');
      };
      await expect(adding({ jobs: [one] }, does('add'))).resolves.toBe(1);
      await expect(adding({ jobs: [one] }, fails)).rejects.toThrow('of the caller');
      const about = { name: 'novita create', attributes: {} };
      vi.spyOn(trace, 'getActiveSpan').mockReturnValue(span);
      await expect(calling(about, does('create'))).resolves.toBe(2);
      await expect(calling(about, fails)).rejects.toThrow('of the caller');
      expect(calls).toEqual(['add', 'create']);
    } finally {
      vi.restoreAllMocks();
    }
  },
);

/** Registers a provider whose processor fails. */
function breakProcessor(fault: Partial<typeof working>): void {
  trace.disable();
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [{ ...working, ...fault }] }));
}

test('a trace that is not sampled goes on in the systems that a job calls', async () => {
  register();
  const parent = trace.wrapSpanContext({ traceId: TRACE, spanId: PRODUCER, traceFlags: 0 });
  const carried = await context.with(trace.setSpan(context.active(), parent), () =>
    openTelemetry().calling({ name: 'POST', attributes: {} }, async (given) => given),
  );
  expect(carried).toEqual({ traceparent: `00-${TRACE}-${PRODUCER}-00` });
});

test('types and errors beyond the first 200 are measured as one', async () => {
  register();
  const { adding } = openTelemetry();
  for (let at = 0; at < 250; at++) {
    const failing = async () => {
      throw Object.assign(new Error('no'), { code: `CODE_${at}` });
    };
    await adding({ jobs: [{ ...one, type: `folded_${at}` }] }, async () => {});
    await adding({ jobs: [{ ...one, type: 'folds' }] }, failing).catch(() => {});
  }
  const sent = await pointsOf('messaging.client.sent.messages');
  const folded = sent.filter(({ to }) => /folded_/.test(String(to)));
  expect(folded).toHaveLength(199);
  expect(new Set(sent.map(({ error }) => error)).size).toBeLessThan(210);
});

test('each attempt is one line of the log', async () => {
  const lines: Record<string, unknown>[] = [];
  const claims: { waitedMs: number; sinceMs: number; claimedMs: number }[] = [];
  const logger = pino({ ...logMasks }, { write: (line) => lines.push(JSON.parse(line)) });
  await using fleet = await startFleet({
    nats,
    handlers: {
      demo: async ({ attempt }) => {
        await delay(50);
        if (attempt === 1) throw new RetryableError('not yet', { retryAfterMs: 300 });
        return 1;
      },
    },
  });
  fleet.workers[0]?.use(logAttempts(logger), {
    onClaim: ({ record }, { waitedMs, since }) =>
      void claims.push({ waitedMs, sinceMs: since.getTime(), claimedMs: Date.parse(record.updatedAt) }),
  });
  const id = await fleet.queue.addJob('demo', { token: 'secret' }, 'high', { traceparent });
  await fleet.waitForJob(id, 'completed');
  await vi.waitFor(() => expect(lines).toHaveLength(2));
  const line = {
    ...{ msg: 'attempt ended', jobId: id, type: 'demo', priority: 'high', maxAttempts: 3, traceId: TRACE },
    ...{ waitMs: expect.any(Number), durationMs: expect.any(Number) },
  };
  expect(lines).toEqual([
    expect.objectContaining({ ...line, attempt: 1, state: 'retrying', code: expect.any(String) }),
    expect.objectContaining({ ...line, attempt: 2, state: 'completed' }),
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
  // Neither its run, nor the pause before a retry, is a wait for a worker.
  const [first, second] = claims.map(({ sinceMs, claimedMs }) => claimedMs - sinceMs);
  expect(lines[0]?.waitMs).toBe(first);
  expect(lines[1]?.waitMs).toBeLessThanOrEqual((second ?? 0) - 300);
  expect(claims.map(({ waitedMs }) => waitedMs)).toEqual(lines.map(({ waitMs }) => waitMs));
  // An error is logged, and nothing else.
  logger.level = 'warn';
  fleet.workers[0]?.use(logAttempts(logger));
  await fleet.waitForJob(await fleet.queue.addJob('demo', {}), 'completed');
  await vi.waitFor(() => expect(claims).toHaveLength(4));
  expect(lines).toHaveLength(2);
});

test('what is no tracing is refused', async () => {
  await expect(startFleet({ nats, queue: { tracing: {} as never } })).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
  });
});
