import { fromPromise } from 'xstate';
import { sendWebhookMachine } from '../../machines/index.js';
import { type SendWebhookPayload, sendWebhookPayload } from '../jobs/payloads.js';
import { WEBHOOK_RETRY } from '../jobs/retry-policy.js';
import type { HeldJobOf } from '../worker/extension.js';
import type { HandlerOptions } from '../worker/job-handler.js';
import type { WebhookClient } from './webhook-client.js';

export interface SendWebhookHandlerOptions {
  client: WebhookClient;
  /** `whsec_…`; several while a secret is being changed. */
  secrets: string[];
  heldJob: HeldJobOf;
}

const CONCURRENCY = 25;

/** Delivers a webhook under the job's id, which is the same for every try. */
export function sendWebhookHandler({
  client,
  secrets,
  heldJob,
}: SendWebhookHandlerOptions): HandlerOptions<SendWebhookPayload> {
  const chart = sendWebhookMachine.provide({
    actors: {
      deliver: fromPromise(({ input: { jobId, payload } }) =>
        client.deliver({
          url: payload.url,
          body: JSON.stringify(payload.payload),
          ...(payload.headers && { headers: payload.headers }),
          id: jobId,
          secrets,
          signal: heldJob(jobId).signal,
        }),
      ),
    },
  });
  return {
    payload: sendWebhookPayload as HandlerOptions<SendWebhookPayload>['payload'],
    chart,
    concurrency: CONCURRENCY,
    retry: WEBHOOK_RETRY,
  };
}
