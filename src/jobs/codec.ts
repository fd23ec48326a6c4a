/** What jobs carry in another form than plain JSON: compressed, encrypted, or both. */
import { invalidOption } from './errors.js';
import { excerptOf, quoted } from './excerpt.js';

/** What is encoded. */
export type CodecField = 'payload' | 'result' | 'checkpoint' | 'progress' | 'signal' | 'report';

/** What belongs to an encoding without being part of it: what was encoded for one place cannot be decoded for another. */
export interface CodecContext {
  /** The job type; empty for signals and reports, which are read without knowing it. */
  type: string;
  field: CodecField;
  /** Most bytes that may come out of decoding, where that is more than a message holds: of an object. */
  maxBytes?: number;
}

/**
 * A step on the way from JSON to what the broker keeps, and back. Both directions are synchronous, since they are part of each
 * write: fetch keys before.
 */
export interface Codec {
  /** Stands beside what is encoded, in the clear: 1 to 32 of `a-z 0-9 -`. */
  name: string;
  /** @returns undefined to leave it as it is */
  encode(data: Uint8Array, context: CodecContext): Uint8Array | undefined;
  /** Throws for what it cannot decode. */
  decode(data: Uint8Array, context: CodecContext): Uint8Array;
}

/** The names of the codecs, in the order in which they encoded it, and what they made of it, in base64. */
export interface SealedValue {
  'jetfleet:sealed': string;
  data: string;
}

/** The key by which a sealed value is known. */
export const SEALED = 'jetfleet:sealed';

export function isSealed(value: unknown): value is SealedValue {
  if (typeof value !== 'object' || value === null || !(SEALED in value)) return false;
  const { [SEALED]: names, data, ...rest } = value as Partial<SealedValue>;
  return typeof names === 'string' && typeof data === 'string' && Object.keys(rest).length === 0;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkedCodecs(codec: unknown): readonly Codec[] {
  if (codec === undefined) return [];
  const codecs: unknown[] = Array.isArray(codec) ? codec : [codec];
  const names = new Set<string>();
  for (const each of codecs) {
    const { name, encode, decode } = Object(each) as Partial<Codec>;
    if (typeof encode !== 'function' || typeof decode !== 'function')
      throw invalidOption(`codec must have a name, encode and decode, got ${excerptOf(each)}`);
    if (typeof name !== 'string' || !/^[a-z0-9-]{1,32}$/.test(name))
      throw invalidOption(`codec name ${quoted(name)} must be 1 to 32 of a-z 0-9 -`);
    if (names.has(name)) throw invalidOption(`codec has two of the name ${name}`);
    names.add(name);
  }
  return codecs as Codec[];
}
