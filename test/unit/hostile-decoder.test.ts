import assert from 'node:assert/strict';
import { headers as newHeaders } from '@nats-io/transport-node';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { defineJob, JobQueueService } from '../../src/index.js';
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
import { isZod, parsePayload } from '../../src/jobs/schema.js';
import { encodePayload } from '../../src/jobs/validation.js';
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
const { known } = new JobQueueService({
  jobs: [defineJob({ type: PROBE, payload: probePayload, stores: 'parsed' })],
});
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
  const { payload: schema } = known.get(request.type) ?? {};
  if (!isZod(schema)) return undefined;
  try {
    parsePayload(request.type, schema, request.payload);
    return undefined;
  } catch (invalid) {
    if (!JetfleetError.is(invalid)) throw invalid;
    return toJobError(invalid);
  }
}

/** By plain assertions, like all that is checked in each run: an `expect` takes longer than what it looks at. */
function assertCoded({ code, message, excerpt = '', problems = [] }: JobErrorInfo): void {
  assert(Object.hasOwn(ERROR_CODES, code), code);
  // A message that was cut ends with an ellipsis.
  assert(message.length <= MAX_ERROR_MESSAGE_LENGTH + 1, `a message of ${message.length} characters`);
  assert(excerpt.length <= EXCERPT_LENGTH, `an excerpt of ${excerpt.length} characters`);
  assert(problems.length <= MAX_PROBLEMS, `${problems.length} problems`);
  for (const { path, message: why } of problems) {
    assert(Math.max(path.length, why.length) <= MAX_PROBLEM_LENGTH, `${path}: ${why}`);
  }
}

/** The record that a decoded message becomes fits the broker, and reads back as it was written. */
function assertRecordable({ request }: DecodedJob, error: JobErrorInfo | undefined): void {
  assert(Buffer.byteLength(encodePayload(request.payload)) <= MAX_PAYLOAD_BYTES, 'the payload is too large');
  const record: JobRecord = { ...pendingRecord(request, 3), ...(error && { error }) };
  const text = encodeRecord(record);
  const bytes = Buffer.from(text);
  assert(bytes.length <= MAX_RECORD_BYTES, `a record of ${bytes.length} bytes`);
  assert(encodeRecord(decodeRecord(bytes)) === text, 'the record reads back as another');
}

afterEach(() => {
  expect(Reflect.ownKeys(Object.prototype)).toEqual(PROTOTYPE_KEYS);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test(
  'a hostile work message is read without a throw, and is a job within the limits or a coded error, of every kind',
  () => {
    const outcomes = new Set<string>();
    const property = fc.property(message, anyType, (hostile, type) => {
      const work = toWork(type === undefined ? hostile : { ...hostile, type });
      if (!subjects.parseWork(work.subject)) {
        assert.throws(() => decodeJob(subjects, work), JetfleetError);
        outcomes.add('no work');
        return;
      }
      const job = decodeJob(subjects, work);
      assert.match(job.request.id, /^[A-Za-z0-9_-]{1,128}$/);
      if (job.error) assert.equal(job.request.payload, null);
      const error = errorOf(job);
      if (error) assertCoded(error);
      assertRecordable(job, error);
      if (type !== undefined) return;
      outcomes.add(error?.code ?? 'valid');
      if (hostile.verdict === 'fine') assert.equal(error, undefined);
      if (hostile.verdict === 'faulty') assert.match(error?.code ?? 'fine', /^JETFLEET_/);
    });
    fc.assert(property, { seed, numRuns: NUM_RUNS });
    // Some kinds are rare; these runs are known to have all of them.
    fc.assert(property, { seed: 1, numRuns: 3_000 });
    const codes = [
      'BODY_INEXACT',
      'BODY_NOT_UTF8',
      'BODY_NOT_JSON',
      'HEADER_INVALID',
      'ID_INVALID',
      'PAYLOAD_INVALID',
    ];
    codes.push('PAYLOAD_UNKNOWN_KEY', 'PAYLOAD_TOO_LARGE', 'PAYLOAD_TOO_DEEP');
    // Valid ones, and each code that a producer can cause.
    expect([...outcomes].sort(), `JETFLEET_FUZZ_SEED=${seed}`).toEqual(
      ['no work', 'valid', ...codes.map((code) => `JETFLEET_${code}`)].sort(),
    );
  },
  TIMEOUT_MS,
);

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
      assert(JetfleetError.is(error), String(error));
      assertCoded(toJobError(error));
      return;
    }
    assert(typeof record.state === 'string' && isStatus(record.status));
    assert.equal(record.status, statusOf(record.state));
    const again = decodeRecord(Buffer.from(encodeRecord(record)));
    assert.deepEqual(again, JSON.parse(JSON.stringify(record)));
  });
  fc.assert(property, { seed, numRuns: NUM_RUNS });
});
