/**
 * One worker of the measure `workers`: a process of its own, with the NATS URL and its concurrency as arguments. It says
 * when it has started, answers each message with a `WorkerReport`, and ends in order when its parent disconnects.
 */
import { connect } from '@nats-io/transport-node';
import { JobQueueService, JobWorkerService } from 'jetfleet';
import { serveParent } from './measures/child-process.js';
import { sharedNowMs, TYPE } from './measures/workers.js';

export interface WorkerReport {
  /** Of all jobs that have started. */
  latenciesMs: number[];
  /** What the server has sent since the start. */
  messagesIn: number;
}

const [url = '', concurrency = '1'] = process.argv.slice(2);
const connection = await connect({ servers: url });
const queue = new JobQueueService({ connection });
const worker = new JobWorkerService(queue);
const latenciesMs: number[] = [];
worker.registerHandler<{ addedMs: number }>(TYPE, {
  concurrency: Number(concurrency),
  handler: async ({ payload }) => void latenciesMs.push(sharedNowMs() - payload.addedMs),
});
await worker.start();

const report = (): WorkerReport => ({ latenciesMs, messagesIn: connection.stats().inMsgs });
serveParent(report, async () => {
  await worker.shutdown(1_000);
  await queue.close();
  await connection.close();
});
