import { type AnyActorLogic, fromPromise } from 'xstate';
import { sendWebhookMachine } from '../../machines/index.js';
import type { HeldJobOf } from '../worker/extension.js';
import type { WebhookClient } from './webhook-client.js';

export interface SendWebhookServices {
  client: WebhookClient;
  /** `whsec_…`; several while a secret is being changed. */
  secrets: string[];
  heldJob: HeldJobOf;
}

/** Delivers a webhook under the job's id, which is the same for every try. */
export function sendWebhookRun({ client, secrets, heldJob }: SendWebhookServices): AnyActorLogic {
  return sendWebhookMachine.provide({
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
}
