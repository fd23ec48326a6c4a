import { connect } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startSimulator } from '../../src/gpu/index.js';
import { eventually } from '../support/gpu-provider-conformance.js';
import { call, create, SPEC, setup } from '../support/simulator-api.js';

describe('life of an instance', () => {
  test('it is created, runs, stops, starts, restarts and is removed in the words of the API', async () => {
    const simulator = await setup();
    // Statuses are a matter of the clock alone, so the test moves the clock.
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const id = await create(simulator);
    const statusesAt = async (...stepsMs: number[]) => {
      const statuses: unknown[] = [];
      for (const stepMs of stepsMs) {
        vi.setSystemTime(Date.now() + stepMs);
        const { body } = await call(simulator, `GET /gpu/instance?instanceId=${id}`);
        statuses.push(body.status ?? body.reason);
      }
      return statuses;
    };
    const act = (action: string) => call(simulator, `POST /gpu/instance/${action}`, { instanceId: id });
    expect(await statusesAt(0, 50, 50, 199, 1)).toEqual([
      'toCreate',
      'creating',
      'pulling',
      'pulling',
      'running',
    ]);
    expect(await act('stop')).toEqual({ status: 200, body: { instanceId: id, state: 'toStop' } });
    expect(await statusesAt(0, 50, 50)).toEqual(['toStop', 'stopping', 'exited']);
    await act('start');
    expect(await statusesAt(0, 150, 150)).toEqual(['toStart', 'starting', 'running']);
    await act('restart');
    expect(await statusesAt(0, 150, 150)).toEqual(['toRestart', 'restarting', 'running']);
    expect(await act('delete')).toEqual({ status: 200, body: {} });
    expect(await statusesAt(0, 50, 50, 100)).toEqual([
      'toRemove',
      'removing',
      'removed',
      'RESOURCE_NOT_FOUND',
    ]);
    const actions = simulator.ledger.map(({ action, instanceId, name }) => [action, instanceId === id, name]);
    expect(actions).toEqual(
      ['create', 'stop', 'start', 'delete'].map((action) => [action, true, 'jetfleet-a']),
    );
  });

  test('timings can be chosen', async () => {
    const simulator = await setup({ timings: { creatingAfterMs: 0, pullingAfterMs: 0, runningAfterMs: 0 } });
    const id = await create(simulator);
    expect((await call(simulator, `GET /gpu/instance?instanceId=${id}`)).body.status).toBe('running');
  });

  test('live instances are those that are not removed yet', async () => {
    const simulator = await setup();
    const id = await create(simulator);
    await create(simulator, { name: 'jetfleet-b' });
    expect(simulator.live().map(({ name, region }) => [name, region])).toEqual([
      ['jetfleet-b', 'CN-HK-01'],
      ['jetfleet-a', 'CN-HK-01'],
    ]);
    await call(simulator, 'POST /gpu/instance/delete', { instanceId: id });
    await call(simulator, 'POST /gpu/instance/delete', { instanceId: id });
    await eventually(() => expect(simulator.live()).toMatchObject([{ name: 'jetfleet-b' }]));
    expect(simulator.ledger.filter(({ action }) => action === 'delete')).toHaveLength(1);
  });

  test('an action that the status forbids is a conflict, on an unknown instance not found', async () => {
    const simulator = await setup();
    const id = await create(simulator);
    const start = await call(simulator, 'POST /gpu/instance/start', { instanceId: id });
    expect(start).toMatchObject({ status: 400, body: { reason: 'CONFLICT' } });
    const stop = await call(simulator, 'POST /gpu/instance/stop', { instanceId: 'none' });
    expect(stop).toMatchObject({ status: 400, body: { reason: 'RESOURCE_NOT_FOUND' } });
  });
});

describe('requests', () => {
  test('a wrong key is refused on every route, and nothing is made', async () => {
    const simulator = await setup({ apiKey: 'right' });
    const reply = await call(simulator, 'POST /gpu/instance/create', SPEC, 'wrong');
    expect(reply).toMatchObject({ status: 401, body: { reason: 'UNAUTHORIZED' } });
    expect((await call(simulator, 'GET /products', undefined, 'wrong')).status).toBe(401);
    expect(simulator.ledger).toEqual([]);
  });

  test.each([
    ['productId', undefined],
    ['productId', 'no-such-product'],
    ['gpuNum', 0],
    ['gpuNum', 9],
    ['gpuNum', '1'],
    ['rootfsSize', 9],
    ['rootfsSize', 6145],
    ['imageUrl', ''],
    ['imageUrl', 'x'.repeat(501)],
    ['kind', undefined],
    ['name', 'x'.repeat(256)],
    ['ports', [80]],
    ['ports', '80'],
    ['ports', '2222/tcp'],
    ['envs', [{ key: '' }]],
    ['billingMode', 'on_demand'],
  ])('create with %s %j is refused', async (field, value) => {
    const simulator = await setup();
    const reply = await call(simulator, 'POST /gpu/instance/create', { ...SPEC, [field]: value });
    expect(reply).toMatchObject({ status: 400, body: { reason: 'VALIDATOR_PARAM' } });
    expect(reply.body.message).toContain(field);
    expect(simulator.ledger).toEqual([]);
  });

  test.each([
    [{ productId: 'prod-h100', clusterId: 'us-ca-6' }, 'UNSUPPORTED_BILLING_MODE'],
    [{ productId: 'prod-l40s', clusterId: 'us-ca-6' }, 'INSUFFICIENT_RESOURCE'],
  ])('create of what is not rented so, %j, is %s', async (over, reason) => {
    const simulator = await setup();
    const reply = await call(simulator, 'POST /gpu/instance/create', { ...SPEC, ...over });
    expect(reply).toMatchObject({ status: 400, body: { reason } });
  });

  test('lists filter names fuzzily and come in pages, newest first', async () => {
    const simulator = await setup();
    for (const name of ['Job-1', 'job-2', 'other', 'my-job-3']) await create(simulator, { name });
    const list = async (query: string) => {
      const { body } = await call(simulator, `GET /gpu/instances?${query}`);
      return [body.total, body.instances?.map(({ name }) => name)];
    };
    expect(await list('name=job')).toEqual([3, ['my-job-3', 'job-2', 'Job-1']]);
    expect(await list('name=job&pageSize=2&pageNum=1')).toEqual([3, ['my-job-3', 'job-2']]);
    expect(await list('name=job&pageSize=2&pageNum=2')).toEqual([3, ['Job-1']]);
    expect(await list('name=none')).toEqual([0, []]);
  });

  test('they are logged and counted by route', async () => {
    const simulator = await setup();
    await create(simulator);
    await call(simulator, 'GET /clusters');
    expect(simulator.requests.count()).toBe(2);
    expect(simulator.requests.count('POST /gpu/instance/create')).toBe(1);
    expect(simulator.requests.log[0]).toMatchObject({ route: 'POST /gpu/instance/create', body: SPEC });
    expect(JSON.stringify(simulator.requests.log)).not.toContain(simulator.apiKey);
  });

  test('an unknown route is 404, a body that is no JSON is refused', async () => {
    const simulator = await setup();
    expect((await call(simulator, 'GET /nothing')).status).toBe(404);
    expect((await call(simulator, 'GET /_simulator/nothing')).status).toBe(404);
    expect((await call(simulator, 'POST /gpu/instance/create')).body.reason).toBe('VALIDATOR_PARAM');
  });
});

describe('stopping', () => {
  test('ends idle connections and held-back answers, and can be repeated', async () => {
    const simulator = await setup();
    simulator.faults.add({ kind: 'slow', delayMs: 60_000, route: '/clusters' });
    const held = call(simulator, 'GET /clusters');
    const idle = connect(simulator.port, '127.0.0.1');
    const closed = new Promise((resolve) => idle.once('close', resolve));
    await eventually(() => expect(simulator.requests.count('GET /clusters')).toBe(1));
    await Promise.all([simulator.stop(), expect(held).rejects.toThrow()]);
    await simulator.stop();
    await closed;
    await expect(call(simulator, 'GET /clusters')).rejects.toThrow();
  });

  test('a port that is taken is an error', async () => {
    const simulator = await setup();
    await expect(startSimulator({ port: simulator.port })).rejects.toThrow('EADDRINUSE');
  });

  test('is done at the end of its scope', async () => {
    let url: string;
    {
      await using simulator = await startSimulator();
      url = simulator.url;
    }
    await expect(fetch(url)).rejects.toThrow();
  });
});
