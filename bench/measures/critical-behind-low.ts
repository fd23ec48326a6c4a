import { setTimeout as delay } from 'node:timers/promises';
import { openSession } from '../systems/open-session.js';
import { makeJobs } from '../systems/system.js';
import type { Measure } from './measure.js';
import { addEvenly, latencyFigures, StartTimes } from './start-latency.js';

const LOW_JOB_MS = 5;
const CONCURRENT_JOBS = 64;
const CRITICAL_PAUSE_MS = 20;

/** How soon CRITICAL jobs start while LOW ones fill every slot for 5 ms each. */
export const measureCriticalBehindLow: Measure = async ({
  unit,
  server,
  sizes: { lowJobs, criticalWarmUpJobs, criticalJobs },
}) => {
  const session = await openSession(unit.system, server.url, 'latency');
  await session.addBulk(makeJobs(lowJobs, 'low'));
  const starts = new StartTimes();
  const all = makeJobs(criticalWarmUpJobs + criticalJobs, 'critical', lowJobs);
  const critical = all.slice(criticalWarmUpJobs);
  let firstStarted = () => {};
  const busy = new Promise<void>((resolve) => {
    firstStarted = resolve;
  });
  const worker = await session.startWorker(CONCURRENT_JOBS, async ({ n }) => {
    starts.started(n);
    firstStarted();
    if (n < lowJobs) await delay(LOW_JOB_MS);
  });
  await busy;
  await addEvenly(session, all, CRITICAL_PAUSE_MS, starts);
  await starts.allOf(critical);
  await worker.stop();
  const left = await session.unfinished();
  await session.close();
  const { p50Ms, p99Ms } = latencyFigures(starts.latencies(critical));
  return { p50Ms: p50Ms as number, p99Ms: p99Ms as number, lowJobsLeft: left };
};
