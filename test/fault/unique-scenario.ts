import type { Random } from './random.js';
import type { Draft } from './scenarios.js';

/** How long after the start of a run faults strike. */
const STRIKE_MS = 2_500;

/** Processes that add jobs of a few unique keys are killed and frozen, and so are workers and the broker; others retry what failed. */
export function uniqueKeys(random: Random, draft: Draft): void {
  const { faults, workers } = draft;
  draft.keys = random.int(3, 8);
  draft.awaitsWorkers = true;
  const when = () => random.int(200, STRIKE_MS);
  for (let n = random.int(3, 5); n > 0; n--) {
    const action = random.chance(0.3) ? ('freeze' as const) : ('kill' as const);
    faults.push({
      kind: 'adder',
      atMs: random.int(0, 1_000),
      forMs: random.int(1_000, 2_500),
      keys: draft.keys,
      action,
    });
  }
  for (let n = random.int(1, 2); n > 0; n--)
    faults.push({ kind: 'kill', worker: random.int(0, workers - 1), atMs: when() });
  if (random.chance(0.3))
    faults.push({ kind: 'freeze', worker: 0, atMs: when(), forMs: draft.ackWaitMs * 1.6 });
  if (random.chance(0.6)) faults.push({ kind: 'broker-kill', atMs: when(), forMs: random.int(0, 800) });
  for (let n = random.int(1, 4); n > 0; n--) faults.push({ kind: 'retry-all', atMs: when() });
}
