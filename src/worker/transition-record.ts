/** The record that a transition writes: pure functions from the record before, and what the chart decided. */
import type { JobContext } from '../../machines/index.js';
import { derivedId } from '../jobs/job-id.js';
import type { FollowUp, JobRecord } from '../jobs/job-record.js';
import type { JobOutcome } from '../jobs/outcome.js';
import { isTerminal, type JobState, statusOf } from '../jobs/vocabulary.js';

/** What only the worker knows about a transition. */
export interface TransitionFacts {
  worker: string;
  workSeq: number;
  nowMs: number;
  /** Of a job that will wait: how long. */
  delayMs?: number;
}

/** The record of `state`. What belonged to the state before (due time, old error) is left behind. */
export function transitionRecord(
  before: JobRecord,
  state: JobState,
  context: Pick<JobContext, 'attempt' | 'checkpoint' | 'error' | 'outcome'>,
  { worker, workSeq, nowMs, delayMs }: TransitionFacts,
): JobRecord {
  const { nextRunAt: _due, error: _error, finishedAt: _finished, ...kept } = before;
  const now = new Date(nowMs).toISOString();
  const status = statusOf(state);
  const outcome = context.outcome;
  return {
    ...kept,
    status,
    state,
    attempt: context.attempt,
    updatedAt: now,
    ...(state === 'running' && !before.startedAt && { startedAt: now }),
    ...(isTerminal(status) && { finishedAt: now }),
    ...(delayMs !== undefined && { nextRunAt: new Date(nowMs + delayMs).toISOString() }),
    worker,
    workSeq,
    ...(context.checkpoint !== undefined && { checkpoint: context.checkpoint }),
    ...(outcome?.kind === 'completed' && outcome.result !== undefined && { result: outcome.result }),
    ...(context.error && { error: context.error }),
  };
}

/** The jobs that a completed one asks for, with ids derived from its own. */
export function followUps(record: JobRecord, outcome: JobOutcome | undefined): FollowUp[] {
  if (outcome?.kind !== 'completed') return [];
  return (outcome.next ?? []).map(({ idSuffix, priority, ...next }) => ({
    ...next,
    id: derivedId(record.id, idSuffix),
    priority: priority ?? record.priority,
  }));
}
