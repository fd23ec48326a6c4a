/** What instances cost, orphans as a report, and the ledger against the provider: by TypeScript, over HTTP and on the command line. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { GpuProvider } from '../../src/gpu/index.js';
import { instanceNameFor } from '../../src/gpu/instance-name.js';
import { createInstance, type JobRecord, type LedgerEntry } from '../../src/index.js';
import { aroundProvider } from '../../src/instances/around-provider.js';
import type { Difference } from '../../src/instances/reconcile.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import type { LedgerNote } from '../../src/money/ledger-entry.js';
import { LedgerStore } from '../../src/money/ledger-store.js';
import { noted } from '../../src/money/noted-entry.js';
import { cli, instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { expectProblem, startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';
import { rentOutside } from '../support/simulated-novita.js';
import { codeOf, printed } from '../support/snippets.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0 });
  await fleet.addWorker(undefined, { pollIntervalMs: 40, settleDelayMs: 20, sweep: false });
  return () => fleet.close();
});

const ended = (id: string): Promise<JobRecord> => fleet.waitForJob(id, ({ status }) => isTerminal(status));

async function rent(id: string, tags?: string[]): Promise<string> {
  await fleet.queue.addJob('create_instance', instancePayload(id), 'high', { id, ...(tags && { tags }) });
  const { result } = await fleet.waitForJob(id, 'completed');
  await fleet.waitForJob(`${id}-monitor`, 'completed');
  return (result as { novitaInstanceId: string }).novitaInstanceId;
}

const env = () => ({
  ...{ NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace, JETFLEET_PROVIDER: 'simulator' },
  ...{ NOVITA_API_BASE_URL: fleet.simulator.url, NOVITA_API_KEY: fleet.simulator.apiKey },
});

/** A create job that failed after its instance was rented; its record is as a worker would have left it. */
async function orphaned(id: string): Promise<string> {
  const broker = await fleet.queue.broker();
  const createdAt = '2026-01-01T00:00:00.000Z';
  const instanceName = instanceNameFor({ id, createdAt }, fleet.namespace);
  const running = {
    ...{ v: 1, id, type: 'create_instance', priority: 'normal', status: 'processing', state: 'running' },
    ...{ payload: { ...instancePayload(id), gpuNum: 1 }, attempt: 1, maxAttempts: 3, createdAt },
    ...{ updatedAt: createdAt, machine: { id: 'job', version: 1 } },
    checkpoint: {
      ...{ instanceName, sentAt: createdAt },
      sent: [
        {
          ...{ provider: 'novita', region: 'CN-HK-01', productId: 'prod-4090', billingMode: 'spot' },
          ...{ pricePerHour: 18_000, sentAt: createdAt },
        },
      ],
    },
  } as JobRecord;
  const seq = await broker.appendEvent(running, 0);
  const error = { code: 'X', message: 'failed', retryable: false };
  const failed = { ...running, status: 'failed', state: 'exhausted', finishedAt: createdAt, error } as const;
  await broker.appendEvent(failed as JobRecord, seq);
  return rentOutside(fleet.provider, instanceName);
}

describe('the cost of a job', () => {
  it('is that of its instance, for each job of it, on every way', async () => {
    const id = await rent('order', ['team:red']);
    const { instances } = fleet.queue;
    const cost = await instances.cost('order');
    expect(cost).toMatchObject({ jobId: 'order', ratePerHour: 18_000, isUnpriced: false });
    expect(cost.instances).toMatchObject([{ novitaInstanceId: id, status: 'running', tags: ['team:red'] }]);
    expect(cost.cost).toBeGreaterThan(0);
    expect(await instances.cost('order-monitor')).toMatchObject({ instances: [{ novitaInstanceId: id }] });
    await expect(instances.cost('nobody')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
    const text = (await cli(['instances', 'cost', 'order'], { env: env() })).stdout;
    expect(text).toMatch(/INSTANCE .*\n.*order +running +novita/);
    expect(text).toMatch(/\$0\.\d{5} so far, \$0\.18000 an hour now/);
    expect((await cli(['job', 'get', 'order'], { env: env() })).stdout).toMatch(
      /\ncost +\$0\.\d{5}, \$0\.18000 an hour now\n/,
    );
    await using http = await startHttp(fleet.queue);
    const shown = await http.call('/api/v1/instances/order/cost', { token: TOKENS.observer });
    expect(shown.json).toMatchObject({ jobId: 'order', instances: [{ novitaInstanceId: id }] });
    const list = await http.call('/api/v1/ledger?tag=team:red&status=running', { token: TOKENS.observer });
    expect(list.json).toMatchObject({
      instances: [{ jobId: 'order', status: 'running', ratePerHour: 18_000 }],
    });
    const spent = await http.call('/api/v1/ledger/spent?tag=team:red', { token: TOKENS.observer });
    expect(spent.json).toMatchObject({ instances: 1, running: 1, byTag: [{ tag: 'team:red' }] });
    const metrics = (await http.call('/metrics', { token: TOKENS.observer })).text;
    const labels = `provider="novita",account="${cost.instances[0]?.account}"`;
    expect(metrics).toContain(`jetfleet_instance_cost_usd_per_hour{${labels}} 0.18`);
    expect(metrics).toContain(`jetfleet_instances{${labels},state="running"} 1`);
    expect(metrics).toMatch(/jetfleet_instance_cost_usd\{.*\} 0\.0\d+/);
  });

  it('of a flow is that of all its jobs', async () => {
    const create = (id: string) => createInstance.of(instancePayload(id));
    const { id } = await fleet.queue.addFlow({ jobs: { a: create('flow-a'), b: create('flow-b') } });
    await ended(id);
    const cost = await fleet.queue.instances.cost(id);
    expect(cost.instances.map(({ instanceId }) => instanceId).sort()).toEqual(['flow-a', 'flow-b']);
    expect(cost.instances.map(({ owner }) => owner)).toEqual([id, id]);
    expect(cost.ratePerHour).toBe(36_000);
  });
});

describe('orphans', () => {
  it('are reported with what they cost, and deleted only when asked for, by proven jobs', async () => {
    const own = await rent('used');
    const orphan = await orphaned('left');
    const unknown = await rentOutside(fleet.provider, 'jetfleet-of-another-queue-0123456789ab');
    const report = await fleet.queue.instances.orphans({ provider: fleet.provider, graceMs: 0 });
    const found = report.orphans.map(({ novitaInstanceId, deletable }) => [novitaInstanceId, deletable]);
    expect(found.sort()).toEqual(
      [
        [orphan, true],
        [unknown, false],
      ].sort(),
    );
    expect(report.orphans.find(({ deletable }) => deletable)).toMatchObject({
      ...{ pricePerHour: 18_000, cost: expect.any(Number) },
    });
    expect(report.ratePerHour).toBe(18_000);
    const args = ['instances', 'orphans', '--grace', '0s', '--json'];
    const listed = await cli(args, { env: env() });
    expect(listed.code).toBe(1);
    expect(JSON.parse(listed.stdout).orphans).toHaveLength(2);
    const unasked = await cli([...args, '--delete'], { env: env() });
    expect(unasked).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(fleet.simulator.live().map(({ id }) => id)).toContain(orphan);
    const deleted = await cli([...args, '--delete', '--yes'], { env: env() });
    const [done] = JSON.parse(deleted.stdout).deleted;
    expect(done).toMatchObject({ novitaInstanceId: orphan, jobId: expect.stringMatching(/^orphan-/) });
    expect(await ended(done.jobId)).toMatchObject({ state: 'completed', result: { deleted: [orphan] } });
    const left = fleet.simulator.live().map(({ id }) => id);
    expect(left.sort()).toEqual([own, unknown].sort());
    // What it has cost is in the ledger, although its create job never came to an end.
    expect(await fleet.queue.instances.ledger.get(orphan)).toMatchObject({ jobId: 'left', end: 'deleted' });
  });

  it('are none while a create job is under way, young instances, and those that the ledger knows', async () => {
    const id = await rent('expired');
    const broker = await fleet.queue.broker();
    await broker.topology.purge('events', broker.subjects.eventsOf('expired'));
    const look = (graceMs: number) =>
      fleet.queue.instances.orphans({ provider: fleet.provider, graceMs }).then(({ orphans }) => orphans);
    expect(await look(0)).toEqual([]);
    expect((await fleet.queue.instances.ledger.get(id))?.jobId).toBe('expired');
    await rentOutside(fleet.provider, 'jetfleet-young-0123456789ab');
    expect(await look(600_000)).toEqual([]);
    expect(await look(0)).toHaveLength(1);
  });

  it('are deleted over HTTP by those who may, as the audit trail shows', async () => {
    const orphan = await orphaned('left');
    await using bare = await startHttp(fleet.queue);
    expectProblem(await bare.call('/api/v1/orphans'), 409, 'JETFLEET_NO_PROVIDER');
    await using http = await startHttp(fleet.queue, { provider: fleet.provider });
    const refused = await http.call('/api/v1/orphans/delete', {
      token: TOKENS.observer,
      body: { ids: [orphan] },
    });
    expectProblem(refused, 403, 'JETFLEET_HTTP_FORBIDDEN');
    // It is younger than the usual grace.
    const kept = await http.call('/api/v1/orphans/delete', {
      token: TOKENS.operator,
      body: { ids: [orphan] },
    });
    expect(kept.json).toMatchObject({ deleted: [{ novitaInstanceId: orphan, error: expect.any(String) }] });
    const { entries } = await fleet.queue.audit.list();
    expect(entries[0]).toMatchObject({ action: 'orphans/delete', asked: { ids: 1 } });
  });
});

describe('reconcile', () => {
  const compare = (more: object = {}) =>
    fleet.queue.instances.reconcile({ provider: fleet.provider, settleMs: 20, ...more });
  const kinds = (differences: Difference[]) => differences.map(({ kind, fixed }) => [kind, fixed]);

  it('agrees where nothing was changed from outside, and says so by the exit code', async () => {
    await rent('well');
    expect(await compare()).toMatchObject({
      agrees: true,
      accounts: [{ provider: 'novita', listed: 1, open: 1 }],
      differences: [],
    });
    const args = ['instances', 'reconcile', '--settle', '20ms'];
    expect(await cli(args, { env: env() })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('they agree'),
    });
  });

  it('finds and writes what is there and missing, and what is gone', async () => {
    const [missing, gone] = [await rent('missing'), await rent('gone')];
    const broker = await fleet.queue.broker();
    const whole = await fleet.queue.instances.ledger.get(missing);
    await broker.topology.purge('ledger', `${broker.subjects.prefix}ledger.open.novita.${missing}.missing`);
    await fleet.provider.delete(gone);
    await expect.poll(() => fleet.provider.get(gone)).toBeNull();
    const before = await compare();
    expect(before.agrees).toBe(false);
    expect(kinds(before.differences)).toEqual([
      ['gone', false],
      ['missing', false],
    ]);
    expect(await fleet.queue.instances.ledger.get(missing)).toBeUndefined();
    const args = ['instances', 'reconcile', '--settle', '20ms', '--json'];
    expect((await cli(args, { env: env() })).code).toBe(1);
    const fixed = await compare({ fix: true });
    expect(fixed).toMatchObject({ agrees: true, differences: [{ kind: 'gone' }, { kind: 'missing' }] });
    expect(await fleet.queue.instances.ledger.get(missing)).toMatchObject({
      ...{ jobId: 'missing', rentedAt: whole?.rentedAt, tags: [] },
      changes: [{ pricePerHour: 18_000 }],
    });
    expect(await fleet.queue.instances.ledger.get(gone)).toMatchObject({ end: 'gone' });
    expect(await compare()).toMatchObject({ agrees: true, differences: [] });
  });

  it('finds another state, price and region, what has come back, and what no record knows', async () => {
    const [changed, back] = [await rent('changed'), await rent('back')];
    const broker = await fleet.queue.broker();
    const store = new LedgerStore(broker);
    const at = new Date(broker.clock.now()).toISOString();
    const note = (id: string, notes: LedgerNote[], more: Partial<LedgerEntry> = {}) =>
      store.change(
        { provider: 'novita', id },
        (entry) =>
          entry && notes.reduce((before, each) => noted(before, each) ?? before, { ...entry, ...more }),
      );
    const stopped: LedgerNote = { what: 'state', at, state: 'stopped' };
    const repriced: LedgerNote = { what: 'price', at, pricePerHour: 1 };
    await note(changed, [stopped, repriced], { region: 'EU-DE-01' });
    await note(back, [{ what: 'ended', at, provenAt: at, end: 'gone' }]);
    const unknown = await rentOutside(fleet.provider, 'jetfleet-of-another-queue-0123456789ab');
    const priced: GpuProvider = {
      ...aroundProvider(fleet.provider, (_, call) => call()),
      async *list(...args: Parameters<typeof fleet.provider.list>) {
        for await (const each of fleet.provider.list(...args)) yield { ...each, pricePerHour: 20_000 };
      },
    };
    const { differences, agrees } = await compare({ provider: priced, fix: true });
    expect(agrees).toBe(false);
    expect(kinds(differences).sort()).toEqual([
      ['back', true],
      ['missing', false],
      ['price', true],
      ['price', true],
      ['region', true],
      ['state', true],
    ]);
    expect(differences.find(({ kind }) => kind === 'missing')).toMatchObject({ novitaInstanceId: unknown });
    const entry = await store.find(changed);
    expect(entry).toMatchObject({ region: 'CN-HK-01' });
    expect(entry?.changes.at(-1)).toMatchObject({ state: 'running', pricePerHour: 20_000 });
    expect((await store.find(back))?.endedAt).toBeUndefined();
    expect(await compare({ provider: priced, ownOnly: true })).toMatchObject({ agrees: true });
  });

  it('concludes nothing from an account that does not answer, and from one read', async () => {
    const id = await rent('unsure');
    fleet.simulator.faults.add({ kind: 'error', status: 500, route: '/gpu/instances' });
    const failed = await compare({ fix: true });
    expect(failed).toMatchObject({
      agrees: false,
      accounts: [{ error: expect.any(String) }],
      differences: [],
    });
    fleet.simulator.faults.clear();
    let reads = 0;
    const forgetful: GpuProvider = {
      ...aroundProvider(fleet.provider, (_, call) => call()),
      async *list() {},
      get: async (asked: string) => (++reads === 1 ? null : fleet.provider.get(asked)),
    };
    expect(await compare({ provider: forgetful, fix: true })).toMatchObject({
      agrees: true,
      differences: [],
    });
    expect((await fleet.queue.instances.ledger.get(id))?.endedAt).toBeUndefined();
  });
});

test('the guide prints what it says', async () => {
  const [program = ''] = codeOf('docs/guides/money.md', 'ts');
  const lines = await printed(program, { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'guide' });
  expect(lines).toEqual(['true $0.18000', 'team:red: 1', 'true']);
});
