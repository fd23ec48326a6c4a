import fc from 'fast-check';
import { ulid } from 'ulid';
import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../src/jobs/errors.js';
import { derivedId } from '../../src/jobs/job-id.js';
import { EXCERPT_LENGTH, MAX_PAYLOAD_BYTES } from '../../src/jobs/limits.js';
import { encodePayload } from '../../src/jobs/validation.js';
import { Header } from '../../src/wire/headers.js';
import { decodeJob, optionHeaders, type WorkMessage } from '../../src/wire/job-message.js';
import { Subjects } from '../../src/wire/subjects.js';
import { anyCodePoint } from '../support/any-text.js';

const subjects = new Subjects();
const bytes = (text: string) => new TextEncoder().encode(text);
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

function message(
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  subject = 'jobs.high.demo.a',
): WorkMessage {
  const data = typeof body === 'string' ? bytes(body) : body;
  const read = { get: (name: string) => (Object.hasOwn(headers, name) ? (headers[name] ?? '') : '') };
  return { subject, headers: read, data, seq: 7, timeMs: Date.UTC(2026, 0, 1) };
}

const decode = (...args: Parameters<typeof message>) => decodeJob(subjects, message(...args));

describe('a valid message', () => {
  test('is a request with everything that subject, headers and body say', () => {
    const { request, error, address } = decode('{"a":[1,"ü"]}', {
      [Header.MAX_ATTEMPTS]: '5',
      [Header.TIMEOUT_MS]: ' 60000 ',
      [Header.WEBHOOK_URL]: 'https://example.com/hook',
      [Header.TRACEPARENT]: '00-1-2-01',
      [Header.TRACESTATE]: 'a=b',
    });
    expect(error).toBeUndefined();
    expect(address).toEqual({ kind: 'jobs', priority: 'high', type: 'demo', id: 'a' });
    expect(request).toEqual({
      id: 'a',
      type: 'demo',
      priority: 'high',
      payload: { a: [1, 'ü'] },
      createdAt: '2026-01-01T00:00:00.000Z',
      maxAttempts: 5,
      timeoutMs: 60_000,
      webhookUrl: 'https://example.com/hook',
      traceparent: '00-1-2-01',
      tracestate: 'a=b',
    });
  });

  test('without headers takes its time from the stream, and no options', () => {
    expect(decode('null').request).toEqual({
      id: 'a',
      type: 'demo',
      priority: 'high',
      payload: null,
      createdAt: '2026-01-01T00:00:00.000Z',
    });
  });

  test('without an id in its subject is named by its sequence', () => {
    expect(decode('{}', {}, 'jobs.low.demo')).toMatchObject({
      request: { id: 'seq-7' },
      address: { id: 'seq-7' },
    });
  });

  test('that Jetfleet wrote itself reads back the same', () => {
    const { request } = decode('{"a":1}', { [Header.MAX_ATTEMPTS]: '5', [Header.TRACEPARENT]: '00-1-2-01' });
    const again = message(
      Buffer.from(encodePayload(request.payload)),
      Object.fromEntries(optionHeaders(request)),
    );
    expect(decodeJob(subjects, again).request).toEqual(request);
  });
});

describe('a message that cannot be run', () => {
  test('with a body that is not UTF-8 says so, with its beginning', () => {
    const { error, request } = decode(new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]));
    expect(error).toMatchObject({ code: 'JETFLEET_BODY_NOT_UTF8', excerpt: '{"\uFFFD\uFFFD"}' });
    expect(request).toMatchObject({ id: 'a', payload: null });
  });

  test('with a body that is not JSON says so, with its beginning and no more', () => {
    const { error } = decode(`{"a": ${'x'.repeat(1_000)}`);
    expect(error?.code).toBe('JETFLEET_BODY_NOT_JSON');
    expect(error?.excerpt).toMatch(/^\{"a": x+$/);
    expect(error?.excerpt).toHaveLength(EXCERPT_LENGTH);
  });

  test('with an empty body is not JSON', () => {
    expect(decode('').error).toMatchObject({ code: 'JETFLEET_BODY_NOT_JSON', excerpt: '' });
  });

  test.each([
    ['JETFLEET_PAYLOAD_TOO_LARGE', `"${'x'.repeat(MAX_PAYLOAD_BYTES - 1)}"`],
    [undefined, `"${'x'.repeat(MAX_PAYLOAD_BYTES - 2)}"`],
    ['JETFLEET_PAYLOAD_TOO_DEEP', nested(101)],
    [undefined, nested(100)],
  ])('is judged %s at the limit', (code, body) => {
    expect(decode(body).error?.code).toBe(code);
  });

  test('that is too large keeps its beginning', () => {
    expect(decode(`"${'x'.repeat(MAX_PAYLOAD_BYTES)}"`).error?.excerpt).toHaveLength(EXCERPT_LENGTH);
  });

  test('whose JSON grows past the limit when it is written again is too large', () => {
    const body = `[${Array.from({ length: 50_000 }, () => '1e20').join(',')}]`;
    expect(body.length).toBeLessThan(MAX_PAYLOAD_BYTES);
    expect(decode(body).error?.code).toBe('JETFLEET_PAYLOAD_TOO_LARGE');
  });

  test('with several bad headers names each of them', () => {
    const { error } = decode('{}', {
      [Header.MAX_ATTEMPTS]: '0',
      [Header.TIMEOUT_MS]: 'soon',
      [Header.WEBHOOK_URL]: 'ftp://example.com',
    });
    expect(error?.code).toBe('JETFLEET_HEADER_INVALID');
    expect(error?.problems?.map(({ path }) => path)).toEqual([
      'Jetfleet-Max-Attempts',
      'Jetfleet-Timeout-Ms',
      'Jetfleet-Webhook-Url',
    ]);
    for (const value of ['"0"', '"soon"', '"ftp://example.com"']) expect(error?.message).toContain(value);
  });

  test.each(['101', '-1', '1.5', '1e2', '0x10', 'NaN', '٣'])('cannot have %j attempts', (value) => {
    expect(decode('{}', { [Header.MAX_ATTEMPTS]: value }).error?.code).toBe('JETFLEET_HEADER_INVALID');
  });

  test.each(['not allowed', 'ä', 'a'.repeat(129), 'a/b'])(
    'has the bad id %j, so its sequence names it',
    (id) => {
      const { error, request, address } = decode('{"a":1}', {}, `jobs.high.demo.${id}`);
      expect(error).toMatchObject({ code: 'JETFLEET_ID_INVALID', excerpt: '{"a":1}' });
      expect([request.id, address.id]).toEqual(['seq-7', 'seq-7']);
    },
  );

  test('may not take the name of a job without an id', () => {
    const { error, request } = decode('{}', {}, 'jobs.high.demo.seq-3');
    expect(error).toMatchObject({
      code: 'JETFLEET_ID_INVALID',
      message: expect.stringContaining('reserved'),
    });
    expect(request.id).toBe('seq-7');
  });
});

describe('what only Jetfleet sets', () => {
  const fromTimers = { [Header.STREAM_SOURCE]: 'TIMERS:C=x 2 due.jobs.> jobs.> due.jobs.high.demo.seq-3' };

  test('is taken of a message from TIMERS: the name of a job without an id, its time, its parent', () => {
    const headers = { [Header.CREATED_AT]: '2025-12-31T23:00:00+01:00', [Header.PARENT_ID]: 'other' };
    const { error, request } = decode('{}', { ...headers, ...fromTimers }, 'jobs.high.demo.seq-3');
    expect(error).toBeUndefined();
    expect(request).toMatchObject({ id: 'seq-3', createdAt: '2025-12-31T22:00:00.000Z', parentId: 'other' });
  });

  test.each([
    [{ [Header.CREATED_AT]: '2025-12-31T23:00:00Z' }, 'a'],
    [{ [Header.PARENT_ID]: 'order-42' }, 'order-43'],
    [{ [Header.PARENT_ID]: 'order-42' }, 'order-42'],
    [{ [Header.PARENT_ID]: '*' }, 'order-42-monitor'],
  ])('is refused of anybody else: %j on %s', (headers: Record<string, string>, id) => {
    const { error, request } = decode('{}', headers, `jobs.high.demo.${id}`);
    const [path] = Object.keys(headers);
    expect(error).toMatchObject({ code: 'JETFLEET_HEADER_INVALID', problems: [{ path }] });
    expect(request).toMatchObject({ id, createdAt: '2026-01-01T00:00:00.000Z' });
    expect(request.parentId).toBeUndefined();
  });

  test.each([
    ['order-42', 'monitor'],
    ['p'.repeat(120), 'monitor'],
    ['p'.repeat(128), 'x'],
  ])('a parent is believed of an id that is derived from it: %s', (parent, suffix) => {
    const { request } = decode(
      '{}',
      { [Header.PARENT_ID]: parent },
      `jobs.high.demo.${derivedId(parent, suffix)}`,
    );
    expect(request.parentId).toBe(parent);
  });

  test.each([
    [ulid(Date.UTC(2026, 0, 1) - 59_000), true],
    [ulid(Date.UTC(2026, 0, 1) - 61_000), undefined],
    [ulid(Date.UTC(2026, 0, 1) + 61_000), undefined],
    ['order-42', undefined],
  ])('a new id is a ULID of the minute: %s', (id, isNew) => {
    expect(decode('{}', { [Header.MSG_ID]: `jetfleet:${id}` }, `jobs.high.demo.${id}`).request.isNew).toBe(
      isNew,
    );
  });
});

describe('whatever a producer sends', () => {
  const name = fc.constantFrom(...Object.values(Header));
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: anyCodePoint }),
    fc.integer().map(String),
    fc.webUrl(),
  );
  const id = fc.string({ minLength: 1, unit: anyCodePoint }).map((text) => text.replaceAll('.', '_'));
  const body = fc.oneof(fc.uint8Array(), fc.json().map(bytes), fc.string({ unit: anyCodePoint }).map(bytes));

  test('reading it never throws, and gives either a payload or a coded error', () => {
    fc.assert(
      fc.property(body, fc.dictionary(name, value), fc.option(id), (data, headers, token) => {
        const subject = token === null ? 'jobs.low.demo' : `jobs.low.demo.${token}`;
        const { request, error } = decode(data, headers, subject);
        expect(request.id).toMatch(/^[A-Za-z0-9_-]{1,128}$/);
        if (!error) {
          expect(request.payload).toEqual(JSON.parse(new TextDecoder().decode(data)));
          return;
        }
        expect(error).toBeInstanceOf(ValidationError);
        expect(request.payload).toBeNull();
        expect(error.retryable).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
