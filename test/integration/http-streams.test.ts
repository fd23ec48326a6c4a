import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromPromise, setup } from 'xstate';
import type { RunInput } from '../../machines/index.js';
import { type HandlerOptions, type JobOutcome, snooze } from '../../src/index.js';
import type { FleetMachine, FleetPicture } from '../../src/inspect/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { type Gate, gate } from '../support/gate.js';
import { expectProblem, type ServedEvent, startHttp, TOKENS } from '../support/http.js';

let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
beforeAll(async () => {
  const sleepy = ({ checkpoint }: { checkpoint?: unknown }) =>
    checkpoint === undefined ? snooze(86_400_000, 'asked') : 'rested';
  fleet = await startFleet({ handlers: { demo: () => 'ok', sleepy } });
  http = await startHttp(fleet.queue);
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
});

/** A machine of a user's own, which stands in `hot.steeping` until the gate of its job opens. */
const brewing = (gates: ReadonlyMap<string, Gate>) =>
  setup({
    types: { context: {} as { id: string }, input: {} as RunInput, output: {} as JobOutcome },
    actors: {
      steep: fromPromise<void, string>(({ input }) => gates.get(input)?.opened ?? Promise.resolve()),
    },
  }).createMachine({
    id: 'brewing',
    context: ({ input }) => ({ id: input.jobId }),
    initial: 'hot',
    output: { kind: 'completed' },
    states: {
      hot: {
        initial: 'steeping',
        states: {
          steeping: {
            invoke: { src: 'steep', input: ({ context }) => context.id, onDone: '#brewing.poured' },
          },
        },
      },
      poured: { type: 'final' },
    },
  });

const consumersOfEvents = async () =>
  (await (await fleet.queue.broker()).topology.streamInfo('events')).state.consumer_count;

async function runJob(type = 'demo', id?: string): Promise<string> {
  const added = await fleet.queue.addJob(type, { n: 1 }, 'normal', id === undefined ? {} : { id });
  await fleet.waitForJob(added, type === 'demo' ? 'completed' : 'waiting');
  return added;
}

describe('/api/v1/live', () => {
  test('ticks with counts, rates and the ids of what changed', async () => {
    await using live = await http.listen('/api/v1/live');
    const first = await live.next();
    expect(first).toMatchObject({
      event: 'tick',
      data: { brokerConnected: true, waitMs: null, changed: [] },
    });
    const id = await runJob();
    const { data } = await live.next(({ data: { changed } }) => changed.includes(id));
    expect(data).toMatchObject({
      at: expect.any(String),
      stats: { completedJobs: expect.any(Number) },
      throughput: { completed: 1, failed: 0 },
      waitMs: { p50: expect.any(Number), p95: expect.any(Number) },
      runMs: { p50: expect.any(Number), p95: expect.any(Number) },
      changedMore: false,
    });
  });

  test('reads EVENTS once for everybody, and not at all when nobody watches', async () => {
    await expect.poll(consumersOfEvents).toBe(0);
    const watching = await Promise.all([1, 2, 3].map(() => http.listen('/api/v1/live')));
    await Promise.all(watching.map((live) => live.next()));
    await expect.poll(consumersOfEvents).toBe(1);
    for (const live of watching) await live[Symbol.asyncDispose]();
    await expect.poll(consumersOfEvents).toBe(0);
  });
});

describe('/api/v1/events', () => {
  test('sends each transition with its sequence, and goes on after the one that was seen last', async () => {
    const seen: ServedEvent[] = [];
    const id = 'followed';
    {
      await using events = await http.listen(`/api/v1/events?id=${id}`);
      await runJob('demo', id);
      for (let last: ServedEvent | undefined; last?.data.status !== 'completed'; ) {
        last = await events.next();
        seen.push(last);
      }
    }
    expect(seen[0]).toMatchObject({ event: 'job', id: expect.stringMatching(/^\d+$/), data: { id } });
    const resumed = { headers: { 'last-event-id': seen[0]?.id ?? '' } };
    if (seen.length > 1) {
      await using events = await http.listen(`/api/v1/events?id=${id}`, resumed);
      expect(await events.next()).toEqual(seen[1]);
    }
    await using all = await http.listen('/api/v1/events', { headers: { 'last-event-id': '0' } });
    const everything = await fleet.history(id);
    for (const record of everything)
      expect((await all.next(({ data }) => data.id === id)).data).toEqual(record);
  });

  test('takes a filter by type and status', async () => {
    await using events = await http.listen('/api/v1/events?type=demo&status=completed');
    await runJob('sleepy');
    const id = await runJob();
    expect((await events.next()).data).toMatchObject({ id, type: 'demo', status: 'completed' });
  });

  test('refuses what it cannot resume from', async () => {
    const answer = await http.call('/api/v1/events', { headers: { 'last-event-id': 'abc' } });
    expectProblem(answer, 400, 'JETFLEET_HTTP_INVALID');
  });

  test('a HEAD request opens nothing', async () => {
    for (const path of ['/api/v1/live', '/api/v1/events', '/api/v1/inspect']) {
      const { status, headers } = await http.call(path, { method: 'HEAD' });
      expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    }
    await expect.poll(consumersOfEvents).toBe(0);
  });

  test('a reader that reads nothing keeps what it has not read in the broker', async () => {
    const jobs = Array.from({ length: 150 }, () => ({ type: 'demo', payload: 'x'.repeat(30_000) }));
    const ids = await fleet.queue.addJobs(jobs);
    await fleet.waitForJob(ids.at(-1) as string, 'completed');
    const socket = connect(http.server.port, '127.0.0.1');
    socket.write(
      `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKENS.admin}\r\nLast-Event-ID: 0\r\n\r\n`,
    );
    socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    await using events = await http.listen('/api/v1/events', { headers: { 'last-event-id': '0' } });
    for (let count = 0; count < 150; count++) await events.next();
    // 150 records of 30 KB, and as many claims, are 9 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
    socket.destroy();
  });
});

describe('/api/v1/fleet', () => {
  const machineIn = (id: string, fits: (machine: FleetMachine) => boolean) => (event: ServedEvent) =>
    (event.data as FleetPicture).machines.some((each) => each.id === id && fits(each));
  const jobsIn = async (machine: string, state: string) =>
    (await http.call(`/api/v1/machines/${machine}/jobs?state=${state}`, { token: TOKENS.observer })).json;

  test('counts own machines by their inner states, with the edges they take and the time they stay', async () => {
    const gates = new Map(['early', 'late'].map((id) => [id, gate()]));
    await fleet.addWorker({ brewing: { chart: brewing(gates) } as unknown as HandlerOptions });
    await fleet.queue.addJob('brewing', {}, 'normal', { id: 'early' });
    await fleet.waitForJob('early', 'running');
    await using live = await http.listen('/api/v1/fleet');
    // It began before anybody watched.
    await live.next(machineIn('brewing', ({ counts }) => counts['hot.steeping'] === 1 && counts.hot === 1));
    await fleet.queue.addJob('brewing', {}, 'normal', { id: 'late' });
    await live.next(
      machineIn('brewing', ({ counts, running }) => counts['hot.steeping'] === 2 && running === 2),
    );
    const standing = await jobsIn('brewing', 'hot.steeping');
    expect(standing).toMatchObject({ count: 2, jobs: [{ jobId: 'early' }, { jobId: 'late' }] });
    expect((await http.call('/api/v1/machines/brewing')).json.counts).toMatchObject({ 'hot.steeping': 2 });
    for (const each of gates.values()) each.open();
    const moves = ({ moved }: FleetMachine) =>
      moved.some(({ from, to }) => from === 'hot.steeping' && to === 'poured');
    await live.next(machineIn('brewing', moves));
    // Of the first one nobody knows since when it stood there.
    const { data } = await live.next(machineIn('brewing', ({ running }) => running === 0));
    const brewed = (data as FleetPicture).machines.find(({ id }) => id === 'brewing');
    expect(brewed?.times['hot.steeping']).toMatchObject({ count: 1, p50: expect.any(Number) });
    await live.next(machineIn('job', ({ counts }) => (counts.completed ?? 0) >= 2));
  });

  test('lists jobs of the machine of all jobs without any worker, and refuses a state that there is not', async () => {
    await fleet.queue.addJob('nobody_has', {}, 'normal', { id: 'left-lying' });
    await expect
      .poll(() => jobsIn('job', 'pending.queued'))
      .toMatchObject({ jobs: [{ jobId: 'left-lying' }] });
    expectProblem(await http.call('/api/v1/machines/job/jobs?state=lost'), 400, 'JETFLEET_OPTION_INVALID');
    expectProblem(await http.call('/api/v1/machines/none/jobs?state=a'), 404, 'JETFLEET_MACHINE_NOT_FOUND');
  });
});

describe('/api/v1/inspect', () => {
  test("sends what a job's machine does", async () => {
    await using inspect = await http.listen('/api/v1/inspect?job=inspected');
    await runJob('demo', 'inspected');
    const { event, data } = await inspect.next(({ data: { kind } }) => kind === 'done');
    expect(event).toBe('inspection');
    expect(data).toMatchObject({ jobId: 'inspected', actor: expect.any(String), status: 'done' });
  });

  test('begins with where the workers stand', async () => {
    await using inspect = await http.listen('/api/v1/inspect');
    const { data } = await inspect.next(({ data: { actor } }) => actor === 'worker_lifecycle');
    expect(data).toMatchObject({ kind: 'snapshot', active: ['running'] });
  });
});

test('when the server closes, streams end and requests are refused', async () => {
  const own = await startHttp(fleet.queue);
  const streams = await Promise.all(
    ['/api/v1/live', '/api/v1/events', '/api/v1/inspect'].map((path) => own.listen(path)),
  );
  own.server.drain();
  expect(await own.call('/readyz', { token: null })).toMatchObject({
    status: 503,
    json: { ok: false, checks: expect.arrayContaining([{ name: 'draining', ok: false }]) },
  });
  expect((await own.call('/livez', { token: null })).status).toBe(200);
  await own.server.close();
  for (const stream of streams) {
    await expect(
      (async () => {
        for (;;) await stream.next();
      })(),
    ).rejects.toThrow('the stream has ended');
  }
  await expect(own.call('/livez')).rejects.toThrow();
});
