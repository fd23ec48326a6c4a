/** The ledger: an entry for each instance that was rented, whatever became of it and of the workers. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobRecord, LedgerEntry } from '../../src/index.js';
import { statusOf } from '../../src/index.js';
import { LedgerKeeper } from '../../src/instances/ledger-keeper.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { LedgerStore } from '../../src/money/ledger-store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { type ProviderProxy, proxyProvider } from '../support/provider-proxy.js';
import { CREATE } from '../support/simulated-novita.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let proxy: ProviderProxy;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  proxy = await proxyProvider(fleet.simulator);
  const { provider } = proxy;
  await fleet.addWorker(undefined, { provider, pollIntervalMs: 40, settleDelayMs: 20, sweep: false });
});
afterAll(async () => {
  await fleet.close();
  await proxy[Symbol.asyncDispose]();
  await nats.stop();
});
beforeEach(() => {
  proxy.forge = () => undefined;
});

const ledger = () => fleet.queue.instances.ledger;
const ended = (id: string): Promise<JobRecord> => fleet.waitForJob(id, ({ status }) => isTerminal(status));

/** An instance that a job rented, which runs. @returns the provider's id of it */
async function rent(id: string, more: object = {}, tags?: string[]): Promise<string> {
  await fleet.queue.addJob('create_instance', { ...instancePayload(id), ...more }, 'high', {
    id,
    ...(tags && { tags }),
  });
  const { result } = await fleet.waitForJob(id, 'completed');
  await fleet.waitForJob(`${id}-monitor`, 'completed');
  return (result as { novitaInstanceId: string }).novitaInstanceId;
}

async function entryOf(id: string): Promise<LedgerEntry> {
  const entry = await ledger().get(id);
  expect(entry).toBeDefined();
  return entry as LedgerEntry;
}

describe('an instance that was rented', () => {
  it('has an entry with what it costs, from its create to its proven end', async () => {
    const id = await rent('life', {}, ['team:red', 'budget:training']);
    const entry = await entryOf(id);
    const { checkpoint } = (await fleet.queue.getJob('life')) as JobRecord;
    expect(entry).toMatchObject({
      ...{ provider: 'novita', id, novitaInstanceId: id, instanceId: 'life', jobId: 'life', owner: 'life' },
      ...{ tags: ['team:red', 'budget:training'], region: 'CN-HK-01', gpuNum: 1, billingMode: 'spot' },
      rentedAt: (checkpoint as { sentAt: string }).sentAt,
      changes: [{ state: 'running', pricePerHour: 18_000 }],
    });
    expect(entry.account).toMatch(/^[0-9a-f]{16}$/);
    expect(entry.endedAt).toBeUndefined();
    const { instances } = fleet.queue;
    for (const [verb, state] of [
      ['stop', 'stopped'],
      ['start', 'running'],
    ] as const) {
      await ended((await instances[verb]('life')).id);
      expect(statusOf(await entryOf(id)), verb).toBe(state);
    }
    await ended((await instances.delete('life')).id);
    const last = await entryOf(id);
    expect(last).toMatchObject({ end: 'deleted', rentedAt: entry.rentedAt });
    expect(last.changes.map(({ state }) => state)).toEqual(['running', 'stopped', 'running']);
    const cost = ledger().costOf(last);
    expect(cost).toBeGreaterThan(0);
    expect(ledger().costOf(last, Date.now() + 3_600_000)).toBe(cost);
    expect(await ledger().ofJob('life')).toEqual([last]);
  });

  it('is found by account, tag, status and time, page by page', async () => {
    const ids = [
      await rent('page-1', {}, ['pages']),
      await rent('page-2', {}, ['pages']),
      await rent('page-3'),
    ];
    const [first] = ids;
    await ended((await fleet.queue.instances.delete('page-1')).id);
    const found: (string | undefined)[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 5; pages++) {
      const page = await ledger().list({ tag: 'pages', limit: 1, ...(cursor && { cursor }) });
      found.push(...page.entries.map(({ jobId }) => jobId));
      cursor = page.cursor;
      if (!cursor) break;
    }
    expect(found).toEqual(['page-2', 'page-1']);
    const jobs = async (filter: object) => (await ledger().list(filter)).entries.map(({ jobId }) => jobId);
    expect(await jobs({ tag: 'pages', status: 'running' })).toEqual(['page-2']);
    expect(await jobs({ tag: 'pages', status: 'ended' })).toEqual(['page-1']);
    const { account, endedAt = '' } = await entryOf(first as string);
    expect(await jobs({ account: 'another' })).toEqual([]);
    expect((await jobs({ account, status: 'open' })).includes('page-3')).toBe(true);
    expect(await jobs({ tag: 'pages', since: endedAt })).toContain('page-1');
    expect(await jobs({ tag: 'pages', since: new Date(Date.parse(endedAt) + 60_000) })).toEqual(['page-2']);
    const sums = await ledger().spent({ tag: 'pages', since: new Date(Date.now() - 3_600_000) });
    expect(sums).toMatchObject({ instances: 2, running: 1, ratePerHour: 18_000, unpriced: 0 });
    expect(sums.byDay.reduce((sum, { amount }) => sum + amount, 0)).toBe(sums.total);
    for (const [filter, why] of [
      [{ status: 'gone' }, /status gone must be one of running, stopped, open, ended/],
      [{ cursor: 'x1' }, /cursor "x1" is not of this list/],
      [{ limit: 0 }, /limit must be/],
      [{ colour: 'red' }, /colour/],
    ] as const) {
      await expect(ledger().list(filter as object)).rejects.toThrow(why);
    }
  });

  it('has the same entry where its create was answered late, and found by name', async () => {
    fleet.simulator.faults.add({ kind: 'error_after_create', times: 1 });
    const id = await rent('adopted');
    const { result, checkpoint } = (await fleet.queue.getJob('adopted')) as JobRecord;
    expect(result).toMatchObject({ adopted: true });
    expect(await entryOf(id)).toMatchObject({
      ...{ jobId: 'adopted', rentedAt: (checkpoint as { sentAt: string }).sentAt, productId: 'prod-4090' },
      changes: [{ pricePerHour: 18_000 }],
    });
    expect(fleet.simulator.requests.count(CREATE)).toBeGreaterThan(0);
  });

  it('has its entry made by a later job where that of its create is missing, once and the same', async () => {
    const id = await rent('missed');
    // Its monitor has seen it run; the job that makes the entry has not.
    const { seenAt, ...whole } = await entryOf(id);
    expect(seenAt).toBeDefined();
    const broker = await fleet.queue.broker();
    await broker.topology.purge('ledger', `${broker.subjects.prefix}ledger.open.novita.${id}.missed`);
    expect(await ledger().get(id)).toBeUndefined();
    await ended((await fleet.queue.instances.stop('missed')).id);
    const made = await entryOf(id);
    expect({ ...made, changes: made.changes.slice(0, 1) }).toEqual({
      ...whole,
      changes: whole.changes.slice(0, 1),
    });
    expect(statusOf(made)).toBe('stopped');
    // Whoever takes the job over notes the same.
    const record = (await fleet.queue.getJob('missed')) as JobRecord;
    const keeper = new LedgerKeeper({
      ...{
        broker: () => fleet.queue.broker(),
        provider: fleet.provider,
        parts: [fleet.provider],
        logger: silentLogger,
      },
    });
    await Promise.all([1, 2, 3].map(() => keeper.note(record, record)));
    expect(await entryOf(id)).toEqual(made);
  });

  it('ends where somebody else deletes it, and is told from one that we delete', async () => {
    const id = await rent('outside');
    await fleet.queue.instances.watch('outside', {
      id: 'outside-watch',
      maxIntervalMs: 40,
      priceIntervalMs: 0,
    });
    await fleet.waitForJob('outside-watch', 'waiting');
    await fleet.provider.delete(id);
    await ended('outside-watch');
    expect(await entryOf(id)).toMatchObject({ end: 'gone' });
  });
});

it('an entry that has ended leaves after its time', async () => {
  const broker = await fleet.queue.broker();
  const store = new LedgerStore(broker, 1_000);
  const key = { provider: 'novita', id: 'brief' };
  const now = new Date().toISOString();
  const entry: LedgerEntry = {
    ...{ v: 1, ...key, account: 'main', novitaInstanceId: 'brief', tags: [], billedMs: 1_000, rentedAt: now },
    changes: [{ at: now, state: 'running', pricePerHour: 1 }],
  };
  await store.change(key, () => entry);
  await store.change(key, (before) => before && { ...before, endedAt: now, end: 'deleted' });
  expect((await store.find('brief'))?.endedAt).toBe(now);
  await expect.poll(() => store.find('brief')).toBeUndefined();
});
