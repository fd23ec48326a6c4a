export { DEFAULT_WEBHOOK_TIMEOUT_MS, OutgoingWebhook, WebhookClient, WebhookClientOptions, WebhookGuardOptions, createWebhookClient } from './shared/webhook-client.js';
import { JetfleetError } from './jetfleet.js';
import 'node:http';
import 'node:https';
import 'node:dns';
import './shared/payload-schemas2.js';
import 'zod';

/** What signs webhooks and what verifies them, as Standard Webhooks 1.0.0 writes them: `whsec_`, `whsk_` and `whpk_` with base64. */

/** An ed25519 key pair for webhooks: whoever has the public key can verify, and cannot sign. */
interface WebhookKeyPair {
    /** `whsk_` and 64 bytes in base64: the private key, then the public one. */
    privateKey: string;
    /** `whpk_` and 32 bytes in base64. */
    publicKey: string;
}
/** A new signing secret, `whsec_` and 32 random bytes in base64. */
declare function generateWebhookSecret(): string;
/** A new key pair for webhooks. */
declare function generateWebhookKeyPair(): WebhookKeyPair;
/**
 * The key of a `whsec_<base64>` secret, 24 to 64 bytes.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; the message never quotes the secret
 */
declare function parseWebhookSecret(secret: string): Buffer;
/**
 * The public key of a private one, `whpk_<base64>`.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
declare function webhookPublicKeyOf(privateKey: string): string;
/** A public key as JWKS has it (RFC 8037); `kid` is its thumbprint (RFC 7638). */
interface WebhookJwk {
    kty: 'OKP';
    crv: 'Ed25519';
    x: string;
    kid: string;
    use: 'sig';
    alg: 'EdDSA';
}
/**
 * Public keys as a JSON Web Key Set, for receivers that fetch them.
 * @param publicKeys `whpk_<base64>` each
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
declare function webhookKeySet(publicKeys: readonly string[]): {
    keys: WebhookJwk[];
};

/** How an instance operation ended, in the words of the webhook. */
type InstanceStatus = ('running' | 'failed' | 'timeout') | ('deleted' | 'delete_failed' | 'started' | 'start_failed' | 'stopped' | 'stop_failed') | ('restarted' | 'restart_failed' | 'migrated' | 'migrate_failed' | 'healthy' | 'unhealthy' | 'check_failed') | ('spot_interrupted' | 'vanished' | 'crashed' | 'price_changed' | 'watch_ended' | 'watch_failed') | ('idle' | 'lease_over' | 'auto_stop_ended' | 'auto_stop_failed' | 'lease_extended' | 'lease_failed');
/** How a job of another type ended. */
type EndStatus = 'completed' | 'failed' | 'timeout';
/** Body of a lifecycle webhook about an instance operation, in the shape of Standard Webhooks. */
interface InstanceWebhook {
    type: `instance.${InstanceStatus}`;
    /** When the operation ended, ISO 8601. */
    timestamp: string;
    /** Grows with each webhook about the instance: of two, the one with the higher number is the newer. */
    sequence: number;
    data: {
        /** The caller's own id; missing when the payload of the job could not be read. */
        instanceId?: string;
        status: InstanceStatus;
        /** The provider's id, once there is one. */
        novitaInstanceId?: string;
        /** The provider's id of the instance that a migration has replaced. */
        replaced?: string;
        /** Milliseconds from the start of the operation to its end. */
        elapsedTime?: number;
        /** What went wrong, in words. */
        error?: string;
        /** What went wrong, as one of `docs/errors.md`. */
        errorCode?: string;
        jobId: string;
    };
}
/** Body of a lifecycle webhook about a job of any other type, in the same shape. */
interface JobWebhook {
    type: `job.${EndStatus}`;
    /** When the job ended, ISO 8601. */
    timestamp: string;
    /** Grows with each webhook about the job. */
    sequence: number;
    data: {
        jobId: string;
        jobType: string;
        status: EndStatus;
        /** Milliseconds from when the job was added to its end. */
        elapsedTime?: number;
        /** What went wrong, in words. */
        error?: string;
        /** What went wrong, as one of `docs/errors.md`. */
        errorCode?: string;
    };
}

/** The headers of a signed webhook, as Standard Webhooks 1.0.0 names them. */
interface WebhookHeaders {
    /** The same for every attempt: what a receiver recognises repetitions by. */
    'webhook-id': string;
    /** Seconds since 1970 of this attempt. */
    'webhook-timestamp': string;
    /** `v1,<base64>` for each secret and `v1a,<base64>` for each private key, separated by spaces. */
    'webhook-signature': string;
}
/**
 * Signs a webhook (Standard Webhooks 1.0.0): with HMAC-SHA256 (`v1`) for a secret, with ed25519 (`v1a`) for a private key.
 * @param id stable over retries; visible ASCII without a dot
 * @param timestamp of this attempt, seconds since 1970
 * @param body the exact text that is sent
 * @param secrets at least one `whsec_` secret or `whsk_` private key; while one is being replaced give both, and receivers accept either
 * @throws ValidationError `JETFLEET_ID_INVALID`, `JETFLEET_OPTION_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
declare function signWebhook(message: {
    id: string;
    timestamp: number;
    body: string;
    secrets: readonly string[];
}): WebhookHeaders;
/** Why a webhook was refused by {@link verifyWebhook}. */
type WebhookVerificationReason = 'missing_header' | 'invalid_timestamp' | 'too_old' | 'too_new' | 'signature_mismatch';
/** The webhook is not from who holds the secret, or is too old to be trusted. Answer 400 or 401. */
declare class WebhookVerificationError extends JetfleetError {
    readonly reason: WebhookVerificationReason;
    constructor(reason: WebhookVerificationReason, message: string);
}
/** Headers of a received request: those of `node:http`, of `fetch`, or a plain object in any case. */
type ReceivedHeaders = {
    get(name: string): string | null;
} | Readonly<Record<string, string | readonly string[] | undefined>>;
/**
 * Checks a webhook that was received, in constant time. It throws instead of answering false, so that a forgotten
 * check of the result cannot let a forgery in.
 * @param body exactly as received: parsed and written again, the bytes differ
 * @param secrets `whsec_` secrets, or `whpk_` public keys; the signature of any one of them is enough
 * @param toleranceSeconds how far the sender's clock may be off, both ways; defaults to 300
 * @param now milliseconds since 1970; defaults to `Date.now`
 * @returns the id, by which repetitions are recognised, and the time of the attempt in seconds since 1970
 * @throws WebhookVerificationError `JETFLEET_WEBHOOK_SIGNATURE_INVALID`
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; `JETFLEET_OPTION_INVALID` without any secret, and for a tolerance that is no number
 */
declare function verifyWebhook(received: {
    headers: ReceivedHeaders;
    body: string | Uint8Array;
    secrets: readonly string[];
    toleranceSeconds?: number;
    now?: () => number;
}): {
    id: string;
    timestamp: number;
};

export { WebhookVerificationError, generateWebhookKeyPair, generateWebhookSecret, parseWebhookSecret, signWebhook, verifyWebhook, webhookKeySet, webhookPublicKeyOf };
export type { EndStatus, InstanceStatus, InstanceWebhook, JobWebhook, ReceivedHeaders, WebhookHeaders, WebhookJwk, WebhookKeyPair, WebhookVerificationReason };
