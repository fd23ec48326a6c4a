import type { Sizes } from './sizes.js';
import type { Durability, MeasureName, SystemName, Unit } from './unit.js';

const COMPARED: readonly [Durability, SystemName][] = [
  ['fsync', 'jetfleet'],
  ['fsync', 'bullmq'],
  ['fsync', 'graphile-worker'],
  ['fsync', 'pg-boss'],
  ['fsync', 'raw-jetstream'],
  ['periodic', 'jetfleet'],
  ['periodic', 'bullmq'],
  ['periodic', 'raw-jetstream'],
];
const COMPARISONS: readonly MeasureName[] = ['add', 'addBulk', 'process', 'startLatency'];

/** Long measures, and those that hardly vary, are not repeated in every round. */
const MOST_ROUNDS: Partial<Record<MeasureName, number>> = {
  waiting: 1,
  criticalBehindLow: 3,
  monitors: 1,
  lists: 1,
  workers: 1,
  unwatchedServer: 3,
};

/**
 * Everything that is measured in one round. The order is turned by one pair a round, so that no system always
 * follows the same other one.
 * @param round from 0
 */
export function unitsOfRound(round: number, sizes: Sizes): Unit[] {
  const turn = round % COMPARED.length;
  const pairs = [...COMPARED.slice(turn), ...COMPARED.slice(0, turn)];
  return pairs
    .flatMap(([durability, system]) => unitsOf(durability, system, sizes))
    .filter(({ measure }) => round < (MOST_ROUNDS[measure] ?? Number.POSITIVE_INFINITY));
}

function unitsOf(durability: Durability, system: SystemName, { backlogs, workerCounts }: Sizes): Unit[] {
  const unit = (measure: MeasureName): Unit => ({ measure, system, durability });
  if (system === 'raw-jetstream') return [unit('raw')];
  const units = COMPARISONS.map(unit);
  if (system === 'jetfleet' || system === 'bullmq') units.push(unit('criticalBehindLow'));
  if (system === 'jetfleet' && durability === 'fsync') {
    units.push(...backlogs.map((part) => ({ ...unit('waiting'), part })), unit('monitors'));
    units.push(unit('lists'), unit('unwatchedServer'));
    units.push(...workerCounts.map((part) => ({ ...unit('workers'), part })));
  }
  return units;
}
