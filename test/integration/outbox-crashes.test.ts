/** Relays and their database are killed again and again while transactions commit: each committed row becomes one job. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { Outbox, readOutbox, setupOutbox } from '../../src/outbox/index.js';
import { killAtTheEnd, type RunningCli, startCli } from '../support/cli.js';
import { startNats } from '../support/nats.js';
import { poolOf, startPostgres, type TestPool } from '../support/postgres.js';

const ROUNDS = 20;
const PRODUCERS = 4;
/** Small ones, so that a kill strikes often between the publish and the removal of a batch. */
const BATCH = 25;
/**
 * Between two transactions of a producer: few, so that a kill strikes busy relays, and more while those and the database come back, where
 * nothing is struck.
 */
const BUSY_MS = 1;
const CALM_MS = 50;
/** How a command ends where a server cannot be reached. */
const UNAVAILABLE = 69;

test(`no row is lost and none is doubled when relay and database are killed ${ROUNDS} times each`, async () => {
  await using nats = await startNats();
  await using postgres = await startPostgres();
  const databaseUrl = postgres.url;
  await setupOutbox({ databaseUrl });
  const pool = await poolOf(databaseUrl, PRODUCERS);
  await pool.query('CREATE TABLE orders (n text PRIMARY KEY)', []);
  const ran = new Map<string, number>();
  await using queue = new JobQueueService({ servers: nats.url });
  const worker = new JobWorkerService(queue, { sweep: false });
  worker.registerHandler<{ n: string }>('order', {
    handler: ({ payload: { n } }) => void ran.set(n, (ran.get(n) ?? 0) + 1),
  });
  await worker.start();
  onTestFinished(async () => void (await worker.shutdown(0)));

  const startRelay = () =>
    killAtTheEnd(
      startCli(['outbox', 'relay', '--batch-size', String(BATCH), '--fallback', '500ms'], {
        NATS_URL: nats.url,
        DATABASE_URL: databaseUrl,
        LOG_LEVEL: 'warn',
      }),
    );
  const relays = [supervised(startRelay), supervised(startRelay)];
  const producing = new AbortController();
  let pauseMs = BUSY_MS;
  const producers = Array.from({ length: PRODUCERS }, (_, index) =>
    produce(pool, index, () => delay(pauseMs), producing.signal),
  );

  for (let round = 0; round < ROUNDS; round++) {
    const [first] = relays.splice(0, 1);
    pauseMs = BUSY_MS;
    await delay(Math.random() * 300);
    first?.end('SIGKILL');
    relays.push(supervised(startRelay));
    await delay(Math.random() * 300);
    await postgres.kill();
    pauseMs = CALM_MS;
    await postgres.start();
    // Rows have to flow again, or the next kill would strike nothing.
    const before = ran.size;
    await expect.poll(() => ran.size, { interval: 20, timeout: 60_000 }).toBeGreaterThan(before);
  }
  producing.abort();
  await Promise.all(producers);

  const left = async () => {
    const { waiting, setAside } = await readOutbox({ databaseUrl });
    return waiting + setAside;
  };
  await expect.poll(left, { timeout: 60_000 }).toBe(0);
  const orders = (await pool.query('SELECT n FROM orders', [])).rows.map(({ n }) => String(n));
  expect(orders.length).toBeGreaterThan(ROUNDS * BATCH);
  await expect.poll(() => ran.size, { timeout: 60_000 }).toBeGreaterThanOrEqual(orders.length);
  expect([...ran.keys()].sort()).toEqual(orders.sort());
  expect([...ran.values()].filter((times) => times !== 1)).toEqual([]);
  await expect
    .poll(() => queue.getStats())
    .toMatchObject({ pendingJobs: 0, completedJobs: orders.length, failedJobs: 0 });
  for (const relay of relays) relay.end('SIGTERM');
  expect(await Promise.all(relays.map(({ ended }) => ended))).toEqual([0, 0]);
}, 300_000);

/** A relay that is started again where it finds the database away at its start, as by what supervises services. */
function supervised(start: () => RunningCli) {
  let isOver = false;
  let relay = start();
  const run = async () => {
    for (;;) {
      const { code } = await relay.ended;
      if (isOver || code !== UNAVAILABLE) return code;
      relay = start();
    }
  };
  const end = (signal: NodeJS.Signals) => {
    isOver = true;
    relay.child.kill(signal);
  };
  return { ended: run(), end };
}

/** Orders and their jobs in one transaction; every fifth is rolled back. An error says that the database is away. */
async function produce(
  pool: TestPool,
  index: number,
  pause: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const outbox = new Outbox();
  for (let serial = 0; !signal.aborted; serial++) {
    let client: Awaited<ReturnType<TestPool['connect']>> | undefined;
    try {
      client = await pool.connect();
      await client.query('BEGIN');
      const names = Array.from({ length: 1 + (serial % 9) }, (_, n) => `${index}-${serial}-${n}`);
      await client.query('INSERT INTO orders SELECT unnest($1::text[])', [names]);
      await outbox.addJobs(
        client,
        names.map((n, at) => ({ type: 'order', payload: { n }, ...(at % 4 === 3 && { id: `order-${n}` }) })),
      );
      await client.query(serial % 5 === 4 ? 'ROLLBACK' : 'COMMIT');
      client.release();
    } catch {
      client?.release(true);
      await delay(20);
    }
    await pause();
  }
}
