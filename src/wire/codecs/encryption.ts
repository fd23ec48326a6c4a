import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Codec, CodecContext } from '../../jobs/codec.js';
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';

export interface EncryptionOptions {
  /** Keys of 32 bytes by their ids, as bytes or in base64. An id is 1 to 32 of `A-Z a-z 0-9 _ -`, and stands beside what is encrypted. */
  keys: Readonly<Record<string, Uint8Array | string>>;
  /** The id of the key that encrypts. All of them decrypt. */
  current: string;
}

const OPTIONS: OptionNames<Required<EncryptionOptions>> = { keys: true, current: true };
const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Of the layout: version, length of the key's id, the id, IV, tag, and what is encrypted. */
const VERSION = 1;

/**
 * A codec that encrypts with AES-256-GCM. The type of the job and what of it is encrypted are authenticated with it, so that nobody can
 * pass the payload of one type off as that of another.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function encryption(options: EncryptionOptions): Codec {
  assertOptions('encryption', options, OPTIONS);
  const { keys, current } = options;
  const known = new Map(Object.entries(Object(keys)).map(([id, key]) => [id, keyOf(id, key)]));
  const key = known.get(current);
  if (!key) throw invalidOption(`current ${quoted(current)} is none of the keys`);
  const id = Buffer.from(current);
  return {
    name: ALGORITHM,
    encode: (data, context) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, iv).setAAD(boundTo(context));
      const made = [cipher.update(data), cipher.final()];
      return Buffer.concat([Buffer.of(VERSION, id.length), id, iv, cipher.getAuthTag(), ...made]);
    },
    decode: (data, context) => {
      if (data[0] !== VERSION) throw new Error(`it has the layout ${data[0]}, which is unknown here`);
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
      const ivAt = 2 + (bytes[1] ?? 0);
      const keyId = bytes.toString('utf8', 2, ivAt);
      const found = known.get(keyId);
      if (!found) throw new Error(`the key ${quoted(keyId)} is missing`);
      const tagAt = ivAt + IV_BYTES;
      const textAt = tagAt + TAG_BYTES;
      const decipher = createDecipheriv(ALGORITHM, found, bytes.subarray(ivAt, tagAt), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(boundTo(context))
        .setAuthTag(bytes.subarray(tagAt, textAt));
      return Buffer.concat([decipher.update(bytes.subarray(textAt)), decipher.final()]);
    },
  };
}

function boundTo({ type, field }: CodecContext): Buffer {
  return Buffer.from(`${type}/${field}`);
}

/** The message never has the key. */
function keyOf(id: string, key: unknown): Buffer {
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(id))
    throw invalidOption(`key id ${quoted(id)} must be 1 to 32 of A-Z a-z 0-9 _ -`);
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key;
  if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return Buffer.from(bytes);
  throw invalidOption(
    `key ${id} must be ${KEY_BYTES} bytes, or ${KEY_BYTES} bytes in base64; "openssl rand -base64 32" makes one`,
  );
}
