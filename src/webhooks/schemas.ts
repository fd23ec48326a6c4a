/** What a webhook takes, and what its delivery leaves: the schemas are built when they are first used. */
import { lazySchema } from '../jobs/lazy-schema.js';
import * as built from './payload-schemas.js';

export type { Delivery, ParkedRefusal, SendWebhookPayload } from './payload-schemas.js';

/** `send_webhook`: delivers `payload` to `url`, or to a registered endpoint, signed, until it is accepted. */
export const sendWebhookPayload: typeof built.sendWebhookPayload = lazySchema(() => built.sendWebhookPayload);
/** The `result` of a completed `send_webhook`. */
export const deliveryResult: typeof built.deliveryResult = lazySchema(() => built.deliveryResult);
