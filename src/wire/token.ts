/** Text as tokens of subjects. */
import { createHash } from 'node:crypto';
import { ValidationError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';

/** In the place of a token of a subject: any. It is no text, so that nothing from outside can be it. */
export const ANY: unique symbol = Symbol('any');
export type Any = typeof ANY;

/**
 * The one way of text into a subject. What is more than a token, or a wildcard, would name what somebody else owns.
 * @throws ValidationError `JETFLEET_ID_INVALID`
 */
export function token(text: string): string {
  if (isToken(text)) return text;
  const why = `${excerptOf(text) || 'an empty text'} cannot be a token of a subject: it may hold no dot, *, >, blank or line break`;
  throw new ValidationError('JETFLEET_ID_INVALID', why);
}

export function part(text: string | Any): string {
  return text === ANY ? '*' : token(text);
}

export function isToken(text: unknown): text is string {
  return typeof text === 'string' && (PLAIN.test(text) || (text !== '' && !UNSAFE.test(text)));
}

/** What almost every token is. */
const PLAIN = /^[A-Za-z0-9_-]+$/;
const UNSAFE = /[\s.*>\p{Cc}]/u;

/** A name of any characters as one token of a subject. */
export function spelled(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/g, '_') || '_';
}

/** Text of any characters as a token of its own: 128 bits of its SHA-256. */
export function hashToken(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
