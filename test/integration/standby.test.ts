/** The loss of a site: a standby that mirrors and copies have kept takes its place. Two real servers, of which the first is killed. */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { MirrorState } from '../../src/broker/standby/standby-streams.js';
import { type JobContext, JobQueueService, JobWorkerService, snooze } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type ConfiguredNats, startConfigured } from '../support/configured-nats.js';
import { channelOf, faultsOf } from '../support/contract.js';
import { connectForeign } from '../support/foreign-client.js';
import { codeOf } from '../support/snippets.js';

const PASSWORD = 'between-sites-1';
/** The configuration of each site, as the guide has it. */
const [, atOrigin = '', atStandby = ''] = codeOf('docs/guides/clusters.md', 'conf').map((conf) =>
  conf.replace('"/data"', '"FOLDER/store"').replace('0.0.0.0:7422', '127.0.0.1:-1'),
);

/** The port at which a server takes leaf nodes. */
async function leafPort(nats: ConfiguredNats): Promise<number> {
  const answer = await fetch(`${nats.monitorUrl()}/varz`);
  return ((await answer.json()) as { leaf: { port: number } }).leaf.port;
}

async function twoSites(): Promise<{ origin: ConfiguredNats; standby: ConfiguredNats }> {
  const env = { STANDBY_PASSWORD: PASSWORD };
  const origin = await startConfigured(`server_name: "site-a"\nhttp: "127.0.0.1:-1"\n${atOrigin}`, {
    jetstream: false,
    env,
  });
  onTestFinished(() => origin[Symbol.asyncDispose]());
  const url = `nats://standby:${PASSWORD}@127.0.0.1:${await leafPort(origin)}`;
  const standby = await startConfigured(`server_name: "site-b"\n${atStandby}`, {
    jetstream: false,
    env: { STANDBY_URL: url },
  });
  onTestFinished(() => standby[Symbol.asyncDispose]());
  return { origin, standby };
}

/** What is wrong with each copy of a timer, by the contract. */
async function faultsOfCopies({ address }: ConfiguredNats): Promise<string[][]> {
  const { connection } = await connectForeign(`nats://${address}`);
  onTestFinished(() => connection.close());
  const { streams } = await connection.jetstreamManager();
  const { state } = await streams.info('LOST_STANDBY');
  const copies: string[][] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const { subject, data } = await streams.getMessage('LOST_STANDBY', { seq });
    copies.push(faultsOf(channelOf(subject.slice('lost.'.length)) ?? subject, data));
  }
  return copies;
}

/** So far ahead that the origin is lost before, also on a busy machine. */
const DUE_MS = 10_000;

/** What a worker did, by job. */
function workerOf(queue: JobQueueService, ran: string[]): JobWorkerService {
  const worker = new JobWorkerService(queue, { sweep: false });
  worker.registerHandler('step', {
    claim: 'durable',
    concurrency: 20,
    handler: async ({ id, checkpoint, payload, signal }: JobContext) => {
      ran.push(`${id} ${JSON.stringify(checkpoint ?? null)}`);
      if (payload === 'waits' && checkpoint === undefined) return snooze(DUE_MS, { half: true });
      if (payload === 'runs' && queue.namespace === 'lost')
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return 'done';
    },
  });
  return worker;
}

test('a standby takes the place of its origin: what waits, runs and is due goes on, and what has ended does not run again', async () => {
  const { origin, standby } = await twoSites();
  const env = { NATS_URL: `nats://${standby.address}`, JETFLEET_NAMESPACE: 'lost' };
  const run = (...args: string[]) => cli(['standby', ...args], { env });
  const sync = ['sync', '--origin', `nats://${origin.address}`, '--domain', 'site-a', '--once', '--json'];
  const before = new JobQueueService({
    servers: `nats://${origin.address}`,
    namespace: 'lost',
    ackWaitMs: 2_000,
  });
  await before.setup(['step']);
  const ranBefore: string[] = [];
  const worker = workerOf(before, ranBefore);
  await worker.start();
  await before.addJob('step', 1, 'normal', { id: 'ended-early' });
  await vi.waitFor(async () => expect((await before.getJob('ended-early'))?.state).toBe('completed'));
  await before.addJob('step', 'waits', 'normal', { id: 'waits' });
  await before.addJob('step', 1, 'normal', { id: 'delayed', delayMs: DUE_MS });
  await before.addJob('step', 1, 'normal', { id: 'cancelled', delayMs: 600_000 });
  await before.schedule('hourly', 'step', 1, { everyMs: 3_600_000 });
  await before.schedule('dropped', 'step', 1, { everyMs: 3_600_000 });
  await vi.waitFor(async () => expect((await before.getJob('waits'))?.state).toBe('waiting'));
  // Until the leaf node is connected, the domain does not answer.
  const first = await vi.waitFor(async () => {
    const done = await run(...sync);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    return done;
  });
  expect(JSON.parse(first.stdout)).toMatchObject({ copied: 5, removed: 0, timers: 5 });
  expect(await faultsOfCopies(standby)).toEqual(Array(5).fill([]));
  // The origin keeps its own.
  expect((await before.getJob('delayed'))?.state).toBe('scheduled');

  await before.cancel('cancelled');
  await before.schedules.delete('dropped');
  await before.addJob('step', 'runs', 'normal', { id: 'runs' });
  await before.addJob('step', 1, 'normal', { id: 'ended-late' });
  await vi.waitFor(async () => expect((await before.getJob('ended-late'))?.state).toBe('completed'));
  await vi.waitFor(async () => expect((await before.getJob('runs'))?.state).toBe('running'));
  await worker.stop();
  await before.addJob('step', 1, 'normal', { id: 'queued' });
  const { timers, removed } = JSON.parse((await run(...sync)).stdout);
  // A timer that has fired or was cancelled stays for a while; a schedule that was deleted does not.
  expect({ timers, removed }).toEqual({ timers: 4, removed: 1 });
  await vi.waitFor(async () => {
    const { mirrors } = JSON.parse((await run(...sync)).stdout) as { mirrors: MirrorState[] };
    expect(mirrors.filter(({ lag, silentMs }) => lag > 0 || silentMs === undefined)).toEqual([]);
  });

  expect(await run('promote', '--yes')).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/still answers/),
  });
  await origin[Symbol.asyncDispose]();
  expect((await run('promote')).code).toBe(2);
  // It has heard of its origin a moment ago.
  const promoted = await vi.waitFor(async () => {
    const done = await run('promote', '--yes', '--json');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    return JSON.parse(done.stdout);
  });
  expect(promoted).toEqual({ timers: 4 });
  // A crash in between is no harm.
  expect(JSON.parse((await run('promote', '--yes', '--json')).stdout)).toEqual({ timers: 0 });
  void worker.shutdown(0).then(() => before.close());

  await using after = new JobQueueService({
    servers: `nats://${standby.address}`,
    namespace: 'lost',
    ackWaitMs: 2_000,
  });
  const setup = await after.setup(['step']);
  expect(setup).toMatchObject({ missing: [], drift: [] });
  expect((await after.schedules.list()).map(({ name }) => name)).toEqual(['hourly']);
  const ran: string[] = [];
  const next = workerOf(after, ran);
  // It knows none of the names of before.
  await next.start();
  onTestFinished(() => next.shutdown(0).then(() => {}));
  for (const id of ['queued', 'waits', 'delayed'])
    await vi.waitFor(async () => expect(await after.getJob(id)).toMatchObject({ state: 'completed' }));
  // Its worker is gone, and the attempt counts.
  await vi.waitFor(async () => expect((await after.getJob('runs'))?.attempt).toBe(2));
  expect(ran.filter((each) => each.startsWith('waits'))).toEqual(['waits {"half":true}']);
  expect(ran.filter((each) => /ended|cancelled/.test(each))).toEqual([]);
  const ended = await Promise.all(['ended-early', 'ended-late', 'cancelled'].map((id) => after.getJob(id)));
  expect(ended.map((job) => job?.state)).toEqual(['completed', 'completed', 'cancelled']);
  const id = await after.addJob('step', 1);
  await vi.waitFor(async () => expect((await after.getJob(id))?.state).toBe('completed'));
});

test('a site with jobs of its own is no standby, and one without a standby is not promoted', async () => {
  const { origin, standby } = await twoSites();
  const servers = `nats://${standby.address}`;
  await using own = new JobQueueService({ servers });
  await own.setup();
  await using other = new JobQueueService({ servers: `nats://${origin.address}` });
  await other.setup();
  const args = ['sync', '--origin', `nats://${origin.address}`, '--domain', 'site-a', '--once'];
  const env = { NATS_URL: servers };
  const refused = await cli(['standby', ...args], { env });
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/no mirror of the domain site-a/) });
  const empty = { ...env, JETFLEET_NAMESPACE: 'empty' };
  expect((await cli(['standby', 'promote', '--yes'], { env: empty })).code).toBe(3);
  expect((await cli(['standby', ...args.slice(0, -2), 'a.b', '--once'], { env })).code).toBe(2);
});
