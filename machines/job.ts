import { type AnyActorLogic, assign, type SnapshotFrom, setup, transition } from 'xstate';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { thrownError } from '../src/jobs/job-error.js';
import { JOB_MACHINE } from '../src/jobs/job-record.js';
import { checkedOutcome, type JobOutcome } from '../src/jobs/outcome.js';
import { type JobState, statusOf } from '../src/jobs/vocabulary.js';
import {
  contextOf,
  hasAttemptsLeft,
  type JobEvent,
  type JobMachineContext,
  type JobMachineInput,
  noAttemptLeft,
  runInputOf,
  timeoutError,
  timeoutOf,
} from './job-machine-context.js';
import { notProvided, type RunInput } from './run-input.js';

type Ended = { outcome: JobOutcome };

const runEnded = ({ event }: { event: { output: unknown } }): Ended => ({
  outcome: checkedOutcome(event.output),
});
const runThrew = ({ event }: { event: { error: unknown } }): Ended => ({
  outcome: { kind: 'failed', error: thrownError(event.error) },
});

const jobSetup = setup({
  types: {
    context: {} as JobMachineContext,
    events: {} as JobEvent,
    input: {} as JobMachineInput,
  },
  actors: {
    // Typed as any logic, so that a promise, a callback or a whole chart can be provided.
    run: notProvided<JobOutcome, RunInput>() as AnyActorLogic,
  },
  guards: {
    attemptsLeft: ({ context }) => hasAttemptsLeft(context),
    isCompleted: (_, { outcome }: Ended) => outcome.kind === 'completed',
    isSnoozed: (_, { outcome }: Ended) => outcome.kind === 'snoozed',
    isTimedOut: (_, { outcome }: Ended) =>
      outcome.kind === 'failed' && (outcome.timedOut === true || outcome.error.code === 'JETFLEET_TIMEOUT'),
    isRetryable: ({ context }, { outcome }: Ended) =>
      outcome.kind === 'failed' && outcome.error.retryable && hasAttemptsLeft(context),
    isRefused: (_, { outcome }: Ended) => outcome.kind === 'failed' && !outcome.error.retryable,
  },
  actions: {
    beginAttempt: assign(({ context }, { now }: { now: string }) => ({
      attempt: context.attempt + 1,
      now,
      outcome: undefined,
      error: undefined,
    })),
    resumeAttempt: assign((_, { now }: { now: string }) => ({ now, outcome: undefined, error: undefined })),
    giveAttemptBack: assign(({ context }) => ({ attempt: Math.max(0, context.attempt - 1) })),
    saveCheckpoint: assign((_, { checkpoint }: { checkpoint: unknown }) => ({ checkpoint })),
    saveOutcome: assign(({ context }, { outcome }: Ended) => ({
      outcome,
      error: outcome.kind === 'failed' ? outcome.error : undefined,
      checkpoint: outcome.checkpoint === undefined ? context.checkpoint : outcome.checkpoint,
    })),
    saveError: assign((_, { error }: { error: JobErrorInfo }) => ({ error, outcome: undefined })),
    saveTimeout: assign(({ context }) => ({ error: timeoutError(context), outcome: undefined })),
    saveNoAttemptLeft: assign(({ context }) => ({ error: context.error ?? noAttemptLeft(context) })),
  },
  delays: {
    attemptTimeout: ({ context }) => timeoutOf(context),
  },
});

type CarriesError = { event: { error: JobErrorInfo } };
const saveError = {
  type: 'saveError',
  params: ({ event }: CarriesError) => ({ error: event.error }),
} as const;

/** Where a failed run leads, whether it returned its error or threw it. */
function failures<E>(params: (args: { event: E }) => Ended) {
  const actions = { type: 'saveOutcome', params } as const;
  return [
    { guard: { type: 'isTimedOut', params }, target: '#job.failed.timed_out', actions },
    { guard: { type: 'isRetryable', params }, target: '#job.pending.retrying', actions },
    { guard: { type: 'isRefused', params }, target: '#job.failed.rejected', actions },
    { target: '#job.failed.exhausted', actions },
  ] as const;
}

const saveOutcome = { type: 'saveOutcome', params: runEnded } as const;

/** Every job is one of these: pending, processing, completed or failed, and where it stands inside that. */
export const jobMachine = jobSetup.createMachine({
  id: JOB_MACHINE.id,
  version: String(JOB_MACHINE.version),
  description: 'A job, from its message to its last record.',
  context: ({ input }) => contextOf(input),
  initial: 'pending',
  states: {
    pending: {
      description: 'No worker holds the job.',
      initial: 'queued',
      on: {
        CLAIM: [
          {
            guard: 'attemptsLeft',
            target: 'processing.running',
            actions: { type: 'beginAttempt', params: ({ event }) => ({ now: event.now }) },
          },
          { target: 'failed.exhausted', actions: 'saveNoAttemptLeft' },
        ],
        REJECT: { target: 'failed.rejected', actions: saveError },
        TIMEOUT: { target: 'failed.timed_out', actions: saveError },
        EXPIRE: { target: 'failed.expired', actions: saveError },
        CANCEL: { target: 'failed.cancelled', actions: saveError },
      },
      states: {
        queued: { description: 'A work message waits for a worker.' },
        scheduled: { description: 'A broker timer will turn into the work message.' },
        retrying: { description: 'An attempt failed; a broker timer waits for the next one.' },
      },
    },
    processing: {
      description: 'An attempt is under way.',
      initial: 'running',
      on: {
        RECLAIM: [
          {
            guard: 'attemptsLeft',
            target: 'processing.running',
            reenter: true,
            actions: { type: 'beginAttempt', params: ({ event }) => ({ now: event.now }) },
          },
          { target: 'failed.exhausted', actions: saveError },
        ],
        TIMEOUT: { target: 'failed.timed_out', actions: saveError },
        CANCEL: { target: 'failed.cancelled', actions: saveError },
      },
      states: {
        running: {
          description: 'A worker holds the job and runs the chart of its type.',
          invoke: {
            id: 'run',
            src: 'run',
            input: ({ context }: { context: JobMachineContext }) => runInputOf(context),
            onDone: [
              {
                guard: { type: 'isCompleted', params: runEnded },
                target: '#job.completed',
                actions: saveOutcome,
              },
              { guard: { type: 'isSnoozed', params: runEnded }, target: 'waiting', actions: saveOutcome },
              ...failures(runEnded),
            ],
            onError: failures(runThrew),
          },
          after: { attemptTimeout: { target: '#job.failed.timed_out', actions: 'saveTimeout' } },
          on: {
            RELEASE: { target: '#job.pending.queued', actions: 'giveAttemptBack' },
            CHECKPOINT: {
              actions: { type: 'saveCheckpoint', params: ({ event }) => ({ checkpoint: event.checkpoint }) },
            },
          },
        },
        waiting: {
          description: 'The job hibernates: nothing but a broker timer holds it.',
          on: {
            RESUME: {
              target: 'running',
              actions: { type: 'resumeAttempt', params: ({ event }) => ({ now: event.now }) },
            },
          },
        },
      },
    },
    completed: {
      type: 'final',
      description: 'The job is done; its outcome has the result and what follows.',
    },
    failed: {
      description: 'The job is over without success. No event leads out of here.',
      initial: 'exhausted',
      states: {
        exhausted: { type: 'final', description: 'Every attempt failed, or was lost with its worker.' },
        rejected: {
          type: 'final',
          description: 'The payload is invalid, or an error rules out another try.',
        },
        timed_out: { type: 'final', description: 'The job or an attempt took longer than it may.' },
        expired: { type: 'final', description: 'The job waited longer for its first attempt than it may.' },
        cancelled: { type: 'final', description: 'Somebody cancelled the job.' },
      },
    },
  },
});

export type JobMachine = typeof jobMachine;
export type JobSnapshot = SnapshotFrom<JobMachine>;

/** The leaf state of a job, as it stands on its record. */
export function jobStateOf(snapshot: Pick<JobSnapshot, 'value'>): JobState {
  const { value } = snapshot;
  return (typeof value === 'string' ? value : Object.values(value)[0]) as JobState;
}

/** A snapshot to go on from a record with. In `running` nothing runs until `RECLAIM`: the run of another worker cannot be taken over. */
export function resolveJobState(state: JobState, input: JobMachineInput, machine = jobMachine): JobSnapshot {
  const status = statusOf(state);
  const value = status === state ? state : { [status]: state };
  return machine.resolveState({ value, context: contextOf(input) });
}

/** Where an event leads, without running anything; `accepted` is false when the state ignores the event. */
export function nextJobState(
  machine: JobMachine,
  snapshot: JobSnapshot,
  event: JobEvent,
): { state: JobState; context: JobMachineContext; accepted: boolean } {
  const [next] = transition(machine, snapshot, event);
  return { state: jobStateOf(next), context: next.context, accepted: snapshot.can(event) };
}
