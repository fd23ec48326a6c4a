import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type HandlerOptions,
  JobQueueService,
  JobWorkerService,
  RetryableError,
  snooze,
} from '../../src/index.js';
import type { JobPriority } from '../../src/jobs/vocabulary.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

let count = 0;
interface Payload {
  tenant?: string;
  ms?: number;
  n?: number;
}

/** Workers on connections of their own, whose jobs note who runs at once under each key. */
async function fleet(
  workers: number,
  options: Partial<HandlerOptions<Payload>>,
  handle?: HandlerOptions<Payload>['handler'],
) {
  const namespace = `limits${count++}`;
  const connect = () => new JobQueueService({ servers: nats.url, namespace, ackWaitMs: 2_000 });
  const queue = connect();
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const started: Payload[] = [];
  const all: { queue: JobQueueService; worker: JobWorkerService }[] = [];
  for (let each = 0; each < workers; each++) {
    const own = connect();
    const worker = new JobWorkerService(own, { sweep: false, name: `w${each}` });
    worker.registerHandler<Payload>('work', {
      concurrency: 50,
      ...options,
      handler: async (job) => {
        const { tenant = '' } = job.payload;
        const now = (running.get(tenant) ?? 0) + 1;
        running.set(tenant, now);
        most.set(tenant, Math.max(most.get(tenant) ?? 0, now));
        started.push(job.payload);
        try {
          return handle ? await handle(job) : await delay(job.payload.ms ?? 2);
        } finally {
          running.set(tenant, (running.get(tenant) ?? 0) - 1);
        }
      },
    });
    all.push({ queue: own, worker });
  }
  const start = () => Promise.all(all.map(({ worker }) => worker.start()));
  const add = (payloads: Payload[], priority: JobPriority = 'normal') =>
    queue.addJobs(payloads.map((payload) => ({ type: 'work', payload, priority })));
  const ended = (ids: readonly string[], timeout = 60_000) =>
    vi.waitFor(
      async () => {
        const jobs = await Promise.all(ids.map((id) => queue.getJob(id)));
        expect(jobs.filter((job) => job?.status !== 'completed').map((job) => job?.state)).toEqual([]);
      },
      { timeout, interval: 50 },
    );
  const close = async () => {
    await Promise.all(all.map(({ worker }) => worker.shutdown(2_000)));
    await Promise.all([...all.map((each) => each.queue.close()), queue.close()]);
  };
  return { queue, most, running, started, workers: all, start, add, ended, close };
}

const byTenant = { limits: [{ key: 'tenant', concurrency: 3 }] };

describe('concurrency by key', () => {
  it('never runs more than three of a key at once in three workers, and runs them all', async () => {
    const { start, add, ended, most, queue, close } = await fleet(3, byTenant);
    await start();
    const payloads = Array.from({ length: 100 }, (_, n) => ({ tenant: `t${n % 5}`, ms: n % 7 }));
    await ended(await add(payloads));
    expect(Math.max(...most.values())).toBe(3);
    expect(most.size).toBe(5);
    expect((await queue.getStats()).limitedJobs).toBe(0);
    await close();
  });

  it('shows a job that waits for a permit as queued, with what it waits for, and without a slot', async () => {
    const gates: (() => void)[] = [];
    const { start, add, ended, workers, queue, close } = await fleet(
      1,
      byTenant,
      () => new Promise<void>((open) => gates.push(open)),
    );
    await start();
    const ids = await add(Array.from({ length: 5 }, () => ({ tenant: 'a' })));
    await vi.waitFor(async () => expect((await queue.getStats()).limitedJobs).toBe(2));
    const waiting = { state: 'queued', limit: 'work/tenant', key: 'a', attempt: 0 };
    // A job that runs is shown as queued until its claim is written, 100 ms later.
    await vi.waitFor(async () => {
      const { jobs } = await queue.getJobs({ status: 'pending' });
      const shown = jobs.map(({ state, limited, attempt }) => ({
        state,
        limit: limited?.limit,
        key: limited?.key,
        attempt,
      }));
      expect(shown).toEqual([waiting, waiting]);
    });
    expect(workers[0]?.worker.running).toHaveLength(3);
    await vi.waitFor(() => {
      for (const open of gates.splice(0)) open();
      return ended(ids, 100);
    });
    expect((await queue.getJob(ids[4] as string))?.attempt).toBe(1);
    await close();
  });

  it('keeps the tags and the unique key of a job that it calls from the line', async () => {
    const { open, opened } = gate();
    const limits = [{ key: 'tenant', concurrency: 1 }];
    const { queue, start, started, ended, close } = await fleet(1, { limits }, () => opened);
    await start();
    const first = await queue.addJob('work', { tenant: 'a' });
    await vi.waitFor(() => expect(started).toHaveLength(1), { interval: 10 });
    const options = { tags: ['nightly'], unique: { key: 'one' } };
    const second = await queue.addJob('work', { tenant: 'a' }, 'normal', options);
    await vi.waitFor(async () => expect((await queue.getStats()).limitedJobs).toBe(1), { interval: 20 });
    open();
    await ended([first, second]);
    expect(await queue.getJob(second)).toMatchObject({ tags: ['nightly'], unique: { key: 'one' } });
    await vi.waitFor(async () =>
      expect(await queue.addJob('work', { tenant: 'a' }, 'normal', options)).not.toBe(second),
    );
    await close();
  });

  it('calls those that wait by priority, then in the order in which they came', async () => {
    const gates: (() => void)[] = [];
    const limits = [{ key: 'tenant', concurrency: 1 }];
    const { start, add, ended, started, queue, close } = await fleet(
      1,
      { limits },
      () => new Promise<void>((open) => gates.push(open)),
    );
    await start();
    const ids = await add([{ tenant: 'a', n: 0 }]);
    await vi.waitFor(() => expect(started).toHaveLength(1));
    for (const [n, priority] of (['low', 'normal', 'normal', 'high', 'critical'] as const).entries()) {
      ids.push(...(await add([{ tenant: 'a', n: n + 1 }], priority)));
      await vi.waitFor(async () => expect((await queue.getStats()).limitedJobs).toBe(n + 1));
    }
    await vi.waitFor(() => {
      for (const open of gates.splice(0)) open();
      return ended(ids, 100);
    });
    expect(started.map(({ n }) => n)).toEqual([0, 5, 4, 2, 3, 1]);
    await close();
  });

  it('gives the permit back while a job waits for its next attempt or its next look, and burns no attempt by waiting', async () => {
    const limits = [{ key: 'tenant', concurrency: 1 }];
    const { start, add, ended, most, queue, close } = await fleet(
      2,
      { limits, retry: { baseMs: 50 } },
      async ({ payload, attempt, checkpoint }) => {
        await delay(20);
        if (payload.n === 0 && attempt === 1) throw new RetryableError('again');
        if (payload.n === 1 && checkpoint === undefined) return snooze(100, 1);
        return undefined;
      },
    );
    await start();
    const ids = await add(Array.from({ length: 8 }, (_, n) => ({ tenant: 'a', n })));
    await ended(ids);
    expect(most.get('a')).toBe(1);
    const attempts = await Promise.all(ids.map(async (id) => (await queue.getJob(id))?.attempt));
    expect(attempts).toEqual([2, 1, 1, 1, 1, 1, 1, 1]);
    await close();
  });
});

describe('several limits and rates', () => {
  it('takes all permits of a job or none, and keeps both limits', async () => {
    let now = 0;
    let most = 0;
    let begun = 0;
    let together = gate();
    const limits = [
      { key: 'tenant', concurrency: 3 },
      { per: 'type' as const, concurrency: 4 },
    ];
    const {
      start,
      add,
      ended,
      most: byKey,
      queue,
      close,
    } = await fleet(2, { limits }, async () => {
      most = Math.max(most, ++now);
      const { open, opened } = together;
      // Six times, four of them end only once four run: a permit that nobody is given would keep them waiting for ever.
      if (++begun <= 24) {
        if (begun % 4 === 0) {
          together = gate();
          open();
        }
        await opened;
      }
      await delay(10);
      now--;
    });
    await start();
    await ended(await add(Array.from({ length: 40 }, (_, n) => ({ tenant: `t${n % 4}` }))));
    expect(most).toBe(4);
    expect([...byKey.values()].every((each) => each <= 3)).toBe(true);
    await vi.waitFor(async () => {
      const shown = await queue.limits.list();
      expect(shown.flatMap(({ held, waiting }) => [held.length, waiting])).toEqual(
        shown.flatMap(() => [0, 0]),
      );
    });
    await close();
  });

  it('are listed with those that wait for the first 100 keys, of whose messages few are read at once', async () => {
    const KEYS = 104;
    const { open, opened } = gate();
    const limits = [{ key: 'tenant', concurrency: 1 }];
    const { start, add, ended, queue, close } = await fleet(
      1,
      { limits, concurrency: 2 * KEYS },
      () => opened,
    );
    const tenants = Array.from({ length: KEYS }, (_, n) => ({ tenant: `t${n}` }));
    const ids = await add([...tenants, ...tenants]);
    await start();
    const waiting = async () => (await queue.limits.list()).reduce((sum, each) => sum + each.waiting, 0);
    await expect.poll(waiting).toBe(KEYS);
    const { read } = await queue.broker();
    const page = read.page.bind(read);
    let [reading, most] = [0, 0];
    const spy = vi.spyOn(read, 'page').mockImplementation(async (...asked) => {
      most = Math.max(most, ++reading);
      return page(...asked).finally(() => reading--);
    });
    const shown = await queue.limits.list();
    expect(shown.map((limit) => limit.waiters.length).filter((named) => named === 1)).toHaveLength(100);
    expect(most).toBeLessThanOrEqual(8);
    expect(await queue.limits.list({ key: shown.at(-1)?.key ?? '' })).toMatchObject([{ waiters: [{}] }]);
    spy.mockRestore();
    open();
    await ended(ids);
    await close();
  });

  it('takes turns between the keys that wait for a permit of all', async () => {
    const gates: (() => void)[] = [];
    const limits = [
      { key: 'tenant', concurrency: 5 },
      { per: 'type' as const, concurrency: 1 },
    ];
    const options = { limits, fairness: { weights: { b: 2 } } };
    const { start, add, ended, started, queue, close } = await fleet(
      1,
      options,
      () => new Promise<void>((open) => gates.push(open)),
    );
    await start();
    const ids = await add([{ tenant: 'a' }]);
    await vi.waitFor(() => expect(started).toHaveLength(1));
    ids.push(
      ...(await add([
        ...Array.from({ length: 4 }, () => ({ tenant: 'a' })),
        ...Array.from({ length: 4 }, () => ({ tenant: 'b' })),
      ])),
    );
    await vi.waitFor(async () => expect((await queue.getStats()).limitedJobs).toBe(8));
    await vi.waitFor(() => {
      for (const open of gates.splice(0)) open();
      return ended(ids, 100);
    });
    const order = started.slice(1).map(({ tenant }) => tenant);
    // Two of b to one of a, while both wait.
    expect(order.slice(0, 6).filter((tenant) => tenant === 'b')).toHaveLength(4);
    await close();
  });

  it('starts no more in any time than the rate allows', async () => {
    const at: number[] = [];
    const limits = [{ per: 'type' as const, rate: { max: 10, perMs: 500 } }];
    const { start, add, ended, close } = await fleet(
      2,
      { limits },
      async () => void at.push(performance.now()),
    );
    await start();
    await ended(await add(Array.from({ length: 60 }, () => ({}))));
    at.sort((a, b) => a - b);
    for (let n = 10; n < at.length; n++)
      expect((at[n] as number) - (at[n - 10] as number)).toBeGreaterThanOrEqual(500);
    await close();
  });

  it('closes the key of a provider that asks to slow down, and no other', async () => {
    const failed = new Set<string>();
    const at: Record<string, number[]> = { a: [], b: [] };
    const { start, add, ended, close } = await fleet(
      2,
      { limits: [{ key: 'tenant', concurrency: 1 }], retry: { baseMs: 1 } },
      async ({ payload: { tenant = '' } }) => {
        at[tenant]?.push(performance.now());
        if (tenant !== 'a' || failed.has(tenant)) return;
        failed.add(tenant);
        throw new RetryableError('429', { retryAfterMs: 1_500 });
      },
    );
    await start();
    const [first = ''] = await add([{ tenant: 'a' }]);
    await vi.waitFor(() => expect(at.a).toHaveLength(1));
    await delay(100);
    await ended([first, ...(await add([{ tenant: 'a' }, { tenant: 'b' }, { tenant: 'b' }]))]);
    const [began = 0, ...later] = at.a as number[];
    expect(Math.min(...later) - began).toBeGreaterThanOrEqual(1_500);
    expect(Math.max(...(at.b as number[])) - began).toBeLessThan(1_400);
    await close();
  });
});

describe('a limit inside a handler', () => {
  it('lets one call of two workers through at a time, and is set for all at once', async () => {
    let now = 0;
    let most = 0;
    let wanted = 1;
    const { start, add, ended, queue, close } = await fleet(2, {}, (job) =>
      job.limit('novita:account-1', async () => {
        most = Math.max(most, ++now);
        await vi.waitFor(() => expect(most).toBeGreaterThanOrEqual(wanted));
        await delay(15);
        now--;
      }),
    );
    await start();
    await queue.limits.set('novita', { concurrency: 1 });
    await ended(await add(Array.from({ length: 10 }, () => ({}))));
    expect(most).toBe(1);
    await queue.limits.set('novita', { concurrency: 4 });
    wanted = 4;
    await ended(await add(Array.from({ length: 20 }, () => ({}))));
    expect(most).toBe(4);
    expect(await queue.limits.settings()).toEqual({ novita: { concurrency: 4 } });
    await close();
  });

  it('refuses a limit that nobody has set', async () => {
    const { start, add, queue, close } = await fleet(1, { maxAttempts: 1 }, (job) =>
      job.limit('nobody:x', () => 1),
    );
    await start();
    const [id = ''] = await add([{}]);
    expect((await queue.ended(id)).error).toMatchObject({ code: 'JETFLEET_LIMIT_UNKNOWN' });
    await close();
  });
});

describe('what a limit may be', () => {
  const worker = () => new JobWorkerService(new JobQueueService({ servers: nats.url }));
  it.each([
    [[{ concurrency: 3 }], 'limits[0] of work needs a key'],
    [[{ key: 'tenant' }], 'needs concurrency'],
    [[{ key: 'tenant', per: 'type', concurrency: 1 }], 'needs a key'],
    [[{ key: 'tenant', concurrency: 0 }], 'an integer from 1 to 2000, got 0'],
    [[{ key: 'tenant', concurency: 3 }], 'has no "concurency"'],
    [[{ key: 'tenant', rate: { max: 1, perMs: 5 } }], 'an integer from 100'],
    [[{ key: 'a..b', concurrency: 3 }], 'must be a field'],
    [[], 'a list of 1 to 8'],
  ])('refuses %j', (limits, why) => {
    const register = () => worker().registerHandler('work', { limits: limits as never, handler: () => {} });
    expect(register).toThrow(
      expect.objectContaining({ code: 'JETFLEET_LIMIT_INVALID', message: expect.stringContaining(why) }),
    );
  });

  it('fails a job whose key cannot be made', async () => {
    const limits = [
      { key: (payload: Payload) => (payload.n as unknown as { x: { y: string } }).x.y, concurrency: 1 },
    ];
    const { start, add, queue, close } = await fleet(1, { limits });
    await start();
    const [id = ''] = await add([{ n: 1 }]);
    expect((await queue.ended(id)).error).toMatchObject({ code: 'JETFLEET_LIMIT_INVALID' });
    await close();
  });
});
