import { describe, expect, test } from 'vitest';
import type { FaultInput } from '../../src/gpu/index.js';
import { eventually } from '../support/gpu-provider-conformance.js';
import { API, call, create, SPEC, setup } from '../support/simulator-api.js';

describe('faults', () => {
  test('are switched on, listed and off over HTTP', async () => {
    const simulator = await setup();
    const added = await call(simulator, 'POST /_simulator/faults', {
      kind: 'no_capacity',
      match: 'CN-HK-01',
    });
    expect(added).toMatchObject({ status: 201, body: { kind: 'no_capacity', hits: 0 } });
    await call(simulator, 'POST /_simulator/faults', { kind: 'list_lag' });
    expect((await call(simulator, 'GET /_simulator/faults')).body.faults).toMatchObject([
      { kind: 'no_capacity', match: 'CN-HK-01', advertised: false },
      { kind: 'list_lag', lagMs: 1000 },
    ]);
    const removed = await call(simulator, `DELETE /_simulator/faults?id=${added.body.id}`);
    expect(removed.body).toEqual({ cleared: 1 });
    expect((await call(simulator, 'DELETE /_simulator/faults')).body).toEqual({ cleared: 1 });
    expect(simulator.faults.list()).toEqual([]);
  });

  test.each([
    [undefined],
    [{ kind: 'unheard_of' }],
    [{ kind: 'slow', delayMs: -1 }],
    [{ kind: 'slow', delayMs: 50, route: 'nowhere' }],
    [{ kind: 'error', status: 200 }],
    [{ kind: 'vanish', times: 0 }],
    [{ kind: 'list_lag', lag: 5 }],
    [{ kind: 'unhealthy', state: '' }],
    [{ kind: 'name_taken', status: 200 }],
  ])('%j is refused over HTTP and in process', async (fault) => {
    const simulator = await setup();
    const reply = await call(simulator, 'POST /_simulator/faults', fault);
    expect(reply.status).toBe(400);
    expect(reply.body.problems).not.toHaveLength(0);
    expect(() => simulator.faults.add(fault as FaultInput)).toThrow('simulator fault');
    expect(simulator.faults.list()).toEqual([]);
  });

  test('the ledger is read over HTTP', async () => {
    const simulator = await setup();
    const id = await create(simulator);
    const { body } = await call(simulator, 'GET /_simulator/ledger');
    expect(body.ledger).toMatchObject([{ action: 'create', instanceId: id, name: 'jetfleet-a' }]);
    expect(body.live).toMatchObject([{ id, name: 'jetfleet-a' }]);
  });

  test('times counts answers, and match picks them', async () => {
    const simulator = await setup();
    simulator.faults.add({
      kind: 'error',
      match: 'jetfleet-b',
      times: 2,
      route: 'POST /gpu/instance/create',
    });
    const statusOf = async (name: string) =>
      (await call(simulator, 'POST /gpu/instance/create', { ...SPEC, name })).status;
    expect(await statusOf('jetfleet-a')).toBe(200);
    expect(await statusOf('jetfleet-b')).toBe(500);
    expect(await statusOf('jetfleet-b')).toBe(500);
    expect(await statusOf('jetfleet-b')).toBe(200);
    expect(simulator.ledger).toHaveLength(2);
  });

  test('a route means that path alone', async () => {
    const simulator = await setup();
    simulator.faults.add({ kind: 'error', route: '/gpu/instance' });
    expect((await call(simulator, 'GET /gpu/instances')).status).toBe(200);
    expect((await call(simulator, 'GET /gpu/instance?instanceId=x')).status).toBe(500);
  });

  test('a listing that hides several products counts once', async () => {
    const simulator = await setup();
    simulator.faults.add({ kind: 'no_capacity', times: 1 });
    const states = async () => {
      const { body } = await call(simulator, 'GET /products?clusterId=us-ca-6');
      return body.data?.map(({ inventoryState }) => inventoryState);
    };
    expect(new Set(await states())).toEqual(new Set(['none']));
    expect(new Set(await states())).toEqual(new Set(['normal']));
  });

  test('slow before carries a request out late, even when the caller has left', async () => {
    const simulator = await setup();
    simulator.faults.add({ kind: 'slow', when: 'before', delayMs: 500, times: 1 });
    const url = `${simulator.url}${API}/gpu/instance/create`;
    const headers = { authorization: `Bearer ${simulator.apiKey}` };
    const controller = new AbortController();
    const left = fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(SPEC),
      signal: controller.signal,
    });
    await eventually(() => expect(simulator.requests.count()).toBe(1));
    controller.abort();
    await expect(left).rejects.toThrow();
    expect(simulator.ledger).toHaveLength(0);
    await eventually(() => expect(simulator.ledger).toHaveLength(1));
  });
});
