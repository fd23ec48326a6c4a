/** A job as a work message: what a producer in any language publishes. */

import { isSealed } from '../jobs/codec.js';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import { decodeUtf8, parseExactJson } from '../jobs/exact-json.js';
import { beginningOf, excerptOf, quoted } from '../jobs/excerpt.js';
import { isTime } from '../jobs/guards.js';
import { isDerivedId, isJobId, isMadeAt, reservedIdFault, sequenceId } from '../jobs/job-id.js';
import type { JobChange, JobRequest } from '../jobs/job-record.js';
import {
  EXCERPT_LENGTH,
  MAX_DELAY_MS,
  MAX_DERIVED_ID_LENGTH,
  MAX_MAX_ATTEMPTS,
  MAX_PAYLOAD_BYTES,
  MAX_PROBLEM_LENGTH,
  MAX_TIMEOUT_MS,
} from '../jobs/limits.js';
import { isOverlap, type Overlap } from '../jobs/schedule.js';
import { checkTags } from '../jobs/tags.js';
import { assertPayloadDepth, encodePayload, payloadTooLarge } from '../jobs/validation.js';
import { describeUrlFault } from '../jobs/webhook-url.js';
import { Header, type HeaderReader } from './headers.js';
import { isPlace, nameOf, placeOf } from './schedule-subjects.js';
import type { Sealer } from './sealer.js';
import type { Subjects, WorkAddress } from './subjects.js';
import { decodeKey, encodeKey } from './unique-claim.js';

export interface WorkMessage {
  subject: string;
  headers: HeaderReader;
  data: Uint8Array;
  /** Sequence in its stream. */
  seq: number;
  /** When the stream stored it, milliseconds since the epoch. */
  timeMs: number;
  /** The headers break the protocol, so that `headers` is empty. */
  headersUnreadable?: boolean;
  /** It was read from its stream, so the server has added headers to it. Defaults to false: a consumer delivered it. */
  wasRead?: boolean;
}

/** What a work message asks for; `error` tells why it cannot be run, and then the payload is null, or sealed as it came. */
export interface DecodedJob {
  request: JobRequest;
  address: WorkAddress & { id: string };
  /** Published without an id of its own. */
  bare: boolean;
  error?: ValidationError;
  /** Of a run of a recurring schedule. */
  tick?: Tick;
}

/** What started a run of a recurring schedule. */
export interface Tick {
  /** See schedule-subjects.ts. */
  place: string;
  /** When the schedule fires next. Absent of a run that somebody asked for. */
  nextMs?: number;
  /** Whether it makes up for a tick that the server has missed. */
  isMakeUp?: true;
  /** In the place of the policy of the schedule. */
  overlap?: Overlap;
}

const RESERVED = 'is set by Jetfleet alone; leave it out';
const TRACE_HEADERS = [Header.TRACEPARENT, Header.TRACESTATE] as const;
const PRINTABLE = /^[\x20-\x7e]+$/;
const GROUP = /^[a-z0-9-]{1,32}$/;
const MAX_TRACE_LENGTH = 512;
const lenientUtf8 = new TextDecoder();

/**
 * The `Nats-Msg-Id` of a ULID that was made for one message, so that no other one carries it, and a worker need not make sure first.
 * Believed only of a ULID of the message's own minute, which nobody else can know.
 */
export function messageIdOfNew(id: string): string {
  return `jetfleet:${id}`;
}

export function optionHeaders(request: JobRequest): [string, string][] {
  const headers: [string, string][] = [];
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) headers.push([name, String(value)]);
  };
  add(Header.MAX_ATTEMPTS, request.maxAttempts);
  add(Header.TIMEOUT_MS, request.timeoutMs);
  add(Header.EXPIRES_IN_MS, request.expiresInMs);
  add(Header.WEBHOOK_URL, request.webhookUrl);
  if (request.tags) add(Header.TAGS, request.tags.join(','));
  add(Header.TRACEPARENT, request.traceparent);
  add(Header.TRACESTATE, request.tracestate);
  add(Header.PARENT_ID, request.parentId);
  add(Header.AWAITED, request.awaited);
  if (request.unique) add(Header.UNIQUE, encodeKey(request.unique));
  add(Header.CHANGE, request.change && asciiJson(request.change));
  return headers;
}

/** True for a message that the server took from TIMERS, to which only trusted clients publish. */
export function isFromTimers(message: Pick<WorkMessage, 'headers'>): boolean {
  return message.headers.get(Header.STREAM_SOURCE) !== '';
}

/** The sequence in TIMERS of a message that the server took from there, which it writes second; 0 for any other. */
export function sequenceInTimers(message: Pick<WorkMessage, 'headers'>): number {
  const source = message.headers.get(Header.STREAM_SOURCE);
  return source === '' ? 0 : Number(source.split(' ', 2)[1]) || 0;
}

/**
 * Reads a work message, or the message of a timer under the subject that it is for. It never throws for what a producer sent:
 * a message that cannot be run comes back with its error, so that it can be recorded as FAILED instead of being lost.
 * @param isTrusted whether Jetfleet may have brought it back; defaults to whether it comes from TIMERS
 * @throws JetfleetError when the subject is no work subject at all, which no consumer can deliver
 */
export function decodeJob(
  subjects: Subjects,
  message: WorkMessage,
  isTrusted: boolean = isFromTimers(message),
  sealer?: Sealer,
): DecodedJob {
  const parsed = subjects.parseWork(message.subject);
  if (!parsed) {
    throw new JetfleetError('JETFLEET_PAYLOAD_INVALID', `${message.subject} is no work subject`);
  }
  const badId = idProblem(parsed.id, message, isTrusted);
  const id =
    parsed.id === undefined || badId ? sequenceId({ kind: parsed.kind, seq: message.seq }) : parsed.id;
  const address = { ...parsed, id };
  const bare = parsed.id === undefined;
  const request: JobRequest = {
    id,
    type: parsed.type,
    priority: parsed.priority,
    payload: null,
    createdAt: new Date(message.timeMs).toISOString(),
  };
  const tick = isTrusted ? tickOf(subjects, parsed, message.headers) : undefined;
  if (tick) request.scheduledBy = nameOf(tick.place);
  try {
    if (badId) throw badId;
    if (message.headersUnreadable) {
      const why = 'the headers cannot be read: a value has a line break';
      throw new ValidationError('JETFLEET_HEADER_INVALID', why, { excerpt: excerptOfBytes(message.data) });
    }
    readOptions(request, message, isTrusted);
    request.payload = decodeBody(message.data);
    if (sealer && isSealed(request.payload)) request.payload = openBody(sealer, request);
    return tick ? { request, address, bare, tick } : { request, address, bare };
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return { request, address, bare, error, ...(tick && { tick }) };
  }
}

/** A schedule whose target has an id is none whose ticks are told apart: its jobs have one id. */
function tickOf(subjects: Subjects, { id, kind }: WorkAddress, headers: HeaderReader): Tick | undefined {
  const madeBy = headers.get(Header.SCHEDULED_BY);
  if (madeBy !== '') {
    const nextMs = Date.parse(headers.get(Header.NEXT_TICK));
    const overlap = headers.get(Header.OVERLAP);
    if (!isPlace(madeBy)) return undefined;
    return {
      place: madeBy,
      ...(!Number.isNaN(nextMs) && { nextMs, isMakeUp: true as const }),
      ...(isOverlap(overlap) && { overlap }),
    };
  }
  const nextMs = Date.parse(headers.get(Header.SCHEDULE_NEXT));
  const at = placeOf(subjects, headers.get(Header.SCHEDULER));
  if (id !== undefined || at?.kind !== kind || Number.isNaN(nextMs)) return undefined;
  return { place: at.place, nextMs };
}

/** Only Jetfleet may name a job `seq-<n>`: it brings back one that was published without an id. */
function idProblem(
  id: string | undefined,
  message: WorkMessage,
  isTrusted: boolean,
): ValidationError | undefined {
  if (id === undefined) return undefined;
  if (!isJobId(id)) {
    const why = `job id ${quoted(id)} must be 1 to ${MAX_DERIVED_ID_LENGTH} of A-Z a-z 0-9 _ -`;
    return new ValidationError('JETFLEET_ID_INVALID', why, { excerpt: excerptOfBytes(message.data) });
  }
  return isTrusted ? undefined : reservedIdFault(id);
}

/** @throws ValidationError `JETFLEET_HEADER_INVALID` that lists every unreadable header */
function readOptions(request: JobRequest, message: WorkMessage, isTrusted: boolean): void {
  const { headers, timeMs, wasRead } = message;
  const problems: { path: string; message: string }[] = [];
  const maxAttempts = integerHeader(headers, Header.MAX_ATTEMPTS, MAX_MAX_ATTEMPTS, problems);
  const timeoutMs = integerHeader(headers, Header.TIMEOUT_MS, MAX_TIMEOUT_MS, problems);
  const expiresInMs = integerHeader(headers, Header.EXPIRES_IN_MS, MAX_DELAY_MS, problems);
  const webhookUrl = headers.get(Header.WEBHOOK_URL);
  const urlFault = webhookUrl ? describeUrlFault(webhookUrl) : undefined;
  if (urlFault !== undefined) problems.push({ path: Header.WEBHOOK_URL, message: urlFault });
  const tags = headers.get(Header.TAGS);
  if (tags !== '') readTags(request, tags, problems);
  // Who may read may have the answer sent anywhere, so also here, where it would run somebody's job once more.
  if (!wasRead && headers.get(Header.READ_FROM) !== '') {
    problems.push({ path: Header.READ_FROM, message: 'a stored message that was read is no new job' });
  }
  const createdAt = headers.get(Header.CREATED_AT);
  if (createdAt && !isTrusted) problems.push({ path: Header.CREATED_AT, message: RESERVED });
  else if (isTime(createdAt)) request.createdAt = new Date(createdAt).toISOString();
  const parentId = headers.get(Header.PARENT_ID);
  if (parentId && (isTrusted || isDerivedId(request.id, parentId))) request.parentId = parentId;
  else if (parentId) problems.push({ path: Header.PARENT_ID, message: RESERVED });
  const awaited = headers.get(Header.AWAITED);
  // A forged one only has a parent look once more: it goes by the ends of the children that it knows.
  if (awaited && request.parentId !== undefined && GROUP.test(awaited)) request.awaited = awaited;
  else if (awaited) problems.push({ path: Header.AWAITED, message: RESERVED });
  const uniqueText = headers.get(Header.UNIQUE);
  const unique = uniqueText ? decodeKey(uniqueText) : undefined;
  if (unique) request.unique = unique;
  else if (uniqueText)
    problems.push({ path: Header.UNIQUE, message: `${quoted(uniqueText)} is no unique key` });
  const change = isTrusted ? readChange(headers.get(Header.CHANGE)) : undefined;
  if (change) request.change = change;
  if (maxAttempts !== undefined) request.maxAttempts = maxAttempts;
  if (timeoutMs !== undefined) request.timeoutMs = timeoutMs;
  if (expiresInMs !== undefined) {
    request.expiresInMs = expiresInMs;
    request.expiresAt = new Date(timeMs + expiresInMs).toISOString();
  }
  if (webhookUrl) request.webhookUrl = webhookUrl;
  const isNew = headers.get(Header.MSG_ID) === messageIdOfNew(request.id);
  if (isNew && isMadeAt(request.id, timeMs)) request.isNew = true;
  for (const name of TRACE_HEADERS) {
    const value = headers.get(name);
    // What is no printable ASCII is no trace context, and would be longer on the wire than it looks.
    if (PRINTABLE.test(value)) request[name] = value.slice(0, MAX_TRACE_LENGTH);
  }
  if (problems.length === 0) return;
  const list = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new ValidationError('JETFLEET_HEADER_INVALID', `option headers cannot be read: ${list}`, {
    problems: problems.map(({ path, message }) => ({
      path,
      message: beginningOf(message, MAX_PROBLEM_LENGTH),
    })),
  });
}

function readTags(request: JobRequest, text: string, problems: { path: string; message: string }[]): void {
  const tags = [...new Set(text.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '');
  try {
    checkTags('tags', tags);
    if (tags.length > 0) request.tags = tags;
  } catch (error) {
    problems.push({ path: Header.TAGS, message: (error as Error).message });
  }
}

/** A header holds ASCII, whatever the names of people are. */
function asciiJson(value: unknown): string {
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, escaped);
}

/** What cannot be read is left out: it says only who has done something. */
function readChange(text: string): JobChange | undefined {
  if (text === '') return undefined;
  try {
    const { what, at, by } = JSON.parse(text) as Partial<JobChange>;
    const isOne = what === 'promoted' || what === 'rescheduled' || what === 'priority';
    if (!isOne || typeof at !== 'string' || (by !== undefined && typeof by !== 'string')) return undefined;
    return { what, at, ...(by !== undefined && { by }) };
  } catch {
    return undefined;
  }
}

function integerHeader(
  headers: HeaderReader,
  name: string,
  max: number,
  problems: { path: string; message: string }[],
): number | undefined {
  const text = headers.get(name).trim();
  if (text === '') return undefined;
  const value = Number(text);
  if (/^\d{1,12}$/.test(text) && value >= 1 && value <= max) return value;
  problems.push({ path: name, message: `${quoted(text)} is no integer from 1 to ${max}` });
  return undefined;
}

/** @throws ValidationError for a body that is too large, no UTF-8 or no JSON, or whose JSON grows past the limits */
function decodeBody(data: Uint8Array): unknown {
  if (data.length > MAX_PAYLOAD_BYTES) throw payloadTooLarge(data.length, excerptOfBytes(data));
  const text = decodeUtf8(data, excerptOfBytes);
  let payload: unknown;
  try {
    payload = parseExactJson(text);
  } catch (cause) {
    if (cause instanceof ValidationError) throw cause;
    const why = `the body is not valid JSON: ${withoutQuotation((cause as Error).message)}`;
    throw new ValidationError('JETFLEET_BODY_NOT_JSON', why, { excerpt: excerptOf(text) });
  }
  assertPayloadDepth(payload);
  assertNoAnswer(payload);
  // Written again, `1e20` has 21 digits: the record must still fit.
  if (data.length * 6 > MAX_PAYLOAD_BYTES) encodePayload(payload);
  return payload;
}

/** @throws ValidationError `JETFLEET_SEALED`; the payload stays sealed then */
function openBody(sealer: Sealer, { type, payload }: JobRequest): unknown {
  const opened = sealer.open(payload, { type, field: 'payload' });
  assertPayloadDepth(opened);
  return opened;
}

/** Who may ask JetStream's API may have its answer sent anywhere, so also here. */
function assertNoAnswer(payload: unknown): void {
  const type = typeof payload === 'object' && payload !== null && (payload as { type?: unknown }).type;
  if (typeof type !== 'string' || !type.startsWith('io.nats.jetstream.')) return;
  throw new ValidationError('JETFLEET_PAYLOAD_INVALID', `an answer of JetStream's API, ${type}, is no job`);
}

/** The parser quotes what it could not read, which may be a secret. */
function withoutQuotation(message: string): string {
  return message.replace(/,?\s*(\.\.\.)?".*$/s, '') || 'it is no JSON value';
}

function excerptOfBytes(data: Uint8Array): string {
  return excerptOf(lenientUtf8.decode(data.subarray(0, EXCERPT_LENGTH * 4)));
}
