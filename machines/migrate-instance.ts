import { assign, setup } from 'xstate';
import type { MigrateInstancePayload } from '../src/instances/schemas.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isNotOurs, onNotOurs, refused } from './delete-instance-context.js';
import {
  isReplaced,
  isReplacedAfter,
  isReplacedWhenGone,
  type MigrateCheckpoint,
  type MigrateInstanceContext,
  migratedOutcome,
  notReplacedOutcome,
  type Replacement,
  replacedOutcome,
} from './migrate-instance-context.js';
import { DEFAULT_POLL_INTERVAL_MS } from './monitor-instance.js';
import { isGone } from './monitor-instance-context.js';
import { actorInput, type OrderActorInput, type OrderInstanceSettings } from './order-instance.js';
import {
  announced,
  contextOf,
  goneOutcome,
  isFinal,
  isOverdue,
  isProvenGone,
  noted,
  type OrderedInstance,
  overdueOutcome,
  provenGone,
  snoozed,
  unableOutcome,
  verdictOf,
} from './order-instance-context.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

type Read = { read: OrderedInstance };
const read = ({ event }: { event: { output: OrderedInstance } }): Read => ({ read: event.output });
type Replaced = { replacement: Replacement };
const replacement = ({ event }: { event: { output: Replacement } }): Replaced => ({
  replacement: event.output,
});
type OfState<S extends Replacement['state']> = Extract<Replacement, { state: S }>;

/**
 * Moves an instance to another machine: by the provider's own call, or by another instance. The other one is rented and watched by jobs of
 * its own, and the old one is deleted only once the other runs.
 */
export function migrateInstanceChart(settings: OrderInstanceSettings = {}) {
  const { verifyIntervalMs = 2_000, pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, settleMs = 10_000 } = settings;
  const pauses = { verifyIntervalMs, pollIntervalMs };
  const note = { type: 'noteRead', params: read } as const;
  const snoozeAfterError = {
    target: 'snoozed',
    actions: { type: 'snoozeAfterError', params: thrown },
  } as const;
  return setup({
    types: {
      context: {} as MigrateInstanceContext,
      input: {} as RunInput<MigrateInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      readInstance: notProvided<OrderedInstance, OrderActorInput>(),
      announceOrder: notProvided<void, { jobId: string; checkpoint: MigrateCheckpoint }>(),
      orderInstance: notProvided<void, OrderActorInput>(),
      addReplacement: notProvided<{ jobId: string }, { jobId: string; checkpoint: MigrateCheckpoint }>(),
      readReplacement: notProvided<Replacement, { jobId: string; replacementJobId: string }>(),
    },
    guards: {
      isReplacing: ({ context }) => context.checkpoint.replacementJobId !== undefined,
      goneAndReplaced: ({ context }, { read: seen }: Read) =>
        isReplacedWhenGone(context) && isProvenGone(context, seen, settleMs),
      provenGone: ({ context }, { read: seen }: Read) => isProvenGone(context, seen, settleMs),
      isGone: (_, { read: seen }: Read) => isGone(seen),
      isReplaced: ({ context }, { read: seen }: Read) => isReplaced(context, seen),
      isUnable: (_, { read: seen }: Read) => seen?.isAble === false,
      isDone: ({ context }, { read: seen }: Read) =>
        seen !== null && verdictOf('migrate', context, seen, settleMs) === 'done',
      mustSend: ({ context }, { read: seen }: Read) =>
        seen !== null && verdictOf('migrate', context, seen, settleMs) === 'send',
      overdue: ({ context }) => isOverdue(context),
      isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
      cannotNow: ({ context }, { error }: Thrown) => isReplacedAfter(context, error),
      isFinal: (_, { error }: Thrown) => isFinal(error),
      replacementRuns: (_, { replacement: each }: Replaced) => each.state === 'running',
      replacementFailed: (_, { replacement: each }: Replaced) => each.state === 'failed',
    },
    actions: {
      noteRead: assign(({ context }, { read: seen }: Read) => ({
        checkpoint: noted('migrate', context, seen),
      })),
      noteProvenGone: assign(({ context }) => ({ checkpoint: provenGone(context) })),
      noteMigrated: assign(({ context }) => ({ outcome: migratedOutcome(context) })),
      noteGone: assign(({ context }) => ({ outcome: goneOutcome('migrate', context) })),
      noteUnable: assign(({ context }) => ({ outcome: unableOutcome('migrate', context) })),
      noteOverdue: assign(({ context }) => ({ outcome: overdueOutcome('migrate', context) })),
      noteUnreadable: assign(({ context }, { error }: Thrown) => ({
        outcome: overdueOutcome('migrate', context, error),
      })),
      noteRefused: assign(({ context }, { error }: Thrown) => ({
        outcome: { ...refused(error).outcome, checkpoint: context.checkpoint },
      })),
      noteAnnounced: assign(({ context }) => ({ checkpoint: announced(context) })),
      noteAccepted: assign(({ context }) => ({ checkpoint: { ...context.checkpoint, isAccepted: true } })),
      noteReplacing: assign(({ context }, { jobId }: { jobId: string }) => ({
        checkpoint: { ...context.checkpoint, replacementJobId: jobId },
      })),
      noteReplaced: assign(({ context }, { replacement: each }: Replaced) => ({
        outcome: replacedOutcome(context, each as OfState<'running'>),
      })),
      noteNotReplaced: assign(({ context }, { replacement: each }: Replaced) => ({
        outcome: notReplacedOutcome(context, each as OfState<'failed'>),
      })),
      snoozeUntilRead: assign(({ context }) => snoozed(context, pauses)),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => snoozed(context, pauses, error)),
    },
  }).createMachine({
    id: 'migrate_instance',
    version: '1',
    description: 'Moves an instance to another machine, by its provider or by a replacement.',
    context: ({ input }) => contextOf(input),
    initial: 'deciding',
    output: ({ context }) => context.outcome,
    states: {
      deciding: {
        description: 'Whether an earlier run began to rent another instance.',
        always: [{ guard: 'isReplacing', target: 'awaitingReplacement' }, { target: 'reading' }],
      },
      reading: {
        description: 'Asks the provider how the instance is.',
        invoke: {
          src: 'readInstance',
          input: ({ context }) => actorInput(context),
          onDone: [
            {
              guard: { type: 'goneAndReplaced', params: read },
              target: 'replacing',
              actions: [note, 'noteProvenGone'],
            },
            { guard: { type: 'provenGone', params: read }, target: 'failed', actions: [note, 'noteGone'] },
            {
              guard: { type: 'isGone', params: read },
              target: 'snoozed',
              actions: [note, 'snoozeUntilRead'],
            },
            { guard: { type: 'isReplaced', params: read }, target: 'replacing', actions: note },
            { guard: { type: 'isDone', params: read }, target: 'completed', actions: [note, 'noteMigrated'] },
            { guard: { type: 'isUnable', params: read }, target: 'failed', actions: [note, 'noteUnable'] },
            { guard: 'overdue', target: 'timedOut', actions: [note, 'noteOverdue'] },
            { guard: { type: 'mustSend', params: read }, target: 'announcing', actions: note },
            { target: 'snoozed', actions: [note, 'snoozeUntilRead'] },
          ],
          onError: [
            onNotOurs,
            { guard: 'overdue', target: 'timedOut', actions: { type: 'noteUnreadable', params: thrown } },
            snoozeAfterError,
          ],
        },
      },
      announcing: {
        description: 'Writes that the order is about to be sent, so that a crash is followed by a read.',
        entry: 'noteAnnounced',
        invoke: {
          src: 'announceOrder',
          input: ({ context: { input, checkpoint } }) => ({ jobId: input.jobId, checkpoint }),
          onDone: 'ordering',
        },
      },
      ordering: {
        description: 'Has the provider move it. Whatever it answers, reads show whether that is carried out.',
        invoke: {
          src: 'orderInstance',
          input: ({ context }) => actorInput(context),
          onDone: { target: 'snoozed', actions: ['noteAccepted', 'snoozeUntilRead'] },
          onError: [
            onNotOurs,
            { guard: { type: 'cannotNow', params: thrown }, target: 'replacing' },
            {
              guard: { type: 'isFinal', params: thrown },
              target: 'failed',
              actions: { type: 'noteRefused', params: thrown },
            },
            snoozeAfterError,
          ],
        },
      },
      replacing: {
        description:
          'Adds a create job like the one that rented the instance; repeating it adds no second one.',
        invoke: {
          src: 'addReplacement',
          input: ({ context: { input, checkpoint } }) => ({ jobId: input.jobId, checkpoint }),
          onDone: {
            target: 'snoozed',
            actions: [{ type: 'noteReplacing', params: ({ event }) => event.output }, 'snoozeUntilRead'],
          },
          onError: [
            onNotOurs,
            {
              guard: { type: 'isFinal', params: thrown },
              target: 'failed',
              actions: { type: 'noteRefused', params: thrown },
            },
            snoozeAfterError,
          ],
        },
      },
      awaitingReplacement: {
        description: 'Reads the records of the jobs that rent and watch the other instance.',
        invoke: {
          src: 'readReplacement',
          input: ({ context: { input, checkpoint } }) => ({
            jobId: input.jobId,
            replacementJobId: checkpoint.replacementJobId ?? '',
          }),
          onDone: [
            {
              guard: { type: 'replacementRuns', params: replacement },
              target: 'completed',
              actions: { type: 'noteReplaced', params: replacement },
            },
            {
              guard: { type: 'replacementFailed', params: replacement },
              target: 'failed',
              actions: { type: 'noteNotReplaced', params: replacement },
            },
            { target: 'snoozed', actions: 'snoozeUntilRead' },
          ],
          onError: snoozeAfterError,
        },
      },
      completed: { type: 'final', description: 'The instance runs, on another machine or as another one.' },
      snoozed: { type: 'final', description: 'The job hibernates until the next read.' },
      timedOut: { type: 'final', description: 'The waiting time is over; the instance is left as it is.' },
      failed: {
        type: 'final',
        description:
          'The instance is gone or not ours, its provider refuses, or no other one could be rented.',
      },
    },
  });
}

/** The chart of `migrate_instance` with its default settings. */
export const migrateInstanceMachine = migrateInstanceChart();
