/** What a relay does while one of its two sides is away, and what it refuses before it asks them. */
import { setTimeout as delay } from 'node:timers/promises';
import { DiscardPolicy } from 'nats';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import {
  Outbox,
  OutboxRelay,
  type RelayOptions,
  readOutbox,
  retryOutboxRows,
  setupOutbox,
} from '../../src/outbox/index.js';
import { connectForeign } from '../support/foreign-client.js';
import { startNats } from '../support/nats.js';
import { connectTo, type PostgresServer, startPostgres } from '../support/postgres.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

let nats: EmbeddedServer;
let postgres: PostgresServer;
beforeAll(async () => {
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
});
afterAll(async () => {
  await Promise.all([nats.stop(), postgres[Symbol.asyncDispose]()]);
});

let serial = 0;
/** A relay of a table and a namespace of its own. */
async function started({ notify = true, ...options }: RelayOptions & { notify?: boolean } = {}) {
  const table = `outage_${++serial}`;
  const databaseUrl = postgres.url;
  await setupOutbox({ databaseUrl, table, notify });
  const queue = new JobQueueService({
    servers: nats.url,
    namespace: table,
    commit: { confirmTimeoutMs: 500 },
  });
  onTestFinished(() => queue.close());
  const relay = new OutboxRelay(queue, { databaseUrl, table, fallbackMs: 60_000, ...options });
  await relay.start();
  onTestFinished(() => relay.stop());
  const client = await connectTo(databaseUrl);
  const outbox = new Outbox({ table });
  return {
    queue,
    relay,
    table,
    client,
    add: (job = {}) => outbox.addJob(client, 'report', {}, 'normal', job),
    left: async () => (await client.query(`SELECT FROM ${table}`)).rows.length,
    /** What the sessions of the relay have done last, once they are idle. */
    lastQueries: async () =>
      (
        await client.query(
          `SELECT query FROM pg_stat_activity WHERE application_name LIKE $1 AND state = 'idle'`,
          [`%${table}`],
        )
      ).rows,
    /** The sessions of the relay. */
    sessions: async () =>
      (await client.query('SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1', [`%${table}`]))
        .rows,
  };
}

/** How long stopping takes, in ms. */
async function stopped(relay: OutboxRelay): Promise<number> {
  const begun = performance.now();
  await relay.stop();
  return performance.now() - begun;
}

test('an outage of the broker leaves the session of the database as it is', async () => {
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const at = await started({ notify: false, fallbackMs: 200, logger });
  const before = await at.sessions();
  expect(before).toHaveLength(1);
  nats.kill('SIGKILL');
  await nats.exited;
  await expect
    .poll(() => at.relay.stats.lastError)
    .toMatchObject({ code: expect.stringMatching(/^JETFLEET_BROKER_/) });
  const id = await at.add();
  await delay(1_000);
  expect(await at.sessions()).toEqual(before);
  expect(await readOutbox({ databaseUrl: postgres.url, table: at.table })).toMatchObject({ relays: 1 });
  await nats.restart();
  await expect.poll(at.left).toBe(0);
  expect(await at.queue.getJob(id)).toMatchObject({ state: 'queued' });
  expect(await at.sessions()).toEqual(before);
  expect(lines.filter((line) => line.includes('inserts do not notify'))).toHaveLength(1);
});

test('an insert does not have a relay try sooner what fails, and none is missed once it works again', async () => {
  const at = await started();
  nats.kill('SIGKILL');
  await nats.exited;
  await at.add();
  await expect.poll(() => at.relay.stats.lastError).toBeDefined();
  await delay(1_000);
  const looks = vi.spyOn(at.queue, 'isConnected', 'get');
  for (let n = 0; n < 40; n++) {
    await at.add();
    await delay(10);
  }
  expect(looks.mock.calls.length).toBeLessThan(5);
  looks.mockRestore();
  await nats.restart();
  await expect.poll(at.left).toBe(0);
  expect(at.relay.stats).toMatchObject({ published: 41, lastError: undefined });
});

test('one whose rows could not be published as a whole holds none of them, and stops at once', async () => {
  const at = await started();
  await using foreign = await connectForeign(nats.url);
  const { streams } = await foreign.connection.jetstreamManager();
  // It has the subjects of tags, and no room for any of them.
  await streams.add({
    name: `IN_THE_WAY_${at.table}`,
    subjects: [`${at.table}.tags.>`],
    max_bytes: 1,
    discard: DiscardPolicy.New,
  });
  await at.add({ tags: ['monthly'] });
  await expect
    .poll(() => at.relay.stats.lastError)
    .toMatchObject({ code: expect.not.stringMatching(/OUTBOX/) });
  const sessions = await at.sessions();
  await at.client.query(
    `SELECT pg_advisory_lock((27238::bigint << 32) | '${at.table}'::regclass::oid::bigint)`,
  );
  const waits = `SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND pid = ${sessions[0]?.pid}`;
  await expect.poll(async () => (await at.client.query(waits)).rows.length).toBe(1);
  expect(await stopped(at.relay)).toBeLessThan(5_000);
  expect(await at.left()).toBe(1);
});

test('a database that does not answer any more holds up no end', async () => {
  const { hostname: host, port } = new URL(postgres.url);
  await using proxy = await startTcpProxy({ targets: { host, port: Number(port) } });
  const databaseUrl = postgres.url.replace(`:${port}/`, `:${proxy.port}/`);
  const at = await started({ databaseUrl });
  // It has found no rows, and waits: what it has begun before, its stop waits for.
  await expect.poll(at.lastQueries).toEqual([{ query: expect.stringContaining('advisory_unlock') }]);
  await delay(100);
  proxy.halfOpen(true);
  expect(await stopped(at.relay)).toBeLessThan(5_000);
  proxy.halfOpen(false);
  const connect = async () => {
    const client = await connectTo(databaseUrl);
    return Object.assign(Object.create(client) as typeof client, {
      query: async (text: string, values: unknown[]) => {
        const answer = await client.query(text, values);
        proxy.halfOpen(true);
        return answer;
      },
      end: () => client.end(),
    });
  };
  const begun = performance.now();
  await setupOutbox({ connect, table: at.table });
  expect(performance.now() - begun).toBeLessThan(5_000);
  proxy.halfOpen(false);
});

test('a wrong address is refused before anybody is asked', async () => {
  const calls = [
    (options: object) => setupOutbox(options),
    (options: object) => readOutbox(options),
    (options: object) => retryOutboxRows('all', options),
    async (options: object) => void new OutboxRelay(new JobQueueService(), options),
  ];
  for (const call of calls) {
    for (const options of [{ connect: 5 }, { databaseUrl: 5 }])
      await expect(call(options), JSON.stringify(options)).rejects.toMatchObject({
        code: 'JETFLEET_OPTION_INVALID',
        message: expect.stringContaining(Object.keys(options)[0] as string),
      });
  }
});
