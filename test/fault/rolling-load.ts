/**
 * Restarts a cluster of three nodes one by one under load, and reports what its clients noticed.
 *
 *     npm run fault:rolling -- [--rate 500] [--seconds 20] [--json]
 *
 * `--seconds` is how long the load goes on before the first restart and after the last one. It ends with 1 when an add has failed, a job is
 * lost, or the 99th percentile of start latencies outside of elections is 3 s or more. The last line on stdout is JSON.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findNatsServer } from '../../src/embedded/find-binary.js';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { isTerminal, PRIORITIES } from '../../src/jobs/vocabulary.js';
import { type Cluster, startCluster } from '../support/cluster.js';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);
const TYPE = 'load';
const TICK_MS = 10;
const MAX_P99_MS = 3_000;
/** From an election on, what has waited for it is worked off. */
const AFTER_ELECTION_MS = 1_000;
const QUIET_WITHIN_MS = 120_000;

/** By `performance.now()`. */
interface Load {
  addedAt: number[];
  storedAt: (number | undefined)[];
  startedAt: (number | undefined)[];
  runs: number[];
  failed: string[];
  ids: string[];
}

interface Span {
  fromMs: number;
  toMs: number;
}

function report(line: string): void {
  if (!values.json) process.stderr.write(`${line}\n`);
}

/** Adds jobs at an even rate until it is stopped; resolves when each add has its answer. */
async function produce(queue: JobQueueService, load: Load, isOver: () => boolean): Promise<void> {
  const underWay: Promise<void>[] = [];
  const startedMs = performance.now();
  for (let n = 0; !isOver(); ) {
    const due = Math.floor(((performance.now() - startedMs) * rate) / 1_000);
    for (; n < due; n++) underWay.push(addOne(queue, load, n));
    await delay(TICK_MS);
  }
  await Promise.all(underWay);
}

async function addOne(queue: JobQueueService, load: Load, n: number): Promise<void> {
  load.addedAt[n] = performance.now();
  try {
    load.ids[n] = await queue.addJob(TYPE, { n });
    load.storedAt[n] = performance.now();
  } catch (error) {
    load.failed.push(String(error));
  }
}

/** Each node is stopped as for an upgrade, and started again; the next one once all have caught up. */
async function restartAll(cluster: Cluster, streams: readonly string[]): Promise<Span[]> {
  const elections: Span[] = [];
  for (const node of cluster.nodes) {
    const fromMs = performance.now();
    await node.terminate();
    await Promise.all(streams.map((stream) => cluster.leaderOf(stream)));
    const consumers = PRIORITIES.map((priority) => `${TYPE}-${priority}`);
    const [jobs = ''] = streams;
    await Promise.all(consumers.map((consumer) => cluster.consumerLeaderOf(jobs, consumer)));
    const toMs = performance.now() + AFTER_ELECTION_MS;
    elections.push({ fromMs, toMs });
    report(`${node.name} stopped; leaders after ${Math.round(toMs - fromMs - AFTER_ELECTION_MS)} ms`);
    await node.restart();
    await cluster.ready();
    // A node that comes back may take the lead of what it led before.
    report(`${node.name} is back after ${Math.round(performance.now() - fromMs)} ms`);
  }
  return elections;
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0);
}

function latencies(load: Load, isCounted: (n: number) => boolean): number[] {
  return load.startedAt
    .flatMap((startedMs, n) =>
      startedMs === undefined || !isCounted(n) ? [] : startedMs - (load.addedAt[n] as number),
    )
    .sort((a, b) => a - b);
}

async function lostOf(queue: JobQueueService, load: Load): Promise<string[]> {
  const lost: string[] = [];
  for (const [n, id] of load.ids.entries()) {
    if (id === undefined) continue;
    const job = await queue.getJob(id);
    if (!job || !isTerminal(job.status) || !load.runs[n]) lost.push(id);
  }
  return lost;
}

process.env.NATS_SERVER_BIN = (await findNatsServer()).path;
await using cluster = await startCluster({ size: 3 });
const options = { servers: cluster.urls, namespace: 'load', replicas: 3 };
await using queue = new JobQueueService(options);
await using workerQueue = new JobQueueService(options);
await queue.setup([TYPE]);
const load: Load = { addedAt: [], storedAt: [], startedAt: [], runs: [], failed: [], ids: [] };
const worker = new JobWorkerService(workerQueue, { sweep: false });
worker.registerHandler<{ n: number }>(TYPE, {
  concurrency: 100,
  handler: ({ payload: { n } }) => {
    load.startedAt[n] ??= performance.now();
    load.runs[n] = (load.runs[n] ?? 0) + 1;
  },
});
await worker.start();
let isOver = false;
const producing = produce(queue, load, () => isOver);
await delay(seconds * 1_000);
const elections = await restartAll(cluster, ['LOAD_JOBS', 'LOAD_EVENTS', 'LOAD_TIMERS']);
await delay(seconds * 1_000);
isOver = true;
await producing;
const stored = load.ids.filter((id) => id !== undefined).length;
const ranAll = () => load.ids.every((id, n) => id === undefined || load.runs[n] !== undefined);
for (const end = performance.now() + QUIET_WITHIN_MS; !ranAll() && performance.now() < end; )
  await delay(100);
// The last records may be on their way.
await worker.shutdown(10_000);
const lost = await lostOf(queue, load);
const meets = (n: number) =>
  elections.some(
    ({ fromMs, toMs }) => (load.addedAt[n] as number) < toMs && (load.startedAt[n] ?? Infinity) > fromMs,
  );
const outside = latencies(load, (n) => !meets(n));
const all = latencies(load, () => true);
const p99Ms = percentile(outside, 0.99);
const summary = {
  rate,
  jobs: load.addedAt.length,
  stored,
  failedAdds: load.failed.length,
  lost: lost.length,
  repeatedRuns: load.runs.filter((runs) => runs > 1).length,
  electionsMs: elections.map(({ fromMs, toMs }) => Math.round(toMs - fromMs - AFTER_ELECTION_MS)),
  outsideElections: {
    jobs: outside.length,
    p50Ms: percentile(outside, 0.5),
    p99Ms,
    maxMs: percentile(outside, 1),
  },
  whole: { p50Ms: percentile(all, 0.5), p99Ms: percentile(all, 0.99), maxMs: percentile(all, 1) },
};
for (const failure of new Set(load.failed)) report(failure);
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exitCode = load.failed.length === 0 && lost.length === 0 && p99Ms < MAX_P99_MS ? 0 : 1;
