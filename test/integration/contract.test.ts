/** Every message that a busy queue sends, as a client sees it that listens to everything, held to docs/contract. */
import type { Msg, MsgHdrs } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { RetryableError, snooze } from '../../src/index.js';
import { drainWorker, listWorkers, watchMachines } from '../../src/inspect/index.js';
import { instancePayload } from '../support/cli.js';
import { CONTRACT, channelOf, faultsIn, faultsOf, messageAt } from '../support/contract.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { gate } from '../support/gate.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let client: ForeignClient;
let fleet: Fleet;
const seen = new Map<string, number>();
const faults = new Set<string>();

beforeAll(async () => {
  nats = await startNats();
});
afterAll(async () => {
  await fleet?.close();
  await client?.connection.close();
  await nats.stop();
});

/** Listens to everything. Only once all streams are there: who listens keeps the server from saying that nobody does. */
async function listen(): Promise<void> {
  client = await connectForeign(nats.url);
  client.connection.subscribe('contract.>', { callback: (_, message) => note(message) });
  await client.connection.flush();
  // What the server stores of itself, it does not publish.
  const due = { filterSubjects: 'contract.due.>' };
  const timers = await client.js.consumers.get('CONTRACT_TIMERS', due);
  await timers.consume({ callback: note });
}

function note({
  subject: full,
  data,
  headers,
}: Pick<Msg, 'subject' | 'data'> & { headers?: MsgHdrs | undefined }): void {
  const subject = full.slice('contract.'.length);
  const channel = channelOf(subject);
  if (channel === undefined) {
    faults.add(`${subject} is not described`);
    return;
  }
  seen.set(channel, (seen.get(channel) ?? 0) + 1);
  for (const fault of faultsOf(channel, data, headers?.keys() ?? [])) faults.add(`${channel}: ${fault}`);
}

test('every message is described, and every described channel is used', async () => {
  const { open, opened } = gate();
  fleet = await startFleet({
    builtIn: true,
    nats,
    namespace: 'contract',
    queue: {
      maxObjectBytes: 4 * 1024 * 1024,
      env: { ...process.env, JETFLEET_WEBHOOK_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}` },
    },
    worker: { sweep: { intervalMs: 1_000, jitter: 0 }, limits: { shared: { concurrency: 1 } } },
    handlers: {
      demo: async (job) => {
        job.log('begins');
        job.progress({ done: 1, total: 2 });
        await job.emit({ part: 1 });
        return job.payload;
      },
      again: ({ attempt }) => {
        if (attempt === 1) throw new RetryableError('not yet', { retryAfterMs: 50 });
        return attempt;
      },
      naps: ({ checkpoint }) => (checkpoint === undefined ? snooze(50, { slept: true }) : checkpoint),
      asks: (job) => job.waitForSignal('approved', { timeoutMs: 60_000 }),
      shares: { handler: (job) => job.limit('shared:one', () => opened), concurrency: 4 },
      parent: (job) => job.children([{ type: 'demo', payload: {} }]),
      limited: {
        handler: () => opened,
        concurrency: 4,
        limits: [{ key: 'tenant', concurrency: 1 }],
      },
    },
  });
  const { queue } = fleet;
  await queue.setup();
  await listen();
  await using _watch = await watchMachines(queue, {}, () => {});
  await using http = await startHttp(queue);
  const add = (type: string, options = {}, payload: unknown = {}) =>
    queue.addJob(type, payload, 'normal', options);

  const { id: flow } = await queue.addFlow({
    jobs: { first: { type: 'demo', payload: {} }, last: { type: 'demo', payload: {}, after: ['first'] } },
  });

  const ids = [
    await add('demo', { id: 'named', tags: ['tenant:acme'], unique: { key: 'a' }, expiresInMs: 60_000 }),
    await add('demo', { delayMs: 100, webhookUrl: 'https://example.com/hook' }),
    await add('demo', {}, { text: 'x'.repeat(600 * 1024) }),
    await add('again'),
    await add('naps'),
    await add('parent'),
  ];
  await queue.webhookEndpoints.add({ id: 'disabled', url: 'https://example.com/hooks' });
  await queue.webhookEndpoints.disable('disabled');
  await queue.webhookEndpoints.test('disabled');
  const asks = await add('asks');
  await queue.signal(asks, 'approved', { by: 'Ann' });
  const waiting = [await add('shares'), await add('shares')];
  for (const tenant of ['acme', 'acme']) waiting.push(await add('limited', {}, { tenant }));
  await queue.schedule('tick', 'demo', {}, { everyMs: 1_000, overlap: 'skip' });
  const bare = await client.publish('contract.jobs.low.demo', '{}');
  // So it is stored, and published without the last word.
  const stored = await (await client.connection.jetstreamManager()).streams.getMessage('CONTRACT_JOBS', {
    seq: bare.seq,
  });
  expect(channelOf(stored.subject.slice('contract.'.length))).toBe('jobsStored');
  await client.publish('contract.schedules.jobs.beside', '{}', {
    'Nats-Schedule': '@every 1s',
    'Nats-Schedule-Target': 'contract.due.jobs.low.demo',
    'Jetfleet-Overlap': 'skip',
  });
  await vi.waitFor(() =>
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['jobsLimited', 'permits'])),
  );
  await queue.limits.set('shared', { concurrency: 5 });
  open();
  for (const id of [...ids, asks, flow, ...waiting, `seq-${bare.seq}`])
    await fleet.waitForJob(id, 'completed');
  // What a provider that fails is noted by, and the question of a job that waits for capacity.
  fleet.simulator.faults.add({ kind: 'error', status: 500, route: 'GET /products', times: 1 });
  const waitForCapacityUntil = new Date(Date.now() + 600_000).toISOString();
  const rental = { ...instancePayload('waits'), waitForCapacityUntil };
  await fleet.waitForJob(await add('create_instance', {}, rental), 'completed');
  const late = await add('demo', { delayMs: 60_000 });
  await queue.cancel(late);
  expect(
    (await http.call('/api/v1/pauses', { body: { type: 'other', reason: 'test' } })).status,
  ).toBeLessThan(300);
  const [worker] = await listWorkers(queue);
  await drainWorker(queue, worker?.name ?? '', false);

  const asked = {
    workers: {},
    charts: {},
    acknowledged: { kind: 'jobs', consumer: 'demo-normal', firstSeq: 0 },
  };
  for (const [channel, question] of Object.entries(asked)) {
    const subject = `contract.${CONTRACT.channels[channel]?.address}`;
    const { data } = await client.connection.request(subject, JSON.stringify(question), { timeout: 10_000 });
    const reply = CONTRACT.operations[`receive_${channel}`]?.reply?.messages[0]?.$ref.split('/').at(-1);
    expect(faultsIn(messageAt({ $ref: `#/components/messages/${reply}` }), data, [])).toEqual([]);
  }

  // What is described of one work stream is described of both, from the same source. Copies of timers are of another site, with a test there.
  const elsewhere = ['inbox', 'jobsStored', 'standbyTimers'];
  const wanted = Object.keys(CONTRACT.channels).filter(
    (name) => !elsewhere.includes(name) && !name.startsWith('webhooks'),
  );
  await vi.waitFor(() => expect([...seen.keys()]).toEqual(expect.arrayContaining(wanted)), {
    timeout: 30_000,
  });
  expect([...faults]).toEqual([]);
});
