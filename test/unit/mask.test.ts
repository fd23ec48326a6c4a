import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JobRecord } from '../../src/jobs/job-record.js';
import { maskSecrets } from '../../src/jobs/mask.js';
import { maskText } from '../../src/jobs/mask-text.js';
import { shownJob } from '../../src/jobs/shown-job.js';

const SECRET = 'hUnter2-9f8e7d';

const record: JobRecord = {
  v: 1,
  id: 'one',
  type: 'report',
  priority: 'normal',
  status: 'failed',
  state: 'rejected',
  payload: null,
  attempt: 1,
  maxAttempts: 3,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  machine: { id: 'job', version: 1 },
};

describe('what is a secret', () => {
  test.each<[string, unknown]>([
    ['a name', { password: SECRET }],
    ['a name in capitals', { PASSWORD: SECRET }],
    ['X-Auth', { 'X-Auth': SECRET }],
    ['xAuth', { xAuth: SECRET }],
    ['Access-Key', { 'Access-Key': SECRET }],
    ['accessKey', { accessKey: SECRET }],
    ['imageAuth', { imageAuth: `user:${SECRET}` }],
    ['client_secret', { client_secret: SECRET }],
    ['api key', { 'API key': SECRET }],
    ['HF_TOKEN', { env: { HF_TOKEN: SECRET } }],
    ['a pair', { envs: [{ key: 'HF_TOKEN', value: SECRET }] }],
    ['a pair in capitals', { envs: [{ Name: 'DB_PASSWORD', Value: SECRET }] }],
    ['a list of a name', { cookies: [SECRET, SECRET] }],
    ['an object of a name', { credentials: { a: SECRET } }],
    ['a number of a name', { token: 12345 }],
    ['headers', { headers: { 'X-Custom': SECRET } }],
    ['Headers', { Headers: { Authorization: SECRET } }],
    ['HEADERS', { HEADERS: { a: SECRET } }],
    ['request_headers', { request_headers: { a: SECRET } }],
    ['values of a header', { headers: { 'x-a': [SECRET, SECRET] } }],
    ['pairs of headers', { headers: [['X-Custom', SECRET]] }],
    ['named headers', { headers: [{ name: 'X-Custom', value: SECRET }] }],
    ['keyed headers', { headers: [{ key: 'X-Custom', value: SECRET }] }],
    ['a flat list of headers', { rawHeaders: ['X-Custom', SECRET, 'Host', 'a'] }],
    ['lines of headers', { headers: [`X-Custom: ${SECRET}`] }],
    ['headers as a text', { headers: `Host: a\r\nX-Custom: ${SECRET}` }],
    ['an object in a header', { headers: { 'x-a': { b: SECRET } } }],
    ['a bearer', { 'X-Custom': `Bearer ${SECRET}` }],
    ['a basic login', { note: `Basic ${Buffer.from(SECRET).toString('base64')}` }],
    ['a harmless header that holds a bearer', { headers: { accept: `Bearer ${SECRET}` } }],
    ['user info', { url: `https://user:${SECRET}@host/` }],
    ['a token as user info', { url: `https://${SECRET}@host/` }],
    ['user info without a scheme', { text: `connect to user:${SECRET}@host` }],
    ['a path', { url: `https://host/services/${SECRET}` }],
    ['a path after words', { url: `https://host/hooks/v1/${SECRET}/events` }],
    ['a query', { url: `https://host/hook?key=${SECRET}` }],
    ['a nameless query', { url: `https://host/hook?${SECRET}` }],
    ['a fragment', { url: `https://host/#${SECRET}` }],
    ['a URL of any scheme', { a: `s3://bucket/${SECRET}`, b: `postgres://u:${SECRET}@h/db` }],
    ['a URL in a text', { text: `see https://host/${SECRET}, please` }],
    ['a URL as a name', { [`https://host/${SECRET}`]: 1 }],
    ['an assignment', { command: `HF_TOKEN=${SECRET} python train.py` }],
    ['a JSON text', { text: `{"password":"${SECRET}"}` }],
    ['a YAML text', { text: `password: ${SECRET}` }],
    ['a header in a text', { text: `curl -H "Authorization: Bearer ${SECRET}"` }],
    ['an excerpt', { error: { excerpt: SECRET } }],
    ['pass', { pass: SECRET }],
    ['dbPass', { dbPass: SECRET }],
    ['pw', { pw: SECRET }],
    ['mfa', { mfa: SECRET }],
    ['otpCode', { otpCode: SECRET }],
    ['csrf', { csrf: SECRET }],
    ['salt', { salt: SECRET }],
    ['kubeconfig', { kubeconfig: SECRET }],
    ['privKey', { privKey: SECRET }],
    ['private_key_pem', { private_key_pem: SECRET }],
    ['tls_key', { tls_key: SECRET }],
    ['aws_access_key_id', { aws_access_key_id: SECRET }],
    ['Kennwort', { Kennwort: SECRET }],
    ['Contraseña', { Contraseña: SECRET }],
    ['a name in wide letters', { ｐａｓｓｗｏｒｄ: SECRET }],
    ['a name with invisible characters', { 'pass\u200bword': SECRET }],
    ['a name with a slash', { 'pass/word': SECRET }],
    ['a pair of k and v', { env: [{ k: 'TOKEN', v: SECRET }] }],
    ['a list of a name and its value', { env: [['TOKEN', SECRET]] }],
    ['headersList', { headersList: [{ name: 'X-Custom', value: SECRET }] }],
    ['hdrs', { hdrs: { 'X-Custom': SECRET } }],
    ['a flag', { command: `run --token=${SECRET} --password ${SECRET}` }],
    ['a login of curl', { command: `curl -u user:${SECRET} https://host` }],
    ['an assignment of Go', { text: `token := ${SECRET}` }],
    ['an assignment of Ruby', { text: `token => ${SECRET}` }],
    ['a quoted text of many words', { text: `password: "correct horse, battery ${SECRET}"` }],
    ['an escaped JSON text', { text: JSON.stringify(JSON.stringify({ password: SECRET })) }],
    ['an encoded assignment', { text: `a%26token%3D${SECRET}` }],
    ['XML', { text: `<password>${SECRET}</password>` }],
  ])('%s', (_, payload) => {
    expect(JSON.stringify(maskSecrets(payload))).not.toMatch(/hUnter2|aFVudGVyMi|12345/);
    const shown = shownJob({ ...record, payload, result: payload, checkpoint: payload });
    expect(JSON.stringify(shown)).not.toMatch(/hUnter2|aFVudGVyMi|12345/);
  });

  test.each([
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_def',
    'whsec_c2VjcmV0c2VjcmV0c2VjcmV0',
    'whsk_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0',
    'sk_live_51Habcdefghijkl',
    'sk-proj-abcdefghijklmnop',
    'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
    'AKIAIOSFODNN7EXAMPLE',
    'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY',
    'hf_abcdefghijklmnopqrstuv',
    'xoxb-123456789012-abcdefghijkl',
    'ASIAIOSFODNN7EXAMPLE',
    'npm_abcdefghijklmnopqrstuvwxyz0123456789',
    'nvapi-abcdefghijklmnopqrstuvwxyz',
    'r8_abcdefghijklmnopqrstuvwxyz',
    'SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuv',
    'dckr_pat_abcdefghijklmnop',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----',
    '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----',
  ])('a token that is known by its form: %s', (token) => {
    expect(maskText(`it holds ${token}`)).toBe('it holds [masked]');
  });
});

test.each([
  ['https://example.com/audit', 'https://example.com/[masked]'],
  ['https://example.com/hooks', 'https://example.com/[masked]'],
  ['https://example.com/api/v1/hooks/orders/', 'https://example.com/[masked]'],
  ['https://example.com//hooks', 'https://example.com/[masked]'],
  ['https://example.com/hooks?a#b', 'https://example.com/[masked]?[masked]#[masked]'],
  ['https://example.com?a', 'https://example.com?[masked]'],
  ['https://user:pw@example.com:1/', 'https://[masked]@example.com:1/'],
  ['see https://a/b and https://c/d.', 'see https://a/[masked] and https://c/[masked]'],
])('of a URL scheme, host and port are shown, and nothing else: %s', (text, shown) => {
  expect(maskText(text)).toBe(shown);
});

describe('what is none', () => {
  test.each<[string, unknown]>([
    ['numbers, truths and nothing', { a: 1, b: true, c: null, maxTokens: 4096, token_count: 3 }],
    ['prose', { text: 'Basic settings: the author took a token of thanks; price: 3, at 10:30:00' }],
    ['names and times', { name: 'RTX 4090 24GB', at: '2026-01-01T00:00:00.000Z', region: 'CN-HK-01' }],
    ['an image', { imageUrl: 'docker.io/library/ubuntu:22.04' }],
    ['scheme, host and port of a URL', { url: 'https://example.com:8443/', broker: 'nats://localhost:4222' }],
    ['harmless headers', { headers: { 'content-type': 'application/json', 'x-tenant': 'acme' } }],
    ['an author', { author: 'Ada', authors: ['Ada'], authority: 'x' }],
    ['a pair', [{ key: 'colour', value: 'blue' }]],
    ['truths of telling names', { cookieConsent: true, isAuthenticated: false, secretsEnabled: true }],
    ['what is said of secrets', { tokenType: 'access', hmacAlgorithm: 'sha256', authMethod: 'none' }],
    ['words that begin alike', { tokenizer: 'bert', secretary: 'Ada', monkey: 'Bobo', passenger: 'Ada' }],
    ['words that end alike', { compass: 'north', bypass: 'no', passed: '7', tokenization: 'bpe' }],
    ['a digest of an image', { image: `ghcr.io/acme/app:1.2@sha256:${'0a'.repeat(32)}` }],
    ['a list of two', { tags: ['blue', 'green'] }],
    ['flags', { command: 'python train.py --epochs 3 --tokenizer bert --batch-size=8' }],
  ])('%s', (_, payload) => {
    expect(maskSecrets(payload)).toEqual(payload);
  });

  test('an empty secret says that there is none', () => {
    expect(maskSecrets({ password: null, token: undefined })).toEqual({ password: null, token: undefined });
  });
});

test('a record keeps everything else, and loses its excerpt', () => {
  const error = {
    code: 'JETFLEET_BODY_NOT_JSON',
    message: `cannot read https://h/${SECRET}`,
    retryable: false,
  };
  const next = [{ type: 'report', id: 'two', payload: { password: SECRET }, priority: 'low' as const }];
  const whole: JobRecord = {
    ...record,
    webhookUrl: `https://host/hooks/${SECRET}`,
    error: {
      ...error,
      excerpt: SECRET,
      problems: [{ path: 'a', message: `"https://u:${SECRET}@h" is no URL` }],
    },
    failures: [{ state: 'exhausted', attempt: 1, message: `token=${SECRET}` }],
    next,
  };
  expect(shownJob(whole)).toEqual({
    ...record,
    webhookUrl: 'https://host/[masked]',
    error: {
      ...error,
      message: 'cannot read https://h/[masked]',
      problems: [{ path: 'a', message: '"https://[masked]@h" is no URL' }],
    },
    failures: [{ state: 'exhausted', attempt: 1, message: 'token=[masked]' }],
    next: [{ ...next[0], payload: { password: '[masked]' } }],
  });
});

describe('for any JSON', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9_-]{6,20}$/).map((text) => `Q9${text}Z7`);
  const headerNames = fc.constantFrom(
    'headers',
    'Headers',
    'HEADERS',
    'requestHeaders',
    'http-headers',
    'rawHeaders',
  );
  const secretNames = fc.constantFrom(
    'password',
    'API_KEY',
    'x-auth',
    'Access-Key',
    'clientSecret',
    'Set-Cookie',
    'token',
  );
  const headerName = fc
    .stringMatching(/^x-[a-z]{1,10}$/)
    .filter((name) => !/^x-(tenant|request|correlation)/.test(name));
  const holders = fc.oneof(
    secret.chain((text) => secretNames.map((name) => ({ text, value: { [name]: text } as unknown }))),
    fc
      .tuple(secret, headerNames, headerName)
      .chain(([text, name, header]) =>
        fc
          .constantFrom<unknown>(
            { [header]: text },
            { [header]: [text] },
            [[header, text]],
            [{ name: header, value: text }],
            [header, text],
            [`${header}: ${text}`],
            `${header}: ${text}`,
          )
          .map((headers) => ({ text, value: { [name]: headers } as unknown })),
      ),
    secret.chain((text) =>
      fc
        .constantFrom(
          `Bearer ${text}`,
          `https://h/${text}`,
          `https://h/hooks?x=${text}`,
          `https://u:${text}@h`,
          `password=${text}`,
        )
        .map((value) => ({ text, value: value as unknown })),
    ),
  );

  test('a secret is masked wherever it stands, and JSON stays JSON', () => {
    fc.assert(
      fc.property(
        holders,
        fc.array(fc.oneof(fc.constant(undefined), fc.stringMatching(/^[a-z]{1,8}$/)), { maxLength: 6 }),
        (held, path) => {
          const value = path.reduce<unknown>(
            (inner, key) => (key === undefined ? [inner, 1] : { [key]: inner, n: 1 }),
            held.value,
          );
          expect(JSON.stringify(maskSecrets(value))).not.toContain(held.text);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('masking twice changes nothing, and it never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const once = maskSecrets(value);
        expect(maskSecrets(once)).toEqual(once);
      }),
      { numRuns: 300 },
    );
  });

  test('a long text takes time in proportion to its length', () => {
    for (const part of [
      'a',
      'a:',
      'a=',
      'Bearer ',
      '://',
      'x@',
      '-----BEGIN ',
      'eyJ',
      'a.a-',
      '"',
      'user:pw',
    ]) {
      const startedAt = performance.now();
      maskText(part.repeat(Math.floor(500_000 / part.length)));
      expect(performance.now() - startedAt).toBeLessThan(15_000);
    }
  });
});

test('the place of a line in a stack is shown, as a module has it, and nothing else of a file URL', () => {
  const stack =
    'Error: boom\n    at inner (file:///srv/app/handler.mjs:4:26)\n    at file:///srv/app/main.mjs:9:1';
  expect(maskText(stack)).toBe(stack);
  expect(maskText('    at f (file:///srv/app.mjs?t=1700000000:4:26)')).toBe(
    '    at f (file:///srv/app.mjs?[masked]:4:26)',
  );
  for (const text of [
    `file:///srv/app.mjs?token=${SECRET}`,
    `file:///srv/app.mjs?c=${SECRET}`,
    `file:///srv/app.mjs#${SECRET}`,
    `file://user:${SECRET}@host/x`,
    `file:///srv/app.mjs,https://host/${SECRET}`,
    `file:///srv/app.mjs:1:2),https://host/${SECRET}`,
    `file:///srv/app.mjs?next=https://host/${SECRET}`,
    `file:///srv/https://host/${SECRET}`,
  ])
    expect(maskText(text), text).not.toContain(SECRET);
});
