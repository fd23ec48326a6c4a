import { assign, setup } from 'xstate';
import type { AutoStopPayload } from '../src/instances/schemas.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import {
  type AutoStopCheckpoint,
  type AutoStopContext,
  afterError,
  contextOf,
  endedOutcome,
  isEnded,
  isOver,
  type LeaseNews,
  noted,
  overOutcome,
  untilOver,
} from './auto-stop-context.js';
import { isNotOurs, onNotOurs, refused } from './delete-instance-context.js';
import type { OrderActorInput } from './order-instance.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

type News = { news: LeaseNews };
const news = ({ event }: { event: { output: LeaseNews } }): News => ({ news: event.output });
type Read = { read: { status: string } | null };
const read = ({ event }: { event: { output: Read['read'] } }): Read => ({ read: event.output });

/** Waits until an instance has been idle for too long, or its lease is over, and has it stopped or deleted then. */
export const autoStopMachine = setup({
  types: {
    context: {} as AutoStopContext,
    input: {} as RunInput<AutoStopPayload>,
    output: {} as JobOutcome,
  },
  actors: {
    readNews: notProvided<LeaseNews, { jobId: string }>(),
    keepNews: notProvided<{ hasMore: boolean }, { jobId: string; checkpoint: AutoStopCheckpoint }>(),
    readInstance: notProvided<Read['read'], OrderActorInput>(),
  },
  guards: {
    hasMore: (_, { hasMore }: { hasMore: boolean }) => hasMore,
    isOver: ({ context }) => isOver(context),
    isEnded: ({ context }, { read: seen }: Read) => isEnded(context, seen),
    isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
  },
  actions: {
    noteNews: assign(({ context }, { news: said }: News) => ({ checkpoint: noted(context, said) })),
    noteEnded: assign(({ context }) => ({ outcome: endedOutcome(context) })),
    noteOver: assign(({ context }) => ({ outcome: overOutcome(context) })),
    noteRefused: assign((_, { error }: Thrown) => refused(error)),
    snoozeUntilOver: assign(({ context }) => untilOver(context)),
    snoozeAfterError: assign(({ context }, { error }: Thrown) => afterError(context, error)),
  },
}).createMachine({
  id: 'auto_stop',
  version: '1',
  description: 'Has an instance stopped or deleted that is idle, or whose lease is over.',
  context: ({ input }) => contextOf(input),
  initial: 'listening',
  output: ({ context }) => context.outcome,
  states: {
    listening: {
      description: 'Reads what was said to the job: when the instance was used, and when its lease ends.',
      invoke: {
        src: 'readNews',
        input: ({ context }) => ({ jobId: context.input.jobId }),
        onDone: { target: 'keeping', actions: { type: 'noteNews', params: news } },
        onError: { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
      },
    },
    keeping: {
      description:
        'Writes that down, removes the signals, and has the next one about the lease wake the job.',
      invoke: {
        src: 'keepNews',
        input: ({ context: { input, checkpoint } }) => ({ jobId: input.jobId, checkpoint }),
        onDone: [
          { guard: { type: 'hasMore', params: ({ event }) => event.output }, target: 'listening' },
          { guard: 'isOver', target: 'reading' },
          { target: 'snoozed', actions: 'snoozeUntilOver' },
        ],
        onError: { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
      },
    },
    reading: {
      description: 'Asks the provider whether there is anything left to be stopped.',
      invoke: {
        src: 'readInstance',
        input: ({ context: { input } }) => ({
          jobId: input.jobId,
          novitaInstanceId: input.payload.novitaInstanceId,
          isFirst: true,
        }),
        onDone: [
          { guard: { type: 'isEnded', params: read }, target: 'completed', actions: 'noteEnded' },
          { target: 'completed', actions: 'noteOver' },
        ],
        onError: [onNotOurs, { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } }],
      },
    },
    completed: { type: 'final', description: 'A job follows that stops or deletes it, or it had ended.' },
    snoozed: {
      type: 'final',
      description: 'The job hibernates until the instance may be idle for too long.',
    },
    failed: { type: 'final', description: 'The instance is not ours.' },
  },
});
