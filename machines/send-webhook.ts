import { assign, setup } from 'xstate';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { Delivery, SendWebhookPayload } from '../src/webhooks/schemas.js';
import { emptyInput, notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

/** The webhook hibernates: its endpoint rests or is disabled, or it is not its turn. */
export interface Parked {
  parkForMs: number;
  /** Stays with the job. */
  checkpoint: unknown;
}

export interface SendWebhookContext {
  input: RunInput<SendWebhookPayload>;
  delivery?: Delivery;
  parked?: Parked;
  error?: JobErrorInfo;
}

const isPark = (ended: Delivery | Parked): ended is Parked => 'parkForMs' in ended;

/** Delivers one webhook once; the job's retry schedule, not this chart, makes the next try. */
export const sendWebhookMachine = setup({
  types: {
    context: {} as SendWebhookContext,
    input: {} as RunInput<SendWebhookPayload>,
    output: {} as JobOutcome,
  },
  actors: {
    deliver: notProvided<
      Delivery | Parked,
      { jobId: string; payload: SendWebhookPayload; checkpoint: unknown }
    >(),
  },
  guards: {
    isParked: (_, { ended }: { ended: Delivery | Parked }) => isPark(ended),
    isRetryable: (_, { error }: Thrown) => toJobError(error).retryable,
  },
  actions: {
    saveParked: assign((_, { ended }: { ended: Delivery | Parked }) => ({ parked: ended as Parked })),
    saveDelivery: assign((_, { ended }: { ended: Delivery | Parked }) => ({ delivery: ended as Delivery })),
    saveError: assign((_, { error }: Thrown) => ({ error: toJobError(error) })),
  },
}).createMachine({
  id: 'send_webhook',
  version: '2',
  description: 'Delivers one signed webhook.',
  context: ({ input }) => ({ input: input ?? emptyInput<SendWebhookPayload>() }),
  initial: 'delivering',
  output: ({ context: { error, delivery, parked } }): JobOutcome => {
    if (error) return { kind: 'failed', error };
    if (parked) return { kind: 'snoozed', delayMs: parked.parkForMs, checkpoint: parked.checkpoint };
    return { kind: 'completed', result: delivery };
  },
  states: {
    delivering: {
      description: 'Signs the payload and sends it through the guarded client.',
      invoke: {
        src: 'deliver',
        input: ({ context: { input } }) => ({
          jobId: input.jobId,
          payload: input.payload,
          checkpoint: input.checkpoint,
        }),
        onDone: [
          {
            guard: { type: 'isParked', params: ({ event }) => ({ ended: event.output }) },
            target: 'parked',
            actions: { type: 'saveParked', params: ({ event }) => ({ ended: event.output }) },
          },
          {
            target: 'delivered',
            actions: { type: 'saveDelivery', params: ({ event }) => ({ ended: event.output }) },
          },
        ],
        onError: [
          {
            guard: { type: 'isRetryable', params: thrown },
            target: 'retryLater',
            actions: { type: 'saveError', params: thrown },
          },
          { target: 'refused', actions: { type: 'saveError', params: thrown } },
        ],
      },
    },
    delivered: { type: 'final', description: 'The endpoint accepted the webhook.' },
    parked: {
      type: 'final',
      description: 'The endpoint rests or is disabled, or other webhooks come first: the webhook hibernates.',
    },
    retryLater: { type: 'final', description: 'The endpoint failed in a way that may pass.' },
    refused: { type: 'final', description: 'The endpoint, or its address, rules out another try.' },
  },
});
