import { createHash } from 'node:crypto';
import { decodeTime } from 'ulid';
import { ValidationError } from './errors.js';
import { quoted } from './excerpt.js';
import { MAX_DERIVED_ID_LENGTH, MAX_ID_LENGTH } from './limits.js';
import { nextUlid } from './ulid.js';

const ID = /^[A-Za-z0-9_-]+$/;
const DERIVED_HASH_LENGTH = 16;
/** How far the clock of a producer may be off, and its message be late. */
const ULID_AGE_MS = 60_000;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const SEQUENCE_ID = /^(webhook-)?seq-(\d{1,16})$/;
/** The beginning of a ULID that says its time to 17 minutes at least. Ten characters say it to the millisecond. */
const ULID_START = /^[0-7][0-9A-HJKMNP-TV-Z]{5,25}/;
const ULID_TIME = 10;
const ULID_LENGTH = 26;

/** A new id that sorts by time (ULID), unique across processes. */
export const generateJobId: () => string = nextUlid;

/** When ids were made that are generated, or derived from generated ones, and begin like this; undefined where that does not say. */
export function generatedBetween(start: string): { fromMs: number; toMs: number } | undefined {
  const ulid = ULID_START.exec(start)?.[0];
  if (ulid === undefined || (ulid.length < ULID_LENGTH && ulid !== start)) return undefined;
  const time = ulid.slice(0, ULID_TIME);
  const at = (rest: string) => decodeTime(time.padEnd(ULID_TIME, rest).padEnd(ULID_LENGTH, rest));
  return { fromMs: at('0'), toMs: at('Z') };
}

/** True for an id that may stand in a subject: 1 to `maxLength` of `[A-Za-z0-9_-]`. */
export function isJobId(value: unknown, maxLength = MAX_DERIVED_ID_LENGTH): boolean {
  return typeof value === 'string' && value.length >= 1 && value.length <= maxLength && ID.test(value);
}

/** @throws ValidationError `JETFLEET_ID_INVALID` for what names no job */
export function assertJobId(id: unknown): asserts id is string {
  if (isJobId(id)) return;
  throw new ValidationError(
    'JETFLEET_ID_INVALID',
    `job id ${quoted(id)} must be a string of 1 to ${MAX_DERIVED_ID_LENGTH} of A-Z a-z 0-9 _ -`,
  );
}

/** @throws ValidationError `JETFLEET_ID_INVALID` for what no caller may choose */
export function assertCallerId(id: unknown): asserts id is string {
  if (!isJobId(id, MAX_ID_LENGTH)) {
    throw new ValidationError(
      'JETFLEET_ID_INVALID',
      `job id ${quoted(id)} must be 1 to ${MAX_ID_LENGTH} of A-Z a-z 0-9 _ -; leave it out to have one generated`,
    );
  }
  assertNotReserved(id as string);
}

export function assertNotReserved(id: string): void {
  const fault = reservedIdFault(id);
  if (fault) throw fault;
}

/** Why nobody may choose an id: it is of a form that names jobs which were published without one. */
export function reservedIdFault(id: string): ValidationError | undefined {
  if (!SEQUENCE_ID.test(id)) return undefined;
  return new ValidationError(
    'JETFLEET_ID_INVALID',
    `job id ${JSON.stringify(id)} is reserved: ids of the form seq-<n> and webhook-seq-<n> name jobs that were published without one`,
  );
}

/** Where a job that was published without an id lies: each work stream counts for itself. */
export interface SequencePosition {
  kind: 'jobs' | 'webhooks';
  seq: number;
}

/** The id of a job published without one: `seq-<n>`, and `webhook-seq-<n>` for one on the webhooks' own stream. */
export function sequenceId({ kind, seq }: SequencePosition): string {
  return kind === 'jobs' ? `seq-${seq}` : `webhook-seq-${seq}`;
}

/** The position that such an id names, or undefined for any other id. */
export function sequenceOf(id: string): SequencePosition | undefined {
  const match = SEQUENCE_ID.exec(id);
  return match ? { kind: match[1] ? 'webhooks' : 'jobs', seq: Number(match[2]) } : undefined;
}

/** Whether the id is {@link sequenceId} of a message, {@link namesakeId} of that, or made to look so. */
export function isOfSequence(id: string): boolean {
  return /^(webhook-)?seq-\d/.test(id);
}

/**
 * The id of what follows from a job: the same for every repetition, so that repeating it is harmless. One that would
 * be too long ends with a hash of the whole instead, so that different ones stay different.
 */
export function derivedId(id: string, suffix: string): string {
  const whole = `${id}-${suffix}`;
  if (whole.length <= MAX_DERIVED_ID_LENGTH) return whole;
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, DERIVED_HASH_LENGTH);
  return `${whole.slice(0, MAX_DERIVED_ID_LENGTH - DERIVED_HASH_LENGTH - 1)}-${hash}`;
}

/** The id of a job whose own one is taken, by what the job is: the same for every repetition. */
export function derivedIdOf(id: string, content: string): string {
  return derivedId(id, createHash('sha256').update(content).digest('hex').slice(0, DERIVED_HASH_LENGTH));
}

/** Whether the id is {@link derivedId} of `parentId` and some suffix. */
export function isDerivedId(id: string, parentId: string): boolean {
  if (!isJobId(parentId)) return false;
  const kept = MAX_DERIVED_ID_LENGTH - DERIVED_HASH_LENGTH - 1;
  const isHashed = id.length === MAX_DERIVED_ID_LENGTH && parentId.length >= kept - 1;
  return isHashed ? id.startsWith(parentId.slice(0, kept - 1)) : id.startsWith(`${parentId}-`);
}

/** Whether the id is a ULID of about that time, in ms since the epoch: one that was made for one message. */
export function isMadeAt(id: string, timeMs: number): boolean {
  return ULID.test(id) && Math.abs(decodeTime(id) - timeMs) <= ULID_AGE_MS;
}

/** The id of what follows from the end of a job. After each redrive it is another end, with follow-ups of its own. */
export function failureId({ id, redrives }: { id: string; redrives?: number }, suffix: string): string {
  return derivedId(id, redrives ? `${suffix}-${redrives + 1}` : suffix);
}

/** The id of a job that was published without one, where its number has a record already: every delivery finds the same. */
export function namesakeId(id: string, storedMs: number): string {
  return derivedId(id, storedMs.toString(36));
}
