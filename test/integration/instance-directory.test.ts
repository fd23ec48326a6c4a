import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  createNovitaProvider,
  type GpuProvider,
  type Simulator,
  startSimulator,
} from '../../src/gpu/index.js';
import { InstanceDirectory, type InstanceDirectoryOptions } from '../../src/instances/instance-directory.js';
import { WaitingMonitors } from '../../src/instances/waiting-monitors.js';
import { WaitingWatches } from '../../src/instances/waiting-watches.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { errorClassOf, eventually, specFor } from '../support/gpu-provider-conformance.js';

const GET = 'GET /gpu/instance';
const LIST = 'GET /gpu/instances';

interface Setup {
  simulator: Simulator;
  provider: GpuProvider;
  directory: InstanceDirectory;
  rent(...names: string[]): Promise<string[]>;
}

async function startProvider(): Promise<Omit<Setup, 'directory'>> {
  const simulator = await startSimulator();
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url });
  const query = { productName: 'RTX 4090 24GB', region: 'CN-HK-01', gpuNum: 1, billingMode: 'spot' } as const;
  const spec = await specFor({ provider, query, templateId: 'template-123' }, '');
  const rent = async (...names: string[]) => {
    const created = names.map((name) => provider.create({ ...spec, name }));
    return (await Promise.all(created)).map(({ providerInstanceId }) => providerInstanceId);
  };
  return { simulator, provider, rent };
}

async function setup(options?: InstanceDirectoryOptions): Promise<Setup> {
  const started = await startProvider();
  onTestFinished(() => started.simulator.stop());
  return { ...started, directory: new InstanceDirectory(started.provider, options) };
}

test('three instances or more are read with one list call', async () => {
  const { simulator, directory, rent } = await setup();
  const ids = await rent('jetfleet-1', 'jetfleet-2', 'jetfleet-3', 'jetfleet-4');
  const instances = await Promise.all(ids.map((id) => directory.get(id)));
  expect(instances.map((instance) => instance?.id)).toEqual(ids);
  expect(simulator.requests.count(LIST)).toBe(1);
  expect(simulator.requests.count(GET)).toBe(0);
});

test('two instances are read singly, each once however many ask', async () => {
  const { simulator, directory, rent } = await setup();
  const [a = '', b = ''] = await rent('jetfleet-1', 'jetfleet-2');
  const instances = await Promise.all([a, a, b, a, b].map((id) => directory.get(id)));
  expect(instances.map((instance) => instance?.id)).toEqual([a, a, b, a, b]);
  expect(simulator.requests.count(LIST)).toBe(0);
  expect(simulator.requests.count(GET)).toBe(2);
});

test('null comes from a read of the instance itself, never from a list that does not show it', async () => {
  const { simulator, directory, rent } = await setup();
  simulator.faults.add({ kind: 'list_lag', lagMs: 60_000, match: 'jetfleet-lagging' });
  const ids = await rent('jetfleet-1', 'jetfleet-lagging', 'foreign-name');
  const instances = await Promise.all([...ids, 'unknown'].map((id) => directory.get(id)));
  expect(instances.map((instance) => instance?.id)).toEqual([...ids, undefined]);
  expect(instances[3]).toBeNull();
  // The second page shows that the first was all.
  expect(simulator.requests.count(LIST)).toBe(2);
  expect(simulator.requests.count(GET)).toBe(3);
});

test('calls of a later window are read anew', async () => {
  const { simulator, directory, rent } = await setup({ windowMs: 5 });
  const [id = ''] = await rent('jetfleet-1');
  await directory.get(id);
  await directory.get(id);
  expect(simulator.requests.count(GET)).toBe(2);
});

test('one caller that aborts fails alone, before the read and during it', async () => {
  const { simulator, directory, rent } = await setup({ windowMs: 5 });
  const ids = await rent('jetfleet-1', 'jetfleet-2', 'jetfleet-3');
  for (const during of [false, true]) {
    const controller = new AbortController();
    const reason = new Error('left');
    simulator.faults.add({ kind: 'slow', route: LIST, delayMs: 500, times: 1 });
    const before = simulator.requests.count(LIST);
    const calls = ids.map((id) => directory.get(id));
    const aborted = directory.get(ids[0] ?? '', controller.signal);
    if (during) await eventually(() => expect(simulator.requests.count(LIST)).toBe(before + 1));
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect((await Promise.all(calls)).map((instance) => instance?.id)).toEqual(ids);
  }
});

test('callers that join after everybody else has left are served', async () => {
  const { directory, rent } = await setup();
  const [id = ''] = await rent('jetfleet-1');
  const controller = new AbortController();
  const left = directory.get(id, controller.signal);
  controller.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  expect(await directory.get(id)).toMatchObject({ id });
});

test('a call that has been aborted already never waits', async () => {
  const { simulator, directory } = await setup();
  await expect(directory.get('x', AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
  expect(simulator.requests.count(GET)).toBe(0);
});

test('a failed list fails all who wait for it, without single reads on top', async () => {
  const { simulator, directory, rent } = await setup();
  const ids = await rent('jetfleet-1', 'jetfleet-2', 'jetfleet-3');
  simulator.faults.add({ kind: 'rate_limited', times: 1 });
  const classes = await Promise.all(ids.map((id) => errorClassOf(directory.get(id))));
  expect(classes).toEqual(['rate_limited', 'rate_limited', 'rate_limited']);
  expect(simulator.requests.count(GET)).toBe(0);
});

test('a failed single read fails its own callers only', async () => {
  const { simulator, directory, rent } = await setup();
  const [a = '', b = ''] = await rent('jetfleet-1', 'jetfleet-2');
  simulator.faults.add({ kind: 'error', match: 'jetfleet-1', times: 1 });
  const [failed, read] = await Promise.allSettled([directory.get(a), directory.get(b)]);
  expect(failed).toMatchObject({ status: 'rejected', reason: { class: 'transient' } });
  expect(read).toMatchObject({ status: 'fulfilled', value: { id: b } });
});

test('many that the list does not show are all read, a few at a time', async () => {
  const { simulator, provider, rent } = await setup();
  simulator.faults.add({ kind: 'list_lag', lagMs: 60_000 });
  const ids = await rent(...Array.from({ length: 30 }, (_, index) => `jetfleet-${index}`));
  let atOnce = 0;
  let most = 0;
  const get: GpuProvider['get'] = async (id, signal) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    return provider.get(id, signal).finally(() => {
      atOnce -= 1;
    });
  };
  const counted: GpuProvider = Object.assign(Object.create(provider) as GpuProvider, {
    get,
    list: provider.list.bind(provider),
  });
  const directory = new InstanceDirectory(counted);
  const instances = await Promise.all(ids.map((id) => directory.get(id)));
  expect(instances.map((instance) => instance?.id)).toEqual(ids);
  expect(most).toBe(8);
});

test('every job whose wait is over is woken soon, also where hundreds are read at once', async () => {
  const { provider } = await setup();
  const instance = { status: 'provisioning', rawStatus: '', healthy: false, endpoints: [], observedAt: '' };
  const shown: GpuProvider = Object.assign(Object.create(provider) as GpuProvider, {
    get: async (id: string) => ({ ...instance, id, name: `jetfleet-${id}` }),
    list: async function* () {},
  });
  const woken = new Set<string>();
  const monitors = new WaitingMonitors({
    queued: () => 0,
    directory: new InstanceDirectory(shown),
    reschedule: async (jobId) => Boolean(woken.add(jobId)),
    pollIntervalMs: 1_000,
    ownPollsPerSecond: 0.001,
    logger: silentLogger,
  });
  const jobIds = Array.from({ length: 1_500 }, (_, index) => `job-${index}`);
  const signal = AbortSignal.timeout(60_000);
  setMaxListeners(0, signal);
  await Promise.all(jobIds.map((id) => monitors.poll(id, id, false, signal)));
  Object.assign(instance, { status: 'running', healthy: true });
  await eventually(async () => expect(woken.size).toBe(jobIds.length));
  await monitors.close(1_000);
});

describe('a fleet of a thousand and more', () => {
  /** One less than fills the last page: a test rents another one, to delete it. */
  const FLEET = 1_099;
  const CALLS = Math.ceil(FLEET / 100);
  const ids: string[] = [];
  let started: Omit<Setup, 'directory'>;

  beforeAll(async () => {
    started = await startProvider();
    for (let from = 0; from < FLEET; from += 100) {
      const names = Array.from({ length: Math.min(100, FLEET - from) }, (_, n) => `jetfleet-${from + n}`);
      ids.push(...(await started.rent(...names)));
    }
  });
  afterAll(() => started.simulator.stop());

  function fleet(options?: InstanceDirectoryOptions) {
    const { simulator, provider, rent } = started;
    const directory = new InstanceDirectory(provider, { windowMs: 5, callSpacingMs: 50, ...options });
    const [listed, read] = [simulator.requests.count(LIST), simulator.requests.count(GET)];
    const lists = () => simulator.requests.count(LIST) - listed;
    const reads = () => simulator.requests.count(GET) - read;
    return { provider, directory, rent, lists, reads };
  }

  test('costs one walk through the list, however many ask one after the other', async () => {
    const { directory, lists, reads } = fleet();
    for (let from = 0; from < FLEET; from += 100) {
      const some = ids.slice(from, from + 100);
      const read = await Promise.all(some.map((id) => directory.get(id)));
      expect(read.map((instance) => instance?.id)).toEqual(some);
    }
    expect(reads()).toBe(0);
    expect(lists()).toBeLessThanOrEqual(2 * CALLS);
  });

  test('is read again at an even pace while somebody asks, so that changes show', async () => {
    const { provider, directory, rent, lists } = fleet();
    const [gone = ''] = await rent('jetfleet-gone');
    await Promise.all([gone, ...ids.slice(0, 19)].map((id) => directory.get(id)));
    await provider.delete(gone);
    const before = lists();
    const startMs = performance.now();
    await eventually(async () => expect(await directory.get(gone)).toBeNull());
    const walks = (lists() - before) / CALLS;
    const paceMs = CALLS * 50;
    expect(walks).toBeLessThanOrEqual((performance.now() - startMs) / paceMs + 1);
  });

  test('is not trusted where the answer must be of now', async () => {
    const { provider, directory, rent } = fleet({ callSpacingMs: 10_000 });
    const [gone = ''] = await rent('jetfleet-fresh');
    await Promise.all([gone, ...ids.slice(0, 19)].map((id) => directory.get(id)));
    await provider.delete(gone);
    await eventually(async () => expect(await directory.getFresh(gone)).toBeNull());
    expect(await directory.get(gone)).toMatchObject({ id: gone });
  });

  test('that nobody asked about for a while is read anew', async () => {
    const { directory, lists, reads } = fleet({ callSpacingMs: 1 });
    const startMs = performance.now();
    await Promise.all(ids.slice(0, 20).map((id) => directory.get(id)));
    // What a walk has shown is kept for twice as long as the walk took.
    await delay(2 * (performance.now() - startMs) + 200);
    const before = lists() + reads();
    await Promise.all(ids.slice(0, 20).map((id) => directory.get(id)));
    await eventually(async () => expect(lists() + reads()).toBeGreaterThan(before));
  });

  test('wakes a job that waits when a walk shows what ends its wait', async () => {
    const { directory, rent, reads } = fleet({ callSpacingMs: 1 });
    started.simulator.faults.add({ kind: 'unhealthy', forMs: 1_000, match: 'jetfleet-wakes' });
    const [id = ''] = await rent('jetfleet-wakes');
    const woken: string[] = [];
    const monitors = new WaitingMonitors({
      queued: () => 0,
      directory,
      reschedule: async (jobId) => woken.push(jobId) > 0,
      pollIntervalMs: 60_000,
      ownPollsPerSecond: 0.001,
      logger: silentLogger,
    });
    const others = ids.slice(0, 20).map((other) => directory.get(other));
    const check = await monitors.poll('monitor', id, false, AbortSignal.timeout(60_000));
    await Promise.all(others);
    expect(check?.nextPollMs).toBe(600_000);
    await eventually(async () => {
      await directory.get(ids[0] ?? '');
      expect(woken).toEqual(['monitor']);
    });
    expect(reads()).toBe(0);
  });

  test('is walked through no sooner than the answers may be old, once for all who ask meanwhile', async () => {
    const { directory, lists, reads } = fleet({ callSpacingMs: 1 });
    const ask = (maxAgeMs?: number) =>
      Promise.all(ids.slice(0, 20).map((id) => directory.get(id, undefined, maxAgeMs)));
    const startMs = performance.now();
    await ask(60_000);
    // By then nothing is left for those who do not say how old an answer may be.
    await delay(2 * (performance.now() - startMs) + 200);
    const before = lists();
    expect((await ask(60_000)).map((instance) => instance?.id)).toEqual(ids.slice(0, 20));
    expect([lists(), reads()]).toEqual([before, 0]);
    await ask(0);
    await eventually(async () => expect(lists()).toBeGreaterThanOrEqual(before + CALLS));
  });

  test('wakes a watch whose instance a walk shows to be stopped, or does not show any more', async () => {
    const { provider, directory, rent } = fleet({ callSpacingMs: 1 });
    const [stopped = ''] = await rent('jetfleet-halted');
    const woken: string[] = [];
    const reschedule = async (jobId: string) => woken.push(jobId) > 0;
    const watches = new WaitingWatches({ directory, reschedule, logger: silentLogger });
    await provider.stop(stopped);
    for (const id of [stopped, 'sim-gone', ids[0] ?? '']) watches.add(`watch of ${id}`, id);
    await Promise.all(ids.slice(0, 20).map((id) => directory.get(id, undefined, 0)));
    await eventually(async () => {
      await directory.get(ids[0] ?? '', undefined, 0);
      expect(new Set(woken)).toEqual(new Set([`watch of ${stopped}`, 'watch of sim-gone']));
    });
    expect(woken).toHaveLength(2);
  });

  test('is listed from what walks have shown lately, and else read at the pace', async () => {
    const { directory, lists } = fleet();
    const listed = async () => {
      const found = new Set<string>();
      for await (const { id } of directory.list()) found.add(id);
      return ids.filter((id) => found.has(id));
    };
    const startMs = performance.now();
    expect(await listed()).toEqual(ids);
    expect(performance.now() - startMs).toBeGreaterThan((CALLS - 2) * 50);
    const before = lists();
    expect(await listed()).toEqual(ids);
    expect(lists()).toBe(before);
  });
});
