/** The job type of webhooks. */
import { defineJob } from '../jobs/define-job.js';
import type { RetryPolicy } from '../jobs/retry-policy.js';
import { deliveryResult, sendWebhookPayload } from './schemas.js';

/** The retry schedule of webhooks: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h, 24 h, each ±20 %. */
export const WEBHOOK_RETRY: RetryPolicy = {
  delaysMs: [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400].map((seconds) => seconds * 1.2 * 1000),
  jitter: 1 / 3,
};
export const WEBHOOK_MAX_ATTEMPTS = 10;

/** Delivers a webhook, signed, until it is accepted. */
export const sendWebhook = defineJob({
  type: 'send_webhook',
  payload: sendWebhookPayload,
  stores: 'parsed',
  result: deliveryResult,
  concurrency: 25,
  maxAttempts: WEBHOOK_MAX_ATTEMPTS,
  retry: WEBHOOK_RETRY,
});
