import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { FaultInput } from '../../src/gpu/index.js';
import { collect, errorClassOf, specFor } from '../support/gpu-provider-conformance.js';
import { CREATE, rejection, type SimulatedNovita, simulateNovita } from '../support/simulated-novita.js';
import { call } from '../support/simulator-api.js';

const GET = 'GET /gpu/instance';
const LIST = 'GET /gpu/instances';
const DELETE = 'POST /gpu/instance/delete';

/** Switches a fault on as a program in any language would. */
async function inject({ simulator }: SimulatedNovita, fault: FaultInput): Promise<void> {
  expect(await call(simulator, 'POST /_simulator/faults', fault)).toMatchObject({ status: 201 });
}

async function rent(context: SimulatedNovita, name: string): Promise<string> {
  return (await context.provider.create(await specFor(context, name))).providerInstanceId;
}

describe('answers word for word', () => {
  test('one instead of what the API says, so many times and on one route', async () => {
    const context = await simulateNovita();
    const id = await rent(context, 'jetfleet-a');
    await inject(context, { kind: 'answer', route: GET, status: 404, body: '<html>', times: 2 });
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await rejection(context.provider.get(id))).toMatchObject({ class: 'transient', status: 404 });
      expect(await context.provider.findByName('jetfleet-a')).toMatchObject([{ id }]);
    }
    expect(await context.provider.get(id)).toMatchObject({ id });
  });

  test('a delete that is answered by a page instead was not carried out; one after, was', async () => {
    const context = await simulateNovita();
    const id = await rent(context, 'jetfleet-a');
    await inject(context, { kind: 'answer', route: DELETE, body: '<html>', times: 1 });
    expect(await errorClassOf(context.provider.delete(id))).toBe('transient');
    expect(context.simulator.live()).toHaveLength(1);
    await inject(context, { kind: 'answer', route: DELETE, body: '<html>', when: 'after', times: 1 });
    expect(await errorClassOf(context.provider.delete(id))).toBe('transient');
    expect(context.simulator.ledger.map(({ action }) => action)).toEqual(['create', 'delete']);
  });

  test('code 500 in the 200 of a list, a redirect, and a body that breaks off', async () => {
    const context = await simulateNovita();
    await rent(context, 'jetfleet-a');
    const faults: FaultInput[] = [
      { kind: 'answer', route: LIST, body: { code: 500, reason: 'INTERNAL' }, times: 1 },
      { kind: 'answer', route: LIST, status: 307, headers: { location: 'http://127.0.0.1:1' }, times: 1 },
      { kind: 'answer', route: LIST, body: { instances: [], total: 0 }, cutAfterBytes: 10, times: 1 },
      { kind: 'answer', route: LIST, times: 1 },
    ];
    for (const fault of faults) {
      await inject(context, fault);
      expect(await errorClassOf(context.provider.findByName('jetfleet-a'))).toBe('transient');
    }
    expect(await context.provider.findByName('jetfleet-a')).toHaveLength(1);
  });

  test('a body that dribbles for ever ends with the deadline; a create is ambiguous then', async () => {
    const context = await simulateNovita({}, 1_000);
    const spec = await specFor(context, 'jetfleet-slow');
    await inject(context, { kind: 'answer', body: { id: 'x' }, when: 'after', dribbleMs: 10, times: 2 });
    expect(await errorClassOf(context.provider.create(spec))).toBe('ambiguous');
    expect(await errorClassOf(context.provider.get('x'))).toBe('transient');
    expect(await context.provider.findByName(spec.name)).toHaveLength(1);
  });
});

test('read_lag: a new instance is listed, and not found by its id for a time', async () => {
  const context = await simulateNovita();
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  await inject(context, { kind: 'read_lag', lagMs: 5_000, times: 1 });
  const id = await rent(context, 'jetfleet-lag');
  expect(await context.provider.get(id)).toBeNull();
  expect(await context.provider.findByName('jetfleet-lag')).toMatchObject([{ id }]);
  vi.setSystemTime(Date.now() + 5_000);
  expect(await context.provider.get(id)).toMatchObject({ id });
});

test('numeric_id: an id beyond 2^53 without quotes lives through create, get, list and delete', async () => {
  const context = await simulateNovita();
  await inject(context, { kind: 'numeric_id', times: 2 });
  const [first, second] = [await rent(context, 'jetfleet-1'), await rent(context, 'jetfleet-2')];
  expect(first).toMatch(/^1\d{18}$/);
  expect(await context.provider.get(first)).toMatchObject({ id: first, name: 'jetfleet-1' });
  expect((await collect(context.provider.list())).map(({ id }) => id)).toEqual([second, first]);
  await context.provider.delete(first);
  expect(context.simulator.ledger.at(-1)).toMatchObject({ action: 'delete', instanceId: first });
});

describe('lists', () => {
  test.each<FaultInput>([
    { kind: 'capped_pages', size: 3 },
    { kind: 'capped_pages', size: 3, pastEnd: 'repeat' },
    { kind: 'capped_pages', size: 4, pastEnd: 'repeat' },
    { kind: 'capped_pages', size: 3, total: true },
    { kind: 'odd_elements' },
    { kind: 'odd_elements', elements: [null, 7, 'x', [], {}, { id: {} }, { id: 'foreign', statusError: 1 }] },
  ])('%j: ours are all found', async (fault) => {
    const context = await simulateNovita();
    const spec = await specFor(context, '');
    const names = Array.from({ length: 8 }, (_, index) => `jetfleet-${index}`);
    for (const name of names) await context.provider.create({ ...spec, name });
    await inject(context, fault);
    const listed = await collect(context.provider.list({ namePrefix: 'jetfleet-' }));
    expect(listed.map(({ name }) => name).sort()).toEqual(names);
    expect(await context.provider.findByName('jetfleet-0')).toMatchObject([{ name: 'jetfleet-0' }]);
    expect(context.simulator.requests.count(CREATE)).toBe(8);
  });

  test('an odd element under our name is not taken for absence', async () => {
    const context = await simulateNovita();
    await inject(context, { kind: 'odd_elements', elements: [{ name: 'jetfleet-a' }], times: 1 });
    expect(await errorClassOf(context.provider.findByName('jetfleet-a'))).toBe('transient');
    expect(await context.provider.findByName('jetfleet-a')).toEqual([]);
  });
});
