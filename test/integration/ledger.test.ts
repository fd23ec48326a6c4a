/** The ledger: an entry for each instance that was rented, whatever became of it and of the workers. */
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobRecord, LedgerEntry } from '../../src/index.js';
import { defineJob, handled, JobWorkerService, statusOf } from '../../src/index.js';
import { LedgerKeeper } from '../../src/instances/ledger-keeper.js';
import { sweptWithLedger } from '../../src/instances/swept-ledger.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { derivedEntry } from '../../src/money/derived-entry.js';
import { LedgerStore } from '../../src/money/ledger-store.js';
import { noted, openedEntry } from '../../src/money/noted-entry.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';
import { type ProviderProxy, proxyProvider } from '../support/provider-proxy.js';
import { CREATE, rentOutside } from '../support/simulated-novita.js';

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

function keeperOf(logger: Logger): LedgerKeeper {
  const { provider, queue } = fleet;
  return new LedgerKeeper({ broker: () => queue.broker(), provider, parts: [provider], logger });
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
    const whole = await entryOf(id);
    // Its monitor has seen it run; the job that makes the entry has not.
    expect(whole.seen.states).toHaveLength(1);
    const broker = await fleet.queue.broker();
    await broker.topology.purge('ledger', `${broker.subjects.prefix}ledger.open.novita.${id}.missed`);
    expect(await ledger().get(id)).toBeUndefined();
    await ended((await fleet.queue.instances.stop('missed')).id);
    const made = await entryOf(id);
    const known = ({ seen: { prices }, changes, ...entry }: LedgerEntry) => [entry, prices, changes[0]];
    expect(known(made)).toEqual(known(whole));
    expect(statusOf(made)).toBe('stopped');
    // Whoever takes the job over notes the same.
    const record = (await fleet.queue.getJob('missed')) as JobRecord;
    await Promise.all([1, 2, 3].map(() => keeperOf(silentLogger).note(record, record)));
    expect(await entryOf(id)).toEqual(made);
  });

  it('has no entry by a job that names the create job of another one, and one without a job where none is known', async () => {
    const [own, other] = [await rent('own'), await rent('other', {}, ['team:blue'])];
    const broker = await fleet.queue.broker();
    await broker.topology.purge('ledger', `${broker.subjects.prefix}ledger.*.novita.${own}.*`);
    const lines: string[] = [];
    const keeper = keeperOf(pino({}, { write: (line: string) => void lines.push(line) }));
    const stopped = {
      ...((await fleet.queue.getJob('own')) as JobRecord),
      ...{ id: 'stop', type: 'stop_instance', result: {}, updatedAt: new Date().toISOString() },
      payload: { novitaInstanceId: own, createJobId: 'other' },
      checkpoint: { proven: { is: 'stopped', since: new Date().toISOString() } },
    } as JobRecord;
    await keeper.note(stopped, { ...stopped, checkpoint: undefined });
    expect(await entryOf(own)).toMatchObject({ jobId: 'own', tags: [] });
    expect((await ledger().ofJob('other')).map(({ id }) => id)).toEqual([other]);
    // Its record has expired meanwhile.
    await broker.topology.purge('ledger', `${broker.subjects.prefix}ledger.*.novita.${own}.*`);
    await broker.topology.purge('events', broker.subjects.eventsOf('own'));
    for (const id of ['a', 'b']) await keeper.note({ ...stopped, id }, { ...stopped, checkpoint: undefined });
    const entry = await entryOf(own);
    expect(entry).toMatchObject({
      novitaInstanceId: own,
      tags: [],
      changes: [{ state: 'running' }, { state: 'stopped' }],
    });
    expect(entry.jobId).toBeUndefined();
    expect(lines.filter((line) => line.includes('no record of a create job'))).toHaveLength(1);
    // A monitor proves nothing of whose it is.
    const stranger = await rentOutside(fleet.provider, 'jetfleet-of-another-queue-0123456789ab');
    const monitored = { ...stopped, type: 'monitor_instance', payload: { novitaInstanceId: stranger } };
    await keeper.note(monitored as JobRecord, { ...stopped, checkpoint: undefined });
    expect(await ledger().get(stranger)).toBeUndefined();
  });

  it('ends with a sweep, as its job has proven, where the worker could not write that', async () => {
    const [deleted, outside] = [await rent('unwritten'), await rent('outside-unwatched')];
    await ended((await fleet.queue.instances.delete('unwritten')).id);
    const before = await entryOf(deleted);
    const broker = await fleet.queue.broker();
    const unnoted = { ...before, seen: { ...before.seen, ends: [] } };
    await new LedgerStore(broker).change(before, () => derivedEntry(unnoted));
    expect((await entryOf(deleted)).endedAt).toBeUndefined();
    await fleet.provider.delete(outside);
    const { provider } = proxy;
    const source = { name: provider.name, list: () => provider.list({ namePrefix: 'jetfleet-' }) };
    const options = { source, parts: [provider], settleMs: 20, logger: silentLogger };
    const sweep = sweptWithLedger(options)(broker);
    // A provider may list an instance for a moment that is deleted.
    await vi.waitFor(async () => {
      await sweep.look(new AbortController().signal);
      expect(await entryOf(outside)).toMatchObject({ end: 'gone' });
    });
    expect(await entryOf(deleted)).toMatchObject({ end: 'deleted', endedAt: before.endedAt });
  });

  it('fails no job where the ledger cannot be written, and holds no more jobs back than there are slots', async () => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const broken = new LedgerKeeper({
      ...{ provider: fleet.provider, parts: [fleet.provider], logger },
      broker: () => Promise.reject(new Error('no right to write')),
    });
    const record = (await fleet.queue.getJob('life')) as JobRecord;
    await broken.note(record, record);
    expect(lines.join()).toContain('the ledger could not be written');
    const { open, opened } = gate();
    const noted: string[] = [];
    const job = defineJob({ type: 'noted', payload: z.object({}) });
    const worker = new JobWorkerService(fleet.queue, { sweep: false });
    const beforeStored = async ({ id }: JobRecord) => {
      noted.push(id);
      await opened;
    };
    worker.use({
      name: 'noted',
      install: () => ({ handlers: [{ ...handled(job, () => {}, { concurrency: 1 }), beforeStored }] }),
    });
    await worker.start();
    for (const id of ['noted-1', 'noted-2']) await fleet.queue.add(job, {}, { id });
    await expect.poll(() => noted).toEqual(['noted-1']);
    // A job of another type has run meanwhile, so that there was time for the second one.
    await rent('meanwhile');
    expect(noted).toEqual(['noted-1']);
    open();
    await fleet.waitForJob('noted-2', 'completed');
    await worker.shutdown();
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
  const rental = { ...key, account: 'main', novitaInstanceId: 'brief', tags: [], billedMs: 1_000 };
  await store.change(key, () => openedEntry({ ...rental, rentedAt: now, pricePerHour: 1 }));
  const end = { what: 'ended', at: now, provenAt: now, end: 'deleted' } as const;
  await store.change(key, (before) => before && noted(before, end));
  expect((await store.find('brief'))?.endedAt).toBe(now);
  await expect.poll(() => store.find('brief')).toBeUndefined();
});
