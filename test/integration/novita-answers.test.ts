import { createServer } from 'node:net';
import fc from 'fast-check';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CreateSpec, createNovitaProvider, type NovitaProvider } from '../../src/gpu/index.js';
import { ProviderError, type ProviderErrorClass } from '../../src/gpu/provider-error.js';
import { collect, errorClassOf } from '../support/gpu-provider-conformance.js';
import { QUERY, rejection, startAnswering } from '../support/simulated-novita.js';

const SPEC: CreateSpec = {
  name: 'jetfleet-a',
  offer: { productId: 'p', productName: 'x', region: 'r', billingMode: 'spot', pricePerHour: 1 },
  template: { id: 't', image: 'a/b:1', ports: [], envs: [] },
  gpuNum: 1,
  rootfsSize: 60,
};

interface Given {
  status?: number;
  headers?: Record<string, string>;
  body: unknown;
}

let given: Given = { body: {} };
let novita: NovitaProvider;
beforeAll(async () => {
  const server = await startAnswering(() => given, false);
  novita = createNovitaProvider({ apiKey: 'the-key', baseUrl: server.url });
  return server.close;
});

/** A provider whose API gives one answer to everything. */
function answeredWith(answer: Given): NovitaProvider {
  given = answer;
  return novita;
}

/** Every call of a provider, by what Jetfleet concludes from it. */
const READS: readonly [string, (provider: NovitaProvider) => Promise<unknown>][] = [
  ['get', (provider) => provider.get('i-1')],
  ['findByName', (provider) => provider.findByName('jetfleet-a')],
  ['list', (provider) => collect(provider.list())],
  ['listOffers', (provider) => provider.listOffers(QUERY)],
  ['getTemplate', (provider) => provider.getTemplate('t-1')],
];
const CHANGES: readonly [string, (provider: NovitaProvider) => Promise<unknown>][] = [
  ['delete', (provider) => provider.delete('i-1')],
  ['stop', (provider) => provider.stop('i-1')],
];

const PAGE = '<html><body>instance not found: RESOURCE_NOT_FOUND</body></html>';

describe('an answer that proves nothing', () => {
  const elsewhere = { headers: { location: 'http://127.0.0.1:1/' }, body: '' };
  const envelope = { code: 500, reason: 'INTERNAL', message: 'x', metadata: {} };
  test.each<[string, Given]>([
    ['302 to elsewhere', { status: 302, ...elsewhere }],
    ['307 to elsewhere', { status: 307, ...elsewhere }],
    ['304', { status: 304, body: '' }],
    ['400 with a page', { status: 400, body: PAGE }],
    ['400 with nothing', { status: 400, body: '' }],
    ['400 with an empty object', { status: 400, body: {} }],
    ['404 with a page', { status: 404, body: PAGE }],
    ['404 with text', { status: 404, body: '404 page not found' }],
    ['410 with a page', { status: 410, body: PAGE }],
    ['408', { status: 408, body: '' }],
    ['425', { status: 425, body: '' }],
    ['500', { status: 500, body: { reason: 'UNKNOWN' } }],
    ['502 with a page', { status: 502, body: PAGE }],
    ['503', { status: 503, body: { code: 503, reason: 'HOST_UNAVAILABLE' } }],
    ['504', { status: 504, body: '' }],
    ['code 500 in a 200', { body: envelope }],
    ['code 500 beside an empty list', { body: { ...envelope, instances: [], data: [], total: 0 } }],
    ['an error in a 200', { body: { error: { message: 'try again' }, instances: [], data: [] } }],
    ['success false in a 200', { body: { success: false, instances: [], data: [] } }],
    ...[
      { success: 'false' },
      { success: 0 },
      { ok: false },
      { error: 1 },
      { err: 'late' },
      { errors: [{ code: 'INTERNAL' }] },
      { errors: ['late'] },
      { status: 500 },
      { status: '503' },
      { statusCode: 504 },
      { status_code: 404 },
      { code: {} },
      { code: { toString: 1 } },
    ].map((fault): [string, Given] => [
      `${JSON.stringify(fault)} in a 200`,
      { body: { instances: [], data: [], total: 0, ...fault } },
    ]),
    ['a code too deep to be written', { body: `{"code":${'['.repeat(20_000)}${']'.repeat(20_000)}}` }],
    [
      'an absence beside another failure',
      { status: 400, body: { code: 'RESOURCE_NOT_FOUND', error: 'DB_ERROR' } },
    ],
    [
      'an absence beside a nested failure',
      { status: 404, body: { reason: 'NOT_FOUNT', error: { code: 'INTERNAL' } } },
    ],
    [
      'an absence whose message names a failure',
      { status: 404, body: { reason: 'RESOURCE_NOT_FOUND', message: 'failed: SERVER_ERROR' } },
    ],
    ['a page in a 200', { body: PAGE }],
    ['text in a 200', { body: 'ok' }],
    ['a number', { body: '7' }],
    ['true', { body: 'true' }],
    ['text as JSON', { body: '"ok"' }],
    ['a list instead of an object', { body: '[]' }],
    ['a list that names an absence', { status: 404, body: ['RESOURCE_NOT_FOUND'] }],
    ['text that names an absence', { status: 404, body: '"RESOURCE_NOT_FOUND"' }],
    ['JSON that breaks off', { body: '{"id":"i-1","status":"running","instances":[{"id":"i' }],
    ['two answers in one', { body: '{"instances":[]}{"instances":[]}' }],
    ['JSON too deep to parse', { body: '['.repeat(200_000) }],
  ])('%s: reads and changes are transient, a create ambiguous', async (_what, given) => {
    const provider = answeredWith(given);
    for (const [name, call] of [...READS, ...CHANGES]) {
      expect([name, await errorClassOf(call(provider))]).toEqual([name, 'transient']);
    }
    expect(await errorClassOf(provider.create(SPEC))).toBe('ambiguous');
  });

  test.each<[string, Given]>([
    ['a name nobody knows', { status: 400, body: { reason: 'SOMETHING_NEW', message: 'who knows' } }],
    ["a gateway's router", { status: 404, body: { message: 'no Route matched with those values' } }],
    ['a sentence', { status: 404, body: { message: 'instance not found' } }],
    ['a name in a sentence', { status: 404, body: { message: 'RESOURCE_NOT_FOUND' } }],
    ['a sentence as its error', { status: 404, body: { error: 'Resource not found' } }],
    ['another spelling', { status: 404, body: { code: 'resource_not_found' } }],
    ['another API', { status: 404, body: { reason: 'NOT_FOUND', message: 'no such path' } }],
    ['another kind of thing', { status: 400, body: { reason: 'USER_NOT_FOUND' } }],
  ])('a refusal by %s is no absence; only a create ends with it', async (_what, given) => {
    const provider = answeredWith(given);
    for (const [name, call] of [...READS, ...CHANGES]) {
      expect([name, await errorClassOf(call(provider))]).toEqual([name, 'transient']);
    }
    expect(await errorClassOf(provider.create(SPEC))).toBe('validation');
  });

  test.each<[string, Given]>([
    ['an empty body', { body: '' }],
    ['null', { body: 'null' }],
    ['an object without fields', { body: {} }],
    ['another object', { body: { hello: 'world' } }],
  ])('%s is no answer of a read; stop and delete say no more than that', async (_what, given) => {
    const provider = answeredWith(given);
    for (const [name, call] of READS) {
      expect([name, await errorClassOf(call(provider))]).toEqual([name, 'transient']);
    }
    for (const [, call] of CHANGES) await call(provider);
    expect(await errorClassOf(provider.create(SPEC))).toBe('ambiguous');
  });

  test.each<[number, unknown]>([
    [401, PAGE],
    [401, { message: 'Unauthorized' }],
    [403, PAGE],
    [403, ''],
    [403, { message: 'Forbidden' }],
    [401, { code: 401, reason: 'UNKNOWN', message: 'unknown error' }],
  ])('%i %j is auth, whatever was called', async (status, body) => {
    const provider = answeredWith({ status, body });
    for (const [name, call] of [...READS, ...CHANGES]) {
      expect([name, await errorClassOf(call(provider))]).toEqual([name, 'auth']);
    }
    expect(await errorClassOf(provider.create(SPEC))).toBe('auth');
  });

  test('an absence beside the instance itself is none', async () => {
    const body = { id: 'i-1', status: 'running', reason: 'RESOURCE_NOT_FOUND' };
    expect(await errorClassOf(answeredWith({ body }).get('i-1'))).toBe('transient');
  });

  test.each([
    ['bytes that are no UTF-8', Buffer.from('{"id":"i-\xff\xfe"}', 'latin1')],
    ['a lone surrogate', '{"id":"i-\\ud800"}'],
    ['blanks', '{"id":"  "}'],
    ['a control character', '{"id":"i\\u0000"}'],
    ['201 characters', JSON.stringify({ id: 'x'.repeat(201) })],
  ])('a create whose id is %s is ambiguous', async (_what, body) => {
    expect(await errorClassOf(answeredWith({ body }).create(SPEC))).toBe('ambiguous');
  });

  test('a redirect to another origin never gets the key, nor the request', async () => {
    let requests = 0;
    const other = await startAnswering(() => {
      requests += 1;
      return { body: { id: 'i-1', status: 'running' } };
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const provider = answeredWith({ status, headers: { location: other.url }, body: '' });
      expect(await rejection(provider.get('i-1'))).toMatchObject({ class: 'transient', status });
      expect(await rejection(provider.create(SPEC))).toMatchObject({ class: 'ambiguous', status });
    }
    expect(requests).toBe(0);
  });
});

describe('whatever comes', () => {
  const fields = fc.constantFrom(
    'reason',
    'code',
    'message',
    'error',
    'instances',
    'data',
    'total',
    'id',
    'status',
  );
  const said = fc.constantFrom('RESOURCE_NOT_FOUND', 'not found', 'INTERNAL', 'i-1', 'running');
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), said);
  const body = fc.oneof(fc.string(), fc.jsonValue(), fc.dictionary(fields, value));
  const status = fc.integer({ min: 200, max: 599 });
  const outcome = (call: Promise<unknown>) =>
    call.then(
      (result) => result,
      (error: unknown) => (error instanceof ProviderError ? error.class : `not a ProviderError: ${error}`),
    );

  test('a read is null only for the named not-found, and a create is final only for a refusal', async () => {
    await fc.assert(
      fc.asyncProperty(status, body, async (status, body) => {
        const provider = answeredWith({ status, body });
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        const named = /"(reason|code|error)":.*"RESOURCE_NOT_FOUND"/.test(text);
        const read = await outcome(provider.get('i-1'));
        if (read === null) expect(named).toBe(true);
        if (typeof read === 'string') expect(read).not.toContain('not a ProviderError');
        const made = await outcome(provider.create(SPEC));
        if (status >= 300 && status < 400 && !named) expect(made).not.toBe('validation');
        if (made === 'validation') expect(text).toMatch(/"(reason|code|error|errors|message|msg|details?)":/);
      }),
      { numRuns: 150 },
    );
  });
});

describe('an answer that never ends', () => {
  /** Speaks raw bytes to whoever connects. */
  async function startSpeaking(speak: (write: (text: string) => void) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => speak((text) => void socket.write(text)));
      onTestFinished(() => void socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }
  const dribble = (write: (text: string) => void): void => {
    const timer = setInterval(() => write('1\r\n \r\n'), 10);
    onTestFinished(() => clearInterval(timer));
  };

  test.each<[string, (write: (text: string) => void) => void]>([
    ['nothing at all', () => {}],
    [
      '101 Switching Protocols',
      (write) => write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    ],
    ['headers that never end', (write) => write('HTTP/1.1 200 OK\r\nx: ')],
    ['a body that never comes', (write) => write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n')],
    [
      'a body that dribbles for ever',
      (write) => {
        write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        dribble(write);
      },
    ],
  ])('%s ends with the deadline', async (_what, speak) => {
    const provider = createNovitaProvider({
      apiKey: 'k',
      baseUrl: await startSpeaking(speak),
      timeoutMs: 150,
    });
    const startMs = performance.now();
    expect(await errorClassOf(provider.get('i-1'))).toBe('transient');
    expect(await errorClassOf(provider.delete('i-1'))).toBe('transient');
    expect(await errorClassOf(provider.create(SPEC))).toBe('ambiguous');
    expect(performance.now() - startMs).toBeLessThan(30_000);
  });

  test('a body of any length is read up to the limit', async () => {
    const baseUrl = await startSpeaking((write) => {
      write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      const mebibyte = 1024 * 1024;
      for (let sent = 0; sent < 6; sent += 1)
        write(`${mebibyte.toString(16)}\r\n${' '.repeat(mebibyte)}\r\n`);
    });
    const error = await rejection(createNovitaProvider({ apiKey: 'k', baseUrl }).get('i-1'));
    expect(error).toMatchObject({ class: 'transient' });
    expect(error.message).toContain('the answer is over 4194304 bytes');
  });
});

/** Novita's names, with the consequence that its documentation and its console give each. */
describe("the API's own names decide before the status", () => {
  const names: readonly [string, ProviderErrorClass, string][] = [
    [
      'a limit of the account',
      'quota',
      'CREATE_GPU_NUM_LIMIT RATE_LIMIT_EXCEEDED CREATE_INSTANCE_LIMIT OPERATION_LIMIT',
    ],
    [
      'no money left',
      'balance',
      'NOT_ENOUGH_BALANCE DE_BALANCE_NOT_ENOUGH BILLING_BALANCE_NOT_ENOUGH MEMBER_BUDGET_NOT_ENOUGH BUDGET_NOT_ENOUGH BALANCE_NOT_ENOUGH EXPIRED_OR_BALANCE_NOT_ENOUGH',
    ],
    ['a failure of its own', 'transient', 'HOST_UNAVAILABLE SERVER_ERROR DB_ERROR INTERNAL'],
    ['a refused key', 'auth', 'INVALID_API_KEY PERMISSION_DENIED MISSING_API_KEY UNAUTHORIZED FORBIDDEN'],
    ['an absent thing', 'not_found', 'NOT_FOUNT RESOURCE_NOT_FOUND'],
    ['no machine', 'capacity', 'INSUFFICIENT_RESOURCE MIGRATE_INSUFFICIENT_RESOURCE'],
    [
      'a state that does not allow it',
      'conflict',
      'DEPENDENT_RESOURCE_STATE NODE_STATUS CLUSTER_STATUS CONFLICT',
    ],
    [
      'a wrong request',
      'validation',
      'VALIDATOR_PARAM IMAGE_NOT_FOUND UNSUPPORTED_BILLING_MODE TEMPLATE_NOT_FOUND',
    ],
  ];
  const cases = names.flatMap(([what, expected, list]) =>
    list.split(' ').map((name) => [name, what, expected] as const),
  );

  test.each(cases)('%s, %s, is %s', async (name, _what, expected) => {
    const envelope = { reason: name, message: 'said so', metadata: {} };
    const answers: Given[] = [
      ...[400, 401, 403, 404, 409, 500].map((status) => ({ status, body: { code: status, ...envelope } })),
      { body: { code: 400, ...envelope } },
      { status: 400, body: { code: name, message: 'said so' } },
      { status: 422, body: { error: { code: name, message: 'said so' } } },
    ];
    for (const answer of answers) {
      const provider = answeredWith(answer);
      expect([answer, await errorClassOf(provider.stop('i-1'))]).toEqual([answer, expected]);
      const onCreate = expected === 'transient' ? 'ambiguous' : expected;
      expect([answer, await errorClassOf(provider.create(SPEC))]).toEqual([answer, onCreate]);
    }
  });

  test('with 429 a rate limit is one, without it a quota; other names keep their meaning', async () => {
    const limited = { reason: 'RATE_LIMIT_EXCEEDED', message: 'You have exceeded the GPU instance quota.' };
    expect(await errorClassOf(answeredWith({ status: 429, body: limited }).create(SPEC))).toBe(
      'rate_limited',
    );
    expect(await errorClassOf(answeredWith({ status: 429, body: PAGE }).get('i'))).toBe('rate_limited');
    expect(await errorClassOf(answeredWith({ status: 403, body: limited }).create(SPEC))).toBe('quota');
    expect(await errorClassOf(answeredWith({ body: { code: 429, ...limited } }).create(SPEC))).toBe(
      'rate_limited',
    );
    const full = { status: 429, body: { reason: 'CREATE_GPU_NUM_LIMIT' } };
    expect(await errorClassOf(answeredWith(full).create(SPEC))).toBe('quota');
  });

  test('a date in Retry-After counts from the clock of the answer', async () => {
    const headers = {
      date: 'Tue, 24 Nov 2020 12:00:00 GMT',
      'retry-after': 'Tue, 24 Nov 2020 12:01:00 GMT',
    };
    const limited = await rejection(answeredWith({ status: 429, headers, body: '' }).get('i-1'));
    expect(limited).toMatchObject({ class: 'rate_limited', retryAfterMs: 60_000 });
    const absurd = { status: 503, headers: { 'retry-after': '99999999999999999999' }, body: '' };
    expect(await rejection(answeredWith(absurd).get('i-1'))).toMatchObject({ retryAfterMs: 86_400_000 });
    const none = { status: 429, headers: { 'retry-after': 'NaN' }, body: '' };
    expect((await rejection(answeredWith(none).get('i-1'))).retryAfterMs).toBe(2_000);
  });

  test.each<[Given]>([
    [{ status: 400, body: { code: 400, reason: 'RESOURCE_NOT_FOUND', message: 'instance not found' } }],
    [{ status: 404, body: { reason: 'NOT_FOUNT' } }],
    [{ body: { code: 404, reason: 'RESOURCE_NOT_FOUND', message: 'x' } }],
  ])('%j reads as null, and its delete is a success', async (given) => {
    const provider = answeredWith(given);
    expect(await provider.get('i-1')).toBeNull();
    await provider.delete('i-1');
    expect(await errorClassOf(provider.findByName('jetfleet-a'))).toBe('not_found');
  });
});
