/** The record that a transition writes: pure functions from the record before, and what the chart decided. */
import type { JobContext } from '../../machines/index.js';
import { ValidationError } from '../jobs/errors.js';
import { derivedId, isJobId } from '../jobs/job-id.js';
import type { FollowUp, JobRecord } from '../jobs/job-record.js';
import { MAX_RECORD_BYTES } from '../jobs/limits.js';
import type { JobOutcome } from '../jobs/outcome.js';
import {
  isJobType,
  isPriority,
  isTerminal,
  type JobState,
  PRIORITIES,
  statusOf,
} from '../jobs/vocabulary.js';
import { lifecycleWebhook } from '../webhooks/lifecycle-webhook.js';
import { encodeBody } from '../wire/job-message.js';
import { encodeRecord } from '../wire/record-message.js';

/** What only the worker knows about a transition. */
export interface TransitionFacts {
  worker: string;
  workSeq: number;
  nowMs: number;
  /** Of a job that will wait: how long. */
  delayMs?: number;
}

/** What a transition takes from the chart. */
export type Transition = Pick<JobContext, 'attempt' | 'checkpoint' | 'error' | 'outcome'>;

/** The record of `state`. What belonged to the state before (due time, old error) is left behind. */
export function transitionRecord(
  before: JobRecord,
  state: JobState,
  context: Transition,
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

/**
 * A terminal record with the jobs that follow from it: those its handler asked for, and its lifecycle webhook.
 * @throws ValidationError when one of them can never be published, or the record would not fit into a message
 */
export function withFollowUps(record: JobRecord, outcome?: JobOutcome): JobRecord {
  const webhook = lifecycleWebhook(record);
  const next = [...followUps(record, outcome), ...(webhook ? [webhook] : [])];
  for (const followUp of next) assertFollowUp(followUp);
  const whole = next.length === 0 ? record : { ...record, next };
  const bytes = encodeRecord(whole).length;
  if (bytes <= MAX_RECORD_BYTES) return whole;
  throw new ValidationError(
    'JETFLEET_RESULT_TOO_LARGE',
    `payload, result and next jobs have ${bytes} bytes together, the limit is ${MAX_RECORD_BYTES}; give next jobs references instead of data`,
  );
}

/** The jobs that a completed one asks for, with ids derived from its own. */
function followUps(record: JobRecord, outcome: JobOutcome | undefined): FollowUp[] {
  if (outcome?.kind !== 'completed') return [];
  return (outcome.next ?? []).map(({ idSuffix, priority, ...next }) => ({
    ...next,
    id: derivedId(record.id, idSuffix),
    priority: priority ?? record.priority,
  }));
}

/** What fits no subject would be published for ever. */
function assertFollowUp({ id, type, priority, payload }: FollowUp): void {
  if (!isJobId(id)) {
    throw new ValidationError(
      'JETFLEET_ID_INVALID',
      `next job has the id ${JSON.stringify(id)}; its idSuffix may have A-Z a-z 0-9 _ - only`,
    );
  }
  if (!isPriority(priority)) {
    throw new ValidationError(
      'JETFLEET_PRIORITY_INVALID',
      `next job has the priority ${JSON.stringify(priority)}, which is none of ${PRIORITIES.join(', ')}`,
    );
  }
  if (!isJobType(type)) {
    throw new ValidationError(
      'JETFLEET_TYPE_INVALID',
      `next job has the type ${JSON.stringify(type)}, which is not snake_case`,
    );
  }
  encodeBody(payload);
}
