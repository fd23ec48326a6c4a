/**
 * Counts of durations in buckets that grow by 2^(1/4), so that two of them can be added and percentiles read from the sum. A percentile is the
 * middle of its bucket: at most {@link HISTOGRAM_ERROR} and half a millisecond off, however many durations there are.
 */
import { isCount } from './guards.js';

/** Buckets for each doubling. */
const PER_DOUBLING = 4;
/** More than a year. */
const MAX_BUCKET = 1 + 35 * PER_DOUBLING;

/** How far a percentile may be from the truth, as a part of it: 9.1 %. */
export const HISTOGRAM_ERROR = 2 ** (1 / (2 * PER_DOUBLING)) - 1;

/** As it is stored and sent: bucket and count in turn, in the order of the buckets, those without a count left out. */
export type SparseCounts = number[];

export interface DurationPercentiles {
  p50: number;
  p95: number;
  p99: number;
}

/** Bucket 0 has what is below 1 ms, bucket n from 1 on [2^((n-1)/4), 2^(n/4)) ms. */
export function bucketOf(ms: number): number {
  if (!(ms >= 1)) return 0;
  return Math.min(MAX_BUCKET, 1 + Math.floor(PER_DOUBLING * Math.log2(ms)));
}

/** Where a bucket ends, in milliseconds. */
export function bucketEndMs(bucket: number): number {
  return 2 ** (bucket / PER_DOUBLING);
}

function middleMs(bucket: number): number {
  return bucket === 0 ? 0 : Math.round(2 ** ((bucket - 0.5) / PER_DOUBLING));
}

export class LogHistogram {
  readonly #counts: Map<number, number>;

  constructor(counts: SparseCounts = []) {
    this.#counts = new Map();
    this.merge(counts);
  }

  add(ms: number): void {
    const bucket = bucketOf(ms);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
  }

  merge(counts: SparseCounts): void {
    for (let at = 0; at + 1 < counts.length; at += 2) {
      const [bucket, count] = [counts[at] as number, counts[at + 1] as number];
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    }
  }

  get count(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  sparse(): SparseCounts {
    return [...this.#counts].sort(([a], [b]) => a - b).flat();
  }

  /** Nearest rank; null of nothing. */
  percentiles(): DurationPercentiles | null {
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    const total = this.count;
    if (total === 0) return null;
    const at = (share: number) => {
      let left = Math.max(1, Math.ceil(total * share));
      for (const [bucket, count] of sorted) {
        left -= count;
        if (left <= 0) return middleMs(bucket);
      }
      return 0;
    };
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}

/** Whether a value from outside can be one. */
export function isSparseCounts(value: unknown): value is SparseCounts {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false;
  return value.every((each, at) => isCount(each) && (at % 2 === 1 || each <= MAX_BUCKET));
}
