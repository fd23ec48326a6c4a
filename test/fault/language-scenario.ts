/** Workers of two languages at one queue, under the faults that any of them must survive. */
import { isTerminal } from '../../src/jobs/vocabulary.js';
import type { Evidence } from './evidence.js';
import type { PlannedJob, TaskStep } from './plan.js';
import type { Random } from './random.js';
import { type Draft, nextId, type Scenario } from './scenarios.js';
import { task } from './workload.js';

/** It needs a compiler, so it is no part of a round. */
export const LANGUAGES = 'languages';

const FAULTS = [
  'worker-kill',
  'stale-owner',
  'drain',
  'broker-restart',
  'network',
  'cancel',
  'cancel-while-dying',
  'redrive',
  'leader-kill',
  'consumer-leader-kill',
  'follower-cut-off',
];
/** Only ours adds what follows from a job. */
const ENDS: Partial<Record<TaskStep['end'], TaskStep['end']>> = { next: 'nap' };

export function languages(random: Random, draft: Draft, scenarios: Readonly<Record<string, Scenario>>): void {
  draft.languages = true;
  // One of each at least takes jobs, whatever is killed.
  draft.workers = random.int(3, 4);
  draft.awaitsWorkers = true;
  for (let n = random.int(10, 16); n > 0; n--) draft.jobs.push(task(random, nextId(draft, 'task')));
  const names = FAULTS.filter((name) => name in scenarios);
  for (const name of random.sample(names, random.int(1, 3))) scenarios[name]?.(random, draft);
  draft.jobs = draft.jobs.map(withoutOthers);
}

function withoutOthers(job: PlannedJob): PlannedJob {
  if (job.kind !== 'task') return job;
  return { ...job, steps: job.steps.map((step) => ({ ...step, end: ENDS[step.end] ?? step.end })) };
}

/** Whether a seat has a worker in the other language. */
export function isOther(seat: number): boolean {
  return seat % 2 === 1;
}

/** Jobs whose last record a worker in the other language has written. */
export function endedByOthers({ histories }: Evidence): number {
  return [...histories.values()].filter((history) => {
    const { status = 'pending', worker = '' } = history.at(-1) ?? {};
    const seat = /^worker-(\d+)-/.exec(worker)?.[1];
    return isTerminal(status) && seat !== undefined && isOther(Number(seat));
  }).length;
}
