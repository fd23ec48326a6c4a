import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import type { Random } from './random.js';
import { addFault, type Draft, STALE_MS, worker } from './scenarios.js';

/** How long transactions are committed, after the start of a run. */
const FOR_MS = 4_000;
export const RELAYS = 2;

/** Relays of an outbox are killed and frozen, and so are the database, the broker and workers, while transactions commit and roll back. */
export function outbox(random: Random, draft: Draft): void {
  const when = () => random.int(300, FOR_MS);
  draft.outbox = {
    forMs: FOR_MS,
    producers: random.int(2, 4),
    // Small ones, so that a kill strikes often between the publish and the removal of a batch.
    batchSize: random.int(3, 30),
    priority: random.pick(PRIORITIES),
  };
  draft.taskSlots = 50;
  draft.awaitsWorkers = true;
  for (let n = random.int(2, 5); n > 0; n--) {
    const action = random.chance(0.75) ? ('kill' as const) : ('freeze' as const);
    addFault(draft, {
      kind: 'relay',
      relay: random.int(0, RELAYS - 1),
      action,
      atMs: when(),
      forMs: STALE_MS,
    });
  }
  // One after the other: a server that was killed is away for as long as it is, and starts again.
  addFault(draft, { kind: 'database-kill', atMs: random.int(500, 2_000), forMs: random.int(0, 800) });
  if (random.chance(0.4))
    addFault(draft, { kind: 'database-kill', atMs: random.int(2_500, FOR_MS), forMs: random.int(0, 800) });
  if (random.chance(0.6)) addFault(draft, { kind: 'broker-kill', atMs: when(), forMs: random.int(0, 800) });
  for (let n = random.int(0, 2); n > 0; n--)
    addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: when() });
}
