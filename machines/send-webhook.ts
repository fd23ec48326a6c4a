import { assign, setup } from 'xstate';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { Delivery, SendWebhookPayload } from '../src/webhooks/schemas.js';
import { emptyInput, notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export interface SendWebhookContext {
  input: RunInput<SendWebhookPayload>;
  delivery?: Delivery;
  error?: JobErrorInfo;
}

/** Delivers one webhook once; the job's retry schedule, not this chart, makes the next try. */
export const sendWebhookMachine = setup({
  types: {
    context: {} as SendWebhookContext,
    input: {} as RunInput<SendWebhookPayload>,
    output: {} as JobOutcome,
  },
  actors: { deliver: notProvided<Delivery, { jobId: string; payload: SendWebhookPayload }>() },
  guards: { isRetryable: (_, { error }: Thrown) => toJobError(error).retryable },
  actions: {
    saveDelivery: assign((_, delivery: Delivery) => ({ delivery })),
    saveError: assign((_, { error }: Thrown) => ({ error: toJobError(error) })),
  },
}).createMachine({
  id: 'send_webhook',
  version: '1',
  description: 'Delivers one signed webhook.',
  context: ({ input }) => ({ input: input ?? emptyInput<SendWebhookPayload>() }),
  initial: 'delivering',
  output: ({ context: { error, delivery } }) =>
    error ? { kind: 'failed', error } : { kind: 'completed', result: delivery },
  states: {
    delivering: {
      description: 'Signs the payload and sends it through the guarded client.',
      invoke: {
        src: 'deliver',
        input: ({ context: { input } }) => ({ jobId: input.jobId, payload: input.payload }),
        onDone: {
          target: 'delivered',
          actions: { type: 'saveDelivery', params: ({ event }) => event.output },
        },
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
    retryLater: { type: 'final', description: 'The endpoint failed in a way that may pass.' },
    refused: { type: 'final', description: 'The endpoint, or its address, rules out another try.' },
  },
});
