/** A payload or result that is too large for a message: the message and the record hold a reference to it. */
import { MAX_OBJECT_BYTES } from './limits.js';

/** The key by which a reference is known. */
export const OBJECT = 'jetfleet:object';

/** What may be kept as an object. */
export type ObjectField = 'payload' | 'result';

/** Where a value is kept that is over the limits. Only the job that holds the reference has the object. */
export interface ObjectReference {
  /** `<field>.<token>`, unique among the objects of its job. */
  'jetfleet:object': string;
  /** Of what is stored. */
  bytes: number;
  /** SHA-256 of that, in base64url. */
  digest: string;
}

const NAME = /^(payload|result)\.[A-Za-z0-9_-]{16}$/;
const DIGEST = /^[A-Za-z0-9_-]{43}$/;

export function isReference(value: unknown): value is ObjectReference {
  if (typeof value !== 'object' || value === null || !(OBJECT in value)) return false;
  const { [OBJECT]: name, bytes, digest, ...rest } = value as Partial<ObjectReference>;
  const isNamed = typeof name === 'string' && NAME.test(name);
  const isSized = Number.isInteger(bytes) && Number(bytes) > 0 && Number(bytes) <= MAX_OBJECT_BYTES * 2;
  const isDigest = typeof digest === 'string' && DIGEST.test(digest);
  return isNamed && isSized && isDigest && Object.keys(rest).length === 0;
}

export function fieldOf(reference: ObjectReference): ObjectField {
  return reference[OBJECT].startsWith('payload') ? 'payload' : 'result';
}

/** The references that a job holds, by its payload and its result. */
export function referencesOf({ payload, result }: { payload: unknown; result?: unknown }): ObjectReference[] {
  return [payload, result].filter(isReference);
}

/** Whether two references are of the same content. What a codec encrypts differs each time. */
export function isSameContent(a: ObjectReference, b: ObjectReference): boolean {
  return a.digest === b.digest && a.bytes === b.bytes;
}
