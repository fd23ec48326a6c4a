import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type DeadLetterFilter,
  defineJob,
  type JobQueueService,
  NonRetryableError,
} from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let queue: JobQueueService;
let works = false;
const began: number[] = [];

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  works = false;
  began.length = 0;
  fleet = await startFleet({
    nats,
    handlers: {
      shaky: ({ id }) => {
        if (!works) throw new NonRetryableError(`printer 17 of job ${id} at "room 4" is out of paper`);
        began.push(Date.now());
        return 'printed';
      },
      picky: ({ payload }) => {
        if ((payload as { ok?: boolean } | null)?.ok) return 'fine';
        throw Object.assign(new NonRetryableError('not ok'), { code: 'NOT_OK' });
      },
    },
  });
  queue = fleet.queue;
  return () => fleet.close();
});

async function fail(type: string, ...ids: string[]): Promise<void> {
  await queue.addJobs(ids.map((id) => ({ type, payload: { id }, id, tags: [`tag-${id}`] })));
  for (const id of ids) await fleet.waitForJob(id, 'rejected');
}

const listed = async () => (await queue.getJobs({ deadLetters: true })).jobs.map(({ id }) => id);

describe('dead letters', () => {
  it('are grouped by code and message, whatever numbers, ids and texts are in it', async () => {
    await fail('shaky', 'job-1', '01JABCDEFGHJKMNPQRSTVWXYZ0', 'job-22');
    await fail('picky', 'p-1');
    const { causes, total, others } = await queue.deadLetters.causes();
    expect({ total, others }).toEqual({ total: 4, others: 0 });
    expect(causes).toMatchObject([
      {
        count: 2,
        code: 'JETFLEET_NON_RETRYABLE',
        message: 'printer <n> of job job-<n> at <text> is out of paper',
        types: ['shaky'],
        sample: { id: 'job-22', message: 'printer 17 of job job-22 at "room 4" is out of paper' },
      },
      { count: 1 },
      { count: 1 },
    ]);
    expect(causes.map(({ code }) => code).sort()).toEqual([
      'JETFLEET_NON_RETRYABLE',
      'JETFLEET_NON_RETRYABLE',
      'NOT_OK',
    ]);
    const [first] = causes;
    const cause = first?.id ?? '';
    const jobs = await Promise.all(['job-1', 'job-22'].map((id) => queue.getJob(id)));
    expect([first?.firstAt, first?.lastAt]).toEqual(jobs.map((job) => job?.finishedAt).sort());
    expect((await queue.getJobs({ cause })).jobs.map(({ id }) => id)).toEqual(['job-1', 'job-22']);
    expect((await queue.deadLetters.causes({ type: 'picky' })).causes).toMatchObject([{ code: 'NOT_OK' }]);
    expect((await queue.deadLetters.causes({ errorCode: 'NOT_OK' })).total).toBe(1);
    expect((await queue.deadLetters.causes({ since: new Date(Date.now() + 60_000) })).total).toBe(0);
    expect((await queue.deadLetters.causes({ tags: ['tag-job-1'] })).total).toBe(1);
  });

  it('are no cancelled jobs', async () => {
    await fail('picky', 'failed');
    await queue.addJob('nobodys', {}, 'normal', { id: 'cancelled' });
    await queue.cancel('cancelled');
    expect(await listed()).toEqual(['failed']);
    expect((await queue.deadLetters.causes()).total).toBe(1);
    expect(await queue.deadLetters.retry()).toEqual(['failed']);
    expect(await queue.retryAll()).not.toContain('cancelled');
    expect(await queue.getJob('cancelled')).toMatchObject({ state: 'cancelled' });
    expect(await queue.retry('cancelled')).toMatchObject({ state: 'queued' });
  });

  it('run again by cause, by code, by tag and by time', async () => {
    await fail('shaky', 'job-1', 'job-2');
    await fail('picky', 'p-1');
    works = true;
    const { causes } = await queue.deadLetters.causes({ type: 'shaky' });
    expect(await queue.deadLetters.retry({ errorCode: 'UNHEARD_OF' })).toEqual([]);
    expect(await queue.deadLetters.retry({ tags: ['tag-job-2'] })).toEqual(['job-2']);
    expect(await queue.deadLetters.retry({ cause: causes[0]?.id ?? '', until: new Date(0) })).toEqual([]);
    expect(await queue.deadLetters.retry({ cause: causes[0]?.id ?? '' })).toEqual(['job-1']);
    for (const id of ['job-1', 'job-2']) await fleet.waitForJob(id, 'completed');
    expect(await listed()).toEqual(['p-1']);
  });

  it('run again at the pace that is asked for, which the broker keeps', async () => {
    const ids = Array.from({ length: 9 }, (_, n) => `job-${n}`);
    await fail('shaky', ...ids);
    works = true;
    // Nobody waits for them: the call returns, and another process may go on.
    expect(await queue.deadLetters.retry({ type: 'shaky' }, { rate: 4 })).toEqual(ids);
    expect(await listed()).toEqual([]);
    const last = await queue.getJob('job-8');
    expect(last).toMatchObject({ status: 'pending', state: 'retrying', attempt: 0, redrives: 1 });
    const waitMs = Date.parse(last?.nextRunAt ?? '') - Date.parse(last?.updatedAt ?? '');
    expect(waitMs).toBeGreaterThan(1_500);
    expect(waitMs).toBeLessThanOrEqual(2_000);
    expect((await queue.getJobs({ state: 'retrying' })).jobs.length).toBeGreaterThan(0);
    for (const id of ids) {
      const job = await fleet.waitForJob(id, 'completed');
      expect(job).toMatchObject({ attempt: 1, redrives: 1 });
      expect(job.failures).toHaveLength(1);
    }
    // A timer fires up to 250 ms late, and a job may begin 200 ms before its time.
    const spanMs = Math.max(...began) - Math.min(...began);
    expect(spanMs).toBeGreaterThan(1_400);
    const [firstMs = 0] = began;
    expect(began.filter((at) => at - firstMs < 900).length).toBeLessThanOrEqual(6);
  });

  it('run again with another payload, which is checked before anything is written', async () => {
    const picky = defineJob({ type: 'picky', payload: z.object({ ok: z.boolean() }) });
    queue.known.add(picky);
    await queue.addJob('picky', { ok: false }, 'normal', { id: 'wrong' });
    await fleet.waitForJob('wrong', 'rejected');
    await expect(queue.retry('wrong', { payload: { ok: 'yes' } })).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
      problems: [{ path: 'ok' }],
    });
    await expect(queue.retry('wrong', { payload: { at: new Date(), f: () => 1 } })).rejects.toThrow(
      /payload/,
    );
    expect(await queue.getJob('wrong')).toMatchObject({ state: 'rejected', payload: { ok: false } });
    const again = await queue.retry('wrong', { payload: { ok: true } });
    expect(again).toMatchObject({
      state: 'queued',
      payload: { ok: true },
      failures: [{ code: 'NOT_OK', edited: true }],
    });
    expect(await fleet.waitForJob('wrong', 'completed')).toMatchObject({
      payload: { ok: true },
      result: 'fine',
    });
  });

  it('with a body that nobody could read run again with a new payload only', async () => {
    const { connect } = await import('@nats-io/transport-node');
    const connection = await connect({ servers: nats.url });
    await connection.request(`${fleet.namespace}.jobs.normal.picky.broken`, '{"ok":', { timeout: 5_000 });
    await connection.close();
    await fleet.waitForJob('broken', 'rejected');
    await expect(queue.retry('broken')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await queue.retry('broken', { payload: { ok: true } });
    await fleet.waitForJob('broken', 'completed');
  });

  it('are deleted by filter, with all that is stored of them, and nothing else is', async () => {
    await fail('shaky', 'job-1', 'job-2', 'job-3');
    await fail('picky', 'p-1');
    works = true;
    await queue.addJob('shaky', {}, 'normal', { id: 'done' });
    await fleet.waitForJob('done', 'completed');
    await queue.retry('job-3');
    await fleet.waitForJob('job-3', 'completed');
    const { causes } = await queue.deadLetters.causes({ type: 'shaky' });
    expect(await queue.deadLetters.delete({ cause: causes[0]?.id ?? '' })).toBe(2);
    expect(await listed()).toEqual(['p-1']);
    for (const id of ['job-1', 'job-2']) {
      expect(await queue.getJob(id)).toBeUndefined();
      expect(await queue.history(id)).toEqual([]);
    }
    for (const id of ['done', 'job-3']) expect(await queue.getJob(id)).toMatchObject({ state: 'completed' });
    expect((await queue.history('job-3')).length).toBeGreaterThan(1);
    await vi.waitFor(async () => expect((await queue.getJobs({ tags: ['tag-job-1'] })).jobs).toEqual([]));
    await queue.addJob('shaky', {}, 'normal', { id: 'job-1' });
    await fleet.waitForJob('job-1', 'completed');
  });

  it('are managed over HTTP', async () => {
    await fail('picky', 'p-1', 'p-2', 'p-3');
    await using http = await startHttp(queue);
    const { json } = await http.call('/api/v1/dead-letters/causes');
    expect(json).toMatchObject({ total: 3, causes: [{ code: 'NOT_OK', count: 3, sample: { id: 'p-3' } }] });
    const cause = json.causes[0].id;
    const masked = await http.call('/api/v1/jobs/p-1/retry', { body: { payload: { key: '[masked]' } } });
    expect(masked).toMatchObject({ status: 400, json: { code: 'JETFLEET_HTTP_INVALID' } });
    const edited = await http.call('/api/v1/jobs/p-1/retry', { body: { payload: { ok: true } } });
    expect(edited.json).toMatchObject({ state: 'queued', payload: { ok: true } });
    await fleet.waitForJob('p-1', 'completed');
    expect((await http.call('/api/v1/jobs?deadLetters=true')).json.jobs).toHaveLength(2);
    expect((await http.call(`/api/v1/jobs?cause=${cause}`)).json.jobs).toHaveLength(2);
    const retried = await http.call('/api/v1/dead-letters/retry', {
      body: { filter: { cause, tags: ['tag-p-2'] }, rate: 100 },
    });
    expect(retried.json).toEqual({ ids: ['p-2'] });
    await fleet.waitForJob('p-2', 'rejected');
    const body = { filter: { cause } };
    expect(await http.call('/api/v1/dead-letters/delete', { body, token: 'operator-token-1' })).toMatchObject(
      {
        status: 403,
      },
    );
    expect((await http.call('/api/v1/dead-letters/delete', { body })).json).toEqual({ removed: 2 });
  });
});

describe('what cannot be asked for is refused', () => {
  it.each([
    [{ cause: 'x' }, {}],
    [{ type: 'Not-A-Type' }, {}],
    [{ since: 'yesterday' }, {}],
    [{ nothing: 1 }, {}],
    [{}, { rate: 0 }],
    [{}, { rate: Number.NaN }],
    [{}, { pace: 5 }],
  ])('%j %j', async (filter, options) => {
    await expect(
      queue.deadLetters.retry(filter as DeadLetterFilter, options as object),
    ).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
  });
});
