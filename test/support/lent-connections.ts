/**
 * A process that takes connections away from everything that uses them, at many moments, and prints how often it would
 * have ended by that.
 *
 *     node <bundle of this> <NATS URL> <rounds>
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection } from '../../src/broker/connection/connection.js';
import { createHttpApi } from '../../src/http/index.js';
import { JobQueueService, JobWorkerService, type NatsConnection } from '../../src/index.js';
import { listWorkers, watchMachines } from '../../src/inspect/index.js';

const [servers = '', rounds = '1'] = process.argv.slice(2);
const problems: string[] = [];
const note = (kind: string) => (thrown: unknown) => {
  problems.push(`${kind}: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
};
process.on('uncaughtException', note('uncaughtException'));
process.on('unhandledRejection', note('unhandledRejection'));

/** How an owner can take a connection away. */
const ENDS: ((connection: NatsConnection) => unknown)[] = [
  (connection) => connection.drain(),
  (connection) => connection.close(),
  async (connection) => {
    await connection.reconnect();
    await connection.close();
  },
  (connection) => Promise.allSettled([connection.drain(), connection.drain(), connection.close()]),
];
const quietly = (work: Promise<unknown>) => void work.catch(() => {});

async function round(number: number): Promise<void> {
  const connection = await openConnection({ servers });
  const namespace = `lent_${process.pid}_${number % 2}`;
  const queue = new JobQueueService({
    connection,
    namespace,
    ackWaitMs: 1_000,
    commit: { confirmTimeoutMs: 200, giveUpMs: 500 },
  });
  const worker = new JobWorkerService(queue, { sweep: { intervalMs: 20 } });
  worker.registerHandler('slow', {
    concurrency: 20,
    claim: number % 2 === 0 ? 'durable' : 'early',
    handler: async (job) => {
      quietly(job.saveCheckpoint({ at: 1 }));
      await delay(Math.random() * 20);
      return 'x'.repeat(100);
    },
  });
  worker.registerHandler('failing', { concurrency: 5, handler: () => Promise.reject(new Error('no')) });
  const api = createHttpApi(queue, { local: true });
  const starting = worker.start();
  quietly(starting);
  if (number % 3 > 0) await starting;
  quietly(
    queue.events({ durable: 'd', from: 'all', concurrency: 5, maxDeliver: 1 }, async () => {
      await delay(5);
      throw new Error('no');
    }),
  );
  quietly(
    queue.feed().then(async (feed) => {
      for await (const _ of feed);
    }),
  );
  quietly(watchMachines(queue, {}, () => {}));
  quietly(api.fetch(new Request('http://localhost/api/v1/events')).then((response) => response.text()));
  quietly(api.fetch(new Request('http://localhost/api/v1/live')).then((response) => response.text()));
  const adding = (async () => {
    for (let n = 0; n < 200; n++) {
      quietly(queue.addJob(n % 5 === 0 ? 'failing' : 'slow', n, 'normal'));
      if (n % 20 === 0) {
        quietly(queue.getStats());
        quietly(queue.getJobs());
        quietly(listWorkers(queue));
        quietly(queue.addJobs([{ type: 'slow', payload: 1 }]));
        await delay(1);
      }
    }
  })();
  quietly(adding);
  await delay((number * 7) % 60);
  // The client never says that a drain is over that a close has cut off.
  await Promise.race([Promise.allSettled([ENDS[number % ENDS.length]?.(connection)]), delay(500)]);
  await Promise.allSettled([adding, starting]);
  await delay(300);
  const began = performance.now();
  await Promise.allSettled([worker.shutdown(300), api.close()]);
  await Promise.allSettled([queue.close()]);
  const tookMs = performance.now() - began;
  if (tookMs > 10_000) problems.push(`round ${number}: the end took ${Math.round(tookMs)} ms`);
  await Promise.allSettled([connection.close()]);
}

for (let number = 0; number < Number(rounds); number += 4) {
  await Promise.all([0, 1, 2, 3].map((more) => round(number + more)));
}
// What timers of ended rounds may still throw.
await delay(1_500);
process.stdout.write(JSON.stringify({ problems }));
process.exit(0);
