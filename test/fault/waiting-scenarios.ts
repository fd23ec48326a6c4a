/** Trouble for jobs that wait: for signals, and for other jobs. */

import type { PlannedJob } from './plan.js';
import type { Random } from './random.js';
import { addFault, type Draft, nextId, STALE_MS, when, worker } from './scenarios.js';
import { parentTask, raw, waitingTask } from './workload.js';

/** Steps between what a waiting job is told and its wait. */
const WAIT_FAILPOINTS = [
  'retry.written',
  'wait.timer-set',
  'retry.timer-set',
  'signal.delivered',
  'signal.passed-on',
  'finish.written',
] as const;

/** Jobs that wait, told what they wait for before, while and after they begin to wait. */
export function signals(random: Random, draft: Draft): void {
  for (let n = random.int(8, 16); n > 0; n--) {
    const job = waitingTask(random, nextId(draft, 'wait'));
    draft.jobs.push(job);
    for (let number = 0; number < (job.steps[0]?.signals ?? 1); number++) {
      const atMs = Math.max(0, job.atMs + random.int(-400, 1_200));
      draft.signals.push({ id: job.id, number, atMs });
    }
  }
  strikeWaits(random, draft);
}

/** Parents whose children run on all workers, and flows, while what ends them dies. */
export function flows(random: Random, draft: Draft): void {
  for (let n = random.int(4, 8); n > 0; n--) draft.jobs.push(parentTask(random, nextId(draft, 'parent')));
  for (let n = random.int(1, 3); n > 0; n--) {
    const step = (ms: number) => ({ type: 'task', payload: { steps: [{ ms, end: 'ok' }] }, maxAttempts: 20 });
    const jobs = {
      a: step(random.int(0, 200)),
      b: step(random.int(0, 200)),
      c: { ...step(10), after: ['a'] },
      d: { ...step(10), after: ['a', 'b'] },
      e: { ...step(10), after: ['c', 'd'] },
    };
    const headers = [['Jetfleet-Max-Attempts', '20']] as const;
    draft.jobs.push({
      ...raw(random, nextId(draft, 'flow')),
      type: 'run_flow',
      body: JSON.stringify({ jobs }),
      bare: false,
      headers,
    } as PlannedJob);
  }
  strikeWaits(random, draft);
}

function strikeWaits(random: Random, draft: Draft): void {
  for (const failpoint of random.sample(WAIT_FAILPOINTS, random.int(1, 3))) {
    const common = { worker: worker(random, draft), atMs: 0, nth: random.int(1, 4), forMs: STALE_MS };
    const action = random.pick(['kill', 'freeze'] as const);
    addFault(draft, { kind: 'failpoint', failpoint, action, ...common });
  }
  for (let n = random.int(0, 2); n > 0; n--)
    addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: when(random) });
  if (random.chance(0.5))
    addFault(draft, { kind: 'broker-kill', atMs: when(random), forMs: random.int(0, 800) });
}
