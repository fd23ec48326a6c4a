import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpApi, parseTokens, startHttpServer } from '../../src/http/index.js';
import { covers, ROLES, type Role } from '../../src/http/tokens.js';
import { JobQueueService } from '../../src/index.js';
import { generateWebhookKeyPair, generateWebhookSecret } from '../../src/webhooks/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { type Answer, type CallOptions, expectProblem, startHttp, TOKENS } from '../support/http.js';

let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;

interface Route {
  method: string;
  path: string;
  role: Role | 'open';
}

let routes: Route[];
const BODIES: Record<string, unknown> = {
  '/api/v1/jobs': { type: 'demo', payload: 'secret-payload' },
  '/api/v1/jobs/batch': { jobs: [{ type: 'demo', payload: 'secret-payload' }] },
  '/api/v1/jobs/cancel': { filter: {} },
  '/api/v1/jobs/retry': { filter: {} },
};

beforeAll(async () => {
  fleet = await startFleet({ handlers: { demo: () => 'ok' }, worker: { name: 'the-worker' } });
  http = await startHttp(fleet.queue);
  const { json } = await http.call('/openapi.json', { token: null });
  routes = Object.entries<Record<string, { 'x-role': Role | 'open' }>>(json.paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { 'x-role': role }]) => ({
        method: method.toUpperCase(),
        path,
        role,
      })),
  );
  await fleet.queue.addJob('nobody_runs_it', { hidden: 'in-the-payload' }, 'normal', { id: 'there' });
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
});

const fill = (path: string) =>
  path.replace('{id}', 'there').replace('{name}', 'the-worker').replace('{type}', 'demo');

function callRoute({ method, path }: Route, options: CallOptions): Promise<Answer> {
  const body = method === 'POST' ? (BODIES[path] ?? {}) : undefined;
  return http.call(fill(path), { method, ...(body !== undefined && { body }), ...options });
}

/** Everything that a request could have changed. */
async function stand() {
  const { state } = await (await fleet.queue.broker()).topology.streamInfo('events');
  const stats = await fleet.queue.getStats();
  return { events: state.last_seq, total: stats.totalJobs, worker: fleet.workers[0]?.state };
}

function expectRefusal(answer: Answer, status: number, code: string): void {
  expectProblem(answer, status, code);
  expect(answer.text).not.toMatch(/there|in-the-payload|the-worker|-token-1/);
}

test('every route says in the OpenAPI document which role it needs', () => {
  expect(routes.length).toBeGreaterThan(20);
  for (const { role } of routes) expect([...ROLES, 'open']).toContain(role);
  const open = routes.filter(({ role }) => role === 'open').map(({ path }) => path);
  expect(open.sort()).toEqual([
    ...['/.well-known/webhooks.json', '/callbacks/instances/{id}', '/leases/{id}'],
    ...['/livez', '/openapi.json', '/readyz'],
  ]);
});

test('without a token, and with a wrong one, every other route answers 401 and does nothing', async () => {
  const before = await stand();
  for (const route of routes.filter(({ role }) => role !== 'open')) {
    for (const token of [null, 'wrong-token-1', `${TOKENS.admin}x`, TOKENS.admin.slice(0, -1)]) {
      const answer = await callRoute(route, { token });
      expectRefusal(answer, 401, 'JETFLEET_HTTP_UNAUTHORIZED');
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
    const basic = { authorization: `Basic ${TOKENS.admin}` };
    expectRefusal(await callRoute(route, { headers: basic }), 401, 'JETFLEET_HTTP_UNAUTHORIZED');
  }
  expect(await stand()).toEqual(before);
});

test('with a role that is too small, every route answers 403 and does nothing', async () => {
  const before = await stand();
  let count = 0;
  for (const route of routes) {
    for (const role of ROLES) {
      if (route.role === 'open' || covers(role, route.role)) continue;
      expectRefusal(await callRoute(route, { token: TOKENS[role] }), 403, 'JETFLEET_HTTP_FORBIDDEN');
      count++;
    }
  }
  expect(count).toBeGreaterThan(8);
  expect(await stand()).toEqual(before);
});

test('who may not use a route learns nothing of what it takes: its body is not looked at', async () => {
  for (const route of routes.filter(({ method }) => method === 'POST')) {
    for (const [body, type] of [
      ['{', 'application/json'],
      ['x'.repeat(3_000_000), 'application/json'],
      ['<a/>', 'text/xml'],
    ] as const) {
      const options = { token: null, body, headers: { 'content-type': type } };
      expectRefusal(await callRoute(route, options), 401, 'JETFLEET_HTTP_UNAUTHORIZED');
    }
  }
});

test('every answer carries the headers that bind browsers', async () => {
  for (const path of ['/livez', '/api/v1/stats', '/nowhere/at/all', '/api/nothing']) {
    const { headers } = await http.call(path);
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  }
});

test('an unknown path is a 404, a path with another method a 405 that names the right ones', async () => {
  expectProblem(await http.call('/api/v1/nothing'), 404, 'JETFLEET_HTTP_NOT_FOUND');
  const answer = await http.call('/api/v1/stats', { method: 'DELETE' });
  expectProblem(answer, 405, 'JETFLEET_HTTP_METHOD');
  expect(answer.headers.get('allow')).toBe('GET');
});

describe('without tokens', () => {
  let open: Awaited<ReturnType<typeof startHttp>>;
  beforeAll(async () => {
    open = await startHttp(fleet.queue, { tokens: [], allowedHosts: ['my-machine'] });
  });
  afterAll(() => open.server.close());

  /** `fetch` does not let a caller choose these headers. */
  function raw(headers: Record<string, string>, method = 'GET', path = '/api/v1/session'): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(open.url + path, { method, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject).end();
    });
  }

  test('everybody on this machine is an admin', async () => {
    expect((await open.call('/api/v1/session', { token: null })).json).toMatchObject({ role: 'admin' });
  });

  test.each([
    [{}, 200],
    [{ host: 'localhost' }, 200],
    [{ host: 'my-machine:80' }, 200],
    [{ host: 'evil.example' }, 403],
    [{ host: 'localhost.evil.example' }, 403],
    [{ host: '127.0.0.1.nip.io' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
  ])('a request with %j is answered with %i', async (headers, status) => {
    expect(await raw(headers as Record<string, string>)).toBe(status);
  });

  test('a page of the same origin may change things, one of another may not', async () => {
    const own = new URL(open.url).origin;
    expect(await raw({ origin: own }, 'POST', '/api/v1/jobs/no-such-job/cancel')).toBe(404);
    expect(await raw({ origin: 'http://127.0.0.1:1' }, 'POST', '/api/v1/jobs/there/cancel')).toBe(403);
    expect((await fleet.queue.getJob('there'))?.status).toBe('pending');
  });
});

test.each(['0.0.0.0', '::', '192.0.2.1', 'example.com'])(
  'without tokens the server refuses to listen at %s',
  async (host) => {
    const started = startHttpServer(fleet.queue, { host, port: 0, tokens: [] });
    await expect(started).rejects.toMatchObject({ code: 'JETFLEET_HTTP_ADDRESS' });
  },
);

test('with tokens it listens anywhere; a port in use is told with the way out', async () => {
  await using any = await startHttp(fleet.queue, { host: '0.0.0.0' });
  expect((await fetch(`http://127.0.0.1:${any.server.port}/livez`)).status).toBe(200);
  const again = startHttpServer(fleet.queue, { port: http.server.port, tokens: [] });
  await expect(again).rejects.toMatchObject({
    code: 'JETFLEET_HTTP_ADDRESS',
    message: expect.stringContaining('EADDRINUSE'),
  });
});

test('an API without tokens must be said to be local', async () => {
  await using queue = new JobQueueService();
  expect(() => createHttpApi(queue, { tokens: [] })).toThrow(/JETFLEET_HTTP_TOKEN/);
  expect(() => createHttpApi(queue, { tokens: [], local: true })).not.toThrow();
  const secret = generateWebhookSecret();
  expect(() => createHttpApi(queue, { tokens: [], local: true, webhookPublicKeys: [secret] })).toThrow(
    expect.objectContaining({ code: 'JETFLEET_WEBHOOK_SECRET_INVALID' }),
  );
});

test.each([
  ['', []],
  ['only-one-token', [{ role: 'admin', token: 'only-one-token' }]],
  [
    'observer:abcdefgh,operator:ijklmnop, admin:qrstuvwx',
    [
      { role: 'observer', token: 'abcdefgh' },
      { role: 'operator', token: 'ijklmnop' },
      { role: 'admin', token: 'qrstuvwx' },
    ],
  ],
])('JETFLEET_HTTP_TOKEN %j is read', (text, tokens) => {
  expect(parseTokens(text)).toEqual(tokens);
});

test.each(['short', 'root:abcdefgh', 'abcdefgh,ijklmnop', 'admin:with space', 'admin:a:bcdefgh'])(
  'JETFLEET_HTTP_TOKEN %j is refused, and not repeated',
  (text) => {
    expect(() => parseTokens(text)).toThrow(expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }));
    expect(() => parseTokens(text)).not.toThrow(text.split(':').at(-1));
  },
);

test('serves the public keys of webhooks to everybody, and none where there are none', async () => {
  const { publicKey } = generateWebhookKeyPair();
  await using keyed = await startHttp(fleet.queue, { webhookPublicKeys: [publicKey] });
  const x = Buffer.from(publicKey.slice('whpk_'.length), 'base64').toString('base64url');
  expect(await keyed.call('/.well-known/webhooks.json', { token: null })).toMatchObject({
    status: 200,
    json: { keys: [{ kty: 'OKP', crv: 'Ed25519', x }] },
  });
  expect((await http.call('/.well-known/webhooks.json', { token: null })).json).toEqual({ keys: [] });
});
