import { JobQueueService, JobWorkerService } from 'jetfleet';
import { type BenchJob, type BenchPayload, chunksOf, type Session } from './system.js';

const TYPE = 'noop';
const CHUNK = 10_000;

/** The product as it is built, with its defaults (three attempts among them) except for the worker's concurrency. */
export async function openJetfleet(url: string): Promise<Session> {
  const queue = new JobQueueService({ servers: url });
  await queue.setup([TYPE]);
  return {
    async add({ payload, priority }) {
      await queue.addJob(TYPE, payload, priority);
    },
    async addBulk(jobs) {
      for (const chunk of chunksOf(jobs, CHUNK)) await queue.addJobs(chunk.map(newJob));
    },
    async startWorker(concurrency, handler) {
      const worker = new JobWorkerService(queue);
      worker.registerHandler<BenchPayload>(TYPE, { concurrency, handler: ({ payload }) => handler(payload) });
      await worker.start();
      return { stop: async () => void (await worker.shutdown()) };
    },
    async unfinished() {
      const { pendingJobs, processingJobs } = await queue.getStats();
      return pendingJobs + processingJobs;
    },
    close: () => queue.close(),
  };
}

function newJob({ payload, priority }: BenchJob) {
  return { type: TYPE, payload, priority };
}
