import { setTimeout as delay } from 'node:timers/promises';
import { CONCURRENCY } from '../sizes.js';
import { percentile } from '../statistics.js';
import { openSession } from '../systems/open-session.js';
import { type BenchJob, makeJobs, type Session } from '../systems/system.js';
import type { Figures } from '../unit.js';
import type { Measure } from './measure.js';
import { atEvenPace } from './pace.js';
import { perJob, timed } from './window.js';

const JOBS_PER_SECOND = 200;
/** How long the last jobs may take to start. */
const LAST_START_MS = 30_000;

/** The start of a job's handler minus the call that adds it, in one process, at 200 jobs a second. */
export const measureStartLatency: Measure = async ({ unit, server, sizes }) => {
  const session = await openSession(unit.system, server.url, 'latency');
  const starts = new StartTimes();
  const worker = await session.startWorker(CONCURRENCY, async ({ n }) => starts.started(n));
  const warmUp = makeJobs((sizes.warmUpMs / 1_000) * JOBS_PER_SECOND);
  await addAtRate(session, warmUp, starts);
  const jobs = makeJobs((sizes.latencyMs / 1_000) * JOBS_PER_SECOND, undefined, warmUp.length);
  const window = await timed(server.pid, async () => {
    await addAtRate(session, jobs, starts);
    await starts.allOf(jobs);
  });
  await worker.stop();
  await session.close();
  // The rate is given, so only what it costs is a figure.
  const { jobsPerSecond: _, ...cpu } = perJob(window, jobs.length);
  return { ...latencyFigures(starts.latencies(jobs)), ...cpu };
};

export function latencyFigures(latenciesMs: readonly number[]): Figures {
  return {
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    p999Ms: percentile(latenciesMs, 99.9),
  };
}

/** When each job was added and when its handler began, in milliseconds of one clock. */
export class StartTimes {
  readonly #added = new Map<number, number>();
  readonly #latencies = new Map<number, number>();

  adding(n: number): void {
    this.#added.set(n, performance.now());
  }

  /** A second start, of a job that was delivered again, counts for nothing. */
  started(n: number): void {
    const added = this.#added.get(n);
    if (added !== undefined && !this.#latencies.has(n)) this.#latencies.set(n, performance.now() - added);
  }

  /** @throws Error when one has not started 30 seconds from now */
  async allOf(jobs: readonly BenchJob[]): Promise<void> {
    for (const end = Date.now() + LAST_START_MS; this.latencies(jobs).length < jobs.length; await delay(10)) {
      if (Date.now() > end) {
        throw new Error(`${this.latencies(jobs).length} of ${jobs.length} jobs have started`);
      }
    }
  }

  latencies(jobs: readonly BenchJob[]): number[] {
    return jobs.flatMap(({ payload }) => this.#latencies.get(payload.n) ?? []);
  }
}

async function addAtRate(session: Session, jobs: readonly BenchJob[], starts: StartTimes): Promise<void> {
  await addEvenly(session, jobs, 1_000 / JOBS_PER_SECOND, starts);
}

export async function addEvenly(
  session: Session,
  jobs: readonly BenchJob[],
  pauseMs: number,
  starts: StartTimes,
): Promise<void> {
  await atEvenPace(jobs.length, pauseMs, (index) => {
    const job = jobs[index] as BenchJob;
    starts.adding(job.payload.n);
    return session.add(job);
  });
}
