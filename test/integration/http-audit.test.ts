import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { AuditEntry, JobRecord } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

const SECRET = 'Zq7vXcanary9';
let nats: Awaited<ReturnType<typeof startNats>>;
let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({
    nats,
    handlers: {
      fine: ({ payload }) => ({ token: (payload as { token?: string }).token }),
      bad: () => {
        throw new Error('out of paper');
      },
    },
  });
  const tokens = [
    { role: 'observer', token: TOKENS.observer },
    { role: 'operator', token: TOKENS.operator, name: 'olga' },
    { role: 'admin', token: TOKENS.admin, name: 'adam' },
  ] as const;
  http = await startHttp(fleet.queue, { tokens });
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
  await nats.stop();
});

const trail = async (query = '') => (await http.call(`/api/v1/audit${query}`)).json.entries as AuditEntry[];
const failing = async (ids: string[]) => {
  for (const id of ids) await fleet.queue.addJob('bad', {}, 'normal', { id, maxAttempts: 1 });
  for (const id of ids) await fleet.waitForJob(id, 'exhausted');
};
const stateOf = async (id: string) => (await fleet.queue.getJob(id))?.state;

test('nothing is written down, and no stream made, until somebody changes something', async () => {
  const { topology } = await fleet.queue.broker();
  const body = { type: 'fine', payload: {}, id: 'added' };
  expect((await http.call('/api/v1/jobs', { body })).status).toBe(201);
  expect(await trail()).toEqual([]);
  // What is refused changes nothing.
  expect((await http.call('/api/v1/jobs/nothing/cancel', { body: {} })).status).toBe(404);
  expect(await topology.hasStream('audit')).toBe(false);
});

test('it says who has done what, with the name of the token, and nothing of payloads', async () => {
  await failing(['edited']);
  const token = TOKENS.operator;
  const headers = { 'jetfleet-operation': 'one-click' };
  await http.call('/api/v1/jobs/edited/retry', { token, headers, body: { payload: { password: SECRET } } });
  await http.call('/api/v1/pauses', {
    body: { type: 'later', reason: `password=${SECRET}`, by: 'the deploy' },
  });
  const [pause, retry] = await trail();
  expect(retry).toEqual({
    seq: expect.any(Number),
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    by: 'olga',
    role: 'operator',
    action: 'jobs/{id}/retry',
    target: { id: 'edited' },
    operation: 'one-click',
  });
  expect(pause).toMatchObject({
    by: 'adam',
    caller: 'the deploy',
    action: 'pauses',
    asked: { type: 'later' },
  });
  expect(JSON.stringify([pause, retry])).not.toContain(SECRET);
  expect(await trail('?by=olga')).toEqual([retry]);
  expect(await trail('?action=pauses&limit=1')).toEqual([pause]);
  const { json } = await http.call('/api/v1/audit?limit=1');
  expect(json.entries).toEqual([pause]);
  expect(await trail(`?cursor=${json.cursor}`)).toEqual([retry]);
  expect(await trail(`?since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
});

test('operators and admins read it, over HTTP and on the command line; nobody takes anything out', async () => {
  expect((await http.call('/api/v1/audit', { token: TOKENS.observer })).status).toBe(403);
  expect((await http.call('/api/v1/audit', { token: TOKENS.operator })).status).toBe(200);
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const shown = await cli(['audit', '--by', 'olga', '--json'], { env });
  expect(JSON.parse(shown.stdout).entries).toEqual(await trail('?by=olga'));
  expect((await cli(['audit'], { env })).stdout).toMatch(/olga +operator +jobs\/\{id\}\/retry +edited/);
  const { topology, subjects } = await fleet.queue.broker();
  await expect(topology.purge('audit', subjects.audit())).rejects.toThrow(/purge/);
  await expect(topology.deleteMessage('audit', 1)).rejects.toThrow(/delete/);
});

test('an admin sees the secrets of a job only once that is written down', async () => {
  await fleet.queue.addJob('fine', { token: SECRET }, 'normal', { id: 'secret' });
  await fleet.waitForJob('secret', 'completed');
  expect((await http.call('/api/v1/jobs/secret')).text).not.toContain(SECRET);
  const reveal = (token: string) => http.call('/api/v1/jobs/secret/reveal', { method: 'POST', token });
  for (const token of [TOKENS.observer, TOKENS.operator]) expect((await reveal(token)).status).toBe(403);
  const count = (await trail()).length;
  const { json } = await reveal(TOKENS.admin);
  expect(json).toMatchObject({ payload: { token: SECRET }, result: { token: SECRET } });
  expect(await trail()).toHaveLength(count + 1);
  const refused = vi.spyOn(fleet.queue.audit, 'add').mockRejectedValueOnce(new Error('the disk is full'));
  const answer = await reveal(TOKENS.admin);
  refused.mockRestore();
  expect({ status: answer.status, isShown: answer.text.includes(SECRET) }).toEqual({
    status: 500,
    isShown: false,
  });
  expect((await trail())[0]).toMatchObject({
    action: 'jobs/{id}/reveal',
    target: { id: 'secret' },
    by: 'adam',
  });
});

describe('many jobs', () => {
  const find = async (action: string, filter: object, token: string = TOKENS.operator) => {
    const ids: string[] = [];
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const body = { action, filter, ...(cursor && { cursor }) };
      const { json } = await http.call('/api/v1/jobs/find', { token, body });
      ids.push(...json.ids);
      cursor = json.cursor;
    }
    return ids;
  };
  const run = (action: string, body: object, token: string = TOKENS.operator) =>
    http.call(`/api/v1/jobs/${action}`, { token, body });

  test('are counted by what can be done with them', async () => {
    await failing(['m-failed']);
    await fleet.queue.addJob('fine', {}, 'normal', { id: 'm-done' });
    await fleet.queue.addJob('nobody', {}, 'low', { id: 'm-queued' });
    await fleet.queue.addJob('nobody', {}, 'low', { id: 'm-later', delayMs: 3_600_000 });
    await fleet.waitForJob('m-done', 'completed');
    const filter = { id: 'm-' };
    expect((await find('cancel', filter)).sort()).toEqual(['m-later', 'm-queued']);
    expect(await find('retry', filter)).toEqual(['m-failed']);
    expect(await find('promote', filter)).toEqual(['m-later']);
    expect((await find('priority', filter)).sort()).toEqual(['m-later', 'm-queued']);
    expect((await find('delete', filter)).sort()).toEqual(['m-done', 'm-failed']);
    expect(await find('delete', { ...filter, status: 'failed' })).toEqual(['m-failed']);
    expect(await find('delete', { ...filter, status: 'pending' })).toEqual([]);
    expect((await http.call('/api/v1/jobs/find', { token: TOKENS.observer, body: {} })).status).toBe(403);
    for (const cursor of ['cut', '9.n0.1.e']) {
      const answer = await http.call('/api/v1/jobs/find', { body: { action: 'cancel', filter, cursor } });
      expect(answer.status, cursor).toBe(400);
    }
    const { json } = await run('delete', { ids: ['m-later', 'm-nobody'] }, TOKENS.admin);
    expect(json.failed).toMatchObject([
      { id: 'm-later', detail: expect.stringContaining('is scheduled; cancel it first') },
      { id: 'm-nobody', code: 'JETFLEET_NOT_FOUND' },
    ]);
  });

  test('are promoted and moved to another priority', async () => {
    const promoted = await run('promote', { ids: ['m-later', 'm-done'] });
    expect(promoted.json).toMatchObject({ done: ['m-later'], failed: [{ id: 'm-done' }] });
    await vi.waitFor(async () => expect(await stateOf('m-later')).toBe('queued'));
    await run('priority', { ids: ['m-queued'], priority: 'critical' });
    expect(await fleet.queue.getJob('m-queued')).toMatchObject({
      priority: 'critical',
      change: { by: 'olga' },
    });
    expect((await trail()).slice(0, 2)).toMatchObject([
      { action: 'jobs/priority', asked: { ids: 1, priority: 'critical' }, jobs: { done: 1, failed: 0 } },
      { action: 'jobs/promote', jobs: { done: 1, failed: 1, ids: ['m-later'] } },
    ]);
  });

  test('are removed by an admin alone, and only when they have ended', async () => {
    expect((await run('delete', { ids: ['m-done'] })).status).toBe(403);
    const { json } = await run('delete', { ids: ['m-done', 'm-queued', 'm-none'] }, TOKENS.admin);
    expect(json.done).toEqual(['m-done']);
    expect(json.failed).toEqual([
      { id: 'm-queued', code: expect.any(String), detail: expect.stringMatching(/cancel it first|no job/) },
      { id: 'm-none', code: 'JETFLEET_NOT_FOUND', detail: expect.any(String) },
    ]);
    expect(await stateOf('m-done')).toBeUndefined();
    expect(await stateOf('m-queued')).toBe('queued');
  });

  test('are told of as far as they were changed before it broke', async () => {
    const jobs = Array.from({ length: 1_001 }, (_, at) => ({ id: `gone-${at}` }) as JobRecord);
    const found = vi.spyOn(fleet.queue, 'getJobs').mockResolvedValueOnce({ jobs });
    const removed = vi
      .spyOn(fleet.queue, 'deleteJobs')
      .mockImplementationOnce(async (ids) => ({ deleted: [...ids], kept: [] }))
      .mockRejectedValueOnce(new Error('the broker is gone'));
    const { status } = await run('delete', { filter: { status: 'failed' }, limit: 2_000 }, TOKENS.admin);
    found.mockRestore();
    removed.mockRestore();
    expect(status).toBe(500);
    expect((await trail())[0]).toMatchObject({
      action: 'jobs/delete',
      jobs: { done: 1_000, failed: 0 },
      error: expect.any(String),
    });
  });

  test('run again at a pace that goes on over several requests', async () => {
    await failing(['p-0', 'p-1']);
    await run('retry', { ids: ['p-0'], rate: 0.01 });
    await run('retry', { ids: ['p-1'], rate: 0.01, first: 1 });
    const { state, nextRunAt, updatedAt } = (await fleet.queue.getJob('p-1')) ?? {};
    expect(state).toBe('retrying');
    const inMs = Date.parse(nextRunAt ?? '') - Date.parse(updatedAt ?? '');
    expect(inMs).toBeGreaterThan(90_000);
    expect(inMs).toBeLessThanOrEqual(100_000);
    // The first of them does not wait.
    await vi.waitFor(async () =>
      expect(await fleet.queue.getJob('p-0')).toMatchObject({ redrives: 1, status: 'failed' }),
    );
  });
});

test('the causes of dead letters say on which workers and when they failed', async () => {
  const { json } = await http.call('/api/v1/dead-letters/causes?type=bad');
  expect(json).toMatchObject({ isCounting: false, trend: { stepMs: 3_600_000 } });
  const [cause] = json.causes;
  expect(cause).toMatchObject({ types: ['bad'], workers: [expect.any(String)] });
  expect(cause.trend).toHaveLength(24);
  expect(cause.trend.reduce((sum: number, count: number) => sum + count, 0)).toBe(cause.count);
});
