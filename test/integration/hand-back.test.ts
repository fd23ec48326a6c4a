import { setTimeout as delay, setImmediate as turnEnd } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, JobQueueService, type JobRecord, JobWorkerService } from '../../src/index.js';
import { removeAcknowledged } from '../../src/queue/retention/acknowledged-messages.js';
import { acknowledgedUpTo } from '../../src/queue/retention/purgeable.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Far below the 15 s after which a message comes again by itself, and far above what handing on takes. */
const SOON_MS = 10_000;

describe('a message that was handed back', () => {
  it.each([
    ['an id', true, 'jobs', 'step'],
    ['no id', false, 'jobs', 'step'],
    ['an id, of webhooks', true, 'webhooks', 'send_webhook'],
    ['no id, of webhooks', false, 'webhooks', 'send_webhook'],
  ] as const)(
    'with %s is handed out at once when those before it are removed',
    async (_, hasId, kind, type) => {
      await using fleet = await startFleet({ nats, workers: 0 });
      await fleet.queue.setup([type]);
      const broker = await fleet.queue.broker();
      const { connection, subjects, topology } = broker;
      const consumer = { kind, ...subjects.consumerFor(kind, 'low', type) };
      const address = { kind, priority: 'low', type } as const;
      for (const id of ['a', 'b', 'c'])
        await jetstream(connection).publish(subjects.work(hasId ? { ...address, id } : address), id);
      const source = await jetstream(connection).consumers.get(subjects.streamName(kind), consumer.name);
      const first = await source.next();
      const second = await source.next();
      await first?.ackAck();
      second?.nak();
      await connection.flush();

      const info = await topology.consumer(kind, consumer.name);
      const floor = info ? acknowledgedUpTo(info) : 0;
      expect(floor).toBe(first?.seq);
      await removeAcknowledged(
        broker,
        { ...consumer, known: { seqs: new Set([floor]), lastTaken: [] } },
        floor,
      );
      expect((await topology.streamInfo(kind)).state.messages).toBe(2);

      const again = await source.next({ expires: SOON_MS });
      expect(again?.seq).toBe(second?.seq);
    },
  );
});

it('jobs that a drain hands back start elsewhere at once, although the drain removes messages', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const handler = ({ payload, signal }: JobContext) =>
    payload === 'long' ? delay(60_000, undefined, { signal }) : undefined;
  const options = { step: { handler, concurrency: 4 } };
  const add = (payload: string, count: number) =>
    fleet.queue.addJobs(Array.from({ length: count }, () => ({ type: 'step', payload })));
  const waits: number[] = [];
  for (let drains = 0; drains < 4; drains++) {
    const worker = await fleet.addWorker(options);
    for (const id of await add('short', 5)) await fleet.waitForJob(id, 'completed');
    const long = await add('long', 3);
    for (const id of long) await fleet.waitForJob(id, 'running');
    // Its messages of ended jobs go, below those that it has just handed back.
    expect(await worker.shutdown(10)).toEqual({ released: 3 });
    const other = await fleet.addWorker(options);
    const startedAt = performance.now();
    for (const id of long) await fleet.waitForJob(id, 'running');
    waits.push(performance.now() - startedAt);
    for (const id of long) await fleet.queue.cancel(id);
    await other.shutdown();
  }
  expect(Math.max(...waits)).toBeLessThan(SOON_MS);
});

describe.concurrent('a job that is still on its way when the shutdown has ended', () => {
  it.each([
    ['claim.delivered', ['running']],
    ['claim.written', ['running', 'queued', 'running']],
    ['run.ended', ['running', 'queued', 'running']],
  ] as const)('at %s goes back before any close() of the queue has ended', async (failpoint, states) => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const queue = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
    const reached = gate();
    const held = gate();
    const worker = new JobWorkerService(queue, {
      onFailpoint: async (each) => {
        if (each !== failpoint) return;
        reached.open();
        await held.opened;
      },
    });
    const handler = ({ signal }: JobContext) => delay(60_000, undefined, { signal });
    worker.registerHandler('step', { handler });
    await worker.start();
    const id = await fleet.queue.addJob('step', {});
    await (failpoint === 'run.ended' ? fleet.waitForJob(id, 'running') : reached.opened);

    await worker.shutdown(0);
    // As when a process gets the signal to end twice.
    let isClosed = false;
    const closed = [queue.close(), queue.close()].map((each) =>
      each.then(() => {
        isClosed = true;
      }),
    );
    await turnEnd();
    expect(isClosed).toBe(false);
    held.open();
    await Promise.race(closed);
    const startedAt = performance.now();
    await fleet.addWorker({ step: { handler } });
    const isElsewhere = (job: JobRecord) => job.state === 'running' && job.worker !== worker.name;
    const { attempt } = await fleet.waitForJob(id, isElsewhere);
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
    expect(attempt).toBe(1);
    expect((await fleet.history(id)).map(({ state }) => state)).toEqual(states);
    await fleet.queue.cancel(id);
  });
});
