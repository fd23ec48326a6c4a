import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NonRetryableError } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';

let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
// biome-ignore lint/suspicious/noExplicitAny: the document is what is tested here.
let document: any;
const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);

beforeAll(async () => {
  const broken = () => Promise.reject(new NonRetryableError('no'));
  fleet = await startFleet({
    handlers: { demo: () => 'ok', broken },
    builtIn: true,
    worker: { name: 'w-1' },
  });
  http = await startHttp(fleet.queue, { provider: fleet.provider });
  document = (await http.call('/openapi.json', { token: null })).json;
  ajv.addSchema(document, 'openapi.json');
  const { queue, receiver } = fleet;
  const hook = { url: `${receiver.url}/hook`, payload: { type: 'a.b' }, headers: { 'x-a': 'b' } };
  await queue.addJob('demo', 1, 'normal', { id: 'done' });
  await queue.addJob('broken', 1, 'normal', { id: 'failed' });
  await queue.addJob('send_webhook', hook, 'normal', { id: 'hook' });
  await queue.addJob('nobody_runs_it', 1, 'normal', { id: 'waits' });
  await queue.addJob('demo', 1, 'normal', { id: 'later', delayMs: 86_400_000 });
  const kept = { instanceId: 'i', novitaInstanceId: 'sim-none', until: '2100-01-01T00:00:00Z' };
  await queue.addJob('auto_stop', kept, 'normal', { id: 'keeper' });
  await Promise.all(
    (
      [
        ['done', 'completed'],
        ['failed', 'rejected'],
        ['hook', 'completed'],
      ] as const
    ).map(([id, state]) => fleet.waitForJob(id, state)),
  );
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
});

interface Operation {
  path: string;
  method: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  operation: any;
}

function operations(): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods as object).map(([method, operation]) => ({ path, method, operation })),
  );
}

test('the document is OpenAPI 3.1: every operation is named, secured and described once', () => {
  expect(document).toMatchObject({
    openapi: expect.stringMatching(/^3\.1\./),
    info: { title: 'Jetfleet', version: expect.any(String) },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  });
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, method, operation } of operations()) {
    expect(['get', 'post']).toContain(method);
    expect(operation.summary).toEqual(expect.any(String));
    expect(operation.tags).toHaveLength(1);
    const isOpen = operation['x-role'] === 'open';
    expect(operation.security).toEqual(isOpen ? [] : [{ bearer: [] }]);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const parameters = operation.parameters ?? [];
    const declared = parameters.filter((each: { in: string }) => each.in === 'path');
    expect(declared.map(({ name }: { name: string }) => name)).toEqual(inPath);
    for (const each of parameters) {
      expect(each).toMatchObject({ name: expect.any(String), schema: expect.any(Object) });
      if (each.in === 'path') expect(each.required).toBe(true);
    }
    expect(operation.responses.default.content).toHaveProperty(['application/problem+json']);
    for (const response of Object.values<{ description: string }>(operation.responses)) {
      expect(response.description).not.toBe('');
    }
  }
});

test('a new job needs its type and its payload, as the server does', async () => {
  expect(document.components.schemas.NewJob.required).toEqual(['type', 'payload']);
  const answer = await http.call('/api/v1/jobs', { body: { type: 'demo' } });
  expect(answer).toMatchObject({
    status: 400,
    json: { problems: [{ path: 'payload', message: 'is missing' }] },
  });
});

test('every schema of the document compiles, and every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref);
  expect(references.length).toBeGreaterThan(10);
  for (const name of Object.keys(document.components.schemas)) {
    expect(() => ajv.compile({ $ref: `openapi.json#/components/schemas/${name}` })).not.toThrow();
  }
  for (const reference of new Set(references)) {
    const found = (reference ?? '')
      .slice(2)
      .split('/')
      .reduce((at, key) => at?.[key], document);
    expect(found, reference).toBeDefined();
  }
});

const CALLS: [
  path: string,
  options?: { body?: unknown; method?: string; headers?: Record<string, string> },
][] = [
  ['/api/v1/jobs'],
  ['/api/v1/jobs?limit=1&order=oldest'],
  ['/api/v1/jobs', { body: { type: 'demo', payload: null } }],
  ['/api/v1/jobs/batch', { body: { jobs: [{ type: 'demo', payload: null }] } }],
  ['/api/v1/jobs/done'],
  ['/api/v1/jobs/failed'],
  ['/api/v1/jobs/later'],
  ['/api/v1/jobs/hook'],
  ['/api/v1/jobs/unheard-of'],
  ['/api/v1/jobs/failed/history'],
  ['/api/v1/jobs/done/related'],
  ['/api/v1/jobs/done/family'],
  ['/api/v1/jobs/done/family/svg'],
  ['/api/v1/jobs/done/payload'],
  ['/api/v1/jobs/done/result'],
  ['/api/v1/jobs/nobody/payload'],
  ['/api/v1/jobs/done/logs'],
  ['/api/v1/jobs/done/steps'],
  ['/api/v1/jobs/done/share'],
  ['/api/v1/jobs/waits/priority', { body: { priority: 'high', by: 'ann' } }],
  ['/api/v1/jobs/later/promote', { headers: { 'if-match': '"99-scheduled"' }, body: {} }],
  ['/api/v1/jobs/later/reschedule', { body: { delayMs: 86_400_000 } }],
  ['/api/v1/jobs/done/promote', { method: 'POST' }],
  ['/api/v1/jobs/waits/cancel', { body: {} }],
  ['/api/v1/flows', { body: { id: 'flow', jobs: { a: { type: 'demo', payload: 1 } } } }],
  ['/api/v1/flows', { body: { jobs: { a: { type: 'demo', payload: 1, after: ['a'] } } } }],
  ['/api/v1/flows/flow'],
  ['/api/v1/flows/done'],
  ['/api/v1/flows/flow/svg?theme=dark'],
  ['/api/v1/flows/missing/svg'],
  ['/api/v1/jobs/later/signals/approved', { body: { data: 1 } }],
  ['/api/v1/jobs/done/signals/approved', { body: {} }],
  ['/api/v1/jobs/done/cancel', { body: {} }],
  ['/api/v1/jobs/failed/retry', { method: 'POST' }],
  ['/api/v1/jobs/cancel', { body: { ids: ['later', 'nobody'] } }],
  ['/api/v1/jobs/retry', { body: { filter: { type: 'unheard_of' } } }],
  ['/api/v1/jobs/retry', { body: { nothing: 1 } }],
  ['/api/v1/jobs/promote', { body: { ids: ['done'] } }],
  ['/api/v1/jobs/priority', { body: { ids: ['done'], priority: 'high' } }],
  ['/api/v1/jobs/delete', { body: { ids: ['nobody'] } }],
  ['/api/v1/jobs/find', { body: { action: 'retry', filter: {} } }],
  ['/api/v1/jobs/done/reveal', { method: 'POST' }],
  ['/api/v1/audit'],
  ['/api/v1/stats/history?type=demo'],
  ['/api/v1/stats/history?type=demo&tag=a'],
  ['/api/v1/pauses', { body: { type: 'unheard_of', forMs: 60_000, reason: 'deploy', by: 'ann' } }],
  ['/api/v1/dead-letters/causes'],
  ['/api/v1/dead-letters/retry', { body: { filter: { type: 'unheard_of' }, rate: 5 } }],
  ['/api/v1/dead-letters/retry', { body: { rate: 0 } }],
  ['/api/v1/dead-letters/delete', { body: { filter: { type: 'unheard_of' } } }],
  ['/api/v1/jobs/cleanup', { body: { type: 'unheard_of', keep: 3, dryRun: true } }],
  ['/api/v1/jobs/cleanup', { body: { keep: -1 } }],
  ['/api/v1/pauses'],
  ['/api/v1/limits'],
  ['/api/v1/providers'],
  ['/api/v1/limits/set', { body: { limit: 'report', concurrency: 3 } }],
  ['/api/v1/limits/reset', { body: { limit: 'report' } }],
  ['/api/v1/pauses/drain', { body: { type: 'unheard_of' } }],
  ['/api/v1/pauses/drain', { body: {} }],
  [
    '/api/v1/schedules',
    { body: { name: 'nightly', type: 'demo', payload: { password: 'p' }, cron: '0 3 1 1 *' } },
  ],
  ['/api/v1/schedules', { body: { name: 'nightly', type: 'demo', payload: null, cron: '0 3 30 2 *' } }],
  ['/api/v1/schedules'],
  ['/api/v1/schedules/nightly/update', { body: { timeZone: 'Europe/Berlin', webhookUrl: null } }],
  ['/api/v1/schedules/nightly/update', { body: { every: 1 } }],
  ['/api/v1/schedules/nightly/pause', { method: 'POST' }],
  ['/api/v1/schedules/nightly/resume', { method: 'POST' }],
  ['/api/v1/schedules/nightly/run', { body: {} }],
  ['/api/v1/schedules/nightly'],
  ['/api/v1/schedules/nightly/delete', { method: 'POST' }],
  ['/api/v1/schedules/nightly'],
  ['/api/v1/stats'],
  ['/api/v1/scale/demo'],
  ['/api/v1/pauses/resume', { body: {} }],
  ['/api/v1/stats'],
  ['/api/v1/session'],
  ['/api/v1/workers'],
  ['/api/v1/workers/w-1/drain', { body: { drain: false } }],
  ['/api/v1/webhooks'],
  ['/api/v1/webhooks/hook'],
  ['/api/v1/webhooks/hook/redeliver', { method: 'POST' }],
  ['/api/v1/webhook-replay', { body: { since: '2026-01-01T00:00:00Z', dryRun: true } }],
  [
    '/api/v1/webhook-endpoints',
    { body: { id: 'billing', url: 'https://example.com/x', headers: { a: 'b' } } },
  ],
  ['/api/v1/webhook-endpoints', { body: { url: 'ftp://example.com' } }],
  ['/api/v1/webhook-endpoints'],
  ['/api/v1/webhook-endpoints/billing/update', { body: { rate: { max: 5, perMs: 1_000 }, headers: null } }],
  ['/api/v1/webhook-endpoints/billing/rotate-secret', { body: { keepOldForMs: 1_000 } }],
  ['/api/v1/webhook-endpoints/billing/disable', { body: { reason: 'moves' } }],
  ['/api/v1/webhook-endpoints/billing'],
  ['/api/v1/webhook-endpoints/billing/test', { method: 'POST' }],
  ['/api/v1/webhook-endpoints/billing/enable', { method: 'POST' }],
  ['/api/v1/webhook-endpoints/billing/remove', { method: 'POST' }],
  ['/api/v1/webhook-endpoints/billing'],
  ['/api/v1/instances/keeper'],
  ['/api/v1/instances/done'],
  ['/api/v1/instances/done/cost'],
  ['/api/v1/ledger?status=open&limit=10'],
  ['/api/v1/ledger/spent'],
  ['/api/v1/ledger/reconcile', { body: { fix: false, settleMs: 0 } }],
  ['/api/v1/orphans'],
  ['/api/v1/orphans/delete', { body: { ids: ['a'] } }],
  ['/api/v1/instances/keeper/start', { body: { maxWaitTime: 1 } }],
  ['/api/v1/instances/keeper/stop', { body: { ports: [80] } }],
  ['/api/v1/instances/nobody/restart', { method: 'POST' }],
  ['/api/v1/instances/keeper/migrate', { body: { by: 'provider', maxWaitTime: 1 } }],
  ['/api/v1/instances/keeper/check', { body: { path: '/health', maxWaitTime: 1 } }],
  ['/api/v1/instances/keeper/watch', { body: { on: { deleted: 'notify' }, priceIntervalMs: 0 } }],
  ['/api/v1/instances/keeper/wake', { method: 'POST' }],
  ['/api/v1/instances/keeper/auto-stop', { body: { idleMs: 60_000 } }],
  ['/api/v1/instances/keeper/extend-lease', { body: { byMs: 1_000 } }],
  ['/api/v1/instances/keeper/used', { method: 'POST' }],
  ['/api/v1/instances/keeper/delete', { body: {} }],
  ['/callbacks/instances/keeper?token=x', { method: 'POST' }],
  ['/leases/keeper?token=x'],
  ['/api/v1/machines'],
  ['/api/v1/machines/job'],
  ['/api/v1/machines/create_instance'],
  ['/api/v1/machines/job/svg?lit=completed&counts=true'],
  ['/api/v1/machines/job/jobs?state=failed'],
  ['/api/v1/machines/create_instance/jobs?state=deciding'],
  ['/api/v1/machines/job/jobs?state=nowhere'],
  ['/api/v1/machines/job/mermaid'],
  ['/api/v1/machines/job/xstate'],
  ['/api/v1/machines/unheard_of'],
  ['/api/v1/streams'],
  ['/api/v1/event-consumers'],
  ['/.well-known/webhooks.json'],
  ['/livez'],
  ['/.well-known/webhooks.json'],
  ['/readyz'],
  ['/readyz?verbose'],
  ['/openapi.json'],
  ['/metrics'],
];

function operationOf(path: string, method: string): Operation {
  const found = operations().find(
    (each) =>
      each.method === method &&
      // A literal path is declared as itself; `{id}` must not stand for `cancel`.
      new RegExp(`^${each.path.replaceAll(/\{\w+\}/g, '(?!cancel$|retry$|batch$)[^/]+')}$`).test(path),
  );
  if (!found) throw new Error(`${method} ${path} is not in the document`);
  return found;
}

test.each(CALLS)('%s %j answers as the document says', async (url, options = {}) => {
  const answer = await http.call(url, options);
  const method = (options.method ?? (options.body === undefined ? 'GET' : 'POST')).toLowerCase();
  const { path, operation } = operationOf(url.replace(/\?.*/, ''), method);
  const key = operation.responses[answer.status] ? String(answer.status) : 'default';
  if (key === 'default') expect(answer.status).toBeGreaterThanOrEqual(400);
  const mediaType = answer.headers.get('content-type')?.split(';')[0] ?? '';
  expect(Object.keys(operation.responses[key].content)).toContain(mediaType);
  if (!/json/.test(mediaType)) return;
  const at = ['paths', path, method, 'responses', key, 'content', mediaType, 'schema'];
  const pointer = at.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
  const validate = ajv.compile({ $ref: `openapi.json#/${pointer.join('/')}` });
  expect(validate(answer.json), ajv.errorsText(validate.errors)).toBe(true);
});

test('every route that is no stream is called above', () => {
  const called = new Set(
    CALLS.map(([url, options = {}]) => {
      const method = (options.method ?? (options.body === undefined ? 'GET' : 'POST')).toLowerCase();
      return `${method} ${operationOf(url.replace(/\?.*/, ''), method).path}`;
    }),
  );
  const missing = operations()
    .filter(({ operation }) => !operation.responses[200]?.content?.['text/event-stream'])
    .map(({ method, path }) => `${method} ${path}`)
    .filter((each) => !called.has(each));
  expect(missing).toEqual([]);
});
