import { assign, setup } from 'xstate';
import type { CheckInstancePayload, PortAnswer } from '../src/instances/schemas.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import {
  type CheckedInstance,
  type CheckInstanceContext,
  checkedOutcome,
  contextOf,
  isHealthy,
  isOverdue,
  isProvenGone,
  noted,
  snoozed,
  unreadableOutcome,
} from './check-instance-context.js';
import { isNotOurs, onNotOurs, refused } from './delete-instance-context.js';
import { isGone } from './monitor-instance-context.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export interface CheckInstanceSettings {
  /** Pause between two checks of an instance that is not healthy yet. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
  settleMs?: number;
}

type Read = { read: CheckedInstance };
const read = ({ event }: { event: { output: CheckedInstance } }): Read => ({ read: event.output });
type Probed = { ports: PortAnswer[] };
const probed = ({ event }: { event: { output: PortAnswer[] } }): Probed => ({ ports: event.output });

/** Checks whether an instance runs and its ports answer, again and again until it is healthy or its time is over. */
export function checkInstanceChart(settings: CheckInstanceSettings = {}) {
  const { verifyIntervalMs = 2_000, settleMs = 10_000 } = settings;
  const note = { type: 'noteRead', params: read } as const;
  return setup({
    types: {
      context: {} as CheckInstanceContext,
      input: {} as RunInput<CheckInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      readInstance: notProvided<
        CheckedInstance,
        { jobId: string; novitaInstanceId: string; isFirst: boolean }
      >(),
      probePorts: notProvided<
        PortAnswer[],
        { jobId: string; endpoints: NonNullable<CheckedInstance>['endpoints'] }
      >(),
    },
    guards: {
      provenGone: ({ context }, { read: seen }: Read) => isProvenGone(context, seen, settleMs),
      isGone: (_, { read: seen }: Read) => isGone(seen),
      runs: (_, { read: seen }: Read) => seen?.status === 'running' && seen.healthy,
      overdue: ({ context }) => isOverdue(context),
      isHealthy: ({ context }, { ports }: Probed) => isHealthy(context, ports),
      isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
    },
    actions: {
      noteRead: assign(({ context }, { read: seen }: Read) => noted(context, seen)),
      notePorts: assign((_, { ports }: Probed) => ({ ports })),
      noteChecked: assign(({ context }) => ({ outcome: checkedOutcome(context) })),
      noteRefused: assign((_, { error }: Thrown) => refused(error)),
      noteUnreadable: assign(({ context }, { error }: Thrown) => ({
        outcome: unreadableOutcome(context, error),
      })),
      snoozeUntilCheck: assign(({ context }) => snoozed(context, verifyIntervalMs)),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => snoozed(context, verifyIntervalMs, error)),
    },
  }).createMachine({
    id: 'check_instance',
    version: '1',
    description: 'Checks whether an instance runs and its ports answer.',
    context: ({ input }) => contextOf(input),
    initial: 'reading',
    output: ({ context }) => context.outcome,
    states: {
      reading: {
        description: 'Asks the provider how the instance is, and where its ports are.',
        invoke: {
          src: 'readInstance',
          input: ({ context: { input } }) => ({
            jobId: input.jobId,
            novitaInstanceId: input.payload.novitaInstanceId,
            isFirst: (input.checkpoint ?? null) === null,
          }),
          onDone: [
            {
              guard: { type: 'provenGone', params: read },
              target: 'completed',
              actions: [note, 'noteChecked'],
            },
            {
              guard: { type: 'isGone', params: read },
              target: 'snoozed',
              actions: [note, 'snoozeUntilCheck'],
            },
            { guard: { type: 'runs', params: read }, target: 'probing', actions: note },
            { guard: 'overdue', target: 'completed', actions: [note, 'noteChecked'] },
            { target: 'snoozed', actions: [note, 'snoozeUntilCheck'] },
          ],
          onError: [
            onNotOurs,
            { guard: 'overdue', target: 'failed', actions: { type: 'noteUnreadable', params: thrown } },
            { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
          ],
        },
      },
      probing: {
        description: 'Asks each port for an answer, all at once.',
        invoke: {
          src: 'probePorts',
          input: ({ context }) => ({ jobId: context.input.jobId, endpoints: context.read?.endpoints ?? [] }),
          onDone: [
            {
              guard: { type: 'isHealthy', params: probed },
              target: 'completed',
              actions: [{ type: 'notePorts', params: probed }, 'noteChecked'],
            },
            {
              guard: 'overdue',
              target: 'completed',
              actions: [{ type: 'notePorts', params: probed }, 'noteChecked'],
            },
            { target: 'snoozed', actions: 'snoozeUntilCheck' },
          ],
        },
      },
      completed: { type: 'final', description: 'It is healthy, or its time to become so is over.' },
      snoozed: { type: 'final', description: 'The job hibernates until the next check.' },
      failed: { type: 'final', description: 'The instance is not ours, or could not be read.' },
    },
  });
}

/** The chart of `check_instance` with its default settings. */
export const checkInstanceMachine = checkInstanceChart();
