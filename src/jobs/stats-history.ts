/** Rates, errors and times of jobs over a day, as they are shown. */
import type { DurationPercentiles, SparseCounts } from './log-histogram.js';

/** By what jobs are told apart. */
export const DIMENSIONS = ['type', 'priority', 'worker', 'tag'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** What waits and runs, at some moment of a minute. */
export interface Depth {
  pending: number;
  processing: number;
  /** How long the oldest queued job had waited; absent where none did. */
  oldestMs?: number;
  /** The same of types that nobody handles. */
  unhandledMs?: number;
}

/** What became of jobs in some time. Percentiles are null where no job tells. */
export interface HistoryCounts {
  /** Jobs whose first attempt began. */
  started: number;
  completed: number;
  /** Jobs that ended FAILED, those that were cancelled left out. */
  failed: number;
  cancelled: number;
  /** Attempts that failed, with another one to come. */
  retried: number;
  /** From when a job could start to when it did, of first and later attempts. */
  waitMs: DurationPercentiles | null;
  /** From its first start to its end. */
  runMs: DurationPercentiles | null;
}

export interface HistoryPoint extends HistoryCounts {
  /** When the step begins, ISO 8601. */
  at: string;
  /** Bucket and count in turn: bucket 0 is below 1 ms, bucket n from 2^((n-1)/4) to 2^(n/4) ms. */
  waitBuckets: SparseCounts;
  runBuckets: SparseCounts;
  /** Failures by error code; of all jobs only. */
  errors?: Record<string, number>;
  /** What waited and ran at the last sample of the step; of all jobs only, and absent where no server sampled. */
  depth?: Depth;
}

export interface HistoryGroup extends HistoryCounts {
  /** Null for all values that had no room of their own. */
  value: string | null;
}

export interface StatsHistory {
  from: string;
  /** Not included. */
  to: string;
  stepMs: number;
  /** Events after this time may be missing; absent when all are counted. */
  countedUntil?: string;
  /** How far each percentile may be off, as a part of it. */
  percentileError: number;
  points: HistoryPoint[];
  /** The whole range: of the jobs that were asked for. */
  total: HistoryCounts;
  /** The whole range of all jobs by type, priority, worker and tag, the one with most jobs first. */
  groups: Record<Dimension, HistoryGroup[]>;
  /** Failures of all jobs by error code, most first; those without room have the code `''`. */
  errors: Record<string, number>;
}
