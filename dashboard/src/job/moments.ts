import { formatClock, spoken } from '../ui/format.js';
import type { Stage } from './stages.js';
import { stepWords } from './step-log.js';
import type { ToldStep } from './steps.js';

/** A point in the life of a job that can be shown: a record of it, or a step of one of its machines. */
export interface Moment {
  /** The same for as long as the job is kept, for links: what lies between is counted, also where it is not kept. */
  number: number;
  at: string;
  /** The stage that the job was in, by its place. */
  stage: number;
  /** The last step until then, by its place; -1 for none. */
  step: number;
  /** Whether it is a step, and no record. */
  isStep: boolean;
}

/** All of them, oldest first. */
export function momentsOf(stages: readonly Stage[], steps: readonly ToldStep[]): Moment[] {
  const moments: Moment[] = [];
  let step = -1;
  const addSteps = (until: (step: ToldStep) => boolean, stage: number) => {
    for (let next = steps[step + 1]; next && until(next); next = steps[step + 1]) {
      step++;
      if (next.active === undefined) continue;
      moments.push({ number: stage + 2 + next.index, at: next.at, stage, step, isStep: true });
    }
  };
  for (const [stage, { at, path }] of stages.entries()) {
    // The steps of a run come after the record that it begins with, whatever the clocks say, and before that of its end.
    if (path !== 'processing.running') addSteps((next) => next.at <= at, stage - 1);
    moments.push({ number: stage + 2 + (steps[step]?.index ?? -1), at, stage, step, isStep: false });
  }
  addSteps(() => true, stages.length - 1);
  return moments;
}

/** The last moment that is no later than the one of this number, by its place. */
export function placeOfNumber(moments: readonly Moment[], number: number): number {
  return Math.max(
    0,
    moments.findLastIndex((moment) => moment.number <= number),
  );
}

/** The last moment that is no later than a time, by its place. */
export function placeOfTime(moments: readonly Moment[], at: string): number {
  return Math.max(
    0,
    moments.findLastIndex((moment) => moment.at <= at),
  );
}

export function momentWords(moment: Moment, stages: readonly Stage[], steps: readonly ToldStep[]): string {
  const step = moment.isStep ? steps[moment.step] : undefined;
  const what = step ? `${step.actor}: ${stepWords(step)}` : spoken(stages[moment.stage]?.path ?? '');
  return `${what} at ${formatClock(moment.at)}`;
}
