/** Webhooks: signing and verifying (Standard Webhooks 1.0.0), and delivery that cannot reach into your own network. */

export type { EndStatus, InstanceStatus, InstanceWebhook, JobWebhook } from '../jobs/lifecycle-webhook.js';
export {
  createWebhookClient,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
  type WebhookClient,
  type WebhookClientOptions,
  type WebhookDelivery,
} from './deliver.js';
export type { WebhookGuardOptions } from './guard.js';
export {
  generateWebhookSecret,
  parseWebhookSecret,
  type ReceivedHeaders,
  signWebhook,
  verifyWebhook,
  type WebhookHeaders,
  WebhookVerificationError,
  type WebhookVerificationReason,
} from './signature.js';
