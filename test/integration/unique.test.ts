import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, JobQueueService, type UniqueOptions } from '../../src/index.js';
import { ANY } from '../../src/wire/subjects.js';
import { type Claim, keyToken } from '../../src/wire/unique-claim.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { aborted, type Gate, gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let queue: JobQueueService;
let number = 0;
let key: string;
/** Holds the handlers of `held` until it is opened. */
let hold: Gate;
/** Whether `failing` waits until then, too. */
let failsLater = false;
/** The payloads of the jobs that `report` was given. */
const ran: unknown[] = [];

const report = defineJob({ type: 'report', payload: z.object({ n: z.number() }) });
const held = defineJob({ type: 'held' });
/** Nobody handles it. */
const waits = defineJob({ type: 'waits' });

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({
    nats,
    handlers: {
      report: ({ payload }) => {
        ran.push(payload);
        return payload;
      },
      held: ({ signal }) => Promise.race([hold.opened, aborted(signal)]),
      failing: {
        maxAttempts: 1,
        handler: async () => {
          if (failsLater) await hold.opened;
          throw new Error('no paper');
        },
      },
    },
  });
  queue = fleet.queue;
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});
beforeEach(() => {
  number++;
  key = `key ${number} of ü/*.>`;
  hold = gate();
  failsLater = false;
});
afterEach(() => hold.open());

const another = () => new JobQueueService({ servers: fleet.url, namespace: fleet.namespace });
const claimsOf = async (type: string, scope: 'active' | 'period' | 'waiting' = 'active') => {
  const broker = await queue.broker();
  return broker.unique.read(type, { key, scope });
};

describe('a key for as long as its job is active', () => {
  test('names one job until that has ended, and then the next', async () => {
    const first = await queue.add(report, { n: 1 }, { delayMs: 500, unique: { key } });
    expect(first).toEqual({ id: expect.any(String), created: true });
    expect(await queue.add(report, { n: 2 }, { unique: { key } })).toEqual({ id: first.id, created: false });
    expect(await queue.getJob(first.id)).toMatchObject({
      unique: { key, scope: 'active' },
      payload: { n: 1 },
    });
    await fleet.waitForJob(first.id, 'completed');
    const second = await queue.add(report, { n: 3 }, { unique: { key } });
    expect(second).toEqual({ id: expect.not.stringContaining(first.id), created: true });
  });

  test('is of one type alone', async () => {
    const one = await queue.add(waits, {}, { unique: { key } });
    const other = await queue.addJob('waits_too', {}, 'normal', { unique: { key } });
    expect(one.created && other !== one.id).toBe(true);
  });

  test('makes one job of many calls at once, on many connections, and all but one are told', async () => {
    const queues = Array.from({ length: 16 }, another);
    const added = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        (queues[n % 16] as JobQueueService).add(waits, { n }, { unique: { key } }),
      ),
    );
    expect(new Set(added.map(({ id }) => id)).size).toBe(1);
    expect(added.filter(({ created }) => created)).toHaveLength(1);
    await Promise.all(queues.map((each) => each.close()));
  });

  test('is never active twice while workers take the jobs and many processes add', async () => {
    const queues = Array.from({ length: 8 }, another);
    const until = Date.now() + 3_000;
    const ids = new Set<string>();
    let told = 0;
    await Promise.all(
      queues.map(async (each) => {
        for (let n = 0; Date.now() < until; n++) {
          const { id, created } = await each.add(report, { n }, { unique: { key } });
          if (created) expect(ids.has(id)).toBe(false);
          if (created) ids.add(id);
          told++;
        }
      }),
    );
    expect(told).toBeGreaterThan(ids.size);
    const spans = await Promise.all(
      [...ids].map(async (id) => {
        const { createdAt, finishedAt = '' } = await fleet.waitForJob(id, 'completed');
        return [createdAt, finishedAt] as const;
      }),
    );
    spans.sort(([a], [b]) => a.localeCompare(b));
    for (const [n, [, ended]] of spans.slice(0, -1).entries())
      expect(Date.parse(spans[n + 1]?.[0] ?? '')).toBeGreaterThanOrEqual(Date.parse(ended) - 5);
    await Promise.all(queues.map((each) => each.close()));
  });

  test('is refused with the job that has it, when the call wants to hear that', async () => {
    const { id } = await queue.add(waits, {}, { unique: { key } });
    const refused = queue.add(waits, {}, { unique: { key, onConflict: 'reject' } });
    await expect(refused).rejects.toMatchObject({
      code: 'JETFLEET_UNIQUE_TAKEN',
      jobId: id,
      message: expect.stringContaining(id),
    });
  });

  test('goes to the new job where the old one has not begun', async () => {
    const first = await queue.add(waits, { n: 1 }, { unique: { key } });
    const second = await queue.add(waits, { n: 2 }, { unique: { key, onConflict: 'replace' } });
    expect(second).toEqual({ id: expect.any(String), created: true, replaced: first.id });
    expect(await queue.getJob(first.id)).toMatchObject({ state: 'cancelled' });
    expect(await queue.getJob(second.id)).toMatchObject({ state: 'queued', payload: { n: 2 } });
  });

  test('stays with a job that runs, unless that is to be cancelled', async () => {
    const { id } = await queue.add(held, {}, { unique: { key } });
    await fleet.waitForJob(id, 'running');
    expect(await queue.add(held, {}, { unique: { key, onConflict: 'replace' } })).toEqual({
      id,
      created: false,
    });
    const next = await queue.add(held, {}, { unique: { key, onConflict: 'cancel-running' } });
    expect(next).toMatchObject({ created: true, replaced: id });
    expect(await queue.getJob(id)).toMatchObject({ state: 'cancelled' });
  });

  test('is taken over also where a stranger has written among the events of its job', async () => {
    const unique: UniqueOptions = { key, onConflict: 'replace' };
    const first = await queue.add(waits, { n: 1 }, { unique });
    const { connection, subjects } = await queue.broker();
    await connection.request(subjects.event(waits.type, 'processing', first.id), 'no record');
    expect(await queue.add(waits, { n: 2 }, { unique })).toMatchObject({ created: true, replaced: first.id });
  });

  test('is one of many that replace each other at once', async () => {
    const unique: UniqueOptions = { key, onConflict: 'replace' };
    const added = await Promise.all(
      Array.from({ length: 12 }, (_, n) => queue.add(waits, { n }, { unique })),
    );
    const jobs = await Promise.all(added.map(({ id }) => queue.getJob(id)));
    expect(jobs.filter((job) => job?.state === 'queued')).toHaveLength(1);
    expect(jobs.filter((job) => job?.state === 'cancelled')).toHaveLength(11);
  });

  test('is made of the payload by the type of the job, unless the call says otherwise', async () => {
    const perUser = defineJob({
      type: 'per_user',
      payload: z.object({ user: z.string() }),
      unique: { key: ({ user }) => user },
    });
    const one = await queue.add(perUser, { user: 'ann' });
    expect(await queue.add(perUser, { user: 'ann' })).toEqual({ id: one.id, created: false });
    expect(await queue.add(perUser, { user: 'bob' })).toMatchObject({ created: true });
    expect(await queue.add(perUser, { user: 'ann' }, { unique: false })).toMatchObject({ created: true });
    const [same, other] = await queue.addJobs([perUser.of({ user: 'ann' }), perUser.of({ user: 'eve' })]);
    expect(same).toBe(one.id);
    expect(other).not.toBe(one.id);
  });

  test('holds for jobs of one list', async () => {
    const ids = await queue.addJobs(
      Array.from({ length: 5 }, (_, n) => waits.of({ n }, { unique: { key } })),
    );
    expect(new Set(ids).size).toBe(1);
  });

  test('is claimed with those of a whole list, each in one message', async () => {
    const { connection, subjects } = await queue.broker();
    let claims = 0;
    const listening = connection.subscribe(subjects.uniqueKey(waits.type, 'active', ANY), {
      callback: (_, message) => {
        if ((message.json() as Claim).job) claims++;
      },
    });
    await queue.addJobs(
      Array.from({ length: 200 }, (_, n) => waits.of({ n }, { unique: { key: `${key} ${n}` } })),
    );
    await connection.flush();
    listening.unsubscribe();
    expect(claims).toBe(200);
  });

  test('lets a call with an id of its own be repeated, whoever has the key', async () => {
    const own = { id: `own-${number}`, unique: { key } };
    expect(await queue.add(report, { n: 1 }, own)).toEqual({ id: own.id, created: true });
    await fleet.waitForJob(own.id, 'completed');
    const other = await queue.add(report, { n: 2 }, { delayMs: 60_000, unique: { key } });
    expect(other.created).toBe(true);
    expect(await queue.add(report, { n: 1 }, own)).toEqual({ id: own.id, created: false });
    await expect(queue.add(report, { n: 9 }, own)).rejects.toMatchObject({ code: 'JETFLEET_ID_TAKEN' });
  });

  test('is given back when its job has ended, however it ended', async () => {
    const { id } = await queue.add(report, { n: 1 }, { unique: { key } });
    await fleet.waitForJob(id, 'completed');
    await expect.poll(() => claimsOf('report')).toEqual({ seq: 0 });
    const cancelled = await queue.add(waits, {}, { unique: { key } });
    await queue.cancel(cancelled.id);
    expect(await claimsOf('waits')).toEqual({ seq: 0 });
  });
});

describe('a job that is run again', () => {
  test('takes its key, and waits for nobody', async () => {
    const id = await queue.addJob('failing', {}, 'normal', { unique: { key } });
    await fleet.waitForJob(id, 'exhausted');
    failsLater = true;
    await queue.retry(id);
    const { id: holder } = await addFailing('existing');
    expect(holder).toBe(id);
    hold.open();
    await fleet.waitForJob(id, ({ redrives, state }) => redrives === 1 && state === 'exhausted');
  });

  test('is refused while another one has its key', async () => {
    const id = await queue.addJob('failing', {}, 'normal', { unique: { key } });
    await fleet.waitForJob(id, 'exhausted');
    const other = await queue.addJob('failing', {}, 'normal', { unique: { key }, delayMs: 60_000 });
    await expect(queue.retry(id)).rejects.toMatchObject({ code: 'JETFLEET_UNIQUE_TAKEN', jobId: other });
    expect(await queue.retryAll({ type: 'failing' })).not.toContain(id);
    await queue.cancel(other);
    expect(await queue.retry(id)).toMatchObject({ state: 'queued' });
  });

  test('comes too late where its key has gone to another one in between', async () => {
    const id = await queue.addJob('failing', {}, 'normal', { unique: { key } });
    await fleet.waitForJob(id, 'exhausted');
    const { seq = 0 } = (await queue.getVersion(id)) ?? {};
    const broker = await queue.broker();
    const { seq: before } = await claimsOf('failing');
    // As somebody does who dies, or is frozen, before the job is queued again.
    await broker.unique.claim(
      'failing',
      { key, scope: 'active' },
      { id, key, sinceMs: Date.now(), afterSeq: seq },
      before,
    );
    const other = await queue.addJob('failing', {}, 'normal', { unique: { key }, delayMs: 60_000 });
    expect(other).not.toBe(id);
    await expect(queue.retry(id, { ifSeq: seq })).rejects.toMatchObject({
      code: 'JETFLEET_VERSION_MISMATCH',
    });
  });

  const addFailing = async (onConflict: 'existing') => ({
    id: await queue.addJob('failing', {}, 'normal', { unique: { key, onConflict } }),
  });
});

describe('an adder that dies between its two writes', () => {
  const claimOf = (id: string, ageMs: number, more: Partial<Claim> = {}): Claim => ({
    id,
    key,
    sinceMs: queue.now() - ageMs,
    job: {
      request: {
        id,
        type: 'waits',
        priority: 'normal',
        payload: { of: 'the dead' },
        createdAt: new Date().toISOString(),
        unique: { key, scope: 'active' },
      },
    },
    ...more,
  });
  const claim = async (each: Claim) => {
    const broker = await queue.broker();
    await broker.unique.claim('waits', { key, scope: 'active' }, each, 0);
  };

  test('has added its job, as soon as anybody asks for the key', async () => {
    const id = '01KAAAAAAAAAAAAAAAAAAAAAA1';
    await claim(claimOf(id, 0));
    const queues = Array.from({ length: 8 }, another);
    const added = await Promise.all(
      queues.map((each) => each.add(waits, { of: 'the living' }, { unique: { key } })),
    );
    expect(added).toEqual(queues.map(() => ({ id, created: false })));
    expect(await queue.getJob(id)).toMatchObject({
      state: 'queued',
      payload: { of: 'the dead' },
      unique: { key },
    });
    await Promise.all(queues.map((each) => each.close()));
  });

  test('has added nothing after a minute; the next job takes its place, so that it cannot come back', async () => {
    const id = '01KAAAAAAAAAAAAAAAAAAAAAA2';
    await claim(claimOf(id, 61_000));
    expect(await queue.add(waits, { of: 'the living' }, { unique: { key } })).toEqual({ id, created: true });
    expect(await queue.getJob(id)).toMatchObject({ payload: { of: 'the living' } });
    // It was only frozen.
    const broker = await queue.broker();
    const late = claimOf(id, 61_000).job?.request;
    await expect(broker.jobs.enqueue(late as NonNullable<typeof late>)).rejects.toMatchObject({
      code: 'JETFLEET_CONFLICT',
    });
  });

  test('has added nothing after a minute, also under an id of its own', async () => {
    const id = `dead-${number}`;
    await claim(claimOf(id, 61_000, { isNamed: true }));
    const added = await queue.add(waits, { of: 'the living' }, { unique: { key } });
    expect(added).toMatchObject({ created: true });
    expect(added.id).not.toBe(id);
    expect(await queue.getJob(id)).toMatchObject({
      state: 'cancelled',
      error: { code: 'JETFLEET_CANCELLED' },
    });
  });

  test('leaves a message that runs no handler, should it wake up', async () => {
    const id = `late-${number}`;
    const dead = claimOf(id, 61_000, { isNamed: true });
    const request = { ...dead.job?.request, id, type: 'report', payload: { n: -1 } } as NonNullable<
      Claim['job']
    >['request'];
    const broker = await queue.broker();
    await broker.unique.claim('report', { key, scope: 'active' }, { ...dead, job: { request } }, 0);
    await queue.add(report, { n: 1 }, { unique: { key } });
    await broker.jobs.enqueue(request);
    const after = await queue.addJob('report', { n: 2 });
    await fleet.waitForJob(after, 'completed');
    expect(ran).not.toContainEqual({ n: -1 });
    expect(await queue.getJob(id)).toMatchObject({ state: 'cancelled' });
  });

  test('holds up nobody where its record is gone', async () => {
    const { id } = await queue.add(report, { n: 1 }, { unique: { key } });
    await fleet.waitForJob(id, 'completed');
    await expect.poll(() => claimsOf('report')).toEqual({ seq: 0 });
    await queue.cleanup(0);
    const broker = await queue.broker();
    // As where the key could not be given back.
    await broker.unique.claim(
      'report',
      { key, scope: 'active' },
      { id, key, sinceMs: queue.now() - 1_000 },
      0,
    );
    const next = await queue.add(report, { n: 2 }, { unique: { key } });
    expect(next.created).toBe(true);
    await fleet.waitForJob(next.id, 'completed');
  });

  test('is not taken for a stranger that writes nonsense', async () => {
    const { connection, subjects } = await queue.broker();
    const subject = subjects.uniqueKey('waits', 'active', keyToken(key));
    await connection.request(subject, '{"v":1,"id":"../x"}');
    expect(await queue.add(waits, {}, { unique: { key } })).toMatchObject({ created: true });
  });
});

describe('a key for a period', () => {
  test('lets one job through for each', async () => {
    const unique: UniqueOptions = { key, for: 1_000 };
    const first = await queue.add(report, { n: 1 }, { unique });
    await fleet.waitForJob(first.id, 'completed');
    expect(await queue.add(report, { n: 2 }, { unique })).toEqual({ id: first.id, created: false });
    const refused = queue.add(report, { n: 3 }, { unique: { ...unique, onConflict: 'reject' } });
    await expect(refused).rejects.toMatchObject({ jobId: first.id, retryAfterMs: expect.any(Number) });
    await delay(1_100);
    expect(await queue.add(report, { n: 4 }, { unique })).toMatchObject({ created: true });
  });

  test('lets one through of many at once, also when the record is cleaned up', async () => {
    const unique: UniqueOptions = { key, for: 60_000 };
    const added = await Promise.all(
      Array.from({ length: 32 }, (_, n) => queue.add(report, { n }, { unique })),
    );
    expect(added.filter(({ created }) => created)).toHaveLength(1);
    const id = added[0]?.id ?? '';
    await fleet.waitForJob(id, 'completed');
    await queue.cleanup(0);
    expect(await queue.getJob(id)).toBeUndefined();
    expect(await queue.add(report, { n: 99 }, { unique })).toEqual({ id, created: false });
  });

  test('has the last one wait in it, where that is wanted', async () => {
    const unique: UniqueOptions = { key, for: 60_000, onConflict: 'replace' };
    const first = await queue.add(waits, { n: 1 }, { unique });
    expect(await queue.add(waits, { n: 2 }, { unique })).toMatchObject({ created: true, replaced: first.id });
  });

  test('is forgotten by the broker', async () => {
    await queue.add(waits, {}, { unique: { key, for: 1_000 } });
    expect((await claimsOf('waits', 'period')).seq).toBeGreaterThan(0);
    await expect.poll(() => claimsOf('waits', 'period')).toEqual({ seq: 0 });
  });
});

describe('a debounced job', () => {
  test('waits until no call comes any more, and has the payload of the last one', async () => {
    const debounce = { key, delayMs: 700 };
    const first = await queue.add(report, { n: 1000 }, { debounce });
    expect(first.created).toBe(true);
    for (let n = 1; n < 5; n++) {
      await delay(200);
      expect(await queue.add(report, { n: 1000 + n }, { debounce })).toEqual({
        id: first.id,
        created: false,
      });
    }
    const { payload, createdAt, startedAt = '' } = await fleet.waitForJob(first.id, 'completed');
    expect(payload).toEqual({ n: 1004 });
    expect(Date.parse(startedAt) - Date.parse(createdAt)).toBeGreaterThanOrEqual(1_400);
    expect(ran).not.toContainEqual({ n: 1000 });
  });

  test('waits no longer than its maximum', async () => {
    const debounce = { key, delayMs: 400, maxDelayMs: 1_000 };
    const began = Date.now();
    const { id } = await queue.add(report, { n: 0 }, { debounce });
    let next = id;
    while (next === id && Date.now() - began < 10_000) {
      await delay(50);
      next = (await queue.add(report, { n: 1 }, { debounce })).id;
    }
    expect(Date.now() - began).toBeLessThan(3_000);
    await fleet.waitForJob(id, 'completed');
    await fleet.waitForJob(next, 'completed');
  });

  test('is new for the call that has begun it, also where another one sets its timer first', async () => {
    await using other = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
    const debounce = { key, delayMs: 60_000 };
    const { unique } = await queue.broker();
    const claim = unique.claim.bind(unique);
    let second: unknown;
    vi.spyOn(unique, 'claim').mockImplementationOnce(async (...args) => {
      const seq = await claim(...args);
      second = await other.add(waits, { n: 2 }, { debounce });
      return seq;
    });
    const first = await queue.add(waits, { n: 1 }, { debounce });
    expect([first, second]).toEqual([
      { id: first.id, created: true },
      { id: first.id, created: false },
    ]);
  });

  test('is one job of many calls at once', async () => {
    const queues = Array.from({ length: 8 }, another);
    const debounce = { key, delayMs: 60_000 };
    const added = await Promise.all(
      Array.from({ length: 32 }, (_, n) =>
        (queues[n % 8] as JobQueueService).add(waits, { n }, { debounce }),
      ),
    );
    expect(new Set(added.map(({ id }) => id)).size).toBe(1);
    expect(added.filter(({ created }) => created)).toHaveLength(1);
    await Promise.all(queues.map((each) => each.close()));
  });

  test('begins anew after it was cancelled', async () => {
    const debounce = { key, delayMs: 60_000 };
    const { id } = await queue.add(waits, {}, { debounce });
    await queue.cancel(id);
    const next = await queue.add(waits, {}, { debounce });
    expect(next.created && next.id !== id).toBe(true);
  });
});

test('a job without a key makes no stream', async () => {
  await using plain = new JobQueueService({ servers: fleet.url, namespace: 'plain' });
  await plain.addJob('waits', {});
  const { topology } = await plain.broker();
  const report = await topology.extra(['unique'], false);
  expect(report.missing).toEqual(['stream PLAIN_UNIQUE']);
});

test('what is wrong is refused with its value, before anything is stored', async () => {
  const wrong = (options: object) => queue.add(waits, {}, options as never);
  const cases: [object, RegExp][] = [
    [{ unique: { key: '' } }, /unique\.key "?"? ?must be 1 to 200/],
    [{ unique: { key: 7 } }, /unique\.key 7/],
    [{ unique: { key: 'x'.repeat(201) } }, /unique\.key/],
    [{ unique: { key, for: 'ever' } }, /unique\.for "?ever/],
    [{ unique: { key, for: 999 } }, /unique\.for .*got 999/],
    [{ unique: { key, onConflict: 'explode' } }, /unique\.onConflict "?explode/],
    [{ unique: { key, ttl: 5 } }, /unique has no "ttl"/],
    [{ unique: true }, /unique must be an object/],
    [
      {
        unique: {
          key: () => {
            throw new Error('no user');
          },
        },
      },
      /unique\.key failed: no user/,
    ],
    [{ unique: { key: () => undefined } }, /unique\.key undefined/],
    [{ debounce: { key } }, /debounce needs delayMs/],
    [{ debounce: { key, delayMs: 0 } }, /debounce\.delayMs .*got 0/],
    [{ debounce: { key, delayMs: 10, maxDelayMs: 5 } }, /debounce\.maxDelayMs .*got 5/],
    [{ debounce: { key, delayMs: 10 }, unique: { key } }, /exclude each other/],
    [{ debounce: { key, delayMs: 10 }, delayMs: 5 }, /debounce and delayMs exclude/],
    [{ debounce: { key, delayMs: 10 }, id: 'x' }, /debounce and id exclude/],
  ];
  for (const [options, message] of cases) {
    const refused = expect.objectContaining({
      code: 'JETFLEET_OPTION_INVALID',
      message: expect.stringMatching(message),
    });
    await expect(wrong(options), JSON.stringify(options)).rejects.toEqual(refused);
  }
  expect(() => defineJob({ type: 'bad', unique: { key: '' } })).toThrow(/bad: unique\.key/);
});
