/**
 * How much of a rate gets through, and whether any time of it holds more starts than it allows. Workers are processes of their own.
 *
 *     npx tsx bench/rate.ts [max] [per ms] [seconds] [workers] [slots of each]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defineJob, JobQueueService, JobWorkerService } from 'jetfleet';
import { ask, endChild, nextMessage, serveParent } from './measures/child-process.js';
import { startNats } from './servers/nats.js';

const [MAX, PER_MS, SECONDS, WORKERS, SLOTS] = [100, 1_000, 60, 2, 20].map((usual, index) =>
  Number(process.argv[index + 2] ?? usual),
) as [number, number, number, number, number];
const SERVER = process.argv[7];
const paced = defineJob({ type: 'paced', limits: [{ per: 'type', rate: { max: MAX, perMs: PER_MS } }] });

if (SERVER) await work(SERVER);
else await measure();

async function work(servers: string): Promise<void> {
  const queue = new JobQueueService({ servers });
  const worker = new JobWorkerService(queue);
  const starts: number[] = [];
  worker.handle(
    paced,
    async () => {
      // All processes are on one machine, and so have one clock.
      starts.push(performance.timeOrigin + performance.now());
    },
    { concurrency: SLOTS },
  );
  const answer = async (said: unknown) => {
    if (said !== 'start') return starts;
    await worker.start();
    return 'started';
  };
  serveParent(answer, async () => {
    await worker.shutdown(1_000);
    await queue.close();
  });
}

async function measure(): Promise<void> {
  const nats = await startNats('periodic');
  const queue = new JobQueueService({ servers: nats.url });
  await queue.setup(['paced']);
  const due = Math.ceil((SECONDS * 1_000 * MAX) / PER_MS);
  await queue.addJobs(Array.from({ length: Math.ceil(due * 1.1) }, () => paced.of({})));
  const processes = await Promise.all(Array.from({ length: WORKERS }, () => startProcess(nats.url)));
  await Promise.all(processes.map((each) => ask(each, 'start')));
  await delay(SECONDS * 1_000 + 1_000);
  const starts = (await Promise.all(processes.map((each) => ask<number[]>(each, 'starts'))))
    .flat()
    .sort((a, b) => a - b);
  await Promise.all(processes.map(endChild));
  await queue.close();
  await nats[Symbol.asyncDispose]();

  const first = starts[0] ?? 0;
  const counted = starts.filter((atMs) => atMs < first + SECONDS * 1_000);
  let most = 0;
  let from = 0;
  for (const [index, atMs] of starts.entries()) {
    while ((starts[from] as number) <= atMs - PER_MS) from++;
    most = Math.max(most, index - from + 1);
  }
  const perSecond = Array.from({ length: SECONDS }, (_, second) => {
    return counted.filter((atMs) => Math.floor((atMs - first) / 1_000) === second).length;
  });
  const figures = { due, started: counted.length, part: counted.length / due, most, max: MAX, perSecond };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

async function startProcess(url: string): Promise<ChildProcess> {
  const args = [MAX, PER_MS, SECONDS, WORKERS, SLOTS].map(String);
  const child = fork(fileURLToPath(import.meta.url), [...args, url]);
  await nextMessage(child, 'a worker');
  return child;
}
