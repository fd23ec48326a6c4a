import type { Random } from './random.js';
import { addFault, type Draft, nextId, STALE_MS, worker } from './scenarios.js';
import { task } from './workload.js';

/** Steps around the end of a job, where its objects and its record are written and removed. */
const END_FAILPOINTS = [
  'run.ended',
  'result.stored',
  'finish.written',
  'finish.followed',
  'retry.written',
] as const;
/** When all jobs are added: what is added again without an answer, once it has ended and is kept no longer, is a new job. */
const ADDED_MS = 2_500;

/**
 * Workers remove what is kept no longer while jobs end, whose payloads and results are objects; others retry what failed, and workers and
 * the broker die.
 */
export function retention(random: Random, draft: Draft): void {
  draft.keeps = { completed: random.int(4, 8), failed: random.int(2, 4) };
  draft.awaitsWorkers = true;
  draft.taskSlots = 8;
  for (let n = random.int(14, 20); n > 0; n--) {
    const isLarge = random.chance(0.4);
    const resultBytes = random.chance(0.4) ? { resultBytes: random.int(140_000, 400_000) } : {};
    const end = random.pick(['ok', 'ok', 'ok', 'fatal', 'throw', 'nap'] as const);
    const last = { ms: random.int(0, 200), end: 'ok' as const, ...resultBytes };
    const steps = [{ ms: random.int(0, 1_500), end, ...resultBytes }, ...(end === 'fatal' ? [] : [last])];
    draft.jobs.push({
      ...task(random, nextId(draft, 'kept')),
      steps,
      isNew: false,
      // Large payloads at once would only show how busy the machine is.
      atMs: random.int(0, ADDED_MS - 500),
      maxAttempts: 20,
      ...(random.chance(0.4) && { delayMs: random.int(500, 4_000) }),
      ...(isLarge && { bytes: random.int(530_000, 700_000) }),
    });
  }
  for (let n = random.int(2, 4); n > 0; n--)
    addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: random.int(300, 4_500) });
  for (const failpoint of random.sample(END_FAILPOINTS, random.int(1, 3))) {
    const common = { worker: worker(random, draft), atMs: 0, nth: random.int(1, 4), forMs: STALE_MS };
    addFault(draft, {
      kind: 'failpoint',
      failpoint,
      action: random.chance(0.8) ? 'kill' : 'freeze',
      ...common,
    });
  }
  if (random.chance(0.7))
    addFault(draft, { kind: 'broker-kill', atMs: random.int(ADDED_MS, 4_500), forMs: random.int(0, 800) });
  for (let n = random.int(2, 4); n > 0; n--)
    addFault(draft, { kind: 'retry-all', atMs: random.int(500, 5_000) });
}
