import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JobFamily, NonRetryableError } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { aborted } from '../support/gate.js';
import { expectProblem, startHttp } from '../support/http.js';

const handlers = {
  demo: ({ payload }: { payload: unknown }) => ({ echoed: payload }),
  broken: () => Promise.reject(new NonRetryableError('no')),
  hold: ({ signal }: { signal: AbortSignal }) => aborted(signal),
};

let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
beforeAll(async () => {
  fleet = await startFleet({ handlers, builtIn: true, worker: { name: 'w-1' } });
  http = await startHttp(fleet.queue, { environment: 'testing' });
  await fleet.queue.addJob('demo', null, 'normal', { id: 'ended' });
  await fleet.waitForJob('ended', 'completed');
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
});

describe('adding jobs', () => {
  test('a job is added with everything that was said of it', async () => {
    const job = {
      id: 'added',
      type: 'demo',
      payload: { deep: [1, { two: null }] },
      priority: 'critical',
      maxAttempts: 7,
      timeoutMs: 9_000,
      webhookUrl: 'https://example.com/hook',
    };
    const { status, json, headers } = await http.call('/api/v1/jobs', { body: job });
    expect({ status, json }).toEqual({ status: 201, json: { id: 'added', created: true } });
    expect(headers.get('location')).toBe('/api/v1/jobs/added');
    expect(await fleet.waitForJob('added', 'completed')).toMatchObject({
      ...job,
      result: { echoed: job.payload },
    });
  });

  test('a delayed job waits', async () => {
    const { json } = await http.call('/api/v1/jobs', {
      body: { type: 'demo', payload: 1, delayMs: 86_400_000 },
    });
    expect(await fleet.queue.getJob(json.id)).toMatchObject({ state: 'scheduled' });
  });

  test('the same Idempotency-Key is the same job, while it runs and when it has ended', async () => {
    const add = (key: string, payload: unknown, more = {}) =>
      http.call('/api/v1/jobs', {
        body: { type: 'demo', payload, ...more },
        headers: { 'idempotency-key': key },
      });
    const first = await add('order-1', { n: 1 });
    const { id } = first.json;
    await fleet.waitForJob(id, 'completed');
    const again = await add('order-1', { n: 1 });
    expect(again).toMatchObject({ status: 201, json: { id } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await fleet.queue.getJob(id)).toMatchObject({ attempt: 1 });
    expectProblem(await add('order-1', { n: 2 }), 422, 'JETFLEET_HTTP_KEY_REUSED');
    expectProblem(await add('order-1', { n: 1 }, { priority: 'low' }), 422, 'JETFLEET_HTTP_KEY_REUSED');
    expectProblem(await add('order-1', { n: 1 }, { maxAttempts: 9 }), 422, 'JETFLEET_HTTP_KEY_REUSED');
    expect((await add('order-2', { n: 1 })).json.id).not.toBe(id);
    expectProblem(await add('with space', 1), 400, 'JETFLEET_HTTP_INVALID');
  });

  test('twenty requests at once with one key make one job', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        http.call('/api/v1/jobs', {
          body: { type: 'added_at_once', payload: null },
          headers: { 'idempotency-key': 'all-at-once' },
        }),
      ),
    );
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect((await fleet.queue.getJobs({ type: 'added_at_once' })).jobs).toHaveLength(1);
  });

  test('a batch is added in its order; one that is wrong stops all of them', async () => {
    const jobs = ['b-1', 'b-2', 'b-3'].map((id) => ({ id, type: 'demo', payload: id }));
    const { status, json } = await http.call('/api/v1/jobs/batch', { body: { jobs } });
    expect({ status, json }).toEqual({ status: 201, json: { ids: ['b-1', 'b-2', 'b-3'] } });
    const wrong = [
      { id: 'b-4', type: 'demo', payload: 1 },
      { id: 'b-5', type: 'create_instance', payload: {} },
    ];
    const refused = await http.call('/api/v1/jobs/batch', { body: { jobs: wrong } });
    expectProblem(refused, 422, 'JETFLEET_PAYLOAD_INVALID');
    expect(refused.json.problems.length).toBeGreaterThan(3);
    expect(await fleet.queue.getJob('b-4')).toBeUndefined();
  });

  test.each([
    [{ payload: 1 }, 400, 'JETFLEET_HTTP_INVALID'],
    [{ type: 'Not-Snake', payload: 1 }, 400, 'JETFLEET_HTTP_INVALID'],
    [{ type: 'demo', payload: 1, surprise: true }, 400, 'JETFLEET_HTTP_INVALID'],
    [{ type: 'demo', payload: 1, priority: 'urgent' }, 400, 'JETFLEET_HTTP_INVALID'],
    [{ type: 'demo', payload: 1, id: 'a.b' }, 400, 'JETFLEET_ID_INVALID'],
    [{ type: 'demo', payload: 1, id: 'seq-1' }, 400, 'JETFLEET_ID_INVALID'],
    [{ type: 'demo', payload: 1, webhookUrl: 'ftp://x' }, 400, 'JETFLEET_OPTION_INVALID'],
    [{ type: 'send_webhook', payload: { url: 'nope' } }, 422, 'JETFLEET_PAYLOAD_INVALID'],
    [{ type: 'demo', payload: 'x'.repeat(600_000) }, 413, 'JETFLEET_PAYLOAD_TOO_LARGE'],
    [{ type: 'demo', payload: 'x'.repeat(1_100_000) }, 413, 'JETFLEET_HTTP_BODY_TOO_LARGE'],
    ['{"type":', 400, 'JETFLEET_BODY_NOT_JSON'],
    [[], 400, 'JETFLEET_HTTP_INVALID'],
  ])('%.60j is refused with %i %s', async (body, status, code) => {
    expectProblem(await http.call('/api/v1/jobs', { body }), status, code);
  });

  test('a body that is not declared as JSON is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const answer = await http.call('/api/v1/jobs', { body: '{}', headers: { 'content-type': type } });
      expectProblem(answer, 415, 'JETFLEET_HTTP_MEDIA_TYPE');
    }
  });
});

describe('one job', () => {
  test('its ETag changes with it: 304 until then, and a change asked for an old one is refused', async () => {
    await fleet.queue.addJob('nobody_runs_it', 1, 'low', { id: 'tagged' });
    const first = await http.call('/api/v1/jobs/tagged');
    const etag = first.headers.get('etag') as string;
    const known = await http.call('/api/v1/jobs/tagged', { headers: { 'if-none-match': etag } });
    expect([known.status, known.text]).toEqual([304, '']);
    const cancel = (match: string) =>
      http.call('/api/v1/jobs/tagged/cancel', { body: { reason: 'enough' }, headers: { 'if-match': match } });
    expectProblem(await cancel('"99-queued"'), 412, 'JETFLEET_VERSION_MISMATCH');
    expectProblem(await cancel(`W/${etag}`), 412, 'JETFLEET_VERSION_MISMATCH');
    expectProblem(await cancel('nonsense'), 400, 'JETFLEET_HTTP_INVALID');
    expect(await cancel(etag)).toMatchObject({ status: 200, json: { state: 'cancelled' } });
    expectProblem(await cancel(etag), 412, 'JETFLEET_VERSION_MISMATCH');
    expectProblem(await cancel('*'), 409, 'JETFLEET_CONFLICT');
    const changed = await http.call('/api/v1/jobs/tagged', { headers: { 'if-none-match': etag } });
    expect(changed).toMatchObject({
      status: 200,
      json: { error: { message: expect.stringContaining('enough') } },
    });
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  test('its history is every record, oldest first', async () => {
    await fleet.queue.addJob('broken', null, 'normal', { id: 'storied' });
    await fleet.waitForJob('storied', 'rejected');
    const { json } = await http.call('/api/v1/jobs/storied/history');
    const states = json.records.map(({ record }: { record: { state: string } }) => record.state);
    expect(states.at(-1)).toBe('rejected');
    const seqs = json.records.map(({ seq }: { seq: number }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });

  test('it is related to what it followed from, and to what followed', async () => {
    const { receiver, queue } = fleet;
    const payload = {
      instanceId: 'my-instance',
      name: 'My GPU',
      productName: 'RTX 4090 24GB',
      templateId: 'template-123',
      gpuNum: 1,
      rootfsSize: 60,
      region: 'CN-HK-01',
      webhookUrl: `${receiver.url}/hook`,
    };
    await queue.addJob('create_instance', payload, 'normal', { id: 'family' });
    await fleet.waitForJob('family-monitor', 'completed');
    const related = async (id: string) => (await http.call(`/api/v1/jobs/${id}/related`)).json;
    expect(await related('family')).toMatchObject({ followUps: [{ id: 'family-monitor' }], webhooks: [] });
    expect(await related('family-monitor')).toMatchObject({
      parent: { id: 'family' },
      followUps: [],
      webhooks: [{ id: 'family-monitor-webhook-running' }],
    });
  });

  test('its family is the same for each of its jobs, and is drawn', async () => {
    const parts = async (id: string) => {
      const { jobs } = (await http.call(`/api/v1/jobs/${id}/family`)).json as JobFamily;
      return jobs.map(({ id: each, parentId, relation }) => [each, parentId, relation]);
    };
    const all = [
      ['family', undefined, undefined],
      ['family-monitor', 'family', 'follow-up'],
      ['family-monitor-webhook-running', 'family-monitor', 'follow-up'],
    ];
    for (const [id] of all) expect(await parts(String(id))).toEqual(all);
    const { text } = await http.call('/api/v1/jobs/family-monitor/family/svg');
    expect(text).toContain('data-edge="family family-monitor"');
  });

  test.each(['', '/history', '/related', '/family', '/family/svg'])(
    'one that nobody knows is a 404: %s',
    async (part) => {
      expectProblem(await http.call(`/api/v1/jobs/unheard-of${part}`), 404, 'JETFLEET_NOT_FOUND');
      expectProblem(await http.call(`/api/v1/jobs/a.b${part}`), 400, 'JETFLEET_HTTP_INVALID');
    },
  );

  test('a client that declares JSON and sends no body is understood where a body may be left out', async () => {
    await fleet.queue.addJob('nobody_runs_it', 1, 'low', { id: 'bodiless' });
    const asked = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const answer = await http.call('/api/v1/jobs/bodiless/cancel', asked);
    expect(answer).toMatchObject({ status: 200, json: { state: 'cancelled' } });
    expectProblem(await http.call('/api/v1/jobs', asked), 400, 'JETFLEET_HTTP_INVALID');
  });

  test('a failed job is run again, another one is not', async () => {
    await fleet.queue.addJob('broken', null, 'normal', { id: 'again' });
    await fleet.waitForJob('again', 'rejected');
    const { status, json } = await http.call('/api/v1/jobs/again/retry', { method: 'POST' });
    expect({ status, json }).toMatchObject({ status: 200, json: { state: 'queued', redrives: 1 } });
    await fleet.waitForJob('again', ({ state, redrives }) => state === 'rejected' && redrives === 1);
    expectProblem(await http.call('/api/v1/jobs/ended/retry', { method: 'POST' }), 409, 'JETFLEET_CONFLICT');
  });
});

describe('many jobs', () => {
  test('are listed newest first, page by page', async () => {
    const ids = Array.from({ length: 9 }, (_, index) => `page-${index}`);
    for (const id of ids) await fleet.queue.addJob('paged', null, 'normal', { id });
    const pages: string[][] = [];
    for (let cursor = '', isFirst = true; isFirst || cursor; isFirst = false) {
      const query = new URLSearchParams({ type: 'paged', limit: '4', ...(cursor && { cursor }) });
      const { json } = await http.call(`/api/v1/jobs?${query}`);
      pages.push(json.jobs.map(({ id }: { id: string }) => id));
      cursor = json.cursor ?? '';
    }
    expect(pages.flat()).toEqual([...ids].reverse());
    const oldest = await http.call('/api/v1/jobs?type=paged&order=oldest&status=pending&id=page-');
    expect(oldest.json.jobs.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test('are listed by the worker that runs them, or ran them last', async () => {
    const idsOf = async (worker: string) =>
      (await http.call(`/api/v1/jobs?id=ended&worker=${worker}`)).json.jobs.map(
        ({ id }: { id: string }) => id,
      );
    expect([await idsOf('w-1'), await idsOf('w-2')]).toEqual([['ended'], []]);
  });

  test.each(['limit=0', 'limit=x', 'status=lost', 'order=up', 'since=yesterday', 'id=a.b', 'cursor=zzz'])(
    'a listing with %s is refused',
    async (query) => {
      const { status, json } = await http.call(`/api/v1/jobs?${query}`);
      expect([status, json.code]).toEqual([
        400,
        expect.stringMatching(/^JETFLEET_(HTTP_INVALID|OPTION_INVALID)$/),
      ]);
    },
  );

  test('are cancelled by id and by filter, each with its outcome', async () => {
    const ids = ['bulk-1', 'bulk-2', 'bulk-3', 'bulk-4'];
    for (const id of ids) await fleet.queue.addJob('bulk_waits', null, 'low', { id });
    await fleet.queue.addJob('hold', null, 'normal', { id: 'bulk-held' });
    await fleet.waitForJob('bulk-held', 'running');
    const byId = await http.call('/api/v1/jobs/cancel', { body: { ids: ['bulk-1', 'ended', 'nobody'] } });
    expect(byId.json).toEqual({
      done: ['bulk-1'],
      failed: [
        { id: 'ended', code: 'JETFLEET_CONFLICT', detail: expect.any(String) },
        { id: 'nobody', code: 'JETFLEET_NOT_FOUND', detail: expect.any(String) },
      ],
      more: false,
    });
    const some = await http.call('/api/v1/jobs/cancel', {
      body: { filter: { type: 'bulk_waits' }, limit: 2 },
    });
    expect(some.json).toMatchObject({ done: ['bulk-2', 'bulk-3'], failed: [], more: true });
    const rest = await http.call('/api/v1/jobs/cancel', { body: { filter: { type: 'bulk_waits' } } });
    expect(rest.json).toMatchObject({ done: ['bulk-4'], more: false });
    const held = await http.call('/api/v1/jobs/cancel', {
      body: { filter: { type: 'hold', status: 'processing' }, reason: 'by all' },
    });
    expect(held.json.done).toEqual(['bulk-held']);
    await fleet.waitForJob('bulk-held', 'cancelled');
  });

  test('dead letters are run again by filter', async () => {
    for (const id of ['dead-1', 'dead-2']) await fleet.queue.addJob('broken', null, 'high', { id });
    for (const id of ['dead-1', 'dead-2']) await fleet.waitForJob(id, 'rejected');
    const { json } = await http.call('/api/v1/jobs/retry', {
      body: { filter: { type: 'broken', priority: 'high' } },
    });
    expect(json).toEqual({ done: ['dead-1', 'dead-2'], failed: [], more: false });
    for (const id of ['dead-1', 'dead-2']) await fleet.waitForJob(id, (job) => job.redrives === 1);
  });

  test.each([{}, { ids: [] }, { ids: ['a'], filter: {} }, { ids: ['a.b'] }, { filter: { type: 'A' } }])(
    'a change of %j is refused',
    async (body) => {
      expectProblem(await http.call('/api/v1/jobs/cancel', { body }), 400, 'JETFLEET_HTTP_INVALID');
    },
  );
});

describe('webhooks', () => {
  const headers = { 'x-tenant': 'acme', authorization: 'Bearer hush-hush' };

  test('a failed delivery shows its attempts, hides secrets, and is sent again under its id', async () => {
    const { queue } = fleet;
    const url = 'http://127.0.0.1:9/hook';
    await queue.addJob('send_webhook', { url, payload: { type: 'order.paid' }, headers }, 'normal', {
      id: 'hook-1',
      maxAttempts: 1,
    });
    await fleet.waitForJob('hook-1', 'exhausted');
    const { json } = await http.call('/api/v1/webhooks/hook-1');
    expect(json).toMatchObject({
      id: 'hook-1',
      url: 'http://127.0.0.1:9/[masked]',
      event: 'order.paid',
      status: 'failed',
      payload: { type: 'order.paid' },
      headers: { 'x-tenant': 'acme', authorization: '[masked]' },
      attempts: [{ attempt: 1, error: { code: 'JETFLEET_WEBHOOK_FAILED' } }],
    });
    for (const path of ['/api/v1/jobs/hook-1', '/api/v1/jobs/hook-1/history', '/api/v1/jobs?id=hook-1']) {
      const { status, text } = await http.call(path);
      expect([status, text.includes('hush-hush'), text.includes('acme')]).toEqual([200, false, true]);
    }
    const again = await http.call('/api/v1/webhooks/hook-1/redeliver', { method: 'POST' });
    expect(again).toMatchObject({ status: 202, json: { id: 'hook-1' } });
    await fleet.waitForJob('hook-1', ({ redrives, status }) => redrives === 1 && status === 'failed');
  });

  test('a delivered webhook is sent once more as a new one, with its secret headers whole', async () => {
    const { receiver, queue } = fleet;
    const url = `${receiver.url}/delivered`;
    await queue.addJob('send_webhook', { url, payload: { type: 'order.sent' }, headers }, 'normal', {
      id: 'hook-2',
    });
    await fleet.waitForJob('hook-2', 'completed');
    const { json } = await http.call('/api/v1/webhooks/hook-2/redeliver', { method: 'POST' });
    expect(json.id).toMatch(/^hook-2-again-/);
    await fleet.waitForJob(json.id, 'completed');
    const delivery = await http.call(`/api/v1/webhooks/${json.id}`);
    expect(delivery.json).toMatchObject({ response: { status: 204 }, attempts: [{ attempt: 1 }] });
    const list = await http.call('/api/v1/webhooks?status=completed&limit=1');
    expect(list.json.deliveries.map(({ id }: { id: string }) => id)).toEqual([json.id]);
    expect(list.json.cursor).toEqual(expect.any(String));
    expect(list.text).not.toContain('hush-hush');
    const received = receiver.requests.filter(({ path }) => path === '/delivered');
    expect(received.map((request) => request.headers.authorization)).toEqual(
      Array(2).fill('Bearer hush-hush'),
    );
  });

  test('a job of another type is no webhook', async () => {
    expectProblem(await http.call('/api/v1/webhooks/ended'), 404, 'JETFLEET_NOT_FOUND');
    const again = await http.call('/api/v1/webhooks/ended/redeliver', { method: 'POST' });
    expectProblem(again, 404, 'JETFLEET_NOT_FOUND');
  });
});

describe('the rest', () => {
  test('counts, session, streams and workers', async () => {
    const stats = await http.call('/api/v1/stats');
    expect(stats.json).toMatchObject({ totalJobs: expect.any(Number), at: expect.any(String) });
    const session = await http.call('/api/v1/session', { token: 'observer-token-1' });
    expect(session.json).toEqual({
      role: 'observer',
      version: expect.stringMatching(/^\d/),
      namespace: fleet.namespace,
      environment: 'testing',
    });
    const streams = await http.call('/api/v1/streams');
    expect(streams.json.broker).toMatchObject({ connected: true });
    expect(streams.json.streams).toHaveLength(4);
    for (const stream of streams.json.streams) expect(stream).toMatchObject({ ok: true, drift: [] });
    expect(streams.json.consumers).toContainEqual(expect.objectContaining({ name: 'demo-high' }));
    const workers = await http.call('/api/v1/workers');
    expect(workers.json.workers).toMatchObject([{ name: 'w-1', state: 'running' }]);
  });

  test('a worker is told to drain, and to go on', async () => {
    const drain = (name: string, body: unknown) => http.call(`/api/v1/workers/${name}/drain`, { body });
    const state = async () => (await http.call('/api/v1/workers')).json.workers[0].state;
    expect(await drain('w-1', {})).toMatchObject({ status: 202, json: { name: 'w-1', drain: true } });
    await expect.poll(state).not.toBe('running');
    expect((await drain('w-1', { drain: false })).status).toBe(202);
    await expect.poll(state).toBe('running');
    expectProblem(await drain('nobody', {}), 404, 'JETFLEET_NOT_FOUND');
  });

  test('metrics name types and states, and no job', async () => {
    const id = await fleet.queue.addJob('demo', 1);
    await http.call('/metrics');
    await fleet.waitForJob(id, 'completed');
    const counted = await fleet.queue.addJob('demo', 2);
    await fleet.waitForJob(counted, 'completed');
    await expect
      .poll(async () => (await http.call('/metrics')).text)
      .toMatch(/jetfleet_jobs_finished_total\{type="demo",state="completed"\} [1-9]/);
    const { text } = await http.call('/metrics');
    expect(text).toMatch(/^jetfleet_jobs\{type="demo",status="completed"\} [1-9]\d*$/m);
    expect(text).toMatch(/^jetfleet_workers\{state="running"\} 1$/m);
    expect(text).toMatch(/^jetfleet_abandoned_handlers 0$/m);
    expect(text).toMatch(/^jetfleet_job_run_seconds_count\{type="demo",status="completed"\} [1-9]/m);
    expect(text).toMatch(/^jetfleet_consumer_pending\{consumer="demo-normal"\} 0$/m);
    expect(text).toContain('jetfleet_broker_connected 1');
    for (const each of [id, counted, 'w-1', 'hook-1']) expect(text).not.toContain(each);
  });

  test('metrics that are scraped at the same time count each worker once', async () => {
    const scrapes = await Promise.all(Array.from({ length: 4 }, () => http.call('/metrics')));
    for (const { text } of scrapes) expect(text).toMatch(/^jetfleet_workers\{state="running"\} 1$/m);
  });

  test('it is alive and ready', async () => {
    expect((await http.call('/livez', { token: null })).text).toBe('ok\n');
    const ready = await http.call('/readyz', { token: null });
    expect(ready).toMatchObject({ status: 200, json: { ok: true } });
    const verbose = await http.call('/readyz?verbose', { token: null });
    expect(verbose.text).toBe('[+]draining ok\n[+]broker ok\n[+]streams ok\n[+]consumers ok\nready\n');
  });
});

describe('machines', () => {
  test('are listed with those of the workers, drawn and exported', async () => {
    const { json } = await http.call('/api/v1/machines');
    expect(json.machines).toContainEqual({
      id: 'create_instance',
      version: expect.any(String),
      description: expect.any(String),
      source: 'built-in',
      states: expect.any(Number),
    });
    const svg = await http.call('/api/v1/machines/job/svg?lit=processing.running');
    expect(svg.headers.get('content-type')).toBe('image/svg+xml');
    expect(svg.text).toContain('data-state="processing.running"');
    const bare = await http.call('/api/v1/machines/job/svg?standalone=false');
    expect([svg.text.includes('<style'), bare.text.includes('<style')]).toEqual([true, false]);
    expect((await http.call('/api/v1/machines/job/mermaid')).text).toMatch(/^stateDiagram-v2/m);
    expect((await http.call('/api/v1/machines/job/xstate')).json).toMatchObject({ id: 'job' });
    expectProblem(await http.call('/api/v1/machines/unheard_of'), 404, 'JETFLEET_MACHINE_NOT_FOUND');
  });

  test('count the states within failed one by one, whatever the page shows, and after some were removed', async () => {
    const { queue } = fleet;
    const counts = async () => (await http.call('/api/v1/machines/job')).json.counts;
    const before = await counts();
    const standing = async () =>
      (await http.call('/api/v1/machines/job/jobs?state=failed.rejected&limit=1')).json;
    for (const id of ['no-1', 'no-2', 'no-3']) {
      await queue.addJob('broken', null, 'normal', { id });
      await fleet.waitForJob(id, 'rejected');
    }
    await queue.addJob('demo', null, 'normal', { id: 'never', delayMs: 86_400_000 });
    await queue.cancel('never');
    const after = await counts();
    const more = (state: string) => after[`failed.${state}`] - before[`failed.${state}`];
    expect([more('rejected'), more('cancelled'), more('exhausted')]).toEqual([3, 1, 0]);
    const all = (await queue.getJobs({ state: 'rejected' })).jobs.length;
    expect(await standing()).toEqual({ jobs: [expect.anything()], count: all });
    expect(await queue.deadLetters.delete({ type: 'broken' })).toBeGreaterThanOrEqual(3);
    const left = (await queue.getJobs({ state: 'rejected' })).jobs.length;
    await expect.poll(async () => (await standing()).count).toBe(left);
  });

  test('say how many jobs and workers stand in which state', async () => {
    await fleet.queue.addJob('demo', null, 'normal', { delayMs: 86_400_000 });
    const job = await http.call('/api/v1/machines/job');
    expect(job.json.chart.states).toContainEqual(expect.objectContaining({ id: 'pending.queued' }));
    expect(job.json.counts).toMatchObject({ completed: expect.any(Number) });
    expect(job.json.counts['pending.scheduled']).toBeGreaterThanOrEqual(1);
    const worker = await http.call('/api/v1/machines/worker_lifecycle');
    expect(worker.json.counts).toEqual({ running: 1 });
  });
});
