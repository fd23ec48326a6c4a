/** What a webhook takes, and what its delivery leaves. */
import * as z from 'zod';
import { inexactIn } from '../jobs/exact-value.js';
import { httpUrl } from '../jobs/http-url.js';

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

/** Headers that go along with a webhook. */
export const webhookHeaders = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/),
  z.string().max(2_000),
);

/** `send_webhook`: delivers `payload` to `url`, or to a registered endpoint, signed, until it is accepted. */
export const sendWebhookPayload = z
  .strictObject({
    url: httpUrl.optional(),
    /** The id of an endpoint, in place of `url`. */
    endpoint: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,40}$/)
      .optional(),
    /** Of an endpoint with `ordered`: what is in order, and the place in it. */
    order: z.strictObject({ key: z.string().min(1).max(200), sequence: z.number().int().min(0) }).optional(),
    payload: exactJson,
    headers: webhookHeaders.optional(),
  })
  .superRefine(({ url, endpoint }, context) => {
    if ((url === undefined) === (endpoint === undefined))
      context.addIssue({ code: 'custom', path: ['url'], message: 'is needed, or an endpoint in its place' });
  });
export type SendWebhookPayload = z.infer<typeof sendWebhookPayload>;

/** The `result` of a completed `send_webhook`. */
export const deliveryResult = z.object({
  /** HTTP status of the answer. */
  status: z.number(),
  durationMs: z.number(),
  /** Some of its headers. */
  headers: z.record(z.string(), z.string()).optional(),
  /** The beginning of its body. */
  excerpt: z.string().optional(),
});
export type Delivery = z.infer<typeof deliveryResult>;

/** Why the attempt failed after which a webhook is kept, in the checkpoint of its job. */
const parkedRefusal = z.object({
  /** ISO 8601. */
  at: z.string(),
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ParkedRefusal = z.infer<typeof parkedRefusal>;

/** Undefined where a webhook waits for another reason. */
export function refusalIn(checkpoint: unknown): ParkedRefusal | undefined {
  return parkedRefusal.safeParse(Object(checkpoint).refused).data;
}

function sizeFault(value: unknown): string | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes <= MAX_WEBHOOK_BYTES) return undefined;
  return `${bytes} bytes as JSON, and a webhook has at most ${MAX_WEBHOOK_BYTES}; send an address where the receiver finds the rest`;
}
