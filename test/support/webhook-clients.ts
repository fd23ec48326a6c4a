import { afterEach, beforeEach } from 'vitest';
import {
  createWebhookClient,
  generateWebhookSecret,
  type OutgoingWebhook,
  type WebhookClient,
  type WebhookClientOptions,
} from '../../src/webhooks/index.js';
import { startReceiver, type WebhookReceiver } from './webhook-receiver.js';

export const SECRET = generateWebhookSecret();
/** Lets a client reach the receiver on this machine. */
export const LOCAL: WebhookClientOptions = { guard: { allowPrivate: true } };
/** What a delivery that may be tried again is rejected with. */
export const FAILED = { name: 'RetryableError', code: 'JETFLEET_WEBHOOK_FAILED', retryable: true };

/** The receiver of the test that runs, anew for each. */
export let receiver: WebhookReceiver;
let clients: WebhookClient[] = [];

/** Called by each file: what a module does when it is loaded happens for the first of them only. */
export function useReceiver(): void {
  beforeEach(async () => {
    receiver = await startReceiver({ secret: SECRET });
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    clients = [];
    await receiver.stop();
  });
}

/** A client that is closed after the test. */
export function clientWith(options: WebhookClientOptions): WebhookClient {
  const client = createWebhookClient(options);
  clients.push(client);
  return client;
}

/** Delivers `{}` to the receiver, unless told otherwise. */
export function deliver(over: Partial<OutgoingWebhook> = {}, client = clientWith(LOCAL)) {
  return client.deliver({
    url: `${receiver.url}/hook`,
    body: '{}',
    id: 'order-42',
    secrets: [SECRET],
    ...over,
  });
}
