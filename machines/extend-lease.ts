import { assign, setup } from 'xstate';
import type { ExtendLeasePayload, ExtendLeaseResult } from '../src/instances/schemas.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { failure } from './monitor-instance-context.js';
import { emptyInput, notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export interface ExtendLeaseContext {
  input: RunInput<ExtendLeasePayload>;
  /** The lease as it is to be; written before it is sent, so that a repetition does not extend it twice. */
  lease: ExtendLeaseResult | null;
  outcome: JobOutcome;
}

type Found = { lease: ExtendLeaseResult | null };
const found = ({ event }: { event: { output: Found['lease'] } }): Found => ({ lease: event.output });

function contextOf(input: RunInput<ExtendLeasePayload> | undefined): ExtendLeaseContext {
  const given = input ?? emptyInput<ExtendLeasePayload>();
  const lease = (given.checkpoint as ExtendLeaseResult | null | undefined) ?? null;
  return { input: given, lease, outcome: { kind: 'completed' } };
}

function withoutLease({ input }: ExtendLeaseContext): JobOutcome {
  const { novitaInstanceId, autoStopJobId } = input.payload;
  const which = autoStopJobId === undefined ? 'an auto_stop job' : `the auto_stop job ${autoStopJobId}`;
  return failure('JETFLEET_NOT_FOUND', `instance ${novitaInstanceId} does not have ${which}; add one`);
}

/** Moves the end of a lease, by a signal to the job that keeps it. */
export const extendLeaseMachine = setup({
  types: {
    context: {} as ExtendLeaseContext,
    input: {} as RunInput<ExtendLeasePayload>,
    output: {} as JobOutcome,
  },
  actors: {
    findLease: notProvided<ExtendLeaseResult | null, { jobId: string }>(),
    keepLease: notProvided<void, { jobId: string; checkpoint: ExtendLeaseResult | null }>(),
    sendLease: notProvided<void, { jobId: string; lease: ExtendLeaseResult | null }>(),
  },
  guards: {
    isKept: ({ context }) => context.lease !== null,
    isFound: (_, { lease }: Found) => lease !== null,
  },
  actions: {
    noteLease: assign((_, { lease }: Found) => ({ lease })),
    noteNone: assign(({ context }) => ({ outcome: withoutLease(context) })),
    noteExtended: assign(({ context }) => ({
      outcome: { kind: 'completed', result: context.lease } as JobOutcome,
    })),
    noteError: assign((_, { error }: Thrown) => ({
      outcome: { kind: 'failed', error: toJobError(error) } as JobOutcome,
    })),
  },
}).createMachine({
  id: 'extend_lease',
  version: '1',
  description: 'Moves the end of the lease of an instance.',
  context: ({ input }) => contextOf(input),
  initial: 'deciding',
  output: ({ context }) => context.outcome,
  states: {
    deciding: {
      description: 'Whether an earlier run has written what is to be sent.',
      always: [{ guard: 'isKept', target: 'sending' }, { target: 'finding' }],
    },
    finding: {
      description: 'Finds the job that keeps the lease, and its end.',
      invoke: {
        src: 'findLease',
        input: ({ context }) => ({ jobId: context.input.jobId }),
        onDone: [
          {
            guard: { type: 'isFound', params: found },
            target: 'keeping',
            actions: { type: 'noteLease', params: found },
          },
          { target: 'failed', actions: 'noteNone' },
        ],
        onError: { target: 'failed', actions: { type: 'noteError', params: thrown } },
      },
    },
    keeping: {
      description: 'Writes the end that the lease is to have.',
      invoke: {
        src: 'keepLease',
        input: ({ context: { input, lease } }) => ({ jobId: input.jobId, checkpoint: lease }),
        onDone: 'sending',
        onError: { target: 'failed', actions: { type: 'noteError', params: thrown } },
      },
    },
    sending: {
      description: 'Sends it to the job that keeps the lease; the same twice changes nothing.',
      invoke: {
        src: 'sendLease',
        input: ({ context: { input, lease } }) => ({ jobId: input.jobId, lease }),
        onDone: { target: 'completed', actions: 'noteExtended' },
        onError: { target: 'failed', actions: { type: 'noteError', params: thrown } },
      },
    },
    completed: { type: 'final', description: 'The job that keeps the lease has its new end.' },
    failed: {
      type: 'final',
      description: 'There is no such lease, it is over, or the next attempt tries again.',
    },
  },
});
