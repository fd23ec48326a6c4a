/**
 * What parents cost their worker while they wait for their children. The worker is a process of its own with 20 slots, so parents that
 * held one would not all come to wait; the children run in this process, once all parents wait.
 *
 *     npx tsx bench/parents.ts [parents] [children of each]
 */
import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defineJob, JobQueueService, JobWorkerService } from 'jetfleet';
import { z } from 'zod';
import { ask, endChild, nextMessage, serveParent } from './measures/child-process.js';
import { startNats } from './servers/nats.js';

interface Memory {
  rss: number;
  heapUsed: number;
  external: number;
}

const [PARENTS, CHILDREN, SERVER] = [
  Number(process.argv[2] ?? 10_000),
  Number(process.argv[3] ?? 10),
  process.argv[4],
];
/** Parents that come and go before, so that all code has run. */
const WARM_UP = 500;
const parent = defineJob({ type: 'parent', payload: z.object({ children: z.number() }) });
const leaf = defineJob({ type: 'leaf', payload: z.object({ n: z.number() }) });

if (SERVER) await holdParents(SERVER);
else await measure();

async function holdParents(servers: string): Promise<void> {
  const queue = new JobQueueService({ servers });
  const worker = new JobWorkerService(queue);
  worker.handle(
    parent,
    async (job) => {
      const list = Array.from({ length: job.payload.children }, (_, n) => leaf.of({ n }));
      return (await job.children(list)).length;
    },
    { concurrency: 20 },
  );
  await worker.start();
  const memory = (): Memory => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  };
  serveParent(memory, async () => {
    await worker.shutdown(1_000);
    await queue.close();
  });
}

async function measure(): Promise<void> {
  const nats = await startNats('periodic');
  const queue = new JobQueueService({ servers: nats.url });
  await queue.setup(['parent', 'leaf']);
  const holder = fork(fileURLToPath(import.meta.url), [String(PARENTS), String(CHILDREN), nats.url], {
    execArgv: [...process.execArgv, '--expose-gc'],
  });
  await nextMessage(holder, 'a worker');

  const leaves = new JobWorkerService(queue);
  leaves.handle(leaf, async ({ payload }) => payload.n, { concurrency: 64 });
  await leaves.start();
  await queue.addJobs(Array.from({ length: WARM_UP }, () => parent.of({ children: CHILDREN })));
  await until(async () => (await stats()).completedJobs >= WARM_UP * (CHILDREN + 1));
  await leaves.shutdown(10_000);
  const before = await ask<Memory>(holder, 'memory');

  const began = performance.now();
  await queue.addJobs(Array.from({ length: PARENTS }, () => parent.of({ children: CHILDREN })));
  await until(async () => (await stats()).waitingJobs === PARENTS);
  const waitAfterMs = performance.now() - began;
  const waiting = await ask<Memory>(holder, 'memory');

  const again = new JobWorkerService(queue);
  again.handle(leaf, async ({ payload }) => payload.n, { concurrency: 64 });
  const woken = performance.now();
  await again.start();
  await until(async () => (await stats()).completedJobs >= (PARENTS + WARM_UP) * (CHILDREN + 1));
  const figures = {
    parents: PARENTS,
    children: PARENTS * CHILDREN,
    allWaitAfterS: seconds(waitAfterMs),
    rssGrowthMB: megabytes(waiting.rss - before.rss),
    heapGrowthMB: megabytes(waiting.heapUsed + waiting.external - before.heapUsed - before.external),
    allEndedAfterS: seconds(performance.now() - woken),
    rssAtEndMB: megabytes((await ask<Memory>(holder, 'memory')).rss),
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  await again.shutdown(10_000);
  await endChild(holder);
  await queue.close();
  await nats[Symbol.asyncDispose]();

  function stats() {
    return queue.getStats();
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(200);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
