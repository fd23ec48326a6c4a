/** What a webhook takes, and what its delivery leaves. */
import { z } from 'zod';
import { inexactIn } from '../jobs/exact-value.js';
import { httpUrl } from '../jobs/webhook-url.js';

/** Largest body of a webhook, as Standard Webhooks advises; receivers refuse larger ones. */
export const MAX_WEBHOOK_BYTES = 256 * 1024;

/** Any JSON, kept as it is: a webhook is signed as its producer's word. */
const exactJson = z.unknown().superRefine((value, context) => {
  const fault =
    value === undefined ? { path: [], message: 'is missing' } : (inexactIn(value) ?? sizeFault(value));
  if (fault === undefined) return;
  const { path, message } = typeof fault === 'string' ? { path: [], message: `is ${fault}` } : fault;
  context.addIssue({ code: 'custom', path, message });
});

/** `send_webhook`: delivers `payload` to `url`, signed, until it is accepted. */
export const sendWebhookPayload = z.strictObject({
  url: httpUrl,
  payload: exactJson,
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/), z.string().max(2_000))
    .optional(),
});
export type SendWebhookPayload = z.infer<typeof sendWebhookPayload>;

/** The `result` of a completed `send_webhook`. */
export const deliveryResult = z.object({
  /** HTTP status of the answer. */
  status: z.number(),
  durationMs: z.number(),
});
export type Delivery = z.infer<typeof deliveryResult>;

function sizeFault(value: unknown): string | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes <= MAX_WEBHOOK_BYTES) return undefined;
  return `${bytes} bytes as JSON, and a webhook has at most ${MAX_WEBHOOK_BYTES}; send an address where the receiver finds the rest`;
}
