/**
 * Finds the settings with which the bare client of `npm run bench` is fastest. Every combination is measured in each round, on a
 * server of its own; the medians are printed, the fastest first.
 *
 *     npm run build && npx tsx bench/raw-search.ts [ROUNDS]
 */
import { measureRaw } from './measures/raw.js';
import { startNats } from './servers/nats.js';
import { SIZES } from './sizes.js';
import { median } from './statistics.js';
import type { RawSettings } from './systems/raw-jetstream.js';
import { DURABILITIES } from './unit.js';

const BATCHES = [250, 1_000, 2_500, 5_000];
const IN_FLIGHT = [1, 2, 4];
const PREFETCH = [2_000, 10_000];
const PARTS = ['all', 'publish', 'process'];

const rounds = Number(process.argv[2] ?? 3);
const settings: RawSettings[] = BATCHES.flatMap((batch) =>
  IN_FLIGHT.flatMap((inFlight) => PREFETCH.map((prefetch) => ({ batch, inFlight, prefetch }))),
);

for (const durability of DURABILITIES) {
  const rates = new Map(settings.map((each) => [each, PARTS.map((): number[] => [])]));
  for (let round = 0; round < rounds; round++) {
    for (const [each, ofEach] of rates) {
      await using server = await startNats(durability);
      const unit = { measure: 'raw', system: 'raw-jetstream', durability } as const;
      const figures = await measureRaw({ unit, server, sizes: SIZES.full, settings: each });
      for (const [at, part] of PARTS.entries()) ofEach[at]?.push(figures[`${part}.jobsPerSecond`] ?? 0);
    }
  }
  const rows = [...rates].map(([each, ofEach]) => ({ each, medians: ofEach.map(median) }));
  rows.sort((one, other) => (other.medians[0] ?? 0) - (one.medians[0] ?? 0));
  process.stdout.write(`${durability}: batch, in flight, prefetch; jobs/s of ${PARTS.join(', ')}\n`);
  for (const { each, medians } of rows)
    process.stdout.write(`${Object.values(each).join(', ')}; ${medians.map(Math.round).join(', ')}\n`);
}
