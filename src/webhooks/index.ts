/** Webhooks: signing and verifying (Standard Webhooks 1.0.0), and delivery that cannot reach into your own network. */

export type { WebhookGuardOptions } from './endpoint-guard.js';
export {
  generateWebhookKeyPair,
  generateWebhookSecret,
  parseWebhookSecret,
  type WebhookJwk,
  type WebhookKeyPair,
  webhookKeySet,
  webhookPublicKeyOf,
} from './keys.js';
export type { EndStatus, InstanceStatus, InstanceWebhook, JobWebhook } from './lifecycle-webhook.js';
export {
  type ReceivedHeaders,
  signWebhook,
  verifyWebhook,
  type WebhookHeaders,
  WebhookVerificationError,
  type WebhookVerificationReason,
} from './signature.js';
export {
  createWebhookClient,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
  type OutgoingWebhook,
  type WebhookClient,
  type WebhookClientOptions,
} from './webhook-client.js';
