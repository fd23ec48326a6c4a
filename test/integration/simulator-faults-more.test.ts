import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { FaultInput } from '../../src/gpu/index.js';
import { errorClassOf, eventually, specFor } from '../support/gpu-provider-conformance.js';
import {
  CREATE,
  QUERY,
  rejection,
  type SimulatedNovita,
  simulateNovita,
} from '../support/simulated-novita.js';
import { call } from '../support/simulator-api.js';

const DELETE = 'POST /gpu/instance/delete';

/** Switches a fault on as a program in any language would. */
async function inject({ simulator }: SimulatedNovita, fault: FaultInput): Promise<void> {
  expect(await call(simulator, 'POST /_simulator/faults', fault)).toMatchObject({ status: 201 });
}

async function rent(context: SimulatedNovita, name: string): Promise<string> {
  return (await context.provider.create(await specFor(context, name))).providerInstanceId;
}

function actions({ simulator }: SimulatedNovita): string[] {
  return simulator.ledger.map(({ action }) => action);
}

/** Statuses are a matter of the clock alone, so these tests move the clock. */
function freezeTime(): { advance: (ms: number) => void } {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  return { advance: (ms) => vi.setSystemTime(Date.now() + ms) };
}

describe('faults of create', () => {
  test.each<[string, FaultInput, number]>([
    ['500 after create', { kind: 'error_after_create', times: 1 }, 1],
    ['500 instead of create', { kind: 'error', route: CREATE, times: 1 }, 0],
    ['reset after create', { kind: 'reset_after_create', times: 1 }, 1],
    ['reset instead of create', { kind: 'reset', route: CREATE, times: 1 }, 0],
    ['timeout after create', { kind: 'slow', route: CREATE, delayMs: 600_000, times: 1 }, 1],
    ['timeout instead of create', { kind: 'slow', when: 'before', route: CREATE, delayMs: 600_000 }, 0],
  ])('%s is ambiguous, and the name tells which it was', async (_what, fault, made) => {
    const context = await simulateNovita({}, 500);
    const spec = await specFor(context, 'jetfleet-ambiguous');
    await inject(context, fault);
    expect(await errorClassOf(context.provider.create(spec))).toBe('ambiguous');
    expect(await context.provider.findByName(spec.name)).toHaveLength(made);
    expect(actions(context)).toHaveLength(made);
    expect(context.simulator.requests.count(CREATE)).toBe(1);
  });

  test('two instances may have the same name', async () => {
    const context = await simulateNovita();
    const ids = [await rent(context, 'jetfleet-twice'), await rent(context, 'jetfleet-twice')];
    const found = await context.provider.findByName('jetfleet-twice');
    expect(found.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  test('name_taken refuses a name until its instance is removed, and counts refusals alone', async () => {
    const context = await simulateNovita({ removedAfterMs: 1_000, forgottenAfterMs: 2_000 });
    const { advance } = freezeTime();
    await inject(context, { kind: 'name_taken', times: 3 });
    const id = await rent(context, 'jetfleet-one');
    await rent(context, 'jetfleet-on');
    const again = () => rejection(rent(context, 'jetfleet-one'));
    expect(await again()).toMatchObject({ class: 'conflict', status: 409 });
    await context.provider.delete(id);
    advance(999);
    expect(await again()).toMatchObject({ class: 'conflict' });
    advance(1);
    await rent(context, 'jetfleet-one');
    expect(context.simulator.faults.list()).toMatchObject([{ kind: 'name_taken', hits: 2 }]);
  });

  test('name_taken refuses the name of an instance that lists do not show yet', async () => {
    const context = await simulateNovita();
    await inject(context, { kind: 'list_lag', lagMs: 600_000, times: 1 });
    await inject(context, { kind: 'name_taken', match: 'jetfleet-hidden', status: 400 });
    await rent(context, 'jetfleet-hidden');
    expect(await context.provider.findByName('jetfleet-hidden')).toEqual([]);
    expect(await rejection(rent(context, 'jetfleet-hidden'))).toMatchObject({
      class: 'conflict',
      status: 400,
    });
  });

  test('no capacity in the first regions leaves the next one', async () => {
    const context = await simulateNovita();
    await inject(context, { kind: 'no_capacity', match: 'CN-HK-01' });
    await inject(context, { kind: 'no_capacity', match: 'US-WEST-01' });
    const offersIn = (region: string) => context.provider.listOffers({ ...QUERY, region });
    expect(await offersIn('CN-HK-01')).toEqual([]);
    expect(await offersIn('US-WEST-01')).toEqual([]);
    expect(await offersIn('EU-WEST-01')).toMatchObject([{ clusterId: 'eu-west-1' }]);
  });

  test('rate_limited makes nothing and says how long to wait', async () => {
    const context = await simulateNovita();
    const spec = await specFor(context, 'jetfleet-limited');
    await inject(context, { kind: 'rate_limited', retryAfter: 7, route: CREATE, times: 1 });
    expect(await rejection(context.provider.create(spec))).toMatchObject({
      class: 'rate_limited',
      retryAfterMs: 7_000,
    });
    expect(actions(context)).toEqual([]);
  });
});

describe('unhealthy', () => {
  test('an instance runs and is never healthy', async () => {
    const context = await simulateNovita();
    const { advance } = freezeTime();
    await inject(context, { kind: 'unhealthy', match: 'jetfleet-sick', state: 'no GPU' });
    const [sick, fine] = [await rent(context, 'jetfleet-sick'), await rent(context, 'jetfleet-fine')];
    expect((await context.provider.get(sick))?.reason).toBeUndefined();
    advance(24 * 60 * 60 * 1000);
    const expected = { status: 'running', healthy: false, reason: 'no GPU' };
    expect(await context.provider.get(sick)).toMatchObject(expected);
    expect(await context.provider.findByName('jetfleet-sick')).toMatchObject([expected]);
    expect(await context.provider.get(fine)).toMatchObject({ status: 'running', healthy: true });
  });

  test('forMs counts from when it runs', async () => {
    const context = await simulateNovita({ runningAfterMs: 300 });
    const { advance } = freezeTime();
    await inject(context, { kind: 'unhealthy', forMs: 1_000, times: 1 });
    const id = await rent(context, 'jetfleet-warming-up');
    const expected = { status: 'running', healthy: false, reason: 'unhealthy' };
    advance(300);
    expect(await context.provider.get(id)).toMatchObject(expected);
    advance(999);
    expect(await context.provider.get(id)).toMatchObject(expected);
    advance(1);
    expect(await context.provider.get(id)).toMatchObject({ status: 'running', healthy: true });
  });
});

describe('faults of delete', () => {
  test('one that fails twice and then works deletes once', async () => {
    const context = await simulateNovita();
    const id = await rent(context, 'jetfleet-gone');
    const fault = { kind: 'error', status: 503, route: DELETE, match: 'jetfleet-gone', times: 2 } as const;
    await inject(context, fault);
    expect(await rejection(context.provider.delete(id))).toMatchObject({ class: 'transient', status: 503 });
    expect(await rejection(context.provider.delete(id))).toMatchObject({ class: 'transient', status: 503 });
    expect(actions(context)).toEqual(['create']);
    await context.provider.delete(id);
    expect(actions(context)).toEqual(['create', 'delete']);
    await eventually(async () => expect(await context.provider.get(id)).toBeNull());
  });

  test('a reset is transient and deletes nothing', async () => {
    const context = await simulateNovita();
    const id = await rent(context, 'jetfleet-kept');
    await inject(context, { kind: 'reset', route: DELETE, times: 1 });
    expect(await errorClassOf(context.provider.delete(id))).toBe('transient');
    expect(actions(context)).toEqual(['create']);
  });

  test('delete_lag answers at once and removes later, however often it is repeated', async () => {
    const context = await simulateNovita();
    const { advance } = freezeTime();
    await inject(context, { kind: 'delete_lag', lagMs: 5_000 });
    const id = await rent(context, 'jetfleet-late');
    advance(1_000);
    await context.provider.delete(id);
    const dueAt = new Date(Date.now() + 5_000).toISOString();
    advance(4_999);
    await context.provider.delete(id);
    expect(await context.provider.get(id)).toMatchObject({ status: 'running', healthy: true });
    expect(actions(context)).toEqual(['create']);
    advance(1);
    expect(await context.provider.get(id)).toMatchObject({ status: 'terminating' });
    advance(60_000);
    const { body } = await call(context.simulator, 'GET /_simulator/ledger');
    expect(body.ledger).toMatchObject([
      { action: 'create' },
      { action: 'delete', instanceId: id, at: dueAt },
    ]);
    expect(body.live).toEqual([]);
    expect(await context.provider.get(id)).toBeNull();
  });

  test('late deletes stand in the ledger in the order of their time, whatever that of the answers', async () => {
    const context = await simulateNovita();
    const { advance } = freezeTime();
    const [slow, quick] = [await rent(context, 'jetfleet-slow'), await rent(context, 'jetfleet-quick')];
    await inject(context, { kind: 'delete_lag', lagMs: 3_000, match: 'jetfleet-slow' });
    await inject(context, { kind: 'delete_lag', lagMs: 1_000, match: 'jetfleet-quick' });
    for (const id of [slow, quick]) await context.provider.delete(id);
    advance(5_000);
    const deleted = context.simulator.ledger.filter(({ action }) => action === 'delete');
    expect(deleted.map(({ instanceId }) => instanceId)).toEqual([quick, slow]);
  });

  test('a delete that was lost is made good by the next one', async () => {
    const context = await simulateNovita();
    await inject(context, { kind: 'delete_lag', lagMs: 600_000, times: 1 });
    const id = await rent(context, 'jetfleet-lost');
    await context.provider.delete(id);
    expect(actions(context)).toEqual(['create']);
    await context.provider.delete(id);
    expect(actions(context)).toEqual(['create', 'delete']);
  });

  test('an instance that vanishes before its late delete is not deleted', async () => {
    const context = await simulateNovita();
    const { advance } = freezeTime();
    await inject(context, { kind: 'delete_lag', lagMs: 1_000 });
    const id = await rent(context, 'jetfleet-vanish');
    await context.provider.delete(id);
    await inject(context, { kind: 'vanish', match: 'jetfleet-vanish', times: 1 });
    expect(await context.provider.get(id)).toBeNull();
    advance(2_000);
    expect(actions(context)).toEqual(['create']);
  });
});
