/** What jobs that failed alike have in common: the code of their error, and its message without what differs from job to job. */
import { createHash } from 'node:crypto';
import type { Cause } from './dead-letter-causes.js';
import type { JobErrorInfo } from './errors.js';

/** What a message begins with says enough. */
const MAX_LENGTH = 300;
/** Each in its turn. None of them reads a character twice. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'<>]+/gi, '<url>'],
  [/\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/"[^"\n]{0,300}"|'[^'\n]{0,300}'|`[^`\n]{0,300}`/g, '<text>'],
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, '<id>'],
  [/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, '<id>'],
  [/\b(?=[0-9a-f]{0,80}\d)[0-9a-f]{8,80}\b/gi, '<id>'],
  [/\d+(?:\.\d+)?/g, '<n>'],
];

/** Of a failed job without an error, as only a foreign client writes it, the code is empty. */
export function causeOf(error: Pick<JobErrorInfo, 'code' | 'message'> | undefined): Cause {
  const { code, message = '' } = error ?? { code: '' };
  const [first = ''] = String(message).trim().slice(0, MAX_LENGTH).split('\n');
  const alike = VARYING.reduce((text, [varying, name]) => text.replaceAll(varying, name), first);
  const id = createHash('sha256').update(`${code}\n${alike}`).digest('hex').slice(0, 10);
  return { id, code: String(code), message: alike };
}

export function isCauseId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{10}$/.test(value);
}
