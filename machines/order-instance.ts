import { assign, setup } from 'xstate';
import type { OrderInstancePayload } from '../src/instances/schemas.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isNotOurs, onNotOurs, refused } from './delete-instance-context.js';
import { DEFAULT_POLL_INTERVAL_MS } from './monitor-instance.js';
import { isGone } from './monitor-instance-context.js';
import {
  announced,
  contextOf,
  doneOutcome,
  goneOutcome,
  isFinal,
  isOverdue,
  isProvenGone,
  noted,
  type OrderCheckpoint,
  type OrderedInstance,
  type OrderInstanceContext,
  overdueOutcome,
  snoozed,
  unableOutcome,
  unprovenOutcome,
  verdictOf,
} from './order-instance-context.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export interface OrderInstanceSettings {
  /** Pause before the second read; it doubles up to `pollIntervalMs`. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /** Longest pause between two reads. Defaults to 10 seconds. */
  pollIntervalMs?: number;
  /**
   * For how long an order may not show that was sent, and for how long the provider must not know an instance before it counts as gone.
   * Defaults to 10 seconds.
   */
  settleMs?: number;
}

/** The input of the actors of the chart. */
export type OrderActorInput = {
  jobId: string;
  novitaInstanceId: string;
  /** Whether nothing was read for the job yet: it is proven to be ours then. */
  isFirst: boolean;
};

type Read = { read: OrderedInstance };
const read = ({ event }: { event: { output: OrderedInstance } }): Read => ({ read: event.output });

const WORDS = {
  start: 'Starts an instance that was stopped, until it runs and is healthy.',
  stop: 'Stops an instance, until a read shows that it has stopped.',
  restart: 'Restarts an instance, until a read shows that it runs again.',
} as const;

/**
 * Has a provider start, stop or restart an instance. One run is one read, and at most one order. The order is written before it is sent, and
 * a read decides what has become of it.
 */
export function orderInstanceChart<O extends keyof typeof WORDS>(
  order: O,
  settings: OrderInstanceSettings = {},
) {
  const { verifyIntervalMs = 2_000, pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, settleMs = 10_000 } = settings;
  const pauses = { verifyIntervalMs, pollIntervalMs };
  const note = { type: 'noteRead', params: read } as const;
  return setup({
    types: {
      context: {} as OrderInstanceContext,
      input: {} as RunInput<OrderInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      readInstance: notProvided<OrderedInstance, OrderActorInput>(),
      announceOrder: notProvided<void, { jobId: string; checkpoint: OrderCheckpoint }>(),
      orderInstance: notProvided<void, OrderActorInput>(),
    },
    guards: {
      provenGone: ({ context }, { read: seen }: Read) => isProvenGone(context, seen, settleMs),
      isGone: (_, { read: seen }: Read) => isGone(seen),
      isUnable: (_, { read: seen }: Read) => seen?.isAble === false,
      isDone: ({ context }, { read: seen }: Read) =>
        seen !== null && verdictOf(order, context, seen, settleMs) === 'done',
      isUnproven: ({ context }, { read: seen }: Read) =>
        seen !== null && verdictOf(order, context, seen, settleMs) === 'unproven',
      mustSend: ({ context }, { read: seen }: Read) =>
        seen !== null && verdictOf(order, context, seen, settleMs) === 'send',
      overdue: ({ context }) => isOverdue(context),
      isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
      isFinal: (_, { error }: Thrown) => isFinal(error),
    },
    actions: {
      noteRead: assign(({ context }, { read: seen }: Read) => ({
        checkpoint: noted(order, context, seen),
      })),
      noteDone: assign(({ context }) => ({ outcome: doneOutcome(order, context) })),
      noteGone: assign(({ context }) => ({ outcome: goneOutcome(order, context) })),
      noteUnable: assign(({ context }) => ({ outcome: unableOutcome(order, context) })),
      noteUnproven: assign(({ context }) => ({ outcome: unprovenOutcome(order, context) })),
      noteOverdue: assign(({ context }) => ({ outcome: overdueOutcome(order, context) })),
      noteUnreadable: assign(({ context }, { error }: Thrown) => ({
        outcome: overdueOutcome(order, context, error),
      })),
      noteRefused: assign((_, { error }: Thrown) => refused(error)),
      noteAnnounced: assign(({ context }) => ({ checkpoint: announced(context) })),
      noteAccepted: assign(({ context }) => ({ checkpoint: { ...context.checkpoint, isAccepted: true } })),
      snoozeUntilRead: assign(({ context }) => snoozed(context, pauses)),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => snoozed(context, pauses, error)),
    },
  }).createMachine({
    id: `${order}_instance`,
    version: '1',
    description: WORDS[order],
    context: ({ input }) => contextOf(input),
    initial: 'reading',
    output: ({ context }) => context.outcome,
    states: {
      reading: {
        description: 'Asks the provider how the instance is.',
        invoke: {
          src: 'readInstance',
          input: ({ context }) => actorInput(context),
          onDone: [
            { guard: { type: 'provenGone', params: read }, target: 'failed', actions: [note, 'noteGone'] },
            {
              guard: { type: 'isGone', params: read },
              target: 'snoozed',
              actions: [note, 'snoozeUntilRead'],
            },
            { guard: { type: 'isDone', params: read }, target: 'completed', actions: [note, 'noteDone'] },
            { guard: { type: 'isUnable', params: read }, target: 'failed', actions: [note, 'noteUnable'] },
            {
              guard: { type: 'isUnproven', params: read },
              target: 'failed',
              actions: [note, 'noteUnproven'],
            },
            { guard: 'overdue', target: 'timedOut', actions: [note, 'noteOverdue'] },
            { guard: { type: 'mustSend', params: read }, target: 'announcing', actions: note },
            { target: 'snoozed', actions: [note, 'snoozeUntilRead'] },
          ],
          onError: [
            onNotOurs,
            { guard: 'overdue', target: 'timedOut', actions: { type: 'noteUnreadable', params: thrown } },
            { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
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
        description: 'Sends the order. Whatever the provider answers, reads show whether it is carried out.',
        invoke: {
          src: 'orderInstance',
          input: ({ context }) => actorInput(context),
          onDone: { target: 'snoozed', actions: ['noteAccepted', 'snoozeUntilRead'] },
          onError: [
            onNotOurs,
            {
              guard: { type: 'isFinal', params: thrown },
              target: 'failed',
              actions: { type: 'noteRefused', params: thrown },
            },
            { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
          ],
        },
      },
      completed: { type: 'final', description: 'A read shows the instance as it was asked for.' },
      snoozed: { type: 'final', description: 'The job hibernates until the next read.' },
      timedOut: { type: 'final', description: 'The waiting time is over; the instance is left as it is.' },
      failed: {
        type: 'final',
        description: 'The instance is gone or not ours, its provider refuses, or the order cannot be proven.',
      },
    },
  });
}

export function actorInput({ input, checkpoint }: OrderInstanceContext): OrderActorInput {
  const { reads } = checkpoint;
  return { jobId: input.jobId, novitaInstanceId: input.payload.novitaInstanceId, isFirst: reads === 1 };
}

/** The charts of `start_instance`, `stop_instance` and `restart_instance` with their default settings. */
export const startInstanceMachine = orderInstanceChart('start');
export const stopInstanceMachine = orderInstanceChart('stop');
export const restartInstanceMachine = orderInstanceChart('restart');
