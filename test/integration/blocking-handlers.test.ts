import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, JobQueueService, JobWorkerService } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const ACK_WAIT_MS = 1_500;

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Blocks the event loop of this process, and takes no turn of the machine for it. The server, and so its leases, go on. */
function block(ms: number, meanwhile = () => {}): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (const end = performance.now() + ms; performance.now() < end; ) {
    meanwhile();
    Atomics.wait(nothing, 0, 0, 1);
  }
}

const started = (handlers: Record<string, (job: JobContext) => unknown>) =>
  startFleet({ nats, worker: { sweep: false }, queue: { ackWaitMs: ACK_WAIT_MS }, handlers });

describe('a handler that blocks the event loop for longer than the lease', () => {
  it('loses its job without a heartbeat', async () => {
    await using fleet = await started({
      work: async ({ attempt, signal }) => {
        if (attempt > 1) return 'second';
        await delay(200);
        block(3 * ACK_WAIT_MS);
        await delay(1_000, undefined, { signal });
        return 'first';
      },
    });
    const id = await fleet.queue.addJob('work', {});
    // Its own worker is handed the message again, and goes on with it; the server has counted a delivery.
    const job = await fleet.queue.ended(id, { timeoutMs: 20_000 });
    expect(job.result).toMatch(/first|second/);
    const broker = await fleet.queue.broker();
    const info = await broker.topology.consumer('jobs', 'work-normal');
    expect(info?.delivered.consumer_seq).toBeGreaterThan(1);
  });

  it('keeps it, and all others of its worker, with heartbeats from within the loop', async () => {
    let isBlocked = false;
    await using fleet = await started({
      work: async ({ heartbeat }) => {
        await delay(300);
        isBlocked = true;
        block(3 * ACK_WAIT_MS, heartbeat);
        return 'done';
      },
      other: async () => {
        while (!isBlocked) await delay(5);
        return 'other';
      },
    });
    const ids = await Promise.all(['work', 'other'].map((type) => fleet.queue.addJob(type, {})));
    const [job, other] = await Promise.all(ids.map((id) => fleet.queue.ended(id, { timeoutMs: 20_000 })));
    expect(job).toMatchObject({ result: 'done', attempt: 1 });
    expect(other).toMatchObject({ result: 'other', attempt: 1 });
    const broker = await fleet.queue.broker();
    for (const type of ['work', 'other']) {
      const info = await broker.topology.consumer('jobs', `${type}-normal`);
      expect(info?.delivered.consumer_seq).toBe(1);
    }
  });

  it('keeps it by a lease that was extended ahead, and is acknowledged as ever', async () => {
    await using fleet = await started({
      work: async (job) => {
        await delay(300);
        await job.extendLease(3 * ACK_WAIT_MS + 2_000);
        block(3 * ACK_WAIT_MS);
        await job.extendLease(0);
        await delay(ACK_WAIT_MS);
        return 'done';
      },
    });
    const id = await fleet.queue.addJob('work', {});
    expect(await fleet.queue.ended(id, { timeoutMs: 20_000 })).toMatchObject({ result: 'done', attempt: 1 });
    const broker = await fleet.queue.broker();
    await delay(2 * ACK_WAIT_MS);
    const info = await broker.topology.consumer('jobs', 'work-normal');
    expect(info).toMatchObject({ num_ack_pending: 0, num_redelivered: 0 });
    expect(info?.delivered.consumer_seq).toBe(1);
  });

  it('that ends its extension early can lose its job again; nonsense is refused', async () => {
    const codes: string[] = [];
    await using fleet = await started({
      work: async (job) => {
        for (const ms of [-1, Number.NaN, 25 * 3_600_000, undefined])
          await job.extendLease(ms as number).catch((error) => codes.push(error.code));
        await job.extendLease(60_000);
        await job.extendLease(0);
        block(3 * ACK_WAIT_MS);
        await delay(1_000);
        return 'done';
      },
    });
    const id = await fleet.queue.addJob('work', {});
    await fleet.waitForJob(id, 'running');
    await fleet.queue.ended(id, { timeoutMs: 20_000 });
    const broker = await fleet.queue.broker();
    const info = await broker.topology.consumer('jobs', 'work-normal');
    expect(info?.delivered.consumer_seq).toBeGreaterThan(1);
    expect(codes).toEqual(Array(4).fill('JETFLEET_OPTION_INVALID'));
  });
});

it('a job whose worker is gone with an extended lease starts elsewhere when that ends, and not before', async () => {
  const options = { servers: nats.url, namespace: 'gone', ackWaitMs: ACK_WAIT_MS };
  const queue = new JobQueueService(options);
  const dying = new JobQueueService(options);
  const worker = new JobWorkerService(dying, { sweep: false });
  const begun: number[] = [];
  worker.registerHandler('work', {
    handler: async (job) => {
      begun.push(performance.now());
      await job.extendLease(6_000);
      await delay(60_000);
    },
  });
  await worker.start();
  const id = await queue.addJob('work', {});
  while (begun.length === 0) await delay(10);
  await delay(300);
  // Its connection goes, so that it says nothing any more.
  await (await dying.broker()).connection.close();
  const other = new JobWorkerService(queue, { sweep: false });
  other.registerHandler('work', { handler: () => void begun.push(performance.now()) });
  await other.start();
  expect(await queue.ended(id, { timeoutMs: 30_000 })).toMatchObject({ state: 'completed' });
  const [first = 0, second = 0] = begun;
  expect(second - first).toBeGreaterThan(5_500);
  expect(second - first).toBeLessThan(9_000);
  await Promise.all([worker.shutdown(0), other.shutdown()]);
  await queue.close();
  await dying.close();
});
