import { connect, headers as makeHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, type JobFilter, JobQueueService, NonRetryableError } from '../../src/index.js';
import { TagCheck } from '../../src/upkeep/check-tags.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

const report = defineJob({
  type: 'report',
  payload: z.looseObject({ tenant: z.string() }),
  tags: ({ tenant }) => [`tenant:${tenant}`],
});

let nats: EmbeddedServer;
let fleet: Fleet;
let queue: JobQueueService;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({
    nats,
    handlers: {
      quick: () => 'done',
      broken: () => {
        throw new NonRetryableError('no paper');
      },
      odd: () => {
        throw Object.assign(new NonRetryableError('odd'), { code: 'PRINTER_ON_FIRE' });
      },
    },
  });
  queue = fleet.queue;
  return () => fleet.close();
});

const ids = async (filter: JobFilter) => (await queue.getJobs(filter)).jobs.map(({ id }) => id);
const at = (subject: string) => `${fleet.namespace}.${subject}`;

async function entries(): Promise<string[]> {
  const broker = await queue.broker();
  const page = await broker.tags.page(at('tags.*.*.*'), 'oldest', 1, 1_000);
  return page.map(({ subject }) => subject);
}

/** Publishes as any NATS client would. */
async function publish(subject: string, body: string, headers: Record<string, string> = {}): Promise<void> {
  const connection = await connect({ servers: nats.url });
  const list = makeHeaders();
  for (const [name, value] of Object.entries(headers)) list.set(name, value);
  await connection.request(at(subject), body, { headers: list, timeout: 5_000 });
  await connection.close();
}

describe('jobs are found by their tags', () => {
  it('in every status, oldest or newest first, by one tag or by several', async () => {
    await queue.addJob('quick', {}, 'normal', { id: 'done', tags: ['tenant:acme', 'monthly'] });
    await fleet.waitForJob('done', 'completed');
    await queue.addJob('broken', {}, 'normal', { id: 'failed', tags: ['tenant:acme'] });
    await fleet.waitForJob('failed', 'rejected');
    await queue.addJob('quick', {}, 'normal', { id: 'later', delayMs: 60_000, tags: ['tenant:acme'] });
    await queue.addJob('nobodys', {}, 'normal', { id: 'waiting', tags: ['tenant:acme', 'monthly'] });
    await queue.addJob('nobodys', {}, 'normal', { id: 'other', tags: ['tenant:other'] });

    const all = ['done', 'failed', 'later', 'waiting'];
    expect(await ids({ tags: ['tenant:acme'] })).toEqual(all);
    expect(await ids({ tags: ['tenant:acme'], order: 'newest' })).toEqual(all.toReversed());
    expect(await ids({ tags: ['monthly', 'tenant:acme'] })).toEqual(['done', 'waiting']);
    expect(await ids({ tags: ['tenant:acme'], status: 'failed' })).toEqual(['failed']);
    expect(await ids({ tags: ['tenant:acme'], status: 'completed' })).toEqual(['done']);
    expect(await ids({ tags: ['tenant:acme'], state: 'scheduled' })).toEqual(['later']);
    expect(await ids({ tags: ['tenant:acme'], type: 'nobodys' })).toEqual(['waiting']);
    expect(await ids({ tags: ['tenant:acme'], id: 'wai' })).toEqual(['waiting']);
    expect(await ids({ tags: ['tenant:nobody'] })).toEqual([]);
    expect((await queue.getJob('waiting'))?.tags).toEqual(['tenant:acme', 'monthly']);
  });

  it('page by page, each job once, in both directions', async () => {
    const jobs = Array.from({ length: 250 }, (_, n) => ({
      type: 'nobodys',
      payload: n,
      tags: [n % 5 === 0 ? 'fifth' : 'rest', 'all'],
    }));
    const added = await queue.addJobs(jobs);
    const fifths = added.filter((_, n) => n % 5 === 0);
    for (const order of ['oldest', 'newest'] as const) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await queue.getJobs({ tags: ['fifth'], order, limit: 7, ...(cursor && { cursor }) });
        found.push(...page.jobs.map(({ id }) => id));
        cursor = page.cursor;
      } while (cursor);
      expect(found).toEqual(order === 'oldest' ? fifths : fifths.toReversed());
    }
    expect(await ids({ tags: ['all'], order: 'newest', limit: 3 })).toEqual(added.slice(-3).toReversed());
    const { cursor } = await queue.getJobs({ limit: 1 });
    await expect(queue.getJobs({ tags: ['all'], cursor: cursor ?? '' })).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
  });

  it('by the tags that their type says, also of jobs that follow from others', async () => {
    queue.known.add(report);
    const { id } = await queue.add(report, { tenant: 'acme' }, { tags: ['mine'] });
    expect((await queue.getJob(id))?.tags).toEqual(['mine', 'tenant:acme']);
    expect(await ids({ tags: ['tenant:acme'] })).toEqual([id]);
    const parent = defineJob({
      type: 'quick',
      after: () => [report.next({ tenant: 'globex' }, { idSuffix: 'report', tags: ['child'] })],
    });
    queue.known.add(parent);
    await queue.add(parent, {}, { id: 'parent' });
    await vi.waitFor(async () =>
      expect(await ids({ tags: ['child', 'tenant:globex'] })).toEqual(['parent-report']),
    );
  });

  it('with dots, colons and slashes in them', async () => {
    const tags = ['v1.2.3', 'path:/a/b', 'mail:a+b@c.d', 'x=1', 'a-b_c#d'];
    await queue.addJob('nobodys', {}, 'normal', { id: 'odd-tags', tags });
    for (const tag of tags) expect(await ids({ tags: [tag] })).toEqual(['odd-tags']);
  });

  it('that came over bare NATS, at the latest when they have ended', async () => {
    await publish('jobs.normal.quick.bare', '{}', { 'Jetfleet-Tags': 'tenant:acme, bare' });
    await fleet.waitForJob('bare', 'completed');
    await vi.waitFor(async () => expect(await ids({ tags: ['tenant:acme', 'bare'] })).toEqual(['bare']));
    // One that waits, whose producer has published its entry too.
    await queue.addJob('nobodys', {}, 'normal', { tags: ['any'] });
    await publish('tags.tenant:acme.nobodys.waits', '');
    await publish('jobs.normal.nobodys.waits', '{}', { 'Jetfleet-Tags': 'tenant:acme' });
    expect(await ids({ tags: ['tenant:acme'], status: 'pending' })).toEqual(['waits']);
    await publish('jobs.normal.quick.wrong', '{}', { 'Jetfleet-Tags': 'two words' });
    expect(await fleet.waitForJob('wrong', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_HEADER_INVALID', problems: [{ path: 'Jetfleet-Tags' }] },
    });
  });

  it('while a handler runs for long, although nobody has written their entry', async () => {
    const { open, opened } = gate();
    await fleet.addWorker({ long: () => opened });
    await publish('jobs.normal.long.runs', '{}', { 'Jetfleet-Tags': 'tenant:acme' });
    await vi.waitFor(async () =>
      expect(await ids({ tags: ['tenant:acme'], status: 'processing' })).toEqual(['runs']),
    );
    open();
    await fleet.waitForJob('runs', 'completed');
  });
});

it('failed jobs are found by the code of their error', async () => {
  await queue.addJob('broken', {}, 'normal', { id: 'a' });
  await queue.addJob('odd', {}, 'normal', { id: 'b', tags: ['tenant:acme'] });
  await fleet.waitForJob('a', 'rejected');
  await fleet.waitForJob('b', 'rejected');
  expect(await ids({ errorCode: 'PRINTER_ON_FIRE' })).toEqual(['b']);
  expect(await ids({ errorCode: 'PRINTER_ON_FIRE', tags: ['tenant:acme'] })).toEqual(['b']);
  expect(await ids({ errorCode: 'PRINTER_ON_FIRE', tags: ['tenant:other'] })).toEqual([]);
  expect(await ids({ errorCode: 'JETFLEET_TIMEOUT' })).toEqual([]);
  expect(await ids({ errorCode: 'PRINTER_ON_FIRE', status: 'completed' })).toEqual([]);
});

it('tags go in and out by HTTP, also for many jobs at once', async () => {
  await using http = await startHttp(queue);
  const job = { type: 'nobodys', payload: {}, id: 'by-http', tags: ['tenant:acme', 'v1.2'] };
  expect(await http.call('/api/v1/jobs', { body: job })).toMatchObject({ status: 201 });
  await queue.addJob('nobodys', {}, 'normal', { id: 'other', tags: ['tenant:acme'] });
  const listed = await http.call('/api/v1/jobs?tag=tenant:acme,v1.2');
  expect(listed.json.jobs).toMatchObject([{ id: 'by-http', tags: job.tags }]);
  const wrong = await http.call('/api/v1/jobs?tag=two%20words');
  expect(wrong).toMatchObject({ status: 400, json: { code: 'JETFLEET_TAG_INVALID' } });
  const bad = await http.call('/api/v1/jobs', { body: { ...job, tags: ['two words'] } });
  expect(bad).toMatchObject({ status: 400, json: { code: 'JETFLEET_HTTP_INVALID' } });
  const cancelled = await http.call('/api/v1/jobs/cancel', { body: { filter: { tags: ['v1.2'] } } });
  expect(cancelled.json).toMatchObject({ done: ['by-http'], failed: [] });
  const failed = await http.call('/api/v1/jobs?errorCode=JETFLEET_CANCELLED');
  expect(failed.json.jobs).toMatchObject([{ id: 'by-http' }]);
});

describe('the index of tags', () => {
  it('is not there until a job has a tag, and finding nothing creates nothing', async () => {
    await queue.addJob('quick', {}, 'normal', { id: 'plain' });
    await fleet.waitForJob('plain', 'completed');
    expect(await ids({ tags: ['tenant:acme'] })).toEqual([]);
    const { topology } = await queue.broker();
    await expect(topology.streamInfo('tags')).rejects.toThrow(/stream not found/);
    const { created } = await queue.setup();
    expect(created).toContain(`stream ${fleet.namespace.toUpperCase()}_TAGS`);
  });

  it('believes no entry that the record of the job does not confirm', async () => {
    await queue.addJob('nobodys', {}, 'normal', { id: 'real', tags: ['tenant:acme'] });
    await publish('tags.tenant:acme.nobodys.ghost', '');
    await publish('tags.tenant:evil.nobodys.real', '\ntenant:evil');
    expect(await ids({ tags: ['tenant:acme'] })).toEqual(['real']);
    expect(await ids({ tags: ['tenant:evil'] })).toEqual([]);
  });

  it('loses the entries of jobs whose records are removed', async () => {
    const jobs = Array.from({ length: 30 }, (_, n) => ({ type: 'quick', payload: n, tags: ['a', 'b'] }));
    const added = await queue.addJobs(jobs);
    for (const id of added) await fleet.waitForJob(id, 'completed');
    await queue.addJob('nobodys', {}, 'normal', { id: 'stays', tags: ['a'] });
    expect(await queue.cleanup(0)).toBe(30);
    await vi.waitFor(async () => expect(await entries()).toEqual([at('tags.a.nobodys.stays')]));
  });

  it('keeps the entry of an ended job as long as its record', async () => {
    await queue.addJob('quick', {}, 'normal', { id: 'done', tags: ['a'] });
    await fleet.waitForJob('done', 'completed');
    const broker = await queue.broker();
    const entry = async () => (await broker.tags.page(at('tags.a.quick.done'), 'oldest', 1, 1))[0];
    await vi.waitFor(async () => expect((await entry())?.headers.get('Nats-TTL')).toBe(`${7 * 86_400}s`));
    await queue.addJob('nobodys', {}, 'normal', { id: 'cancelled', tags: ['a'] });
    await queue.cancel('cancelled');
    const [cancelled] = await broker.tags.page(at('tags.a.nobodys.cancelled'), 'oldest', 1, 1);
    expect(cancelled?.headers.get('Nats-TTL')).toBe(`${7 * 86_400}s`);
  });

  it('finds a job that is retried as one that waits', async () => {
    await queue.addJob('broken', {}, 'normal', { id: 'again', tags: ['a'] });
    await fleet.waitForJob('again', 'rejected');
    await Promise.all(fleet.workers.map((worker) => worker.shutdown()));
    await queue.retry('again');
    expect(await ids({ tags: ['a'], status: 'pending' })).toEqual(['again']);
    const broker = await queue.broker();
    const [entry] = await broker.tags.page(at('tags.a.broken.again'), 'oldest', 1, 1);
    expect(entry?.headers.get('Nats-TTL')).toBe('');
  });

  it('is repaired by a sweep where a process died between entry and job, or after the end of a job', async () => {
    await queue.addJob('quick', {}, 'normal', { id: 'done', tags: ['a'] });
    await fleet.waitForJob('done', 'completed');
    const broker = await queue.broker();
    const ttl = async () =>
      (await broker.tags.page(at('tags.>'), 'oldest', 1, 9))[0]?.headers.get('Nats-TTL');
    await vi.waitFor(async () => expect(await ttl()).not.toBe(''));
    // As if its worker had died before it wrote the end.
    await broker.tags.open([{ id: 'done', type: 'quick', tags: ['a'] }]);
    await broker.tags.open([{ id: 'never-came', type: 'quick', tags: ['a'] }]);
    await queue.addJob('nobodys', {}, 'normal', { id: 'waits', tags: ['a'] });
    expect(await new TagCheck(broker).run(60_000)).toEqual([]);
    const found = await new TagCheck(broker).run(-1_000);
    expect(found.map(({ finding: { code, target } }) => [code, target])).toEqual([
      ['tag_left_over', 'done'],
      ['tag_left_over', 'never-came'],
    ]);
    for (const { mend } of found) await mend?.();
    expect(await new TagCheck(broker).run(-1_000)).toEqual([]);
    await vi.waitFor(
      async () =>
        expect(new Set(await entries())).toEqual(
          new Set([at('tags.a.quick.done'), at('tags.a.nobodys.waits')]),
        ),
      5_000,
    );
  });

  it('is made once by many processes that add at the same moment', async () => {
    const queues = Array.from(
      { length: 8 },
      () => new JobQueueService({ servers: nats.url, namespace: fleet.namespace }),
    );
    const added = await Promise.all(
      queues.map((each, n) => each.addJob('nobodys', {}, 'normal', { id: `job-${n}`, tags: ['a'] })),
    );
    expect((await ids({ tags: ['a'] })).toSorted()).toEqual(added);
    await Promise.all(queues.map((each) => each.close()));
  });
});

describe('what cannot be a tag is refused before anything is stored', () => {
  it.each([
    ['a blank', ['two words']],
    ['a comma', ['a,b']],
    ['a wildcard', ['tenant:*']],
    ['an empty text', ['']],
    ['a leading colon', [':a']],
    ['a long one', ['a'.repeat(65)]],
    ['a number', [7]],
    ['too many', Array.from({ length: 11 }, (_, n) => `t${n}`)],
    ['no list', 'tenant:acme'],
  ])('%s', async (_, tags) => {
    await expect(
      queue.addJob('quick', {}, 'normal', { id: 'x', tags: tags as string[] }),
    ).rejects.toMatchObject({
      code: 'JETFLEET_TAG_INVALID',
    });
    await expect(queue.getJobs({ tags: tags as string[] })).rejects.toMatchObject({
      code: 'JETFLEET_TAG_INVALID',
    });
    expect(await queue.getJob('x')).toBeUndefined();
  });

  it('a tag that a type makes, and tags of a type that are neither list nor function', async () => {
    const wrong = defineJob({ type: 'wrong', tags: () => ['not a tag'] });
    await expect(queue.add(wrong, {})).rejects.toMatchObject({ code: 'JETFLEET_TAG_INVALID' });
    const failing = defineJob({
      type: 'failing',
      tags: (payload: unknown) => [(payload as { a: { b: string } }).a.b],
    });
    await expect(queue.add(failing, {})).rejects.toThrow(/tags of failing failed for the payload/);
    expect(() => defineJob({ type: 'none', tags: 'a' as never })).toThrow(/must be an array or a function/);
  });
});
