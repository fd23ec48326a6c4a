/** What the machines of a job did: what is kept of it, and what comes while the page looks. */
import { type JobStep, type ToldStep, toldSteps } from '../../../src/wire/told-steps.js';
import type { InspectionRecord } from '../api/answers.js';

export type { ToldStep };

/** As the API answers. */
export interface KeptSteps {
  steps: JobStep[];
  total: number;
  dropped: number;
}

export const NO_STEPS: KeptSteps = { steps: [], total: 0, dropped: 0 };

/** Steps kept for looking at; older ones are let go. */
const MAX_STEPS = 600;

/**
 * All steps that are known, oldest first. A run is kept as a whole, so that what was heard of it live is among it.
 * @param attempt of what is heard now
 */
export function joinedSteps(kept: KeptSteps, live: readonly InspectionRecord[], attempt: number): ToldStep[] {
  const told = toldSteps(kept.steps);
  const keptUntil = told.at(-1)?.at ?? '';
  let next = kept.total;
  let firstOfRun = kept.total;
  for (const { v: _, seq: __, jobId: ___, step, ...record } of live) {
    if (record.at <= keptUntil && told.length > 0) continue;
    const lastAt = told.at(-1)?.at ?? '';
    // A new watcher makes the worker send the whole run, to every watcher.
    if (step === 0 && record.at > lastAt) firstOfRun = next;
    const index = step === undefined ? next : firstOfRun + step;
    const isKnown = step === undefined ? told.length > 0 && record.kind === 'snapshot' : index < next;
    if (isKnown) continue;
    next = index + 1;
    told.push({ ...record, index, attempt });
  }
  return told.slice(-MAX_STEPS);
}

/** Those that were not told before: whoever else begins to watch makes the worker tell where the machines stand, or all of a run. */
export function newSteps(
  before: readonly InspectionRecord[],
  told: readonly InspectionRecord[],
): InspectionRecord[] {
  const known = new Set(before.map(stepKey));
  return told.filter((record) => {
    const isStanding = record.step === undefined && record.kind === 'snapshot';
    const isNew = !known.has(stepKey(record)) && !(isStanding && known.size > 0);
    known.add(stepKey(record));
    return isNew;
  });
}

function stepKey({ worker, at, step, seq }: InspectionRecord): string {
  return [worker, at, step ?? `seq ${seq}`].join();
}

/** How many steps between those that are known are not. */
export function missingBefore(steps: readonly ToldStep[], place: number): number {
  const step = steps[place];
  return step ? step.index - (steps[place - 1]?.index ?? -1) - 1 : 0;
}
