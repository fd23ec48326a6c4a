/** What the state machines of a job did, as readers see it: the steps, each with how it changed the context of its actor. */
import { applyChanges, changesBetween, type JsonChange } from '../jobs/json-changes.js';
import type { InspectionRecord } from './inspection.js';

/** One step of one actor, as it is kept. */
export interface JobStep extends Omit<InspectionRecord, 'v' | 'seq' | 'jobId' | 'step' | 'context'> {
  /** Its number among the steps of the job, from 0. Those that are not kept have numbers too. */
  index: number;
  attempt: number;
  /** How the context of its actor differs from the one that was told last of it, as JSON Patch; at first from nothing. */
  changes?: JsonChange[];
  /** The context was too large to be kept: the next change says what both steps have changed. */
  contextCut?: true;
}

/** A step with the whole context of its actor, where that is known. */
export interface ToldStep extends Omit<JobStep, 'changes'> {
  context?: unknown;
}

/** Kinds of steps that say what their actor knows. */
const TELLING: ReadonlySet<string> = new Set(['transition', 'snapshot', 'done']);

/** The steps with their contexts in place of how these changed. */
export function toldSteps(steps: readonly JobStep[]): ToldStep[] {
  const told = new Map<string, unknown>();
  return steps.map(({ changes, ...step }) => {
    if (changes) told.set(step.actor, applyChanges(told.get(step.actor), changes));
    const context = step.contextCut ? undefined : told.get(step.actor);
    const tells = TELLING.has(step.kind) && context !== undefined;
    return tells ? { ...step, context } : step;
  });
}

/** The reverse of {@link toldSteps}. */
export function changedSteps(steps: readonly ToldStep[]): JobStep[] {
  const told = new Map<string, unknown>();
  return steps.map(({ context, ...step }) => {
    if (context === undefined) return step;
    const changes = changesBetween(told.get(step.actor), context);
    told.set(step.actor, context);
    return changes.length === 0 ? step : { ...step, changes };
  });
}
