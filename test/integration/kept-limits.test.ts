import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, type JobHandler, JobQueueService, type JobRecord } from '../../src/index.js';
import { BrokerError } from '../../src/jobs/errors.js';
import { Limiter } from '../../src/queue/limits/limiter.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
afterEach(() => vi.restoreAllMocks());

const one = [{ per: 'type' as const, concurrency: 1 }];
/** A permit is renewed when a third of its lease is over, and that is three times as long. */
const ACK_WAIT_MS = 500;
const RENEWED_MS = 2 * ACK_WAIT_MS + 200;

/** What runs at once. */
function counted(work: JobHandler): { most: () => number; handler: JobHandler } {
  let now = 0;
  let most = 0;
  return {
    most: () => most,
    handler: async (job) => {
      most = Math.max(most, ++now);
      try {
        return await work(job);
      } finally {
        now--;
      }
    },
  };
}

/** As another worker writes that took the job over, failed, and left it to be tried again at once. */
async function tryAgain({ queue }: Fleet, running: JobRecord): Promise<void> {
  const broker = await queue.broker();
  const last = await broker.lastEvent(running.id);
  const retrying: JobRecord = {
    ...running,
    status: 'pending',
    state: 'retrying',
    worker: 'another',
    nextRunAt: new Date().toISOString(),
  };
  await broker.appendEvent(retrying, last?.seq ?? 0);
  await broker.jobs.enqueueAgain(retrying);
}

describe('a job with a limit that waits for something', () => {
  it('takes its permit again when a signal has woken it', async () => {
    const { most, handler } = counted(() => delay(100));
    const signalled: JobHandler = async (job) => {
      await job.waitForSignal('go');
      return handler(job);
    };
    await using fleet = await startFleet({
      nats,
      workers: 2,
      handlers: { woken: { limits: one, handler: signalled } },
    });
    const ids = await fleet.queue.addJobs([1, 2, 3, 4].map((payload) => ({ type: 'woken', payload })));
    await Promise.all(
      ids.map((id) => fleet.waitForJob(id, ({ state, waitsFor }) => state === 'waiting' && !!waitsFor)),
    );
    await Promise.all(ids.map((id) => fleet.queue.signal(id, 'go')));
    for (const id of ids) await fleet.waitForJob(id, 'completed');
    expect(most()).toBe(1);
  });

  it('has the tags of its type while it waits for a permit', async () => {
    const tagged = defineJob({ type: 'tagged', tags: () => ['of-type'], limits: one });
    await using fleet = await startFleet({ nats, handlers: {} });
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    fleet.workers[0]?.handle(tagged, () => gate);
    // Another process, which does not know the type.
    const stranger = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
    const first = await stranger.addJob('tagged', {});
    await fleet.waitForJob(first, 'running');
    const second = await stranger.addJob('tagged', {});
    const parked = await fleet.waitForJob(second, ({ limited }) => limited !== undefined);
    open();
    const ended = await fleet.waitForJob(second, 'completed');
    expect([parked.tags, ended.tags]).toEqual([['of-type'], ['of-type']]);
    await stranger.close();
  });
});

describe('what was set for a limit', () => {
  it('stays while permits of before are held and renewed', async () => {
    const limits = [{ per: 'type' as const, concurrency: 3 }];
    await using fleet = await startFleet({
      nats,
      queue: { ackWaitMs: ACK_WAIT_MS },
      handlers: { held: { limits, handler: ({ signal }) => delay(60_000, undefined, { signal }) } },
    });
    const { queue } = fleet;
    const ids = await queue.addJobs([1, 2].map((payload) => ({ type: 'held', payload })));
    for (const id of ids) await fleet.waitForJob(id, 'running');
    for (const concurrency of [1, 5]) {
      await queue.limits.set('held', { concurrency });
      await delay(RENEWED_MS);
      expect(await queue.limits.list()).toMatchObject([{ concurrency, held: [{}, {}] }]);
    }
  });

  it('stays while calls of before wait and renew their places', async () => {
    await using fleet = await startFleet({ nats, queue: { ackWaitMs: ACK_WAIT_MS }, handlers: {} });
    const { limits } = fleet.queue;
    const gates: (() => void)[] = [];
    const call = () =>
      limits.run('calls:a', () => new Promise<void>((open) => gates.push(open)), { concurrency: 2 });
    const calls = [call(), call(), call()];
    await vi.waitFor(() => expect(gates).toHaveLength(2));
    await limits.set('calls', { concurrency: 1 });
    await delay(RENEWED_MS);
    expect(await limits.list()).toMatchObject([{ concurrency: 1, held: [{}, {}], waiting: 1 }]);
    gates.shift()?.();
    await delay(RENEWED_MS);
    expect(gates).toHaveLength(1);
    gates.shift()?.();
    await vi.waitFor(() => expect(gates).toHaveLength(1));
    gates.shift()?.();
    await Promise.all(calls);
  });

  it('stays when a job comes into the line by a message that came again', async () => {
    const limits = [{ per: 'type' as const, concurrency: 3 }];
    const { most, handler } = counted(({ payload }) => delay(Number(payload)));
    let failures = 0;
    await using fleet = await startFleet({
      nats,
      handlers: { again: { limits, handler } },
      worker: {
        onFailpoint: (failpoint) => {
          if (failpoint === 'park.written' && ++failures === 1) throw new Error('a failure of the test');
        },
      },
    });
    await fleet.queue.limits.set('again', { concurrency: 1 });
    const first = await fleet.queue.addJob('again', 3_000);
    await fleet.waitForJob(first, 'running');
    const second = await fleet.queue.addJob('again', 1);
    await fleet.waitForJob(second, 'completed');
    expect([most(), failures]).toEqual([1, 1]);
  });
});

describe('permits of a run', () => {
  it('are given back where its start fails after its claim', async () => {
    const away = new BrokerError('JETFLEET_PUBLISH_TIMEOUT', 'the broker is away', { retryable: true });
    vi.spyOn(Limiter.prototype, 'untilStart').mockRejectedValueOnce(away);
    await using fleet = await startFleet({
      nats,
      queue: { ackWaitMs: ACK_WAIT_MS },
      handlers: { unstarted: { limits: one, maxAttempts: 2, handler: () => 1 } },
    });
    const id = await fleet.queue.addJob('unstarted', {});
    await fleet.waitForJob(id, 'completed');
    await delay(RENEWED_MS);
    const held = (await fleet.queue.limits.list()).flatMap((limit) => limit.held);
    expect(held).toEqual([]);
  });

  it('are lost by that run alone, and not by a later one of the same job', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    await using fleet = await startFleet({
      nats,
      queue: { ackWaitMs: ACK_WAIT_MS },
      handlers: {
        stubborn: {
          limits: one,
          claim: 'durable',
          abandonAfterMs: 60_000,
          handler: async ({ attempt, signal }) => {
            // Heeds no signal, so that its permit stays with it.
            if (attempt === 1) return ended;
            await delay(2 * RENEWED_MS, undefined, { signal });
            return 'undisturbed';
          },
        },
      },
    });
    const id = await fleet.queue.addJob('stubborn', {});
    await tryAgain(fleet, await fleet.waitForJob(id, 'running'));
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 2, result: 'undisturbed' });
    end();
  });

  it('are taken again where an earlier run of the job gives them back while it is claimed', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let claims = 0;
    const held = async () => (await fleet.queue.limits.list()).flatMap((limit) => limit.held);
    await using fleet = await startFleet({
      nats,
      handlers: {
        early: {
          limits: one,
          claim: 'durable',
          abandonAfterMs: 60_000,
          handler: ({ attempt }) => (attempt === 1 ? ended : held()),
        },
      },
      worker: {
        onFailpoint: async (failpoint) => {
          if (failpoint !== 'claim.written' || ++claims < 2) return;
          end();
          await vi.waitFor(async () => expect(await held()).toEqual([]));
        },
      },
    });
    const id = await fleet.queue.addJob('early', {});
    await tryAgain(fleet, await fleet.waitForJob(id, 'running'));
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 2, result: [{ jobId: id }] });
  });
});

it.each([
  [{ concurency: 1 }, 'has no "concurency"'],
  [{ concurrency: 1, weight: 2 }, 'has no "weight"'],
  [{ concurrency: 2_001 }, 'an integer from 1 to 2000, got 2001'],
])('refuses %j wherever it is said of a limit', async (settings, why) => {
  await using fleet = await startFleet({ nats, handlers: {} });
  const { limits } = fleet.queue;
  const refused = expect.objectContaining({
    code: 'JETFLEET_LIMIT_INVALID',
    message: expect.stringContaining(why),
  });
  await expect(limits.set('novita', settings as never)).rejects.toThrow(refused);
  await expect(limits.run('novita:a', () => 1, settings as never)).rejects.toThrow(refused);
});
