import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import type { PlannedJob } from './plan.js';
import type { Random } from './random.js';
import { addFault, type Draft, nextId, STALE_MS, worker } from './scenarios.js';
import { ADDING_MS, task } from './workload.js';

/** The steps between a permit and the end of its job, and into the line for one. */
const LIMIT_FAILPOINTS = [
  'claim.delivered',
  'park.written',
  'park.in-line',
  'claim.written',
  'run.ended',
  'finish.written',
] as const;
/** How long after the start of a run faults strike. */
const STRIKE_MS = 4_000;
const JOBS = 60;

/** Jobs of a few keys meet deaths of those that hold their permits, or are about to give them to others, a broker that is killed, and limits that change. */
export function limits(random: Random, draft: Draft): void {
  draft.limitedTo = random.int(1, 3);
  draft.taskSlots = 12;
  draft.awaitsWorkers = true;
  const keys = random.int(2, 5);
  const when = () => random.int(200, STRIKE_MS);
  for (let n = 0; n < JOBS; n++) {
    const end = random.pick(['ok', 'ok', 'ok', 'throw', 'nap'] as const);
    const steps = [
      { ms: random.int(0, 150), end },
      { ms: random.int(0, 60), end: 'ok' as const },
    ];
    const base = { ...task(random, nextId(draft, 'limited')), steps, maxAttempts: 20, isNew: false };
    const job = { ...base, atMs: random.int(0, ADDING_MS), priority: random.pick(PRIORITIES) };
    draft.jobs.push({ ...job, tenant: `t${n % keys}` } as PlannedJob);
  }
  for (let n = random.int(2, 4); n > 0; n--)
    addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: when() });
  for (const failpoint of random.sample(LIMIT_FAILPOINTS, random.int(1, 3))) {
    const common = { worker: worker(random, draft), atMs: 0, nth: random.int(1, 8), forMs: STALE_MS };
    const action = random.chance(0.8) ? 'kill' : 'freeze';
    addFault(draft, { kind: 'failpoint', failpoint, action, ...common });
  }
  if (random.chance(0.5))
    addFault(draft, { kind: 'freeze', worker: worker(random, draft), atMs: when(), forMs: STALE_MS });
  for (let n = random.int(1, 3); n > 0; n--)
    addFault(draft, { kind: 'set-limit', concurrency: random.int(1, 4), atMs: when() });
  for (let n = random.int(0, 2); n > 0; n--)
    addFault(draft, { kind: 'broker-kill', atMs: when(), forMs: random.int(0, 800) });
}
