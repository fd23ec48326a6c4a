import { assign, setup } from 'xstate';
import type { DeleteInstancePayload } from '../src/instances/schemas.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { FoundInstance } from './create-instance-context.js';
import {
  contextOf,
  type DeleteInstanceContext,
  deletedOutcome,
  isGone,
  isNotOurs,
  notDeleted,
  noted,
  onNotOurs,
  refused,
  snoozed,
} from './delete-instance-context.js';
import { sinceMs } from './repeated.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export interface DeleteInstanceSettings {
  /** Pause before the second poll; it doubles up to a minute. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /**
   * How long nothing must be found before it counts as gone: a provider forgets for a moment what it has just made, and
   * a create may still be under way. Defaults to 10 seconds.
   */
  settleMs?: number;
  /** How long deleting may take altogether. Defaults to 24 hours. */
  giveUpAfterMs?: number;
}

/** The input of the actor that reads what is there. */
export type DeleteActorInput = {
  jobId: string;
  payload: DeleteInstancePayload;
  /** Ids of all that earlier polls have found. */
  found: string[];
};

type Looked = { found: FoundInstance[] };
const looked = ({ event }: { event: { output: FoundInstance[] } }): Looked => ({ found: event.output });

/** Deletes what a failed job has rented. One run is one poll; between runs the job hibernates. */
export function deleteInstanceChart(settings: DeleteInstanceSettings = {}) {
  const { verifyIntervalMs = 2_000, settleMs = 10_000, giveUpAfterMs = 86_400_000 } = settings;
  const noteLook = { type: 'noteLook', params: looked } as const;
  const onError = [
    { guard: 'overdue', target: 'failed', actions: { type: 'noteError', params: thrown } },
    { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
  ] as const;
  return setup({
    types: {
      context: {} as DeleteInstanceContext,
      input: {} as RunInput<DeleteInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      findInstances: notProvided<FoundInstance[], DeleteActorInput>(),
      deleteInstances: notProvided<void, { jobId: string; instanceIds: string[] }>(),
    },
    guards: {
      foundSome: (_, { found }: Looked) => found.length > 0,
      isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
      provenGone: ({ context }, { found }: Looked) => found.length === 0 && isGone(context, settleMs),
      overdue: ({ context }) => sinceMs(context.checkpoint.since, context.input.now) > giveUpAfterMs,
    },
    actions: {
      noteLook: assign(({ context }, { found }: Looked) => noted(context, found)),
      noteDeleted: assign(({ context }) => deletedOutcome(context)),
      noteStillThere: assign(({ context }) => notDeleted(context)),
      noteRefused: assign((_, { error }: Thrown) => refused(error)),
      noteError: assign(({ context }, { error }: Thrown) => notDeleted(context, error)),
      snoozeUntilNextLook: assign(({ context }) => snoozed(context, verifyIntervalMs)),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => snoozed(context, verifyIntervalMs, error)),
    },
  }).createMachine({
    id: 'delete_instance',
    version: '1',
    description: 'Deletes what a failed job has rented, until the provider says that it is gone.',
    context: ({ input }) => contextOf(input),
    initial: 'looking',
    output: ({ context }) => context.outcome,
    states: {
      looking: {
        description: 'Asks the provider what is left.',
        invoke: {
          src: 'findInstances',
          input: ({ context: { input, checkpoint } }) => ({
            jobId: input.jobId,
            payload: input.payload,
            found: checkpoint.found,
          }),
          onDone: [
            { guard: { type: 'foundSome', params: looked }, target: 'deleting', actions: noteLook },
            {
              guard: { type: 'provenGone', params: looked },
              target: 'completed',
              actions: [noteLook, 'noteDeleted'],
            },
            { target: 'snoozed', actions: [noteLook, 'snoozeUntilNextLook'] },
          ],
          onError,
        },
      },
      deleting: {
        description:
          'Deletes all of it; repeating that does no harm. The next poll shows whether it is gone.',
        invoke: {
          src: 'deleteInstances',
          input: ({ context }) => ({ jobId: context.input.jobId, instanceIds: context.present }),
          onDone: [
            { guard: 'overdue', target: 'failed', actions: 'noteStillThere' },
            { target: 'snoozed', actions: 'snoozeUntilNextLook' },
          ],
          onError: [onNotOurs, ...onError],
        },
      },
      completed: { type: 'final', description: 'Nothing is left.' },
      snoozed: { type: 'final', description: 'The job hibernates until the next poll.' },
      failed: {
        type: 'final',
        description: 'It is not ours to touch, or could not be shown to be gone in all that time.',
      },
    },
  });
}

/** The chart of `delete_instance` with its default settings. */
export const deleteInstanceMachine = deleteInstanceChart();
