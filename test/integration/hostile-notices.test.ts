/** What anybody who may publish on the broker can do with notices, questions and their answers: nothing of weight. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { drainWorker, listCharts, listWorkers, watchMachines } from '../../src/inspect/index.js';
import { ANY } from '../../src/wire/subjects.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A fleet whose job `held` runs until it is cancelled, or until `open` is called. */
async function holding(worker = {}) {
  const aborted: { reason: unknown; atMs: number }[] = [];
  const { open, opened } = gate();
  const fleet = await startFleet({
    nats,
    worker,
    handlers: {
      hold: ({ signal }) => {
        signal.addEventListener('abort', () =>
          aborted.push({ reason: signal.reason, atMs: performance.now() }),
        );
        return opened;
      },
      quick: () => 'ok',
    },
  });
  onTestFinished(() => fleet.close());
  await fleet.queue.addJob('hold', null, 'normal', { id: 'held' });
  await fleet.waitForJob('held', 'running');
  const broker = await fleet.queue.broker();
  const say = (subject: string, body: unknown) =>
    broker.connection.publish(subject, typeof body === 'string' ? body : JSON.stringify(body));
  return { fleet, open, aborted, broker, say };
}

// A busy machine is late now and then, but not each time.
test('a forged notice of a cancellation does not touch the job, and a real one behind it aborts within 200 ms', {
  retry: 5,
}, async () => {
  const { fleet, aborted, broker, say } = await holding();
  const forge = () => say(broker.subjects.notices.cancelled(), { id: 'held', seq: 9_000_000 });
  forge();
  await broker.connection.flush();
  await delay(100);
  expect(aborted).toEqual([]);
  const forging = setInterval(() => {
    for (let n = 0; n < 20; n++) forge();
  }, 5);
  await delay(50);
  const cancelled = await fleet.queue.cancel('held');
  const atMs = performance.now();
  clearInterval(forging);
  await vi.waitFor(() => expect(aborted).toHaveLength(1));
  expect((aborted[0]?.atMs ?? Number.POSITIVE_INFINITY) - atMs).toBeLessThan(200);
  expect(cancelled.state).toBe('cancelled');
  expect(fleet.workers[0]?.running).toEqual([]);
});

test('a forged notice of a cancellation lets the job complete', async () => {
  const { fleet, open, broker, say } = await holding();
  for (const seq of [1, 9_000_000, -1, 0.5]) say(broker.subjects.notices.cancelled(), { id: 'held', seq });
  await broker.connection.flush();
  open();
  expect(await fleet.waitForJob('held', 'completed')).toMatchObject({ attempt: 1 });
});

test('answers go to inboxes alone: a question with a job subject as its reply adds no job', async () => {
  const { fleet, broker } = await holding();
  const { connection, subjects } = broker;
  const work = subjects.work({ kind: 'jobs', priority: 'critical', type: 'quick', id: 'forged' });
  for (const reply of [
    work,
    subjects.notices.drainOrdered(),
    'events.x.completed.y',
    '_INBOX',
    '_INBOX.>',
    'x._INBOX.y',
  ]) {
    connection.publish(subjects.notices.workersAsked(), '{}', { reply });
    connection.publish(subjects.notices.chartsAsked(), '{}', { reply });
  }
  await connection.flush();
  expect(await listWorkers(fleet.queue)).toHaveLength(1);
  expect(await fleet.queue.getJob('forged')).toBeUndefined();
  expect((await fleet.queue.getStats()).totalJobs).toBe(1);
});

test('malformed, huge and binary bodies on every notice leave a worker at work', async () => {
  const { fleet, open, broker } = await holding();
  const { connection, subjects } = broker;
  const bodies = [
    Uint8Array.from([0xff, 0xfe, 0, 1]),
    ...[
      '',
      'null',
      '7',
      '"x"',
      '[]',
      '[[]]',
      '{',
      '{"id":{}}',
      '{"jobId":{},"begins":{}}',
      '{"worker":[],"drain":1}',
    ],
    `{"id":"held","seq":1,"x":"${'y'.repeat(900_000)}"}`,
    JSON.stringify({ machine: 'x'.repeat(100_000), jobId: '$worker', orphans: Array(50_000).fill(['a', 1]) }),
  ];
  const all = [
    subjects.notices.cancelled(),
    subjects.notices.swept(),
    subjects.notices.watched(),
    subjects.notices.drainOrdered(),
    subjects.notices.workersAsked(),
    subjects.notices.chartsAsked(),
    subjects.notices.inspection('x', 'y'),
  ];
  const heard: unknown[] = [];
  await using _ = await watchMachines(fleet.queue, {}, (record) => heard.push(record.worker));
  for (const subject of all) {
    for (const body of bodies) connection.publish(subject, body, { reply: '_INBOX.nobody.here' });
  }
  await connection.flush();
  open();
  await fleet.waitForJob('held', 'completed');
  await fleet.waitForJob(await fleet.queue.addJob('quick', null), 'completed');
  expect(fleet.workers[0]?.state).toBe('running');
  expect(new Set(heard)).toEqual(new Set([fleet.workers[0]?.name]));
});

test('a forged order to drain ends by itself', async () => {
  const { fleet, open, broker, say } = await holding({ name: 'drained' });
  open();
  say(broker.subjects.notices.drainOrdered(), { worker: 'drained', drain: true, forMs: 300 });
  await vi.waitFor(() => expect(fleet.workers[0]?.state).toBe('paused'));
  await vi.waitFor(() => expect(fleet.workers[0]?.state).toBe('running'));
  await fleet.waitForJob(await fleet.queue.addJob('quick', null), 'completed');
});

test('an order to drain is for a day at most, and ignored by a worker that obeys none', async () => {
  const { fleet, broker, say } = await holding({ name: 'deaf', remoteDrain: false });
  say(broker.subjects.notices.drainOrdered(), { worker: 'deaf', drain: true });
  await broker.connection.flush();
  await fleet.waitForJob(await fleet.queue.addJob('quick', null), 'completed');
  expect(fleet.workers[0]?.state).toBe('running');
  for (const forMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 86_400_001]) {
    await expect(drainWorker(fleet.queue, 'deaf', true, { forMs })).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
  }
});

test('forged watches of many jobs take bounded memory, and a real one is heard beside them', async () => {
  const { fleet, broker, say } = await holding();
  for (let n = 0; n < 20_000; n++)
    say(broker.subjects.notices.watched(), { jobId: `forged-${n}`, begins: true });
  await broker.connection.flush();
  const active: unknown[] = [];
  await using _ = await watchMachines(fleet.queue, {}, (record) => active.push(record.active));
  await vi.waitFor(() => expect(active).toContainEqual(['processing.running']));
});

test('beginning to watch ten thousand times shows a job a few times', async () => {
  const { broker, say } = await holding();
  const snapshots: unknown[] = [];
  const { notices, subjects } = broker;
  onTestFinished(
    notices.hear(subjects.notices.inspection(ANY, ANY), (body) => {
      if (body.kind === 'snapshot' && body.actor === 'job') snapshots.push(body);
    }),
  );
  const began = performance.now();
  for (let n = 0; n < 10_000; n++) say(subjects.notices.watched(), { begins: true });
  await broker.connection.flush();
  await vi.waitFor(() => expect(snapshots.length).toBeGreaterThan(1));
  expect(snapshots.length).toBeLessThanOrEqual(3 + (performance.now() - began) / 400);
});

test('answers that are no answers are passed over, and a flood of them is cut off', async () => {
  const { fleet, broker } = await holding();
  const { connection, subjects } = broker;
  const worker = { name: 'forged', state: 'running', startedAt: 'x', lanes: {}, running: 1 };
  const chart = (kind: string) => ({
    ...{ id: 'evil', version: '1', description: '' },
    states: [{ id: 's', key: 's', kind, isInitial: true, description: '', invokes: [] }],
    edges: [],
  });
  connection.subscribe(subjects.notices.workersAsked(), {
    callback: (_, msg) => {
      for (let n = 0; n < 5_000; n++) msg.respond(JSON.stringify(worker));
    },
  });
  connection.subscribe(subjects.notices.chartsAsked(), {
    callback: (_, msg) =>
      void msg.respond(JSON.stringify({ charts: [chart('atomic"><script>'), chart('atomic')] })),
  });
  await connection.flush();
  const names = (await listWorkers(fleet.queue)).map(({ name }) => name);
  expect(names).not.toContain('forged');
  const evil = (await listCharts(fleet.queue)).filter(({ id }) => id === 'evil');
  expect(evil.map(({ states }) => states[0]?.kind)).toEqual(['atomic']);
});

test('forged steps of machines are checked before a watcher sees them', async () => {
  const { fleet, broker, say } = await holding();
  const seen: string[] = [];
  await using _ = await watchMachines(fleet.queue, { jobId: 'forged' }, ({ actor }) => seen.push(actor));
  await broker.connection.flush();
  const subject = broker.subjects.notices.inspection('x', 'forged');
  const good = { v: 1, seq: 1, at: new Date().toISOString(), worker: 'x', actor: 'good', kind: 'transition' };
  const bad = [
    ...[
      { at: 1 },
      { at: 'never' },
      { seq: 'x' },
      { worker: {} },
      { actor: undefined },
      { kind: 'x' },
      { v: 2 },
    ],
    ...[{ active: 'processing' }, { active: [1] }, { edges: {} }, { edges: [{}] }, { status: '<b>' }],
    ...[{ active: Array(2_000).fill('a') }, { event: 'x'.repeat(10_000) }],
  ];
  for (const change of bad) say(subject, { ...good, actor: 'bad', ...change });
  say(subject, good);
  await vi.waitFor(() => expect(seen).toEqual(['good']));
});

test('a flood of forged steps is cut to what a watcher can take in', async () => {
  const { fleet, broker, say } = await holding();
  let seen = 0;
  await using _ = await watchMachines(fleet.queue, { jobId: 'flood' }, () => seen++);
  const subject = broker.subjects.notices.inspection('x', 'flood');
  const step = { v: 1, seq: 1, at: new Date().toISOString(), worker: 'x', actor: 'job', kind: 'done' };
  const began = performance.now();
  for (let n = 0; n < 15_000; n++) say(subject, step);
  await broker.connection.flush();
  await vi.waitFor(() => expect(seen).toBeGreaterThan(0));
  await broker.connection.flush();
  expect(seen).toBeLessThanOrEqual(5_000 * (2 + (performance.now() - began) / 1_000));
  expect(await fleet.queue.getJob('held')).toMatchObject({ state: 'running' });
});

/** Each is called by something that must go on: a connection, a machine, a log line. */
const FAILURES: [string, () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('user code');
    },
  ],
  ['rejects', async () => Promise.reject(new Error('user code'))],
  [
    'throws nothing',
    () => {
      throw undefined;
    },
  ],
  [
    'gives a promise that throws',
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: it is what a broken thenable has
      get then() {
        throw new Error('then');
      },
    }),
  ],
];

test.each(FAILURES)(
  'a watch callback that %s leaves the connection at work, and is counted',
  async (_, fail) => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    await using fleet: Fleet = await startFleet({ nats, handlers: { quick: () => 'ok' } });
    let calls = 0;
    await using _watch = await watchMachines(fleet.queue, {}, () => {
      calls++;
      return fail();
    });
    for (let n = 0; n < 2; n++) await fleet.waitForJob(await fleet.queue.addJob('quick', n), 'completed');
    await vi.waitFor(() => expect(calls).toBeGreaterThan(1));
    await delay(0);
    expect(fleet.queue.callbackFailures['watch callback']).toBe(calls);
    expect(unhandled).not.toHaveBeenCalled();
  },
);

test.each(FAILURES)('an inspector that %s leaves its jobs at work, and is counted', async (_, fail) => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  onTestFinished(() => void process.off('unhandledRejection', unhandled));
  await using fleet = await startFleet({ nats, handlers: { quick: () => 'ok' }, worker: { inspect: fail } });
  expect(await fleet.waitForJob(await fleet.queue.addJob('quick', 1), 'completed')).toMatchObject({
    attempt: 1,
  });
  await delay(0);
  expect(fleet.queue.callbackFailures.inspect).toBeGreaterThan(0);
  expect(unhandled).not.toHaveBeenCalled();
});

test.each(FAILURES)('a logger each of whose methods %s ends nothing, and is counted', async (_, fail) => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  onTestFinished(() => void process.off('unhandledRejection', unhandled));
  const logger = { debug: fail, info: fail, warn: fail, error: fail, child: fail, level: 'debug' } as never;
  await using fleet = await startFleet({
    nats,
    handlers: {
      quick: ({ logger: own }) => {
        own.info('one');
        return 'ok';
      },
      bad: () => {
        throw new Error('no');
      },
    },
    queue: { logger },
    worker: { logger },
  });
  await using _events = await fleet.queue.events({}, () => {
    throw new Error('event handler');
  });
  expect(await fleet.waitForJob(await fleet.queue.addJob('quick', 1), 'completed')).toMatchObject({
    attempt: 1,
  });
  await fleet.waitForJob(await fleet.queue.addJob('bad', 1, 'normal', { maxAttempts: 1 }), 'exhausted');
  await delay(0);
  expect(fleet.queue.callbackFailures.logger).toBeGreaterThan(0);
  expect(unhandled).not.toHaveBeenCalled();
});
