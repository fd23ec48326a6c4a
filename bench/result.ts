import type { Machine } from './machine.js';
import type { Sizes } from './sizes.js';
import type { Summary } from './statistics.js';
import type { MeasureName, Mode } from './unit.js';

/** What one run of the benchmark has found: printed with `--json`, and kept in `docs/benchmarks.json`. */
export interface BenchResult {
  mode: Mode;
  /** The day of the run, ISO 8601. */
  date: string;
  machine: Machine;
  versions: Record<string, string>;
  rounds: number;
  sizes: Sizes;
  /** By durability, system, measure and name: `fsync.jetfleet.add.jobsPerSecond`. */
  figures: Record<string, Summary>;
  /** How often better Jetfleet's median is than another's; see `ratios.ts`. */
  ratios: Record<string, number>;
  /** Measures that were measured by themselves after that run, each with the day, ISO 8601. */
  apart?: Partial<Record<MeasureName, string>>;
  /** Units that could not be measured. */
  failures: { unit: string; message: string }[];
}
