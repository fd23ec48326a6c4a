import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, JobQueueService, JobWorkerService } from '../../src/index.js';
import {
  Outbox,
  OutboxRelay,
  outboxSql,
  type RelayOptions,
  readOutbox,
  retryOutboxRows,
  setupOutbox,
} from '../../src/outbox/index.js';
import { startNats } from '../support/nats.js';
import {
  connectTo,
  type PostgresServer,
  poolOf,
  startPostgres,
  type TestClient,
} from '../support/postgres.js';

let nats: EmbeddedServer;
let postgres: PostgresServer;
beforeAll(async () => {
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
});
afterAll(async () => {
  await Promise.all([nats.stop(), postgres[Symbol.asyncDispose]()]);
});

const report = defineJob({ type: 'report', payload: z.strictObject({ n: z.number() }) });

interface Bench {
  queue: JobQueueService;
  client: TestClient;
  outbox: Outbox;
  table: string;
  relay(options?: RelayOptions): Promise<OutboxRelay>;
  /** The jobs that wait, in the order in which the stream has them. */
  stored(): Promise<{ id: string; payload: unknown; priority: string }[]>;
  rows(): Promise<Record<string, unknown>[]>;
}

let serial = 0;
/** A table and a namespace of its own. */
async function bench(setup: { notify?: boolean } = {}): Promise<Bench> {
  const name = `t${++serial}`;
  const table = `out_${name}`;
  const databaseUrl = postgres.url;
  await setupOutbox({ databaseUrl, table, ...setup });
  const queue = new JobQueueService({ servers: nats.url, namespace: name });
  onTestFinished(() => queue.close());
  const client = await connectTo(databaseUrl);
  return {
    queue,
    client,
    outbox: new Outbox({ table }),
    table,
    async relay(options = {}) {
      const relay = new OutboxRelay(queue, { databaseUrl, table, fallbackMs: 60_000, ...options });
      await relay.start();
      onTestFinished(() => relay.stop());
      return relay;
    },
    async stored() {
      const jobs = [];
      for (let cursor: string | undefined; ; ) {
        const page = await queue.getJobs({ status: 'pending', limit: 500, ...(cursor && { cursor }) });
        jobs.push(...page.jobs);
        cursor = page.cursor;
        if (!cursor) return jobs;
      }
    },
    rows: async () =>
      (await client.query(`SELECT *, payload::text AS body FROM ${table} AS o ORDER BY o.seq`)).rows,
  };
}

const isEmpty = (at: Bench) => expect.poll(() => at.rows()).toEqual([]);

test('a job exists if its transaction commits, and leaves no trace if it does not', async () => {
  const at = await bench();
  await at.relay();
  await at.client.query('CREATE TABLE orders (n int)');
  for (const end of ['ROLLBACK', 'COMMIT']) {
    await at.client.query('BEGIN');
    await at.client.query('INSERT INTO orders VALUES (1)');
    await at.outbox.add(at.client, report, { n: end.length }, { id: end.toLowerCase() });
    await at.client.query(end);
  }
  await isEmpty(at);
  expect((await at.stored()).map(({ id }) => id)).toEqual(['commit']);
  expect((await at.client.query('SELECT * FROM orders')).rows).toHaveLength(1);
});

test('plain SQL is enough, and its options arrive', async () => {
  const at = await bench();
  const { rows } = await at.client.query(
    `INSERT INTO ${at.table} (type, payload, priority, options)
     VALUES ('report', '{"n": 1, "text": "\\u0000 \\u00e9"}', 'high', '{"maxAttempts": 7, "timeoutMs": 5000}')
     RETURNING id`,
  );
  await at.relay();
  const id = String(rows[0]?.id);
  await expect
    .poll(() => at.queue.getJob(id))
    .toMatchObject({
      id,
      type: 'report',
      priority: 'high',
      payload: { n: 1, text: '\0 é' },
      maxAttempts: 7,
      timeoutMs: 5_000,
      state: 'queued',
    });
  await isEmpty(at);
});

test('a pool, a client of it, and a statement for other libraries do as well', async () => {
  const at = await bench();
  const pool = await poolOf(postgres.url, 2);
  const fromPool = await at.outbox.addJob(pool, 'report', { n: 1 });
  const lent = await pool.connect();
  const fromClient = await at.outbox.addJob(lent, 'report', { n: 2 }, 'low');
  lent.release();
  const { text, values, ids } = await at.outbox.statement([report.of({ n: 3 }), report.of({ n: 4 })]);
  expect(text.match(/\$\d/g)).toEqual(['$1']);
  await pool.query(text, values);
  await at.relay();
  await isEmpty(at);
  const stored = await at.stored();
  expect(stored.map(({ id }) => id)).toEqual([fromPool, ...ids, fromClient]);
  expect(stored.map(({ payload }) => payload)).toEqual([{ n: 1 }, { n: 3 }, { n: 4 }, { n: 2 }]);
});

test('a wrong job is refused before anything is sent to the database', async () => {
  const at = await bench();
  const refused = (code: string) => ({ code: `JETFLEET_${code}` });
  const { outbox, client } = at;
  await expect(outbox.add(client, report, { n: 'x' } as never)).rejects.toMatchObject(
    refused('PAYLOAD_INVALID'),
  );
  await expect(outbox.addJob(client, 'Report', {})).rejects.toMatchObject(refused('TYPE_INVALID'));
  await expect(outbox.addJob(client, 'report', { at: new Date() })).rejects.toMatchObject(
    refused('PAYLOAD_INVALID'),
  );
  await expect(outbox.addJob(client, 'report', {}, 'urgent' as never)).rejects.toMatchObject(
    refused('PRIORITY_INVALID'),
  );
  await expect(outbox.addJob(client, 'report', {}, 'low', { id: 'a.b' })).rejects.toMatchObject(
    refused('ID_INVALID'),
  );
  await expect(outbox.addJob(client, 'report', {}, 'low', { retries: 3 } as never)).rejects.toThrow(
    /"retries"/,
  );
  await expect(outbox.addJobs(client, [report.of({ n: 1 }), { type: 'x y', payload: 1 }])).rejects.toThrow(
    /^job 1: /,
  );
  await expect(outbox.addJob({} as never, 'report', {})).rejects.toMatchObject(refused('OPTION_INVALID'));
  expect(() => new Outbox({ table: 'a"b' })).toThrow(/"a\\"b"|a"b/);
  expect(() => new OutboxRelay(at.queue, { pollMs: 1 } as never)).toThrow(/"pollMs"/);
  expect(await at.rows()).toEqual([]);
});

test('a job with a unique key is one job, also where a function makes the key', async () => {
  const at = await bench();
  const nightly = defineJob({
    type: 'nightly',
    payload: z.strictObject({ day: z.string() }),
    unique: { key: ({ day }) => day },
  });
  const first = await at.outbox.add(at.client, nightly, { day: 'mon' });
  await at.outbox.add(at.client, nightly, { day: 'mon' });
  await at.outbox.addJob(at.client, 'report', { day: 'mon' }, 'normal', {
    unique: { key: ({ day }) => day, onConflict: 'reject' },
  });
  await at.outbox.addJob(at.client, 'report', { day: 'mon' }, 'normal', {
    unique: { key: 'mon', onConflict: 'reject' },
  });
  const relay = await at.relay();
  await expect.poll(() => relay.stats).toMatchObject({ published: 3, alreadyThere: 1, setAside: 1 });
  expect(await at.rows()).toMatchObject([{ error_code: 'JETFLEET_UNIQUE_TAKEN' }]);
  const stored = await at.stored();
  expect(stored.map(({ payload }) => payload)).toEqual([{ day: 'mon' }, { day: 'mon' }]);
  expect(stored.map(({ id }) => id)).toContain(first);
});

test('the table itself refuses what can never be a job', async () => {
  const { client, table } = await bench();
  const insert = (columns: string, values: string) =>
    client.query(`INSERT INTO ${table} (type, payload${columns}) VALUES (${values})`);
  await expect(insert('', `'Report', '1'`)).rejects.toThrow(/check constraint/);
  await expect(insert('', `'report', 'no json'`)).rejects.toThrow(/json/);
  await expect(insert(', priority', `'report', '1', 'urgent'`)).rejects.toThrow(/check constraint/);
  await expect(insert(', job_id', `'report', '1', 'a.b'`)).rejects.toThrow(/check constraint/);
  await expect(insert(', job_id', `'report', '1', 'seq-7'`)).rejects.toThrow(/check constraint/);
  await expect(insert(', options', `'report', '1', '[]'`)).rejects.toThrow(/check constraint/);
  await expect(insert('', `'report', to_json(repeat('x', 600000))`)).rejects.toThrow(/check constraint/);
});

test('an insert wakes the relay at once, and without notices its timer does', async () => {
  for (const notify of [true, false]) {
    const at = await bench({ notify });
    await at.relay({ fallbackMs: notify ? 60_000 : 1_500 });
    await delay(200);
    const begun = performance.now();
    const id = await at.outbox.addJob(at.client, 'report', {});
    await expect.poll(() => at.queue.getJob(id), { interval: 10 }).toBeDefined();
    const ms = performance.now() - begun;
    if (notify) expect(ms).toBeLessThan(1_200);
    else expect(ms).toBeGreaterThan(500);
    expect(await readOutbox({ databaseUrl: postgres.url, table: at.table })).toMatchObject({
      notifies: notify,
      relays: 1,
    });
  }
});

test('run_at and delayMs delay the job by the clock of the database', async () => {
  const at = await bench();
  const soon = await at.outbox.addJob(at.client, 'report', {}, 'normal', { delayMs: 60_000 });
  const later = await at.outbox.addJob(at.client, 'report', {}, 'normal', {
    runAt: new Date(Date.now() + 3_600_000),
  });
  const past = await at.outbox.addJob(at.client, 'report', {}, 'normal', { runAt: new Date(0) });
  const begun = Date.now();
  await at.relay();
  await isEmpty(at);
  const waits = async (id: string) => Date.parse((await at.queue.getJob(id))?.nextRunAt ?? '') - begun;
  expect(Math.abs((await waits(soon)) - 60_000)).toBeLessThan(10_000);
  expect(Math.abs((await waits(later)) - 3_600_000)).toBeLessThan(10_000);
  expect(await at.queue.getJob(past)).toMatchObject({ state: 'queued' });
});

test.each([
  ['of new ids', (_n: number) => ({})],
  ['of ids of the caller', (n: number) => ({ id: `order-${n}` })],
  ['of both', (n: number) => (n % 3 === 0 ? { id: `order-${n}` } : {})],
])('several relays keep the order of a priority, %s, and a higher one comes first', async (_, options) => {
  const at = await bench();
  const jobs = Array.from({ length: 1_500 }, (_, n) => report.of({ n }, { ...options(n) }));
  jobs.push(report.of({ n: 7_777 }, { priority: 'critical' }));
  await at.outbox.addJobs(at.client, jobs);
  const relays = await Promise.all([1, 2, 3].map(() => at.relay({ batchSize: 100 })));
  await isEmpty(at);
  const numbers = (await at.stored()).map(({ payload }) => (payload as { n: number }).n);
  expect(numbers).toEqual([7_777, ...Array.from({ length: 1_500 }, (_, n) => n)]);
  const shares = relays.map(({ stats }) => stats.published);
  expect(shares.reduce((sum, share) => sum + share)).toBe(1_501);
  // They take turns.
  expect(Math.min(...shares)).toBeGreaterThan(0);
});

test('a row that can never be a job is set aside with its error, and the others go on', async () => {
  const at = await bench();
  await at.queue.addJob('other', {}, 'normal', { id: 'taken' });
  const insert = (payload: string, more = `NULL, NULL`) =>
    at.client.query(
      `INSERT INTO ${at.table} (type, payload, job_id, options) VALUES ('report', '${payload}', ${more})`,
    );
  await insert('{"n": 1}');
  await insert('{"n": 12345678901234567890}');
  await insert('{"n": 2}', `'taken', NULL`);
  await insert('{"n": 3}', `NULL, '{"retries": 3}'`);
  await insert('{"n": 4}', `NULL, '{"delayMs": 3}'`);
  await insert('{"n": 5}');
  const relay = await at.relay();
  await expect.poll(() => relay.stats).toMatchObject({ published: 2, setAside: 4 });
  const status = await readOutbox({ databaseUrl: postgres.url, table: at.table });
  expect(status).toMatchObject({ waiting: 0, oldestMs: null, setAside: 4 });
  expect(status.setAsideRows.map(({ code, error }) => `${code} ${error}`)).toEqual([
    expect.stringMatching(/^JETFLEET_BODY_INEXACT .*12345678901234567890/),
    expect.stringMatching(/^JETFLEET_ID_TAKEN .*taken/),
    expect.stringMatching(/^JETFLEET_OPTION_INVALID .*"retries"/),
    expect.stringMatching(/^JETFLEET_OPTION_INVALID .*run_at/),
  ]);
  const own = (await at.stored()).filter(({ id }) => id !== 'taken');
  expect(own.map(({ payload }) => payload)).toEqual([{ n: 1 }, { n: 5 }]);
  // Corrected, it is published after all.
  await at.client.query(`UPDATE ${at.table} SET options = NULL WHERE options IS NOT NULL`);
  const [, , third, fourth] = status.setAsideRows.map(({ seq }) => seq);
  expect(await retryOutboxRows([third as string], { databaseUrl: postgres.url, table: at.table })).toBe(1);
  expect(await retryOutboxRows([fourth as string], { databaseUrl: postgres.url, table: at.table })).toBe(1);
  await expect.poll(() => relay.stats).toMatchObject({ published: 4 });
});

test('the schema of a definition that the queue knows sets a row aside that does not fit it', async () => {
  const at = await bench();
  const queue = new JobQueueService({ servers: nats.url, namespace: `${at.table}_defs`, jobs: [report] });
  onTestFinished(() => queue.close());
  await at.outbox.addJob(at.client, 'report', { n: 'not a number' });
  const relay = new OutboxRelay(queue, { databaseUrl: postgres.url, table: at.table });
  onTestFinished(() => relay.stop());
  await relay.start();
  await expect.poll(() => at.rows()).toMatchObject([{ error_code: 'JETFLEET_PAYLOAD_INVALID' }]);
});

test('a row that was tried before is published once: its job is found, waiting, ended or scheduled', async () => {
  const at = await bench();
  const worker = new JobWorkerService(at.queue, { sweep: false });
  worker.registerHandler('report', { handler: () => 'done' });
  await worker.start();
  onTestFinished(async () => void (await worker.shutdown()));
  const insert = async (type: string, options = {}) =>
    at.outbox.addJob(at.client, type, { n: 1 }, 'normal', options);
  const relay = await at.relay();
  const ids = [
    await insert('report'),
    await insert('unhandled'),
    await insert('report', { delayMs: 900_000 }),
  ];
  await isEmpty(at);
  await expect.poll(() => at.queue.getJob(ids[0] as string)).toMatchObject({ state: 'completed' });
  await relay.stop();
  // As if it had died after it had published them.
  const again = (id: string, type: string, delayed = false) =>
    at.client.query(
      `INSERT INTO ${at.table} (id, type, payload, run_at, attempts)
       VALUES ('${id}', '${type}', '{"n": 1}', ${delayed ? `now() + interval '900 s'` : 'NULL'}, 1)`,
    );
  await again(ids[0] as string, 'report');
  await again(ids[1] as string, 'unhandled');
  await again(ids[2] as string, 'report', true);
  const next = await at.relay();
  await isEmpty(at);
  expect(next.stats).toMatchObject({ published: 3, alreadyThere: 3, setAside: 0 });
  expect(await at.queue.getStats()).toMatchObject({ pendingJobs: 2, completedJobs: 1, scheduledJobs: 1 });
});

test('a relay that stops finishes what it has in hand, and leaves the rest', async () => {
  const at = await bench();
  await at.outbox.addJobs(
    at.client,
    Array.from({ length: 5_000 }, (_, n) => report.of({ n })),
  );
  const relay = await at.relay({ batchSize: 200 });
  await expect.poll(() => relay.stats.published, { interval: 1 }).toBeGreaterThan(0);
  await relay.stop();
  const left = await at.rows();
  expect(left.length).toBeGreaterThan(0);
  expect(left.every(({ attempts }) => attempts === 0)).toBe(true);
  expect((await at.queue.getStats()).pendingJobs).toBe(5_000 - left.length);
});

test('one that waits for its turn stops at once', async () => {
  const at = await bench();
  const relay = await at.relay();
  await at.client.query(
    `SELECT pg_advisory_lock((27238::bigint << 32) | '${at.table}'::regclass::oid::bigint)`,
  );
  await at.outbox.addJob(at.client, 'report', {});
  await delay(200);
  const begun = performance.now();
  await relay.stop();
  expect(performance.now() - begun).toBeLessThan(3_000);
});

test('payloads of many megabytes go in several batches', async () => {
  const at = await bench();
  const text = 'x'.repeat(400_000);
  await at.outbox.addJobs(
    at.client,
    Array.from({ length: 30 }, (_, n) => ({ type: 'report', payload: { n, text } })),
  );
  await at.relay();
  await isEmpty(at);
  expect(await at.queue.getStats()).toMatchObject({ pendingJobs: 30 });
});

test('a relay outlives the broker and its database, and says what it waits for', async () => {
  await using broker = await startNats();
  const at = await bench();
  const queue = new JobQueueService({ servers: broker.url, commit: { confirmTimeoutMs: 500 } });
  onTestFinished(() => queue.close());
  const relay = new OutboxRelay(queue, { databaseUrl: postgres.url, table: at.table });
  await relay.start();
  onTestFinished(() => relay.stop());
  broker.kill('SIGKILL');
  await broker.exited;
  const first = await at.outbox.addJob(at.client, 'report', {});
  await expect.poll(() => relay.stats.lastError).toMatchObject({ code: expect.stringMatching(/^JETFLEET_/) });
  await broker.restart();
  await isEmpty(at);
  expect(await queue.getJob(first)).toMatchObject({ state: 'queued' });
  // Every session of its database ends.
  await at.client.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  const second = await at.outbox.addJob(at.client, 'report', {});
  await isEmpty(at);
  expect(await queue.getJob(second)).toMatchObject({ state: 'queued' });
  await expect.poll(() => relay.stats.lastError).toBeUndefined();
});

it('says what is missing before it begins: the table, a column, the right, the database', async () => {
  const at = await bench();
  const start = (options: RelayOptions) => new OutboxRelay(at.queue, options).start();
  const databaseUrl = postgres.url;
  await expect(start({ databaseUrl, table: 'nothing' })).rejects.toMatchObject({
    code: 'JETFLEET_OUTBOX_TABLE',
    message: expect.stringMatching(/nothing.*jetfleet outbox setup/),
  });
  await at.client.query('CREATE TABLE half (seq bigint)');
  await expect(start({ databaseUrl, table: 'half' })).rejects.toMatchObject({
    code: 'JETFLEET_OUTBOX_TABLE',
  });
  await at.client.query('CREATE ROLE nobody LOGIN');
  await expect(
    start({ databaseUrl: databaseUrl.replace('postgres@', 'nobody@'), table: at.table }),
  ).rejects.toMatchObject({
    code: 'JETFLEET_OUTBOX_TABLE',
    message: expect.stringMatching(/permission denied.*grant/),
  });
  await expect(start({ databaseUrl: 'postgres://postgres:secret@127.0.0.1:1/x' })).rejects.toMatchObject({
    code: 'JETFLEET_OUTBOX_UNREACHABLE',
    message: expect.not.stringContaining('secret'),
  });
});

test('the rights that the guide names are enough', async () => {
  const at = await bench();
  await at.client.query(`CREATE ROLE app LOGIN; GRANT INSERT ON ${at.table} TO app;
    CREATE ROLE relay LOGIN; GRANT SELECT, UPDATE, DELETE ON ${at.table} TO relay`);
  const app = await connectTo(postgres.url.replace('postgres@', 'app@'));
  await at.outbox.addJob(app, 'report', {});
  await at.relay({ databaseUrl: postgres.url.replace('postgres@', 'relay@') });
  await isEmpty(at);
});

test('setup can be run again, in a schema too, and its SQL is printed for tools that keep migrations', async () => {
  const client = await connectTo(postgres.url);
  await client.query('CREATE SCHEMA app');
  for (let n = 0; n < 2; n++) await setupOutbox({ databaseUrl: postgres.url, table: 'app.jobs_out' });
  for (let n = 0; n < 2; n++) await client.query(outboxSql({ table: 'by_hand' }));
  expect(await readOutbox({ databaseUrl: postgres.url, table: 'app.jobs_out' })).toEqual({
    waiting: 0,
    oldestMs: null,
    setAside: 0,
    setAsideRows: [],
    relays: 0,
    notifies: true,
  });
});
