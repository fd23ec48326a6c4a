/** What the charts of the history draw, out of what the server counts. */
import { bucketEndMs } from '../../../src/jobs/log-histogram.js';
import type { HistoryPoint, StatsHistory } from '../../../src/jobs/stats-history.js';
import { formatCount, formatDuration } from '../ui/format.js';

/** Distances of the lines on an axis of times: those that people count in. */
export const TIME_STEPS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 20, 30].map((seconds) => seconds * 1_000),
  ...[1, 2, 5, 10, 20, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 6, 12, 24, 48, 240].map((hours) => hours * 3_600_000),
];

export interface Series {
  label: string;
  tone: 'tone-1' | 'tone-2' | 'tone-3' | 'tone-4';
  of(point: HistoryPoint): number | undefined;
  /** Said while nobody points at the chart. */
  whole(history: StatsHistory): string;
}

export interface ChartKind {
  title: string;
  series: readonly Series[];
  format(value: number): string;
  least: number;
  /** Counts stay the same for a step; times are measured at it. */
  isStepped: boolean;
  isTime?: true;
}

const counted = (label: 'completed' | 'failed' | 'retried' | 'cancelled', tone: Series['tone']): Series => ({
  label,
  tone,
  of: (point) => point[label],
  whole: ({ total }) => formatCount(total[label]),
});

const timed = (name: 'waitMs' | 'runMs', at: 'p50' | 'p95' | 'p99', tone: Series['tone']): Series => ({
  label: at,
  tone,
  of: (point) => point[name]?.[at],
  whole: ({ total }) => (total[name] ? formatDuration(total[name][at]) : '–'),
});

const times = (title: string, name: 'waitMs' | 'runMs'): ChartKind => ({
  title,
  series: [timed(name, 'p50', 'tone-1'), timed(name, 'p95', 'tone-2'), timed(name, 'p99', 'tone-3')],
  format: formatDuration,
  isTime: true,
  least: 10,
  isStepped: false,
});

const lastDepth = ({ points }: StatsHistory) => points.findLast(({ depth }) => depth)?.depth;

export const RATES: ChartKind = {
  title: 'Jobs',
  series: [
    counted('completed', 'tone-1'),
    counted('retried', 'tone-2'),
    counted('failed', 'tone-3'),
    counted('cancelled', 'tone-4'),
  ],
  format: formatCount,
  least: 4,
  isStepped: true,
};
export const WAITS = times('Wait until the start', 'waitMs');
export const RUNS = times('Run', 'runMs');
export const OLDEST: ChartKind = {
  title: 'Oldest wait',
  series: [
    {
      label: 'handled types',
      tone: 'tone-1',
      of: ({ depth }) => depth && (depth.oldestMs ?? 0),
      whole: (history) => formatDuration(lastDepth(history)?.oldestMs ?? 0),
    },
    {
      label: 'types that nobody handles',
      tone: 'tone-3',
      of: ({ depth }) => depth && (depth.unhandledMs ?? 0),
      whole: (history) => formatDuration(lastDepth(history)?.unhandledMs ?? 0),
    },
  ],
  format: formatDuration,
  isTime: true,
  least: 1_000,
  isStepped: true,
};
export const BACKLOG: ChartKind = {
  title: 'Backlog',
  series: [
    {
      label: 'pending',
      tone: 'tone-2',
      of: ({ depth }) => depth?.pending,
      whole: (history) => formatCount(lastDepth(history)?.pending ?? 0),
    },
    {
      label: 'processing',
      tone: 'tone-1',
      of: ({ depth }) => depth?.processing,
      whole: (history) => formatCount(lastDepth(history)?.processing ?? 0),
    },
  ],
  format: formatCount,
  least: 4,
  isStepped: true,
};

export type HeatOf = 'waitBuckets' | 'runBuckets';

/** The cells of a heatmap: how many jobs of each step took between 2^(row-1) and 2^row ms; row 0 is below 1 ms. */
export interface Heat {
  cells: { step: number; row: number; count: number }[];
  rows: number;
  /** The most in one cell. */
  most: number;
}

const PER_ROW = 4;
const LEAST_ROWS = 12;

export function heatOf({ points }: StatsHistory, of: HeatOf): Heat {
  const counts = new Map<string, Heat['cells'][number]>();
  for (const [step, point] of points.entries()) {
    const buckets = point[of];
    for (let at = 0; at + 1 < buckets.length; at += 2) {
      const [bucket = 0, count = 0] = [buckets[at], buckets[at + 1]];
      const row = Math.ceil(bucket / PER_ROW);
      const key = `${step} ${row}`;
      const cell = counts.get(key) ?? { step, row, count: 0 };
      cell.count += count;
      counts.set(key, cell);
    }
  }
  const cells = [...counts.values()];
  return {
    cells,
    rows: Math.max(LEAST_ROWS, ...cells.map(({ row }) => row + 1)),
    most: Math.max(1, ...cells.map(({ count }) => count)),
  };
}

/** `below 1 ms`, `64 ms to 128 ms`. */
export function rowText(row: number): string {
  if (row === 0) return 'below 1 ms';
  return `${formatDuration(bucketEndMs((row - 1) * PER_ROW))} to ${formatDuration(bucketEndMs(row * PER_ROW))}`;
}
