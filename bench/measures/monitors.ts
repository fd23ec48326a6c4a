import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { gpuInstances, type InstanceRead, JobQueueService, JobType, JobWorkerService } from 'jetfleet';
import { createNovitaProvider } from 'jetfleet/gpu';
import { treeUsage } from '../servers/process-tree.js';
import { percentile } from '../statistics.js';
import { chunksOf } from '../systems/system.js';
import type { Measure } from './measure.js';
import { pollLateness } from './poll-lateness.js';
import { startSimulatorProcess } from './simulator-process.js';
import { timed } from './window.js';

const BYTES_PER_MIB = 1024 * 1024;
const MAX_WAIT_MS = 24 * 60 * 60 * 1_000;
/** Polls that a worker makes at once: each holds its slot for one call only. */
const CONCURRENT_POLLS = 128;
const SAMPLE_MS = 50;
/** How many poll intervals the first poll of every monitor may take. */
const MOST_WARM_UP_POLLS = 10;

/** Instances that do not come to run, each watched by a job that sleeps in the broker between its polls. */
export const measureMonitors: Measure = async ({ server, sizes: { monitors, pollMs, polls } }) => {
  using simulator = await startSimulatorProcess(monitors);
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url });
  const queue = new JobQueueService({ servers: server.url });
  const worker = new JobWorkerService(queue, {
    concurrency: { [JobType.MONITOR_INSTANCE]: CONCURRENT_POLLS },
  }).use(gpuInstances({ provider, pollIntervalMs: pollMs }));
  await addMonitors(queue, simulator.instanceIds);
  await worker.start();
  await firstPolls(queue, monitors, pollMs);

  const reads = countReads();
  const load = sampleLoad(worker, server.pid);
  const callsBefore = await simulator.calls();
  const fromMs = Date.now();
  const window = await timed(server.pid, () => delay(polls * pollMs));
  const span = { fromMs, untilMs: Date.now() };
  const calls = (await simulator.calls()) - callsBefore;
  const { workerRss, serverRss, slots } = load.end();
  const readsLateMs = reads.end();
  await worker.shutdown(1_000);

  const ownLateMs = await pollLateness(queue, span);
  const latenessMs = [...readsLateMs, ...ownLateMs];
  await queue.close();
  return {
    polls: latenessMs.length,
    ownPolls: ownLateMs.length,
    latenessP50Ms: percentile(latenessMs, 50),
    latenessP99Ms: percentile(latenessMs, 99),
    latenessMaxMs: percentile(latenessMs, 100),
    providerCallsPerPoll: calls / latenessMs.length,
    slotsHeldMean: slots.reduce((sum, held) => sum + held, 0) / slots.length,
    slotsHeldMax: percentile(slots, 100),
    workerRssMiB: percentile(workerRss, 100) / BYTES_PER_MIB,
    serverRssMiB: percentile(serverRss, 100) / BYTES_PER_MIB,
    clientCpuPercent: (window.clientCpuMicros / 1_000 / window.elapsedMs) * 100,
    serverCpuPercent: (window.serverCpuMicros / 1_000 / window.elapsedMs) * 100,
  };
};

async function addMonitors(queue: JobQueueService, instanceIds: readonly string[]): Promise<void> {
  const startTime = new Date().toISOString();
  for (const chunk of chunksOf(instanceIds, 10_000)) {
    await queue.addJobs(
      chunk.map((id) => ({
        type: JobType.MONITOR_INSTANCE,
        payload: { instanceId: id, novitaInstanceId: id, startTime, maxWaitTime: MAX_WAIT_MS },
      })),
    );
  }
}

/**
 * Waits until every monitor has been polled once, or for ten poll intervals: then the figures show what is
 * overdue.
 */
async function firstPolls(queue: JobQueueService, monitors: number, pollMs: number): Promise<void> {
  const end = Date.now() + MOST_WARM_UP_POLLS * pollMs;
  for (; Date.now() < end; await delay(pollMs / 10)) {
    const { pendingJobs, processingJobs } = await queue.getStats();
    if (pendingJobs === 0 && processingJobs === monitors) return;
  }
}

/** How late each read of an instance was, between the polls of its job. */
function countReads() {
  const latenessMs: number[] = [];
  const onRead = (read: unknown) => {
    const { dueMs, doneMs } = read as InstanceRead;
    latenessMs.push(doneMs - dueMs);
  };
  subscribe('jetfleet.instance.read', onRead);
  return {
    end() {
      unsubscribe('jetfleet.instance.read', onRead);
      return latenessMs;
    },
  };
}

function sampleLoad(worker: JobWorkerService, serverPid: number) {
  const workerRss: number[] = [];
  const serverRss: number[] = [];
  const slots: number[] = [];
  const sample = () => {
    slots.push(worker.running.length);
    workerRss.push(process.memoryUsage.rss());
    serverRss.push(treeUsage(serverPid).rssBytes);
  };
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    end() {
      clearInterval(timer);
      return { workerRss, serverRss, slots };
    },
  };
}
