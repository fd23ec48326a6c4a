import { Agent } from 'node:http';
import { Agent as Agent$1 } from 'node:https';
import { LookupAddress } from 'node:dns';
import { Delivery } from './payload-schemas2.js';

/** Which addresses may be reached that others have named. The default is the public internet over encrypted connections, and nothing else. */
interface AddressGuardOptions {
    /**
     * Allow private addresses: loopback, RFC 1918, CGNAT (RFC 6598), IPv6 unique local. Link-local and metadata
     * addresses stay refused, as no endpoint lives there. Defaults to false.
     */
    allowPrivate?: boolean;
    /** Hosts that are trusted whatever they resolve to: `hooks.internal`, `localhost:3000`, `[::1]:3000`. */
    allowHosts?: readonly string[];
    /** Allow `http:`. Defaults to only where a private address is allowed, and for `allowHosts`. */
    allowHttp?: boolean;
    /** Resolves a host name to all its addresses. Defaults to the system's resolver. */
    resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

/** Which endpoints webhooks may go to. The default is the public internet over https, and nothing else. */
type WebhookGuardOptions = AddressGuardOptions;

/** How long a delivery may take, from the name look-up to the end of the answer. */
declare const DEFAULT_WEBHOOK_TIMEOUT_MS = 15000;
interface WebhookClientOptions {
    /** Which endpoints may be reached. Defaults to public addresses over https. */
    guard?: WebhookGuardOptions;
    /** Limit for one delivery. Defaults to {@link DEFAULT_WEBHOOK_TIMEOUT_MS}. */
    timeoutMs?: number;
    /** Statuses that fail the job at once, besides 410. Defaults to none, see {@link WebhookClient.deliver}. */
    permanentStatuses?: readonly number[];
    /**
     * Connection pools, for a private certificate authority say; the caller closes them. An agent with a `lookup` or
     * a proxy of its own decides itself where connections go, past the guard. Defaults to keep-alive pools of the client.
     */
    agents?: {
        http?: Agent;
        https?: Agent$1;
    };
}
/** One webhook, as it is sent. */
interface OutgoingWebhook {
    url: string;
    /** JSON text, sent and signed byte for byte. */
    body: string;
    /** Defaults to `application/json`. */
    contentType?: string;
    /** The caller's headers. Those that frame, route or sign the request are dropped. */
    headers?: Readonly<Record<string, string>>;
    /** Becomes `webhook-id`: the same for each attempt. */
    id: string;
    /** `whsec_...` or `whsk_...`; several while one is being replaced; none sends the webhook unsigned. */
    secrets: readonly string[];
    /** For receivers of the in-memory queue; see {@link signLegacyWebhook}. */
    legacySecret?: string;
    /** Defaults to the client's. */
    timeoutMs?: number;
    signal?: AbortSignal;
    /** Milliseconds since 1970, for the signature and dates in `Retry-After`. Defaults to `Date.now`. */
    now?: () => number;
}
interface WebhookClient {
    /**
     * Makes one attempt: signs (Standard Webhooks), posts, reads the status. Any 2xx is success. Redirects are never
     * followed, since their target was not checked. **Everything else but 410 is retryable, 4xx too**: Standard
     * Webhooks asks for it, and Svix, Stripe and Convoy do it, because a receiver that answers 404 or 401 through a
     * bad deploy must not lose events. Whoever wants statuses to be final names them in `permanentStatuses`.
     * Once the status has arrived it decides, whatever becomes of the rest of the answer.
     * @returns the 2xx status, how long the attempt took in milliseconds, some headers of the answer and the beginning of its body
     * @throws RetryableError `JETFLEET_WEBHOOK_FAILED`: other status, no connection, no answer in time; with the
     *   beginning of the answer as `excerpt`, `retryAfterMs` (at most 24 hours) where `Retry-After` was sent, and {@link AttemptDetails}
     * @throws NonRetryableError `JETFLEET_WEBHOOK_GONE` for 410, `JETFLEET_WEBHOOK_FAILED` for a permanent status
     * @throws ValidationError `JETFLEET_WEBHOOK_URL_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_ID_INVALID`,
     *   `JETFLEET_PAYLOAD_INVALID` for a header that HTTP cannot carry
     * @throws JetfleetError `JETFLEET_CLOSED`
     * @throws `signal.reason` once the signal is aborted
     */
    deliver(webhook: OutgoingWebhook): Promise<Delivery>;
    /**
     * Whether this client may deliver to a URL, as far as that is known now: scheme, host, and the addresses of its name. A
     * name that does not resolve within two seconds passes, because it may resolve later.
     * @throws ValidationError `JETFLEET_WEBHOOK_URL_INVALID`
     * @throws `signal.reason` once the signal is aborted
     */
    check(url: string, signal?: AbortSignal): Promise<void>;
    /** Closes the client's own connections, those in use as well. */
    close(): void;
}
/** A client that keeps connections to endpoints alive between deliveries. One for the whole process is enough. */
declare function createWebhookClient(options?: WebhookClientOptions): WebhookClient;

export { DEFAULT_WEBHOOK_TIMEOUT_MS, createWebhookClient };
export type { AddressGuardOptions, OutgoingWebhook, WebhookClient, WebhookClientOptions, WebhookGuardOptions };
