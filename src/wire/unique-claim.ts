/** A claim on a unique key, as UNIQUE holds it: the last message on the subject of a key says which job has it. */
import { parseExactJson } from '../jobs/exact-json.js';
import { checkFacts, checkPayload } from '../jobs/job-check.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRequest } from '../jobs/job-record.js';
import { UNIQUE_SCOPES, type UniqueKey } from '../jobs/unique-options.js';
import { isJobType } from '../jobs/vocabulary.js';
import type { Subjects } from './subjects.js';
import { hashToken } from './token.js';

/** A job that is about to be stored: whoever meets the claim can store it, should its adder have died. */
export interface ClaimedJob {
  request: JobRequest;
  /** When it may start at the earliest, in ms since the epoch. */
  runAtMs?: number;
}

export interface Claim {
  /** The job that has the key. */
  id: string;
  key: string;
  /** When the job was added, by the broker's clock, in ms since the epoch. */
  sinceMs: number;
  /** Until the job is stored. */
  job?: ClaimedJob;
  /** Its id was chosen by its caller. */
  isNamed?: true;
  /** The job runs again, after it ended with this event: while that is its last, nothing has come of it. */
  afterSeq?: number;
  /** How often it was run again then, as its record says it. */
  redrives?: number;
}

const decoder = new TextDecoder();

export function encodeClaim(claim: Claim): string {
  return JSON.stringify({ v: 1, ...claim });
}

/** @returns undefined for a message that is no claim on the key: a stranger's */
export function decodeClaim(data: Uint8Array, type: string, unique: UniqueKey): Claim | undefined {
  try {
    const claim = parseExactJson(decoder.decode(data)) as (Claim & { v?: number }) | null;
    const { v, id, key, sinceMs, job, afterSeq, redrives } = claim ?? {};
    const isSound = v === 1 && isJobId(id) && key === unique.key && Number.isFinite(sinceMs);
    const areCounts = [afterSeq, redrives].every((each) => each === undefined || Number.isInteger(each));
    if (!isSound || !areCounts) return undefined;
    if (job) assertJob(job, id as string, type);
    return claim as Claim;
  } catch {
    return undefined;
  }
}

/** A claim that was found by its place, with what that says. */
export interface FoundClaim {
  type: string;
  unique: UniqueKey;
  claim: Claim;
}

/** @returns undefined for a message that is no claim on the key whose subject it has */
export function findClaim(subjects: Subjects, subject: string, data: Uint8Array): FoundClaim | undefined {
  const [, type = '', scope, token] = subjects.tokensOf(subject);
  const { key } = Object(jsonOf(data)) as Partial<Claim>;
  const isKey = typeof key === 'string' && keyToken(key) === token;
  const known = UNIQUE_SCOPES.find((each) => each === scope);
  if (!isKey || !known || !isJobType(type)) return undefined;
  const unique: UniqueKey = { key, scope: known };
  const claim = decodeClaim(data, type, unique);
  return claim && { type, unique, claim };
}

function jsonOf(data: Uint8Array): unknown {
  try {
    return parseExactJson(decoder.decode(data));
  } catch {
    return undefined;
  }
}

function assertJob({ request, runAtMs }: ClaimedJob, id: string, type: string): void {
  checkFacts(request);
  checkPayload(type, request.payload);
  const isOwn = request.id === id && request.type === type && !Number.isNaN(Date.parse(request.createdAt));
  if (!isOwn || (runAtMs !== undefined && !Number.isFinite(runAtMs)))
    throw new TypeError('no job of this claim');
}

/** A key of any characters as a token of a subject. */
export function keyToken(key: string): string {
  return hashToken(key);
}

/** As a header says it: the scope, and the key in percent encoding. */
export function encodeKey({ key, scope }: UniqueKey): string {
  return `${scope} ${encodeURIComponent(key)}`;
}

/** @returns undefined for what is no key */
export function decodeKey(text: string): UniqueKey | undefined {
  const [, scopeText, encoded = ''] = /^([a-z]+) ([A-Za-z0-9%_.!~*'()-]{1,1800})$/.exec(text) ?? [];
  const scope = UNIQUE_SCOPES.find((each) => each === scopeText);
  if (!scope) return undefined;
  try {
    return { key: decodeURIComponent(encoded), scope };
  } catch {
    return undefined;
  }
}
