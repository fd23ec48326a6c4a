import { setTimeout as delay } from 'node:timers/promises';
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type AnyStateMachine, assign, fromPromise, setup } from 'xstate';
import type { RunInput } from '../../machines/index.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobOutcome } from '../../src/index.js';
import {
  drainWorker,
  findChart,
  type InspectionRecord,
  listCharts,
  listWorkers,
  startStatelyInspector,
  watchMachines,
} from '../../src/inspect/index.js';
import { ANY } from '../../src/wire/subjects.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A user's machine, with parts that have no name. */
function reportMachine(until: Promise<void>) {
  return setup({
    types: { context: {} as { apiKey: string }, input: {} as RunInput, output: {} as JobOutcome },
    actors: { render: fromPromise(() => until) },
  }).createMachine({
    id: 'report',
    version: '3',
    context: { apiKey: 'hunter2' },
    initial: 'rendering',
    output: { kind: 'completed', result: 'done' },
    states: {
      rendering: {
        invoke: {
          src: 'render',
          onDone: { guard: () => true, target: 'over', actions: assign({ apiKey: 'other' }) },
          onError: 'over',
        },
      },
      over: { type: 'final' },
    },
  });
}

async function heard(fleet: Fleet, jobId?: string) {
  const records: InspectionRecord[] = [];
  const watch = await watchMachines(fleet.queue, jobId === undefined ? {} : { jobId }, (record) =>
    records.push(record),
  );
  onTestFinished(() => watch.close());
  await (await fleet.queue.broker()).flush();
  return records;
}

describe('watching', () => {
  test('hears the transitions of a job in order, with their edges, and masks secrets', async () => {
    await using fleet = await startFleet({
      nats,
      handlers: { demo: { handler: () => 'ok', claim: 'durable' } },
    });
    const records = await heard(fleet, 'one');
    await vi.waitFor(() => expect(fleet.workers[0]?.state).toBe('running'));
    await fleet.queue.addJob('demo', { password: 'hunter2', month: 1 }, 'normal', { id: 'one' });
    await fleet.waitForJob('one', 'completed');
    await vi.waitFor(() => expect(records.some(({ kind }) => kind === 'done')).toBe(true));
    const steps = records.filter(({ kind, actor }) => kind === 'transition' && actor === 'job');
    expect(steps.flatMap(({ edges = [] }) => edges)).toMatchObject([
      { from: 'pending', to: 'processing.running', event: 'CLAIM', guard: 'attemptsLeft' },
      { from: 'processing.running', to: 'completed', event: 'xstate.done.actor.run', guard: 'isCompleted' },
    ]);
    expect(records.map(({ seq }) => seq)).toEqual(records.map(({ seq }) => seq).toSorted((a, b) => a - b));
    expect(JSON.stringify(records)).toContain('[masked]');
    expect(JSON.stringify(records)).not.toContain('hunter2');
  });

  test('joins a job that runs already with where it stands', async () => {
    const { open, opened } = gate();
    await using fleet = await startFleet({ nats, handlers: { demo: () => opened } });
    await fleet.queue.addJob('demo', null, 'normal', { id: 'long' });
    await fleet.waitForJob('long', 'running');
    const records = await heard(fleet, 'long');
    await vi.waitFor(() =>
      expect(records.find(({ kind }) => kind === 'snapshot')).toMatchObject({
        active: ['processing.running'],
      }),
    );
    open();
    await fleet.waitForJob('long', 'completed');
    await vi.waitFor(() => expect(records.at(-1)).toMatchObject({ kind: 'done' }));
  });

  test('gives a run from its start once, however often others ask where all machines stand', async () => {
    const { open, opened } = gate();
    await using fleet = await startFleet({ nats, handlers: { demo: () => opened } });
    const records = await heard(fleet, 'quiet');
    await fleet.queue.addJob('demo', null, 'normal', { id: 'quiet' });
    await vi.waitFor(() => expect(records.some(({ step = 0 }) => step > 0)).toBe(true));
    const all: InspectionRecord[] = [];
    await using watch = await watchMachines(fleet.queue, {}, (record) => all.push(record));
    const asked = () =>
      all.filter(({ jobId, step, actor }) => jobId === 'quiet' && step === undefined && actor === 'job');
    await vi.waitFor(() => expect(asked()).toHaveLength(1));
    watch.again();
    await vi.waitFor(() => expect(asked()).toHaveLength(2));
    open();
    await fleet.waitForJob('quiet', 'completed');
    // What was sent before it has come by then.
    await vi.waitFor(() => expect(records.at(-1)).toMatchObject({ kind: 'done' }));
    expect(records.filter(({ step }) => step === 0)).toHaveLength(1);
  });

  test('hears every step also of a worker whose owner watches it', async () => {
    const { open, opened } = gate();
    await using fleet = await startFleet({
      nats,
      handlers: { demo: () => opened },
      worker: { inspect: () => {} },
    });
    await fleet.queue.addJob('demo', null, 'normal', { id: 'own' });
    await fleet.waitForJob('own', 'running');
    const records = await heard(fleet, 'own');
    await vi.waitFor(() => expect(records.some(({ kind }) => kind === 'snapshot')).toBe(true));
    open();
    await fleet.waitForJob('own', 'completed');
    await vi.waitFor(() => expect(records.at(-1)).toMatchObject({ kind: 'done' }));
  });

  test('is not heard by anybody before somebody watches', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    const { notices, subjects } = await fleet.queue.broker();
    const records: unknown[] = [];
    onTestFinished(notices.hear(subjects.notices.inspection(ANY, ANY), (body) => records.push(body)));
    await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
    await (await fleet.queue.broker()).flush();
    expect(records).toEqual([]);
  });

  test('does not touch a job whose own inspector throws', async () => {
    const inspect = () => {
      throw new Error('broken inspector');
    };
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' }, worker: { inspect } });
    expect(await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed')).toMatchObject({
      attempt: 1,
      result: 'ok',
    });
  });
});

describe('workers', () => {
  test('tell what they run, and drain and go on when they are told to', async () => {
    const { open, opened } = gate();
    await using fleet = await startFleet({ nats, handlers: { demo: () => opened }, worker: { name: 'w 1' } });
    const { queue } = fleet;
    await queue.addJob('demo', null, 'normal', { id: 'held' });
    await fleet.waitForJob('held', 'running');
    expect(await listWorkers(queue)).toMatchObject([
      { name: 'w 1', state: 'running', runningCount: 1, running: [{ id: 'held', type: 'demo', attempt: 1 }] },
    ]);
    await drainWorker(queue, 'w 1');
    await vi.waitFor(async () => expect(await listWorkers(queue)).toMatchObject([{ state: 'paused' }]));
    open();
    await fleet.waitForJob('held', 'completed');
    await queue.addJob('demo', null, 'normal', { id: 'next' });
    expect((await queue.getJob('next'))?.state).toBe('queued');
    await drainWorker(queue, 'w 1', false);
    await fleet.waitForJob('next', 'completed');
  });

  test('that their owner has stopped stay so, whatever is ordered', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' }, worker: { name: 'w 2' } });
    const { queue } = fleet;
    const worker = fleet.workers[0];
    await drainWorker(queue, 'w 2', true, { forMs: 50 });
    await vi.waitFor(() => expect(worker?.state).toBe('paused'));
    await worker?.stop();
    await drainWorker(queue, 'w 2', false);
    await delay(150);
    expect(worker?.state).toBe('paused');
    await worker?.start();
    await fleet.waitForJob(await queue.addJob('demo', null), 'completed');
  });

  test('answer with the charts of their own machines', async () => {
    const { open, opened } = gate();
    open();
    const chart = reportMachine(opened) as unknown as AnyStateMachine;
    await using fleet = await startFleet({ nats, handlers: { render_report: { chart } } });
    const charts = await listCharts(fleet.queue);
    const builtIn = (id: string) => [id, 'built-in'];
    expect(charts.map(({ id, source }) => [id, source])).toEqual([
      ['job', 'built-in'],
      ...['create_instance', 'monitor_instance', 'delete_instance', 'start_instance'].map(builtIn),
      ...['stop_instance', 'restart_instance', 'migrate_instance', 'check_instance'].map(builtIn),
      ...['watch_instance', 'auto_stop', 'extend_lease', 'keep_lease'].map(builtIn),
      ...['send_webhook', 'endpoint_breaker', 'provider_breaker', 'worker_lifecycle'].map(builtIn),
      ['report', 'worker'],
    ]);
    const report = await findChart(fleet.queue, 'report');
    expect(report).toMatchObject({ version: '3', edges: [{ guard: 'guard', actions: ['assign'] }, {}] });
    expect(JSON.stringify(report)).not.toContain('hunter2');
    await expect(findChart(fleet.queue, 'nope')).rejects.toMatchObject({
      code: 'JETFLEET_MACHINE_NOT_FOUND',
    });
  });

  test('are not believed when a chart cannot be drawn', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    const { notices, subjects } = await fleet.queue.broker();
    const text = { id: 'evil', version: '1', description: '' };
    const state = { kind: 'atomic', isInitial: false, description: '', invokes: [] };
    const circle = [
      { ...state, id: 'a', key: 'a', parent: 'b' },
      { ...state, id: 'b', key: 'b', parent: 'a' },
    ];
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      ...state,
      id: `s${index}`,
      key: `s${index}`,
    }));
    const edge = { id: '#0', from: '', to: 'nowhere', event: 'X', label: 'X', actions: [] };
    const charts = [
      { ...text, states: circle, edges: [] },
      { ...text, states: many, edges: [] },
      { ...text, states: [], edges: [edge] },
      { ...text, states: [{}], edges: [] },
      null,
      'chart',
    ];
    onTestFinished(notices.answer(subjects.notices.chartsAsked(), () => ({ charts })));
    onTestFinished(notices.answer(subjects.notices.chartsAsked(), () => ({ charts: 'none' })));
    expect((await listCharts(fleet.queue)).filter(({ source }) => source === 'worker')).toEqual([]);
  });

  test('answer with what fits into a message, and say how much did not', async () => {
    const states = Object.fromEntries(
      Array.from({ length: 400 }, (_, index) => [`s${index}`, { description: 'x'.repeat(1_000) }]),
    );
    const chart = setup({}).createMachine({
      id: 'huge',
      initial: 's0',
      states,
    }) as unknown as AnyStateMachine;
    await using fleet = await startFleet({ nats, handlers: { huge: { chart } } });
    const { notices, subjects } = await fleet.queue.broker();
    expect(await notices.ask(subjects.notices.chartsAsked(), {}, 500)).toEqual([{ charts: [], left: 1 }]);
  });
});

describe('a Stately inspector', () => {
  test('hears actors, events and snapshots in its own words, and no secret', async () => {
    const { open, opened } = gate();
    const chart = reportMachine(opened) as unknown as AnyStateMachine;
    await using fleet = await startFleet({ nats, handlers: { render_report: { chart } } });
    await using inspector = await startStatelyInspector({ queue: fleet.queue });
    const events: StatelyInspectionEvent[] = [];
    createWebSocketReceiver({ server: inspector.url }).subscribe((event) => void events.push(event));
    await vi.waitFor(() =>
      expect(events.some(({ sessionId }) => sessionId.endsWith('worker_lifecycle'))).toBe(true),
    );
    await fleet.queue.addJob('render_report', null, 'normal', { id: 'r1' });
    await fleet.waitForJob('r1', 'running');
    open();
    await fleet.waitForJob('r1', 'completed');
    const own = () => events.filter(({ sessionId }) => sessionId.endsWith('/r1/report'));
    await vi.waitFor(() =>
      expect(own().some((event) => 'snapshot' in event && event.snapshot.status === 'done')).toBe(true),
    );
    const actor = own()[0] as Extract<StatelyInspectionEvent, { type: '@xstate.actor' }>;
    expect(actor).toMatchObject({ type: '@xstate.actor', name: 'report', _version: expect.any(String) });
    expect(JSON.parse(actor.definition ?? '')).toMatchObject({
      id: 'report',
      initial: 'rendering',
      states: { rendering: { invoke: [{ src: 'render', onDone: [{ target: '#report.over' }] }] } },
    });
    expect(actor.parentId).toBe(actor.rootId);
    const isChild = ({ type, sessionId }: StatelyInspectionEvent) =>
      type === '@xstate.actor' && sessionId.endsWith('/r1/render');
    expect(events.find(isChild)).toMatchObject({ parentId: actor.sessionId });
    const job = events.filter(({ sessionId }) => sessionId === actor.rootId);
    const snapshots = job.flatMap((event) =>
      'snapshot' in event ? [(event.snapshot as { value?: unknown }).value] : [],
    );
    expect(snapshots).toContainEqual({ processing: 'running' });
    expect(snapshots.at(-1)).toBe('completed');
    const claim = job.find((event) => event.type === '@xstate.event' && event.event.type === 'CLAIM');
    expect(claim).toMatchObject({ event: { type: 'CLAIM', now: expect.any(String) } });
    expect(own().map(({ type }) => type)).toContain('@xstate.event');
    expect(JSON.stringify(events)).not.toContain('hunter2');
  });

  test('is shown a job that has ended by what is kept of its steps', async () => {
    const { open, opened } = gate();
    open();
    const chart = reportMachine(opened) as unknown as AnyStateMachine;
    await using fleet = await startFleet({
      nats,
      handlers: { render_report: { chart } },
      worker: { inspect: { keep: 'all' } },
    });
    await fleet.queue.addJob('render_report', null, 'normal', { id: 'r2' });
    await fleet.waitForJob('r2', 'completed');
    await using inspector = await startStatelyInspector({ queue: fleet.queue, jobId: 'r2' });
    const events: StatelyInspectionEvent[] = [];
    createWebSocketReceiver({ server: inspector.url }).subscribe((event) => void events.push(event));
    const own = () => events.filter(({ sessionId }) => sessionId.endsWith('/r2/report'));
    await vi.waitFor(() =>
      expect(own().some((event) => 'snapshot' in event && event.snapshot.status === 'done')).toBe(true),
    );
    expect(own()[0]).toMatchObject({
      type: '@xstate.actor',
      definition: expect.stringContaining('rendering'),
    });
    const values = own().flatMap((event) => ('snapshot' in event ? [event.snapshot] : []));
    expect(values.at(-1)).toMatchObject({ context: { apiKey: '[masked]' }, value: 'over' });
  });

  test('may be a page of this machine or of an allowed origin, and no other', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    const { queue } = fleet;
    await using inspector = await startStatelyInspector({ queue, allowedOrigins: ['https://stately.ai'] });
    const connects = (origin?: string) =>
      new Promise<boolean>((resolve) => {
        const socket = new WebSocket(inspector.url, origin === undefined ? {} : { origin });
        socket.once('open', () => {
          socket.terminate();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      });
    expect(await connects()).toBe(true);
    expect(await connects('http://localhost:3000')).toBe(true);
    expect(await connects('https://stately.ai')).toBe(true);
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'file://']) {
      expect(await connects(origin), origin).toBe(false);
    }
  });
});
