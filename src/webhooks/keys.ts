/** What signs webhooks and what verifies them, as Standard Webhooks 1.0.0 writes them: `whsec_`, `whsk_` and `whpk_` with base64. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { ValidationError } from '../jobs/errors.js';

const SECRET = 'whsec_';
const PRIVATE_KEY = 'whsk_';
const PUBLIC_KEY = 'whpk_';
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
const NEW_SECRET_BYTES = 32;
/** Of an ed25519 key. A private key may be followed by its public one, as libsodium writes them. */
const KEY_BYTES = 32;
/** How DER begins before the 32 bytes of an ed25519 key (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** An ed25519 key pair for webhooks: whoever has the public key can verify, and cannot sign. */
export interface WebhookKeyPair {
  /** `whsk_` and 64 bytes in base64: the private key, then the public one. */
  privateKey: string;
  /** `whpk_` and 32 bytes in base64. */
  publicKey: string;
}

/** What a webhook is signed with: HMAC-SHA256 (`v1`) or ed25519 (`v1a`). */
export type SigningKey = { version: 'v1'; secret: Buffer } | { version: 'v1a'; key: KeyObject };

/** A new signing secret, `whsec_` and 32 random bytes in base64. */
export function generateWebhookSecret(): string {
  return SECRET + randomBytes(NEW_SECRET_BYTES).toString('base64');
}

/** A new key pair for webhooks. */
export function generateWebhookKeyPair(): WebhookKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(PKCS8.length);
  const point = bytesOf(publicKey);
  return {
    privateKey: PRIVATE_KEY + Buffer.concat([seed, point]).toString('base64'),
    publicKey: PUBLIC_KEY + point.toString('base64'),
  };
}

/**
 * The key of a `whsec_<base64>` secret, 24 to 64 bytes.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; the message never quotes the secret
 */
export function parseWebhookSecret(secret: string): Buffer {
  const key = decoded(secret, SECRET);
  if (!key || key.length < MIN_SECRET_BYTES || key.length > MAX_SECRET_BYTES) {
    throw refused(
      `a webhook secret is ${SECRET} followed by ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes in base64`,
      key,
    );
  }
  return key;
}

/**
 * What signs: a `whsec_` secret, or a `whsk_` private key of ed25519.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; the message never quotes it
 */
export function parseSigningKey(text: string): SigningKey {
  if (!text.startsWith(PRIVATE_KEY)) return { version: 'v1', secret: parseWebhookSecret(text) };
  return { version: 'v1a', key: parsePrivateKey(text) };
}

/**
 * What verifies: a `whsec_` secret, or a `whpk_` public key of ed25519.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`; the message never quotes it
 */
export function parseVerifyingKey(text: string): SigningKey {
  if (!text.startsWith(PUBLIC_KEY)) return { version: 'v1', secret: parseWebhookSecret(text) };
  const bytes = decoded(text, PUBLIC_KEY);
  if (bytes?.length !== KEY_BYTES)
    throw refused(
      `a public key of webhooks is ${PUBLIC_KEY} followed by ${KEY_BYTES} bytes in base64`,
      bytes,
    );
  return { version: 'v1a', key: publicKeyFrom(bytes) };
}

/**
 * The public key of a private one, `whpk_<base64>`.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
export function webhookPublicKeyOf(privateKey: string): string {
  return PUBLIC_KEY + bytesOf(createPublicKey(parsePrivateKey(privateKey))).toString('base64');
}

/** A public key as JWKS has it (RFC 8037); `kid` is its thumbprint (RFC 7638). */
export interface WebhookJwk {
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
export function webhookKeySet(publicKeys: readonly string[]): { keys: WebhookJwk[] } {
  const keys = publicKeys.map((text): WebhookJwk => {
    const parsed = parseVerifyingKey(text);
    if (parsed.version === 'v1') throw refused(`only public keys, ${PUBLIC_KEY}..., may be published`);
    const x = bytesOf(parsed.key).toString('base64url');
    const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
    return { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' };
  });
  return { keys };
}

function parsePrivateKey(text: string): KeyObject {
  const form = `a private key of webhooks is ${PRIVATE_KEY} followed by ${KEY_BYTES} or ${KEY_BYTES * 2} bytes in base64`;
  const bytes = decoded(text, PRIVATE_KEY);
  if (bytes?.length !== KEY_BYTES && bytes?.length !== KEY_BYTES * 2) throw refused(form, bytes);
  const der = Buffer.concat([PKCS8, bytes.subarray(0, KEY_BYTES)]);
  const key = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
  const point = bytes.subarray(KEY_BYTES);
  if (point.length > 0 && !point.equals(bytesOf(createPublicKey(key))))
    throw refused(`${form}, and the second half is its public key`);
  return key;
}

function publicKeyFrom(point: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, point]), type: 'spki', format: 'der' });
}

function bytesOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI.length);
}

/** Buffer skips what is not base64, so only what comes back the same was read whole. */
function decoded(text: string, prefix: string): Buffer | undefined {
  const encoded = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  const bytes = Buffer.from(encoded, 'base64');
  return encoded !== '' && bytes.toString('base64') === encoded ? bytes : undefined;
}

function refused(form: string, bytes?: Buffer): ValidationError {
  const own = bytes ? `this one has ${bytes.length} bytes` : 'this one is not of that form';
  return new ValidationError('JETFLEET_WEBHOOK_SECRET_INVALID', `${form}; ${own}`);
}
