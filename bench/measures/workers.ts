import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { JobQueueService } from 'jetfleet';
import { scriptOf } from '../script.js';
import { treeUsage } from '../servers/process-tree.js';
import { CONCURRENCY } from '../sizes.js';
import type { WorkerReport } from '../worker.js';
import { ask, endChild, nextMessage } from './child-process.js';
import type { Measure } from './measure.js';
import { atEvenPace } from './pace.js';
import { latencyFigures } from './start-latency.js';

const JOBS_PER_SECOND = 400;
/** Jobs are added by so many calls a second. */
const TICKS_PER_SECOND = 100;
/** How long the last jobs may take, and what has ended to be removed. */
const SETTLE_MS = 10_000;
export const TYPE = 'shared';

/** Milliseconds of a clock that all processes of the machine share. */
export const sharedNowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Workers of one type in processes of their own: what one of them costs the others, at work and idle. */
export const measureWorkers: Measure = async ({
  unit,
  server,
  sizes: { workersWarmUpJobs, workersWarmUpMs, workersMs, idleMs },
}) => {
  const connection = await connect({ servers: server.url });
  const queue = new JobQueueService({ connection });
  await queue.setup([TYPE]);
  const workers = await Promise.all(
    Array.from({ length: unit.part ?? 1 }, () => startWorkerProcess(server.url)),
  );
  const cpu = () => ({
    server: treeUsage(server.pid).cpuMicros,
    workers: workers.reduce((sum, { pid }) => sum + treeUsage(pid).cpuMicros, 0),
  });
  const during = async (work: () => Promise<unknown>) => {
    const before = cpu();
    const startMs = sharedNowMs();
    await work();
    const after = cpu();
    const micros = { server: after.server - before.server, workers: after.workers - before.workers };
    const percent = (cpuMicros: number) => cpuMicros / 10 / (sharedNowMs() - startMs);
    return {
      micros,
      serverPercent: percent(micros.server),
      workerPercent: percent(micros.workers) / workers.length,
    };
  };
  const reports = () => Promise.all(workers.map((worker) => worker.report()));
  const messagesIn = async () =>
    (await reports()).reduce((sum, report) => sum + report.messagesIn, connection.stats().inMsgs);
  await delay(SETTLE_MS);
  const idleBefore = await during(() => delay(idleMs));
  await addMany(queue, workersWarmUpJobs * workers.length);
  await addFor(queue, workersWarmUpMs);
  await delay(SETTLE_MS);
  const warm = (await reports()).map(({ latenciesMs }) => latenciesMs.length);
  const before = await messagesIn();
  let jobs = 0;
  const busy = await during(async () => {
    jobs = await addFor(queue, workersMs);
    await delay(SETTLE_MS);
  });
  const messagesOut = (await messagesIn()) - before;
  const idleAfter = await during(() => delay(idleMs));
  const latencies = (await reports()).flatMap(({ latenciesMs }, index) => latenciesMs.slice(warm[index]));
  if (latencies.length !== jobs) throw new Error(`${latencies.length} of ${jobs} jobs have started`);
  await Promise.all(workers.map((worker) => worker.stop()));
  await queue.close();
  await connection.close();
  return {
    ...latencyFigures(latencies),
    messagesOutPerJob: messagesOut / jobs,
    workerCpuMicrosPerJob: busy.micros.workers / jobs,
    serverCpuMicrosPerJob: busy.micros.server / jobs,
    idleBeforePercent: idleBefore.workerPercent,
    idleAfterPercent: idleAfter.workerPercent,
    serverIdleBeforePercent: idleBefore.serverPercent,
    serverIdleAfterPercent: idleAfter.serverPercent,
  };
};

/** Far more at a time than one worker takes, so that all of them get some. */
const WARM_UP_PART = 5_000;

/** Adds jobs in bulk, and waits until none of them waits. */
async function addMany(queue: JobQueueService, jobs: number): Promise<void> {
  for (let added = 0; added < jobs; added += WARM_UP_PART) {
    const part = { length: Math.min(WARM_UP_PART, jobs - added) };
    await queue.addJobs(Array.from(part, () => ({ type: TYPE, payload: { addedMs: sharedNowMs() } })));
  }
  while ((await queue.getStats()).pendingJobs > 0) await delay(100);
}

async function addFor(queue: JobQueueService, forMs: number): Promise<number> {
  const ticks = Math.round((forMs / 1_000) * TICKS_PER_SECOND);
  const addSome = () =>
    Promise.all(
      Array.from({ length: JOBS_PER_SECOND / TICKS_PER_SECOND }, () =>
        queue.addJob(TYPE, { addedMs: sharedNowMs() }),
      ),
    );
  return (await atEvenPace(ticks, 1_000 / TICKS_PER_SECOND, addSome)).flat().length;
}

interface WorkerInProcess {
  pid: number;
  report(): Promise<WorkerReport>;
  stop(): Promise<void>;
}

async function startWorkerProcess(url: string): Promise<WorkerInProcess> {
  const child = fork(scriptOf('worker'), [url, String(CONCURRENCY)]);
  await nextMessage(child, 'a worker');
  return {
    pid: child.pid as number,
    report: () => ask<WorkerReport>(child, 'report'),
    stop: () => endChild(child),
  };
}
