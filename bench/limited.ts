/**
 * What a job that does nothing costs under a limit on all workers: CPU time of the process with queue and worker, CPU time of the server, and
 * messages that are stored, for each job. Once nobody waits for a permit, once nearly all do.
 *
 *     npx tsx bench/limited.ts [jobs]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { defineJob, type JobLimit, JobQueueService, JobWorkerService } from 'jetfleet';
import { startEmbeddedServer } from '../src/embedded/index.js';
import { treeUsage } from './servers/process-tree.js';

const JOBS = Number(process.argv[2] ?? 5_000);
const SLOTS = 64;
/** Until what has ended is acknowledged and given back. */
const SETTLE_MS = 1_000;

interface Case {
  name: string;
  slots: number;
  limits?: JobLimit<unknown>[];
}

const CASES: readonly Case[] = [
  { name: 'no limit', slots: SLOTS },
  { name: 'a permit for each', slots: SLOTS, limits: [{ per: 'type', concurrency: 2_000 }] },
  { name: 'no limit, 3 slots', slots: 3 },
  { name: '3 permits', slots: SLOTS, limits: [{ per: 'type', concurrency: 3 }] },
];

for (const each of CASES) process.stdout.write(`${JSON.stringify(await costOf(each))}\n`);

async function costOf({ name, slots, limits }: Case) {
  await using server = await startEmbeddedServer({ port: 0 });
  const queue = new JobQueueService({ servers: server.url });
  const job = defineJob({ type: 'limited', ...(limits && { limits }) });
  await queue.setup(['limited']);
  const worker = new JobWorkerService(queue);
  let ended = 0;
  worker.handle(job, async () => void ended++, { concurrency: slots });
  await worker.start();
  const run = async () => {
    const until = ended + JOBS;
    await queue.addJobs(Array.from({ length: JOBS }, () => job.of({})));
    while (ended < until) await delay(20);
    await delay(SETTLE_MS);
  };
  // By which the code is compiled.
  await run();
  const before = {
    client: process.cpuUsage(),
    server: treeUsage(server.pid),
    stored: await stored(server.monitorUrl),
  };
  await run();
  const client = process.cpuUsage(before.client);
  const figures = {
    name,
    clientMicros: Math.round((client.user + client.system) / JOBS),
    serverMicros: Math.round((treeUsage(server.pid).cpuMicros - before.server.cpuMicros) / JOBS),
    stored: ((await stored(server.monitorUrl)) - before.stored) / JOBS,
  };
  await worker.shutdown(1_000);
  await queue.close();
  return figures;
}

/** How many messages all streams have stored since they were made. */
async function stored(monitorUrl: string): Promise<number> {
  interface Jsz {
    account_details: { stream_detail: { state: { last_seq: number } }[] }[];
  }
  const answer = await fetch(`${monitorUrl}/jsz?streams=true`);
  const { account_details: accounts } = (await answer.json()) as Jsz;
  return accounts.flatMap((each) => each.stream_detail).reduce((sum, { state }) => sum + state.last_seq, 0);
}
