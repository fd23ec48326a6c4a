/** What each system is measured through, in its own idiom and with the settings that suit it best. */

export const BENCH_PRIORITIES = ['critical', 'high', 'normal', 'low'] as const;
export type BenchPriority = (typeof BENCH_PRIORITIES)[number];

/** About 200 bytes of JSON. */
export interface BenchPayload {
  /** Counts the jobs of a unit from 0. */
  n: number;
  text: string;
}

export interface BenchJob {
  priority: BenchPriority;
  payload: BenchPayload;
}

export type BenchHandler = (payload: BenchPayload) => Promise<void>;

export interface BenchWorker {
  /** Takes nothing more, and resolves once everything that has ended is durable. */
  stop(): Promise<void>;
}

/** A connection to one server, with its tables or streams in place. */
export interface Session {
  /** Resolves once the job is stored as durably as the server's settings make it. */
  add(job: BenchJob): Promise<void>;
  /** Adds jobs in the largest portions that suit the system. */
  addBulk(jobs: readonly BenchJob[]): Promise<void>;
  startWorker(concurrency: number, handler: BenchHandler): Promise<BenchWorker>;
  /** Jobs that are stored and not completed. */
  unfinished(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Some systems have settings that shorten the way to the handler and cost throughput: each measure gets its
 * better one.
 */
export type Purpose = 'throughput' | 'latency';

export type OpenSession = (url: string, purpose: Purpose) => Promise<Session>;

const PADDING = 'x'.repeat(180);

/** Jobs over all four priorities evenly, or of one. */
export function makeJobs(count: number, priority?: BenchPriority, from = 0): BenchJob[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index;
    return {
      priority: priority ?? (BENCH_PRIORITIES[n % BENCH_PRIORITIES.length] as BenchPriority),
      payload: { n, text: PADDING },
    };
  });
}

/** 1 for the most urgent, as most systems count. */
export function rankOf(priority: BenchPriority): number {
  return BENCH_PRIORITIES.indexOf(priority) + 1;
}

export function* chunksOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
