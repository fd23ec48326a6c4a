/**
 * How many rows of an outbox one relay publishes in a second: of a backlog, and while rows are inserted. Both servers flush at each
 * commit, and everything shares this machine.
 *
 *     npx tsx bench/outbox.ts [rows]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { JobQueueService } from 'jetfleet';
import { Outbox, OutboxRelay, setupOutbox } from 'jetfleet/outbox';
import { startNats } from './servers/nats.js';
import { startPostgres } from './servers/postgres.js';

interface Pool {
  query(text: string, values?: unknown[]): Promise<unknown>;
  end(): Promise<void>;
}

const ROWS = Number(process.argv[2] ?? 50_000);
/** Rows of one transaction. */
const TOGETHER = 50;
const PRODUCERS = 8;

const driver = 'pg';
const { Pool } = (await import(driver)).default as { Pool: new (options: object) => Pool };
const nats = await startNats('fsync');
const postgres = await startPostgres();
const databaseUrl = postgres.url;
const pool = new Pool({ connectionString: databaseUrl, max: PRODUCERS + 1 });
const queue = new JobQueueService({ servers: nats.url });
const outbox = new Outbox();
await queue.connect();

const jobs = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    type: 'report',
    payload: { n, account: 'acme', month: 'May', text: 'x'.repeat(150) },
  }));

async function insertAll(rows: number): Promise<void> {
  let left = rows / TOGETHER;
  const produce = async () => {
    while (left-- > 0) await outbox.addJobs(pool, jobs(TOGETHER));
  };
  await Promise.all(Array.from({ length: PRODUCERS }, produce));
}

async function published(rows: number): Promise<void> {
  while (relay.stats.published < rows) await delay(5);
}

/** Rows a second. */
async function rate(rows: number, work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return Math.round((rows * 1000) / (performance.now() - begun));
}

const relay = new OutboxRelay(queue, { databaseUrl });
await setupOutbox({ databaseUrl });
const inserted = await rate(ROWS, () => insertAll(ROWS));
const backlog = await rate(ROWS, async () => {
  await relay.start();
  await published(ROWS);
});
const both = await rate(ROWS, async () => {
  await insertAll(ROWS);
  await published(2 * ROWS);
});
await relay.stop();
const { pendingJobs } = await queue.getStats();
if (pendingJobs !== 2 * ROWS) throw new Error(`${pendingJobs} jobs of ${2 * ROWS} rows`);
const figures = { insertedWithoutRelay: inserted, publishedOfABacklog: backlog, insertedAndPublished: both };
process.stdout.write(`${JSON.stringify(figures)}\n`);
await Promise.all([pool.end(), queue.close()]);
await Promise.all([nats[Symbol.asyncDispose](), postgres[Symbol.asyncDispose]()]);
