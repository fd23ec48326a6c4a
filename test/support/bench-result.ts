import { ratiosOf } from '../../bench/ratios.js';
import type { BenchResult } from '../../bench/result.js';
import { SIZES } from '../../bench/sizes.js';
import { summarise } from '../../bench/statistics.js';

const PEERS = ['jetfleet', 'bullmq', 'graphile-worker', 'pg-boss'];

/** A result with a figure for every comparison, from which every ratio follows. */
export function benchResult(): BenchResult {
  const entries = ['fsync', 'periodic'].flatMap((durability) => [
    ...PEERS.flatMap((system, index) => {
      const of = `${durability}.${system}`;
      return [
        ...['add', 'addBulk', 'process'].map((measure) => [
          `${of}.${measure}.jobsPerSecond`,
          12_345 / (index + 1),
        ]),
        [`${of}.startLatency.p50Ms`, 0.5 + index],
        [`${of}.startLatency.p99Ms`, 2.5 + index],
      ];
    }),
    [`${durability}.raw-jetstream.raw.all.jobsPerSecond`, 20_000],
  ]) as [string, number][];
  const waiting = SIZES.full.backlogs.map(
    (backlog) => [`fsync.jetfleet.waiting.${backlog}.processJobsPerSecond`, 9_000] as [string, number],
  );
  const figures = Object.fromEntries(
    [...entries, ...waiting].map(([name, value]) => [name, summarise([value * 0.9, value, value * 1.2])]),
  );
  return {
    mode: 'full',
    date: '2026-01-01',
    machine: { cpus: 2, model: 'Some <CPU> & "more"', memoryGiB: 8, kernel: 'Linux 6' },
    versions: { jetfleet: '0.1.0', node: '24.0.0' },
    rounds: 3,
    sizes: SIZES.full,
    figures,
    ratios: ratiosOf(figures, SIZES.full),
    failures: [{ unit: 'fsync.jetfleet.monitors', message: 'too slow\n    at somewhere' }],
  };
}
