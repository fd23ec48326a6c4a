import { fromPromise } from 'xstate';
import {
  type BreakerPolicy,
  DEFAULT_BREAKER_POLICY,
  type Parked,
  sendWebhookMachine,
} from '../../machines/index.js';
import { defined } from '../jobs/defined.js';
import { checkInteger } from '../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../jobs/options.js';
import type { TracedCall, Tracing } from '../telemetry/tracing.js';
import type { HeldJobOf, WorkerExtension } from '../worker/extension.js';
import { handled } from '../worker/job-handler.js';
import { endpointKeys } from './endpoints/endpoint-keys.js';
import { EndpointRoute } from './endpoints/endpoint-route.js';
import { sendWebhook } from './jobs.js';
import { parseSigningKey } from './keys.js';
import type { Delivery } from './schemas.js';
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
  /** The keys of endpoints' secrets: `<id>:<32 bytes in base64>`, with blanks between several. Defaults to JETFLEET_WEBHOOK_KEYS. */
  endpointKeys?: string | undefined;
  /** When an endpoint that fails is given a rest, and when it is disabled. Defaults to those of `DEFAULT_BREAKER_POLICY`. */
  breaker?: Partial<BreakerPolicy> | undefined;
}

const OPTIONS: OptionNames<Required<WebhooksOptions>> = {
  secret: true,
  legacySecret: true,
  guard: true,
  timeoutMs: true,
  permanentStatuses: true,
  agents: true,
  endpointKeys: true,
  breaker: true,
};
const POLICY: OptionNames<BreakerPolicy> = {
  failures: true,
  restMs: true,
  maxRestMs: true,
  probeMs: true,
  alertAfterMs: true,
  disableAfterMs: true,
  disableFailures: true,
};

/**
 * With this, a worker delivers webhooks: it handles `send_webhook`, and refuses jobs whose webhook it could not deliver.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID`
 */
export function webhooks(options: WebhooksOptions = {}): WorkerExtension {
  assertOptions('webhooks', options, OPTIONS);
  const { secret, legacySecret, endpointKeys: keyText, breaker = {}, ...clientOptions } = options;
  const policy = checkedPolicy(breaker);
  const keys = endpointKeys(keyText ?? process.env.JETFLEET_WEBHOOK_KEYS);
  const secrets = [secret ?? []].flat();
  for (const each of secrets) parseSigningKey(each);
  checkText('webhooks.legacySecret', legacySecret);
  const signing = { secrets, ...defined({ legacySecret }) };
  // What is wrong with them is said here, and not when a worker makes a client of its own.
  createWebhookClient(clientOptions).close();
  return {
    name: 'webhooks',
    install(host) {
      const client = traced(createWebhookClient(clientOptions), host.tracing);
      const toEndpoints = new EndpointRoute(host, { client, keys, policy });
      return {
        handlers: [handled(sendWebhook, deliveringWith(client, signing, host.heldJob, toEndpoints))],
        checkWebhookUrl: client.check,
        start: () => toEndpoints.start(),
        close: async (withinMs) => {
          await toEndpoints.close(withinMs);
          client.close();
        },
      };
    },
  };
}

function checkedPolicy(given: Partial<BreakerPolicy>): BreakerPolicy {
  assertOptions('webhooks.breaker', given, POLICY);
  const policy = { ...DEFAULT_BREAKER_POLICY, ...defined(given) } as BreakerPolicy;
  for (const [name, value] of Object.entries(policy)) checkInteger(`webhooks.breaker.${name}`, value, 1);
  return policy;
}

/** Delivers a webhook under the job's id, which is the same for every try. */
function deliveringWith(
  client: WebhookClient,
  signing: Pick<OutgoingWebhook, 'secrets' | 'legacySecret'>,
  heldJob: HeldJobOf,
  toEndpoints: EndpointRoute,
) {
  return sendWebhookMachine.provide({
    actors: {
      deliver: fromPromise(async ({ input: { jobId, payload: webhook } }): Promise<Delivery | Parked> => {
        const job = heldJob(jobId);
        if (webhook.endpoint !== undefined) return toEndpoints.deliver(job, webhook);
        const { url = '', payload, headers } = webhook;
        const body = JSON.stringify(payload);
        return client.deliver({
          url,
          body,
          id: jobId,
          ...signing,
          signal: job.signal,
          ...defined({ headers }),
        });
      }),
    },
  });
}

/** A client whose requests are traced, where anything is. */
function traced(client: WebhookClient, tracing: Tracing | undefined): WebhookClient {
  if (!tracing) return client;
  return {
    ...client,
    deliver: (webhook) =>
      tracing.calling(deliveryTo(webhook.url), (context) =>
        client.deliver({ ...webhook, headers: { ...webhook.headers, ...context } }),
      ),
  };
}

/** A path or query may be a secret. */
function deliveryTo(url: string): TracedCall {
  const { hostname } = new URL(url);
  return { name: 'POST', attributes: { 'http.request.method': 'POST', 'server.address': hostname } };
}
