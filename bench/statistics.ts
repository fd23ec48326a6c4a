/** The middle of several runs, and how far they lay apart. */
export interface Summary {
  median: number;
  min: number;
  max: number;
  /** How many runs. */
  runs: number;
}

/** @throws RangeError for no value */
export function summarise(values: readonly number[]): Summary {
  const sorted = ascending(values);
  return {
    median: median(sorted),
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    runs: sorted.length,
  };
}

/** @throws RangeError for no value */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const upper = Math.floor(sorted.length / 2);
  const lower = Math.ceil(sorted.length / 2) - 1;
  return ((sorted[lower] as number) + (sorted[upper] as number)) / 2;
}

/**
 * The smallest value that at least `percent` of the values do not exceed (nearest rank).
 * @throws RangeError for no value
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = ascending(values);
  // 99.9 % of 1,000 is 999, and a hair more in binary fractions.
  const rank = Math.ceil(Number(((percent * sorted.length) / 100).toFixed(6)));
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] as number;
}

function ascending(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError('there is no value to take statistics of');
  return [...values].sort((a, b) => a - b);
}
