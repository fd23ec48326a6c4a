/** The job type of webhooks. */
import { createHash } from 'node:crypto';
import { DEFAULT_BREAKER_POLICY } from '../../machines/endpoint-policy.js';
import { defineJob } from '../jobs/define-job.js';
import type { RetryPolicy } from '../jobs/retry-policy.js';
import { DEFAULT_ENDPOINT_CONCURRENCY, limitOf } from './endpoints/limit-name.js';
import { deliveryResult, sendWebhookPayload } from './schemas.js';

/** The retry schedule of webhooks: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h, 24 h, each ±20 %. */
export const WEBHOOK_RETRY: RetryPolicy = {
  delaysMs: [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400].map((seconds) => seconds * 1.2 * 1000),
  jitter: 1 / 3,
};
export const WEBHOOK_MAX_ATTEMPTS = 10;

/** Webhooks that go to one address at once, where it is no registered endpoint. */
const URL_CONCURRENCY = 10;

/** By what the webhooks of an endpoint are found. */
export function endpointTag(endpointId: string): string {
  return `endpoint:${endpointId}`;
}

/** An address as a key: the hash of a query may be no secret, but its text may. */
function urlKey(text: string): string {
  const { origin, pathname, search } = new URL(text);
  const hash = createHash('sha256').update(`${pathname}${search}`).digest('base64url').slice(0, 16);
  return `${origin.slice(0, 150)} ${hash}`;
}

/** Delivers a webhook, signed, until it is accepted. */
export const sendWebhook = defineJob({
  type: 'send_webhook',
  payload: sendWebhookPayload,
  stores: 'parsed',
  result: deliveryResult,
  // Endpoints that hang hold as many as their limits allow, of no slot for longer than a quick one answers.
  concurrency: 100,
  slotMs: 500,
  limits: [
    {
      key: ({ endpoint }) => endpoint && 'all',
      name: ({ endpoint = '' }) => limitOf(endpoint),
      concurrency: DEFAULT_ENDPOINT_CONCURRENCY,
      // The one webhook waits as long as it was asked to; a day of it is no rest that the endpoint shows.
      retryAfter: { maxMs: DEFAULT_BREAKER_POLICY.maxRestMs },
    },
    {
      key: ({ url }) => url && urlKey(url),
      name: 'webhooks',
      concurrency: URL_CONCURRENCY,
      retryAfter: false,
    },
  ],
  tags: ({ endpoint }) => (endpoint === undefined ? [] : [endpointTag(endpoint)]),
  maxAttempts: WEBHOOK_MAX_ATTEMPTS,
  retry: WEBHOOK_RETRY,
});
