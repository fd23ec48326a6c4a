import type { DeleteInstancePayload, DeleteInstanceResult } from '../src/instances/schemas.js';
import { JetfleetError } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { FoundInstance } from './create-instance-context.js';
import { isProven, type Repeated, readAgain, retryDelayMs } from './repeated.js';
import { emptyInput, type RunInput, thrown } from './run-input.js';

/** As a transition of `onError`: what was found is not ours to touch. */
export const onNotOurs = {
  guard: { type: 'isNotOurs', params: thrown },
  target: 'failed',
  actions: { type: 'noteRefused', params: thrown },
} as const;

/** What one poll leaves for the next. */
export interface DeleteCheckpoint {
  /** ISO time of the first poll. */
  since: string;
  /** Set while the provider shows nothing of it. */
  absent?: Repeated;
  found: string[];
  /** Polls so far: the pause between them grows. */
  looks: number;
}

export interface DeleteInstanceContext {
  input: RunInput<DeleteInstancePayload>;
  checkpoint: DeleteCheckpoint;
  present: string[];
  outcome: JobOutcome;
}

export function contextOf(input: RunInput<DeleteInstancePayload> | undefined): DeleteInstanceContext {
  const given = input ?? emptyInput<DeleteInstancePayload>();
  const before = given.checkpoint as DeleteCheckpoint | null | undefined;
  const checkpoint = before ?? { since: given.now, found: [], looks: 0 };
  return {
    input: given,
    checkpoint: { ...checkpoint, looks: checkpoint.looks + 1 },
    present: [],
    outcome: { kind: 'snoozed', delayMs: 0 },
  };
}

/** What a poll found, kept for the next one. */
export function noted({ checkpoint, input }: DeleteInstanceContext, found: FoundInstance[]) {
  const present = found.map(({ id }) => id);
  const { absent, ...rest } = checkpoint;
  const gone = present.length > 0 ? {} : { absent: readAgain(absent, input.now) };
  return {
    present,
    checkpoint: { ...rest, ...gone, found: [...new Set([...checkpoint.found, ...present])] },
  };
}

/** Whether a poll that found nothing proves, with those before it, that nothing is there. */
export function isGone({ input, checkpoint }: DeleteInstanceContext, settleMs: number): boolean {
  return isProven(readAgain(checkpoint.absent, input.now), input.now, settleMs);
}

/** Until the next poll: twice as long each time, up to a minute, or what the provider asked for. */
export function snoozed(
  { checkpoint }: DeleteInstanceContext,
  intervalMs: number,
  error?: unknown,
): { outcome: JobOutcome } {
  // An absence is proven at the pace of its own reads, however long the provider was away before.
  const polls = error === undefined && checkpoint.absent ? checkpoint.absent.reads : checkpoint.looks;
  const growing = Math.min(intervalMs * 2 ** Math.min(polls - 1, 20), MAX_PAUSE_MS);
  const delayMs = error === undefined ? growing : retryDelayMs(error, growing, MAX_PAUSE_MS);
  return { outcome: { kind: 'snoozed', delayMs, checkpoint } };
}

const MAX_PAUSE_MS = 60_000;

export function deletedOutcome({ checkpoint }: DeleteInstanceContext): { outcome: JobOutcome } {
  const result: DeleteInstanceResult = { deleted: checkpoint.found };
  return { outcome: { kind: 'completed', result } };
}

export function isNotOurs(error: unknown): boolean {
  return JetfleetError.is(error, 'JETFLEET_INSTANCE_NOT_OURS');
}

/** A refusal to touch what was found: its error stands as it is. */
export function refused(error: unknown): { outcome: JobOutcome } {
  return { outcome: { kind: 'failed', error: toJobError(error) } };
}

export function notDeleted(
  { input, checkpoint }: DeleteInstanceContext,
  error?: unknown,
): { outcome: JobOutcome } {
  const { novitaInstanceId, instanceName } = input.payload;
  const what = novitaInstanceId ? `instance ${novitaInstanceId}` : `the instances named ${instanceName}`;
  const cause = error === undefined ? 'the provider still reports it' : toJobError(error).message;
  const message = `${what} could not be shown to be gone since ${checkpoint.since} and may still cost money: ${cause}`;
  return {
    outcome: { kind: 'failed', error: { code: 'JETFLEET_INSTANCE_NOT_DELETED', message, retryable: false } },
  };
}
