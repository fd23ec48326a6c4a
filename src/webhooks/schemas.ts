/** What a webhook takes, and what its delivery leaves. */
import { z } from 'zod';
import { inexactIn } from '../jobs/exact-value.js';
import { httpUrl } from '../jobs/webhook-url.js';

/** Any JSON, kept as it is: a webhook is signed as its producer's word. */
const exactJson = z.unknown().superRefine((value, context) => {
  const fault = value === undefined ? { path: [], message: 'is missing' } : inexactIn(value);
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
