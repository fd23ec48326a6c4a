/**
 * The vocabulary of the benchmark: what is measured, of which system, and how the two processes speak of it.
 */

/** `fsync`: flushed to disk before it is confirmed. `periodic`: flushed about once a second. */
export const DURABILITIES = ['fsync', 'periodic'] as const;
export type Durability = (typeof DURABILITIES)[number];

export const SYSTEMS = ['jetfleet', 'bullmq', 'graphile-worker', 'pg-boss', 'raw-jetstream'] as const;
export type SystemName = (typeof SYSTEMS)[number];

export const MEASURES = [
  'add',
  'addBulk',
  'process',
  'startLatency',
  'raw',
  'waiting',
  'monitors',
  'lists',
  'workers',
  'unwatchedServer',
  'criticalBehindLow',
] as const;
export type MeasureName = (typeof MEASURES)[number];

/** One measurement: it gets servers and a client process of its own. */
export interface Unit {
  measure: MeasureName;
  system: SystemName;
  durability: Durability;
  /** Of `waiting`: how many jobs wait. Of `workers`: how many there are. */
  part?: number;
}

/** Measured values by name; a name ends with its unit, such as `p99Ms`. */
export type Figures = Record<string, number>;

/** Where a client finds the server of its unit. */
export interface ServerAddress {
  url: string;
  /** The process whose tree is the server. */
  pid: number;
}

/** What a client process is sent. */
export interface Assignment {
  unit: Unit;
  mode: Mode;
  server: ServerAddress;
}

export type Mode = 'full' | 'quick';

/** What a client process answers. */
export type Answer = { figures: Figures; node: string } | { error: string };

export function nameOf({ durability, system, measure, part }: Unit): string {
  return [durability, system, measure, part].filter((each) => each !== undefined).join('.');
}
