import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createInstancePayload, monitorInstancePayload } from '../../src/instances/schemas.js';
import type { ValidationError } from '../../src/jobs/errors.js';
import { MAX_PROBLEMS } from '../../src/jobs/limits.js';
import { parsePayload } from '../../src/jobs/schema.js';
import { encodePayload } from '../../src/jobs/validation.js';
import { sendWebhookPayload } from '../../src/webhooks/schemas.js';

/** The payloads of the seed's README, to the letter. */
const CREATE = {
  instanceId: 'my-instance',
  name: 'My GPU Instance',
  productName: 'RTX 4090 24GB',
  templateId: 'template-123',
  gpuNum: 2,
  rootfsSize: 100,
  region: 'CN-HK-01',
  webhookUrl: 'https://example.com/webhook',
};
const MONITOR = { instanceId: 'my-instance', novitaInstanceId: 'novita-abc123', startTime: new Date(0) };
const WEBHOOK = { url: 'https://example.com/status', payload: { status: 'running' } };

const create = (over: object) =>
  parsePayload('create_instance', createInstancePayload, { ...CREATE, ...over });
const monitor = (over: object) =>
  parsePayload('monitor_instance', monitorInstancePayload, { ...MONITOR, ...over });
const webhook = (over: object) => parsePayload('send_webhook', sendWebhookPayload, { ...WEBHOOK, ...over });

function refusal(call: () => unknown): ValidationError {
  try {
    call();
  } catch (error) {
    return error as ValidationError;
  }
  throw new Error('it was accepted');
}
const paths = (call: () => unknown) => refusal(call).problems?.map(({ path }) => path);

describe('create_instance', () => {
  test('takes the payload of the seed as it is', () => {
    expect(create({})).toEqual(CREATE);
  });

  test.each([
    ['gpuNum', 1],
    ['gpuNum', 8],
    ['rootfsSize', 10],
    ['rootfsSize', 6144],
    ['billingMode', 'on_demand'],
    ['regions', []],
    ['onTimeout', 'keep'],
    ['maxWaitTime', 7 * 24 * 60 * 60 * 1000],
    ['webhookUrl', 'http://127.0.0.1:3000/hook'],
  ])('takes %s %j', (key, value) => {
    expect(create({ [key]: value })).toMatchObject({ [key]: value });
  });

  test.each([
    ['gpuNum', 0],
    ['gpuNum', 9],
    ['gpuNum', 1.5],
    ['gpuNum', '2'],
    ['rootfsSize', 9],
    ['rootfsSize', 6145],
    ['instanceId', ''],
    ['instanceId', 'x'.repeat(101)],
    ['productName', 'x'.repeat(201)],
    ['region', null],
    ['templateId', undefined],
    ['billingMode', 'monthly'],
    ['onTimeout', 'explode'],
    ['maxWaitTime', 0],
    ['maxWaitTime', 7 * 24 * 60 * 60 * 1000 + 1],
    ['webhookUrl', 'ftp://example.com'],
    ['webhookUrl', 'example.com'],
    ['regions', Array.from({ length: 21 }, () => 'CN-HK-01')],
  ])('refuses %s %j, naming the key', (key, value) => {
    expect(refusal(() => create({ [key]: value })).code).toBe('JETFLEET_PAYLOAD_INVALID');
    expect(paths(() => create({ [key]: value }))).toEqual([key]);
  });

  test('names a place inside a list', () => {
    expect(paths(() => create({ regions: ['', 'US-WEST-01', 7] }))).toEqual(['regions[0]', 'regions[2]']);
  });

  test('lists every problem at once, each in the message, with the beginning of the payload', () => {
    const error = refusal(() => create({ gpuNum: 99, rootfsSize: 1, color: 'red' }));
    expect(error.code).toBe('JETFLEET_PAYLOAD_INVALID');
    expect(error.problems?.map(({ path }) => path).sort()).toEqual(['color', 'gpuNum', 'rootfsSize']);
    expect(error.message).toMatch(/^payload of create_instance is invalid: .*gpuNum: .*; /);
    expect(error.excerpt).toMatch(/^\{"instanceId":"my-instance"/);
  });

  test('has a code of its own when unknown keys are all that is wrong', () => {
    const error = refusal(() => create({ color: 'red', size: 1 }));
    expect(error.code).toBe('JETFLEET_PAYLOAD_UNKNOWN_KEY');
    expect(error.problems).toEqual([
      { path: 'color', message: 'unknown key' },
      { path: 'size', message: 'unknown key' },
    ]);
  });

  test.each([null, undefined, 'text', 1, []])('refuses %j as a whole, at the empty path', (payload) => {
    const error = refusal(() => parsePayload('create_instance', createInstancePayload, payload));
    expect(error.problems?.map(({ path }) => path)).toEqual(['']);
  });
});

describe('monitor_instance', () => {
  test('turns a Date into an ISO string and waits ten minutes by default', () => {
    expect(monitor({})).toEqual({ ...MONITOR, startTime: '1970-01-01T00:00:00.000Z', maxWaitTime: 600_000 });
  });

  test.each(['2026-01-01T00:00:00Z', '2026-01-01T01:00:00.123+01:00'])(
    'takes the start time %s',
    (startTime) => {
      expect(monitor({ startTime })).toMatchObject({ startTime });
    },
  );

  test.each(['2026-01-01', '2026-01-01T00:00:00', 'yesterday', 1_767_225_600_000, new Date(Number.NaN)])(
    'refuses the start time %s',
    (startTime) => {
      expect(paths(() => monitor({ startTime }))).toEqual(['startTime']);
    },
  );
});

describe('send_webhook', () => {
  test('takes 256 KiB as JSON, and not a byte more', () => {
    const text = (bytes: number) => 'x'.repeat(bytes - 2);
    expect(webhook({ payload: text(256 * 1024) }).payload).toHaveLength(256 * 1024 - 2);
    const error = refusal(() => webhook({ payload: text(256 * 1024 + 1) }));
    expect(error.problems).toEqual([{ path: 'payload', message: expect.stringContaining('262145 bytes') }]);
  });

  test.each([null, 'text', [1], { deep: { er: true } }])('takes any JSON as payload: %j', (payload) => {
    expect(webhook({ payload, headers: { 'x-trace': 'a' } })).toMatchObject({ payload });
  });

  test('refuses a header name that HTTP cannot carry', () => {
    expect(paths(() => webhook({ headers: { 'bad name': 'a' } }))).toEqual(['headers.bad name']);
  });

  test('refuses a URL that is not http or https, and a missing payload', () => {
    expect(paths(() => webhook({ url: 'file:///etc/passwd', payload: undefined }))).toEqual([
      'url',
      'payload',
    ]);
  });
});

test('a field that is not there is missing, and not of a wrong type', () => {
  const schema = z.object({ url: z.string(), body: z.object({ size: z.number() }) });
  expect(refusal(() => parsePayload('demo', schema, { body: {} })).problems).toEqual([
    { path: 'url', message: 'is missing: expected string' },
    { path: 'body.size', message: 'is missing: expected number' },
  ]);
});

test('no more problems are listed than the limit', () => {
  const schema = z.array(z.number());
  const payload = Array.from({ length: MAX_PROBLEMS + 10 }, () => 'x');
  expect(refusal(() => parsePayload('demo', schema, payload)).problems).toHaveLength(MAX_PROBLEMS);
});

describe('a payload without a JSON form', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;

  test.each([
    ['a circle', circular, 'JETFLEET_PAYLOAD_TOO_DEEP'],
    ['a bigint', { a: 1n }, 'JETFLEET_PAYLOAD_INVALID'],
    ['a function', () => 1, 'JETFLEET_PAYLOAD_INVALID'],
    ['undefined', undefined, 'JETFLEET_PAYLOAD_INVALID'],
  ])('is refused: %s', (_, payload, code) => {
    expect(refusal(() => encodePayload(payload)).code).toBe(code);
  });
});
