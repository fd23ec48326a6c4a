import { importPeer } from '../peers/import-peer.js';
import { type BenchJob, type BenchPayload, chunksOf, rankOf, type Session } from './system.js';

interface BullMq {
  Queue: new (name: string, options: { connection: Connection }) => BullQueue;
  Worker: new (
    name: string,
    processor: (job: { data: BenchPayload }) => Promise<void>,
    options: { connection: Connection; concurrency: number },
  ) => {
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
    on(event: 'error', on: () => void): void;
  };
}
interface Connection {
  host: string;
  port: number;
  maxRetriesPerRequest: null;
}
interface BullQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: unknown, options: object): Promise<unknown>;
  addBulk(jobs: { name: string; data: unknown; opts: object }[]): Promise<unknown>;
  getJobCounts(...types: string[]): Promise<Record<string, number>>;
  close(): Promise<void>;
}

const QUEUE = 'bench';
const CHUNK = 1_000;
const UNFINISHED = ['waiting', 'prioritized', 'active', 'delayed', 'failed'];

/** Completed jobs are removed, which is the fastest that BullMQ offers. */
export async function openBullMq(url: string): Promise<Session> {
  const { Queue, Worker } = await importPeer<BullMq>('bullmq');
  const { hostname: host, port } = new URL(url);
  const connection: Connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  return {
    async add({ payload, priority }) {
      await queue.add('noop', payload, optionsOf(priority));
    },
    async addBulk(jobs) {
      for (const chunk of chunksOf(jobs, CHUNK)) await queue.addBulk(chunk.map(bulkJob));
    },
    async startWorker(concurrency, handler) {
      const worker = new Worker(QUEUE, ({ data }) => handler(data), { connection, concurrency });
      // Its own connections report here when they are closed; an unheard error would end the process.
      worker.on('error', () => {});
      await worker.waitUntilReady();
      return { stop: () => worker.close() };
    },
    async unfinished() {
      const counts = await queue.getJobCounts(...UNFINISHED);
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    close: () => queue.close(),
  };
}

function optionsOf(priority: BenchJob['priority']): object {
  return { priority: rankOf(priority), attempts: 3, removeOnComplete: true };
}

function bulkJob({ payload, priority }: BenchJob) {
  return { name: 'noop', data: payload, opts: optionsOf(priority) };
}
