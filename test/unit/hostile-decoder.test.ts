import { headers as newHeaders } from '@nats-io/transport-node';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { ERROR_CODES, JetfleetError, type JobErrorInfo } from '../../src/jobs/errors.js';
import { toJobError } from '../../src/jobs/job-error.js';
import { type JobRecord, pendingRecord } from '../../src/jobs/job-record.js';
import {
  EXCERPT_LENGTH,
  MAX_ERROR_MESSAGE_LENGTH,
  MAX_PAYLOAD_BYTES,
  MAX_PROBLEM_LENGTH,
  MAX_PROBLEMS,
  MAX_RECORD_BYTES,
} from '../../src/jobs/limits.js';
import { BUILT_IN_SCHEMAS } from '../../src/jobs/payloads.js';
import { encodePayload, parsePayload } from '../../src/jobs/validation.js';
import { isStatus, statusOf } from '../../src/jobs/vocabulary.js';
import { type HeaderReader, NO_HEADERS } from '../../src/wire/headers.js';
import { type DecodedJob, decodeJob, type WorkMessage } from '../../src/wire/job-message.js';
import { decodeRecord, encodeRecord } from '../../src/wire/record-message.js';
import { Subjects } from '../../src/wire/subjects.js';
import {
  type HostileMessage,
  hostileMessage,
  PROBE,
  probePayload,
  strangeType,
  subjectOf,
} from '../support/hostile-messages.js';

/** Another one for each run, so that runs add up; a failure prints it, and this brings the same run back. */
const seed = Number(process.env.JETFLEET_FUZZ_SEED ?? Date.now() % 2 ** 31);
const NUM_RUNS = 10_000;
/** A few seconds on an idle machine; CI shares its cores. */
const TIMEOUT_MS = 90_000;

const subjects = new Subjects();
const schemas = { ...BUILT_IN_SCHEMAS, [PROBE]: probePayload };
const PROTOTYPE_KEYS = Reflect.ownKeys(Object.prototype);

const message = hostileMessage('http://127.0.0.1:9/hook');
const anyType = fc.option(strangeType, { freq: 20, nil: undefined });

/** As the client reads them off the wire: one line that it cannot take makes all of them unreadable. */
function readerOf(lines: HostileMessage['headers']): HeaderReader | undefined {
  const reader = newHeaders();
  try {
    for (const [name, value] of lines) reader.append(name, value);
    return reader;
  } catch {
    return undefined;
  }
}

function toWork(hostile: HostileMessage): WorkMessage {
  const reader = readerOf(hostile.headers);
  return {
    subject: subjectOf(hostile, 1),
    headers: reader ?? NO_HEADERS,
    headersUnreadable: reader === undefined,
    data: hostile.body,
    seq: 7,
    timeMs: Date.UTC(2026, 0, 1),
  };
}

/** What a worker would put on record: the decoder's error, else that of the payload's schema. */
function errorOf({ request, error }: DecodedJob): JobErrorInfo | undefined {
  if (error) return toJobError(error);
  if (!Object.hasOwn(schemas, request.type)) return undefined;
  try {
    parsePayload(request.type, schemas[request.type as keyof typeof schemas], request.payload);
    return undefined;
  } catch (invalid) {
    if (!JetfleetError.is(invalid)) throw invalid;
    return toJobError(invalid);
  }
}

function assertCoded({ code, message, excerpt = '', problems = [] }: JobErrorInfo): void {
  expect(Object.hasOwn(ERROR_CODES, code), code).toBe(true);
  // A message that was cut ends with an ellipsis.
  expect(message.length).toBeLessThanOrEqual(MAX_ERROR_MESSAGE_LENGTH + 1);
  expect(excerpt.length).toBeLessThanOrEqual(EXCERPT_LENGTH);
  expect(problems.length).toBeLessThanOrEqual(MAX_PROBLEMS);
  for (const { path, message: why } of problems) {
    expect(Math.max(path.length, why.length)).toBeLessThanOrEqual(MAX_PROBLEM_LENGTH);
  }
}

/** The record that a decoded message becomes fits the broker, and reads back as it was written. */
function assertRecordable({ request }: DecodedJob, error: JobErrorInfo | undefined): void {
  expect(Buffer.byteLength(encodePayload(request.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
  const record: JobRecord = { ...pendingRecord(request, 3), ...(error && { error }) };
  const bytes = Buffer.from(encodeRecord(record));
  expect(bytes.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
  expect(Buffer.compare(Buffer.from(encodeRecord(decodeRecord(bytes))), bytes)).toBe(0);
}

afterEach(() => {
  expect(Reflect.ownKeys(Object.prototype)).toEqual(PROTOTYPE_KEYS);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

describe('a hostile work message', () => {
  test(
    'is read without a throw, and is a job within the limits or a coded error',
    () => {
      const property = fc.property(message, anyType, (hostile, type) => {
        const work = toWork(type === undefined ? hostile : { ...hostile, type });
        if (!subjects.parseWork(work.subject)) {
          expect(() => decodeJob(subjects, work)).toThrow(JetfleetError);
          return;
        }
        const job = decodeJob(subjects, work);
        expect(job.request.id).toMatch(/^[A-Za-z0-9_-]{1,128}$/);
        if (job.error) expect(job.request.payload).toBeNull();
        const error = errorOf(job);
        if (error) assertCoded(error);
        assertRecordable(job, error);
        if (type === undefined && hostile.verdict !== 'open') {
          expect(error?.code ?? 'fine').toEqual(
            hostile.verdict === 'fine' ? 'fine' : expect.stringMatching(/^JETFLEET_/),
          );
        }
      });
      fc.assert(property, { seed, numRuns: NUM_RUNS });
    },
    TIMEOUT_MS,
  );

  test('comes in every kind that was meant: valid ones, and each code that a producer can cause', () => {
    const outcomes = new Set(
      fc.sample(message, { seed, numRuns: 5_000 }).map((hostile) => {
        const work = toWork(hostile);
        return subjects.parseWork(work.subject)
          ? (errorOf(decodeJob(subjects, work))?.code ?? 'valid')
          : 'no work';
      }),
    );
    const codes = [
      'BODY_INEXACT',
      'BODY_NOT_UTF8',
      'BODY_NOT_JSON',
      'HEADER_INVALID',
      'ID_INVALID',
      'PAYLOAD_INVALID',
    ];
    codes.push('PAYLOAD_UNKNOWN_KEY', 'PAYLOAD_TOO_LARGE', 'PAYLOAD_TOO_DEEP');
    expect([...outcomes].sort(), `JETFLEET_FUZZ_SEED=${seed}`).toEqual(
      ['no work', 'valid', ...codes.map((code) => `JETFLEET_${code}`)].sort(),
    );
  });
});

const RECORD = pendingRecord(
  { id: 'a', type: PROBE, priority: 'high', payload: null, createdAt: '2026-01-01T00:00:00.000Z' },
  3,
);
const anyJson = fc.oneof(
  fc.constantFrom('lost', 'constructor', '__proto__', 'completed', 'failed', 1, 2, -1, 0.5, null),
  fc.jsonValue({ maxDepth: 3 }),
);
/** The two fields that must fit each other change more often than the rest. */
const field = fc.oneof(
  fc.constantFrom('state', 'status'),
  fc.constantFrom(...Object.keys(RECORD), 'next', '__proto__'),
);
/** A record with some of its fields replaced or left out (`undefined`). */
const oddRecord = fc
  .dictionary(field, fc.option(anyJson, { freq: 2, nil: undefined }), { maxKeys: 4 })
  .map((changes) => JSON.stringify({ ...RECORD, ...changes }));

test('a hostile event is a record with a state and a status of the vocabulary, or is refused with a code', () => {
  const event = fc.oneof(
    oddRecord,
    message.map(({ body }) => body),
  );
  const property = fc.property(event, (body) => {
    const data = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    let record: JobRecord;
    try {
      record = decodeRecord(data);
    } catch (error) {
      expect(JetfleetError.is(error)).toBe(true);
      assertCoded(toJobError(error));
      return;
    }
    expect([record.state, record.status]).toEqual([expect.any(String), statusOf(record.state)]);
    expect(isStatus(record.status)).toBe(true);
    expect(decodeRecord(Buffer.from(encodeRecord(record)))).toEqual(JSON.parse(JSON.stringify(record)));
  });
  fc.assert(property, { seed, numRuns: NUM_RUNS });
});
