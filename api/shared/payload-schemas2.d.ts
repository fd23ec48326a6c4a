import * as z from 'zod';

/** What a webhook takes, and what its delivery leaves. */

/** `send_webhook`: delivers `payload` to `url`, or to a registered endpoint, signed, until it is accepted. */
declare const sendWebhookPayload: z.ZodObject<{
    url: z.ZodOptional<z.ZodString>;
    endpoint: z.ZodOptional<z.ZodString>;
    order: z.ZodOptional<z.ZodObject<{
        key: z.ZodString;
        sequence: z.ZodNumber;
    }, z.core.$strict>>;
    payload: z.ZodUnknown;
    headers: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
}, z.core.$strict>;
type SendWebhookPayload = z.infer<typeof sendWebhookPayload>;
/** The `result` of a completed `send_webhook`. */
declare const deliveryResult: z.ZodObject<{
    status: z.ZodNumber;
    durationMs: z.ZodNumber;
    headers: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
    excerpt: z.ZodOptional<z.ZodString>;
}, z.core.$strip>;
type Delivery = z.infer<typeof deliveryResult>;

export { sendWebhookPayload };
export type { Delivery, SendWebhookPayload };
