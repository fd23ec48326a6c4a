/**
 * A worker process for tests that kill or freeze it. It handles `crashy`: prints `running <id> <attempt>`, and ends
 * after as many milliseconds as the payload's `runMs` says. Of `deadly` it dies once it has printed `ready`, before the claim
 * of a new job is due.
 *
 *     node <bundle of this> <NATS URL> <namespace> <ack wait ms> <name>
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, JobQueueService, JobWorkerService } from '../../src/index.js';

const [servers = '', namespace = '', ackWaitMs = '1000', name = 'crashy'] = process.argv.slice(2);
const queue = new JobQueueService({
  servers,
  namespace,
  ackWaitMs: Number(ackWaitMs),
  logger: createLogger('debug'),
});
const worker = new JobWorkerService(queue, { name });
worker.registerHandler<{ runMs: number }>('crashy', {
  // A crash counts as an attempt from the moment on when the claim is written.
  claim: 'durable',
  handler: async ({ id, attempt, payload }) => {
    process.stdout.write(`running ${id} ${attempt}\n`);
    await delay(payload.runMs);
    return { by: name };
  },
});
let onReady = () => {};
const ready = new Promise<void>((resolve) => {
  onReady = resolve;
});
worker.registerHandler('deadly', {
  claimAfterMs: 1_000,
  handler: async () => {
    await ready;
    process.kill(process.pid, 'SIGKILL');
  },
});
await worker.start();
process.stdout.write('ready\n');
onReady();
process.on('SIGTERM', async () => {
  await worker.shutdown(5_000);
  await queue.close();
});
