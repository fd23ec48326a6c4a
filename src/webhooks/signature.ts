import { createHmac, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';
import { invalidOption, JetfleetError, ValidationError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import { checkNumber } from '../jobs/numbers.js';
import { parseSigningKey, parseVerifyingKey } from './keys.js';

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
  const signed = signedText(id, timestamp, body);
  const signatures = secrets.map((secret) => {
    const key = parseSigningKey(secret);
    const bytes = key.version === 'v1' ? hmac(key.secret, signed) : sign(null, signed, key.key);
    return `${key.version},${bytes.toString('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

/**
 * The headers of the in-memory queue, for receivers that still check them. The time is not signed, so they protect from no repetition.
 * @param timestamp of this attempt, seconds since 1970
 * @param body the exact text that is sent
 */
export function signLegacyWebhook({
  timestamp,
  body,
  secret,
}: {
  timestamp: number;
  body: string;
  secret: string;
}): Record<'x-webhook-signature' | 'x-webhook-timestamp', string> {
  const mac = hmac(Buffer.from(secret), Buffer.from(body)).toString('hex');
  return { 'x-webhook-signature': `sha256=${mac}`, 'x-webhook-timestamp': String(timestamp) };
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
 * @param secrets `whsec_` secrets, or `whpk_` public keys; the signature of any one of them is enough
 * @param toleranceSeconds how far the sender's clock may be off, both ways; defaults to 300
 * @param now milliseconds since 1970; defaults to `Date.now`
 * @returns the id, by which repetitions are recognised, and the time of the attempt in seconds since 1970
 * @throws WebhookVerificationError `JETFLEET_WEBHOOK_SIGNATURE_INVALID`
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; `JETFLEET_OPTION_INVALID` without any secret, and for a tolerance that is no number
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
  checkNumber('toleranceSeconds', toleranceSeconds, 0, Number.MAX_SAFE_INTEGER);
  const id = header(headers, 'webhook-id');
  const timestamp = readTimestamp(header(headers, 'webhook-timestamp'));
  const offered = header(headers, 'webhook-signature').split(' ', MAX_SIGNATURES);
  const signed = signedText(id, timestamp, body);
  // Every MAC is compared, so that the time says nothing of which one fits.
  const fits = secrets.map((secret) => {
    const key = parseVerifyingKey(secret);
    const own = offered
      .filter((signature) => signature.startsWith(`${key.version},`))
      .map((signature) => Buffer.from(signature.slice(key.version.length + 1), 'base64'));
    return key.version === 'v1' ? hasMac(own, key.secret, signed) : hasSignature(own, key.key, signed);
  });
  if (!fits.includes(true)) {
    throw new WebhookVerificationError('signature_mismatch', 'no signature of the webhook fits a secret');
  }
  const ageSeconds = Math.floor(now() / 1000) - timestamp;
  // No age is within it where the clock gives no number.
  if (!(Math.abs(ageSeconds) <= toleranceSeconds)) {
    throw new WebhookVerificationError(
      ageSeconds > 0 ? 'too_old' : 'too_new',
      `the webhook is from ${Math.abs(ageSeconds)} s in the ${ageSeconds > 0 ? 'past' : 'future'}; ` +
        `the tolerance is ${toleranceSeconds} s`,
    );
  }
  return { id, timestamp };
}

function signedText(id: string, timestamp: number, body: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), Buffer.from(body)]);
}

function hmac(secret: Buffer, signed: Buffer): Buffer {
  return createHmac('sha256', secret).update(signed).digest();
}

function hasMac(offered: readonly Buffer[], secret: Buffer, signed: Buffer): boolean {
  const mac = hmac(secret, signed);
  return offered.map((each) => each.length === mac.length && timingSafeEqual(mac, each)).includes(true);
}

function hasSignature(offered: readonly Buffer[], key: KeyObject, signed: Buffer): boolean {
  return offered.some((each) => verify(null, signed, key, each));
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
