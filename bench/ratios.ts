import type { Sizes } from './sizes.js';
import type { Summary } from './statistics.js';
import type { Durability, SystemName } from './unit.js';

/** Two figures, of which the first is divided by the second. */
interface Ratio {
  name: string;
  over: string;
  under: string;
}

const LABEL: Partial<Record<SystemName, string>> = {
  bullmq: 'Bullmq',
  'graphile-worker': 'GraphileWorker',
  'pg-boss': 'PgBoss',
};

const RATES: readonly [Durability, 'add' | 'addBulk' | 'process', SystemName][] = [
  ['fsync', 'add', 'bullmq'],
  ['fsync', 'add', 'pg-boss'],
  ['fsync', 'addBulk', 'graphile-worker'],
  ['fsync', 'addBulk', 'pg-boss'],
  ['fsync', 'process', 'bullmq'],
  ['fsync', 'process', 'graphile-worker'],
  ['fsync', 'process', 'pg-boss'],
  ['periodic', 'add', 'bullmq'],
  ['periodic', 'addBulk', 'bullmq'],
  ['periodic', 'process', 'bullmq'],
];

/**
 * Jetfleet's median rate over the other's, and the other's median latency over Jetfleet's: above 1, Jetfleet is
 * better. The raw limit stands for what JetStream gives to anybody, so that ratio stays below 1. What was not
 * measured is left out.
 */
export function ratiosOf(figures: Record<string, Summary>, sizes: Sizes): Record<string, number> {
  const found = allRatios(sizes).flatMap(({ name, over, under }) => {
    const [dividend, divisor] = [figures[over]?.median, figures[under]?.median];
    return dividend === undefined || !divisor ? [] : [[name, dividend / divisor] as const];
  });
  return Object.fromEntries(found);
}

function allRatios({ backlogs }: Sizes): Ratio[] {
  const rates = RATES.map(([durability, measure, peer]) => ({
    name: `${durability}.${measure}Vs${LABEL[peer]}`,
    over: `${durability}.jetfleet.${measure}.jobsPerSecond`,
    under: `${durability}.${peer}.${measure}.jobsPerSecond`,
  }));
  const perDurability = (['fsync', 'periodic'] as const).flatMap((durability) => [
    latency(durability, 'p50Ms', 'P50'),
    latency(durability, 'p99Ms', 'P99'),
    {
      name: `${durability}.processVsRawJetStream`,
      over: `${durability}.jetfleet.process.jobsPerSecond`,
      under: `${durability}.raw-jetstream.raw.all.jobsPerSecond`,
    },
  ]);
  const behindBacklog = (jobs: number) => `fsync.jetfleet.waiting.${jobs}.processJobsPerSecond`;
  const [fewest, , most] = backlogs;
  return [
    ...rates,
    ...perDurability,
    { name: 'rateAt1MVsAt1k', over: behindBacklog(most), under: behindBacklog(fewest) },
  ];
}

function latency(durability: Durability, figure: string, label: string): Ratio {
  return {
    name: `${durability}.startLatency${label}VsBullmq`,
    over: `${durability}.bullmq.startLatency.${figure}`,
    under: `${durability}.jetfleet.startLatency.${figure}`,
  };
}
