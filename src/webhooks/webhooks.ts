import { fromPromise } from 'xstate';
import { sendWebhookMachine } from '../../machines/index.js';
import { defined } from '../jobs/defined.js';
import { assertOptions, checkText, type OptionNames } from '../jobs/options.js';
import type { TracedCall, Tracing } from '../telemetry/tracing.js';
import type { HeldJobOf, WorkerExtension } from '../worker/extension.js';
import { handled } from '../worker/job-handler.js';
import { sendWebhook } from './jobs.js';
import { parseSigningKey } from './keys.js';
import {
  createWebhookClient,
  type OutgoingWebhook,
  type WebhookClient,
  type WebhookClientOptions,
} from './webhook-client.js';

export interface WebhooksOptions extends WebhookClientOptions {
  /**
   * A secret, `whsec_…`, or a private key, `whsk_…`; several while one is being replaced, or for receivers of both. Without one,
   * webhooks go out unsigned.
   */
  secret?: string | string[] | undefined;
  /**
   * Any text. With it `X-Webhook-Signature: sha256=<hex>` and `X-Webhook-Timestamp` go along, as receivers of the in-memory queue check
   * them: HMAC-SHA256 of the body alone, which protects from no repetition. Defaults to none.
   */
  legacySecret?: string | undefined;
}

const OPTIONS: OptionNames<Required<WebhooksOptions>> = {
  secret: true,
  legacySecret: true,
  guard: true,
  timeoutMs: true,
  permanentStatuses: true,
  agents: true,
};

/**
 * With this, a worker delivers webhooks: it handles `send_webhook`, and refuses jobs whose webhook it could not deliver.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID`
 */
export function webhooks(options: WebhooksOptions = {}): WorkerExtension {
  assertOptions('webhooks', options, OPTIONS);
  const { secret, legacySecret, ...clientOptions } = options;
  const secrets = [secret ?? []].flat();
  for (const each of secrets) parseSigningKey(each);
  checkText('webhooks.legacySecret', legacySecret);
  const signing = { secrets, ...defined({ legacySecret }) };
  // What is wrong with them is said here, and not when a worker makes a client of its own.
  createWebhookClient(clientOptions).close();
  return {
    name: 'webhooks',
    install({ heldJob, tracing }) {
      const client = createWebhookClient(clientOptions);
      return {
        handlers: [handled(sendWebhook, deliveringWith(client, signing, heldJob, tracing))],
        checkWebhookUrl: client.check,
        close: () => client.close(),
      };
    },
  };
}

/** Delivers a webhook under the job's id, which is the same for every try. */
function deliveringWith(
  client: WebhookClient,
  signing: Pick<OutgoingWebhook, 'secrets' | 'legacySecret'>,
  heldJob: HeldJobOf,
  tracing?: Tracing,
) {
  return sendWebhookMachine.provide({
    actors: {
      deliver: fromPromise(
        async ({
          input: {
            jobId,
            payload: { url, payload, headers },
          },
        }) => {
          const { signal } = heldJob(jobId);
          const body = JSON.stringify(payload);
          const webhook = { url, body, id: jobId, ...signing, signal };
          if (!tracing) return client.deliver({ ...webhook, ...defined({ headers }) });
          return tracing.calling(deliveryTo(url), (context) =>
            client.deliver({ ...webhook, headers: { ...headers, ...context } }),
          );
        },
      ),
    },
  });
}

/** A path or query may be a secret. */
function deliveryTo(url: string): TracedCall {
  const { hostname } = new URL(url);
  return { name: 'POST', attributes: { 'http.request.method': 'POST', 'server.address': hostname } };
}
