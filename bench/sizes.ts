import type { Mode, SystemName } from './unit.js';

/** How much each measure does. Times are milliseconds. */
export interface Sizes {
  rounds: number;
  addJobs: number;
  addBulkJobs: number;
  processJobs: number;
  rawJobs: number;
  /** Of `startLatency`, before its measured time. */
  warmUpMs: number;
  latencyMs: number;
  /** Jobs that wait, ascending. */
  backlogs: readonly [number, number, number];
  /** Jobs that are added, and processed, on top of a backlog. */
  backlogJobs: number;
  monitors: number;
  pollMs: number;
  /** Polls of each monitor that are measured. */
  polls: number;
  /** Finished jobs behind the lists. */
  listJobs: number;
  /** Worker processes, ascending. */
  workerCounts: readonly number[];
  /** Jobs for each of them until its code is compiled. */
  workersWarmUpJobs: number;
  /** How long jobs are added for them at that rate before the measured ones, how long then, and how long nothing is, before and after. */
  workersWarmUpMs: number;
  workersMs: number;
  idleMs: number;
  /** CRITICAL jobs before the measured ones, until the code is compiled. */
  criticalWarmUpJobs: number;
  criticalJobs: number;
  /** More than can be done before the last CRITICAL job is added. */
  lowJobs: number;
}

export const SIZES: Readonly<Record<Mode, Sizes>> = {
  full: {
    rounds: 5,
    addJobs: 40_000,
    addBulkJobs: 60_000,
    processJobs: 60_000,
    rawJobs: 60_000,
    warmUpMs: 1_000,
    latencyMs: 10_000,
    backlogs: [1_000, 100_000, 1_000_000],
    backlogJobs: 20_000,
    monitors: 100_000,
    pollMs: 30_000,
    polls: 3,
    listJobs: 1_000_000,
    workerCounts: [1, 10, 20],
    workersWarmUpJobs: 10_000,
    workersWarmUpMs: 10_000,
    workersMs: 75_000,
    idleMs: 30_000,
    criticalWarmUpJobs: 100,
    criticalJobs: 500,
    lowJobs: 150_000,
  },
  quick: {
    rounds: 1,
    addJobs: 1_000,
    addBulkJobs: 1_000,
    processJobs: 1_000,
    rawJobs: 2_000,
    warmUpMs: 200,
    latencyMs: 1_000,
    backlogs: [100, 1_000, 5_000],
    backlogJobs: 500,
    monitors: 500,
    pollMs: 2_000,
    polls: 1,
    listJobs: 2_000,
    workerCounts: [1, 2],
    workersWarmUpJobs: 200,
    workersWarmUpMs: 500,
    workersMs: 2_000,
    idleMs: 1_000,
    criticalWarmUpJobs: 5,
    criticalJobs: 20,
    lowJobs: 3_000,
  },
};

const ON_POSTGRES: readonly SystemName[] = ['graphile-worker', 'pg-boss'];

/** A system too slow for the full number of jobs is given fewer: rates are compared, not times. */
export function processJobsOf(system: SystemName, { processJobs }: Sizes): number {
  return system === 'pg-boss' ? Math.min(processJobs, 10_000) : processJobs;
}

/** One transaction for each job takes PostgreSQL long. */
export function addJobsOf(system: SystemName, { addJobs }: Sizes): number {
  return ON_POSTGRES.includes(system) ? Math.min(addJobs, 5_000) : addJobs;
}

/** Callers of `add` at once, and jobs that a worker runs at once. */
export const CONCURRENCY = 256;
