import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { invalidOption, JetfleetError, ValidationError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';

const PREFIX = 'whsec_';
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
const NEW_SECRET_BYTES = 32;
/** Most signatures of one request that are looked at, so that a forged header costs little. */
const MAX_SIGNATURES = 20;
/** Visible ASCII without the dot, which separates the parts of what is signed. */
const WEBHOOK_ID = /^[!-\-/-~]{1,256}$/;

/** The headers of a signed webhook, as Standard Webhooks 1.0.0 names them. */
export interface WebhookHeaders {
  /** The same for every attempt: what a receiver recognises repetitions by. */
  'webhook-id': string;
  /** Seconds since 1970 of this attempt. */
  'webhook-timestamp': string;
  /** `v1,<base64>` for each secret, separated by spaces. */
  'webhook-signature': string;
}

/** A new signing secret, `whsec_` and 32 random bytes in base64. */
export function generateWebhookSecret(): string {
  return PREFIX + randomBytes(NEW_SECRET_BYTES).toString('base64');
}

/**
 * The key of a `whsec_<base64>` secret, 24 to 64 bytes.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; the message never quotes the secret
 */
export function parseWebhookSecret(secret: string): Buffer {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(encoded, 'base64');
  // Buffer skips what is not base64, so only a secret that comes back the same was read whole.
  const whole = encoded !== '' && key.toString('base64') === encoded;
  if (!whole || key.length < MIN_SECRET_BYTES || key.length > MAX_SECRET_BYTES) {
    throw new ValidationError(
      'JETFLEET_WEBHOOK_SECRET_INVALID',
      `a webhook secret is ${PREFIX} followed by ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes in base64; ` +
        (whole ? `this one has ${key.length} bytes` : 'this one is not of that form'),
    );
  }
  return key;
}

/**
 * Signs a webhook with HMAC-SHA256 (Standard Webhooks 1.0.0, `v1`).
 * @param id stable over retries; visible ASCII without a dot
 * @param timestamp of this attempt, seconds since 1970
 * @param body the exact text that is sent
 * @param secrets at least one; while one is being replaced give both, and receivers accept either
 * @throws ValidationError `JETFLEET_ID_INVALID`, `JETFLEET_OPTION_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
export function signWebhook(message: {
  id: string;
  timestamp: number;
  body: string;
  secrets: readonly string[];
}): WebhookHeaders {
  const { id, timestamp, body, secrets } = message;
  if (!WEBHOOK_ID.test(id)) {
    throw new ValidationError(
      'JETFLEET_ID_INVALID',
      `webhook id ${quoted(id)} must be 1 to 256 visible ASCII characters without a dot`,
    );
  }
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw invalidOption(`webhook timestamp ${timestamp} must be whole seconds since 1970`);
  }
  if (secrets.length === 0) {
    throw invalidOption('signing a webhook takes at least one secret');
  }
  const signatures = secrets.map((secret) => `v1,${hmac(secret, id, timestamp, body).toString('base64')}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

/** Why a webhook was refused by {@link verifyWebhook}. */
export type WebhookVerificationReason =
  | 'missing_header'
  | 'invalid_timestamp'
  | 'too_old'
  | 'too_new'
  | 'signature_mismatch';

/** The webhook is not from who holds the secret, or is too old to be trusted. Answer 400 or 401. */
export class WebhookVerificationError extends JetfleetError {
  readonly reason: WebhookVerificationReason;

  constructor(reason: WebhookVerificationReason, message: string) {
    super('JETFLEET_WEBHOOK_SIGNATURE_INVALID', message);
    this.reason = reason;
  }
}

/** Headers of a received request: those of `node:http`, of `fetch`, or a plain object in any case. */
export type ReceivedHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Checks a webhook that was received, in constant time. It throws instead of answering false, so that a forgotten
 * check of the result cannot let a forgery in.
 * @param body exactly as received: parsed and written again, the bytes differ
 * @param secrets the signature of any one of them is enough
 * @param toleranceSeconds how far the sender's clock may be off, both ways; defaults to 300
 * @param now milliseconds since 1970; defaults to `Date.now`
 * @returns the id, by which repetitions are recognised, and the time of the attempt in seconds since 1970
 * @throws WebhookVerificationError `JETFLEET_WEBHOOK_SIGNATURE_INVALID`
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID` without any secret
 */
export function verifyWebhook(received: {
  headers: ReceivedHeaders;
  body: string | Uint8Array;
  secrets: readonly string[];
  toleranceSeconds?: number;
  now?: () => number;
}): { id: string; timestamp: number } {
  const { headers, body, secrets, toleranceSeconds = 300, now = Date.now } = received;
  if (secrets.length === 0) {
    throw invalidOption('verifying a webhook takes at least one secret');
  }
  const id = header(headers, 'webhook-id');
  const timestamp = readTimestamp(header(headers, 'webhook-timestamp'));
  const offered = header(headers, 'webhook-signature')
    .split(' ', MAX_SIGNATURES)
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice('v1,'.length), 'base64'));
  const expected = secrets.map((secret) => hmac(secret, id, timestamp, body));
  const matches = expected.flatMap((mac) => offered.map((signature) => sameBytes(mac, signature)));
  if (!matches.includes(true)) {
    throw new WebhookVerificationError('signature_mismatch', 'no signature of the webhook fits a secret');
  }
  const ageSeconds = Math.floor(now() / 1000) - timestamp;
  if (Math.abs(ageSeconds) > toleranceSeconds) {
    throw new WebhookVerificationError(
      ageSeconds > 0 ? 'too_old' : 'too_new',
      `the webhook is from ${Math.abs(ageSeconds)} s in the ${ageSeconds > 0 ? 'past' : 'future'}; ` +
        `the tolerance is ${toleranceSeconds} s`,
    );
  }
  return { id, timestamp };
}

function hmac(secret: string, id: string, timestamp: number, body: string | Uint8Array): Buffer {
  return createHmac('sha256', parseWebhookSecret(secret)).update(`${id}.${timestamp}.`).update(body).digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function header(headers: ReceivedHeaders, name: string): string {
  const value = isHeaders(headers)
    ? headers.get(name)
    : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  const text = typeof value === 'object' ? value?.[0] : value;
  if (!text) throw new WebhookVerificationError('missing_header', `the request has no ${name} header`);
  return text;
}

function isHeaders(headers: ReceivedHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function';
}

function readTimestamp(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw new WebhookVerificationError(
      'invalid_timestamp',
      'webhook-timestamp is not whole seconds since 1970',
    );
  }
  return Number(text);
}
