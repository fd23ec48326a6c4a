import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
/** Whether the outside world works. */
let works = false;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  works = false;
  const attempt = ({ attempt: n }: { attempt: number }) => {
    if (!works) throw new Error(`broken in attempt ${n}`);
    return n;
  };
  const retry = { baseMs: 1, jitter: 0 };
  fleet = await startFleet({
    nats,
    handlers: { shaky: { handler: attempt, retry }, other: { handler: attempt, retry } },
  });
  return () => fleet.close();
});

/** @returns when it failed, in ms since the epoch */
async function deadLetter(type: string, id: string): Promise<number> {
  await fleet.queue.addJob(type, { id }, 'high', { id, maxAttempts: 2 });
  const { finishedAt = '' } = await fleet.waitForJob(id, 'exhausted');
  return Date.parse(finishedAt);
}

describe('retrying a dead letter', () => {
  it('runs it again with a fresh count of attempts, and keeps what went wrong', async () => {
    await deadLetter('shaky', 'a');
    works = true;
    expect(await fleet.queue.retry('a')).toMatchObject({
      status: 'pending',
      state: 'queued',
      attempt: 0,
      redrives: 1,
    });
    const record = await fleet.waitForJob('a', 'completed');
    expect(record).toMatchObject({ attempt: 1, maxAttempts: 2, priority: 'high', result: 1 });
    expect(record.error).toBeUndefined();
    expect(record.failures).toMatchObject([
      { state: 'exhausted', attempt: 2, code: 'JETFLEET_HANDLER_FAILED', message: 'broken in attempt 2' },
    ]);
  });

  it('counts it once: a retried job is no dead letter any more', async () => {
    await deadLetter('shaky', 'b');
    works = true;
    await fleet.queue.retry('b');
    await fleet.waitForJob('b', 'completed');
    // A message that was just acknowledged may be counted still.
    await vi.waitFor(async () => {
      const stats = await fleet.queue.getStats();
      expect(stats).toMatchObject({ totalJobs: 1, completedJobs: 1, failedJobs: 0 });
    });
    expect((await fleet.queue.getJobs({ status: 'failed' })).jobs).toEqual([]);
  });

  it('can be done again and again', async () => {
    await deadLetter('shaky', 'c');
    for (const times of [1, 2]) {
      await fleet.queue.retry('c');
      const record = await fleet.waitForJob('c', (job) => job.state === 'exhausted');
      expect(record).toMatchObject({ redrives: times, attempt: 2 });
      expect(record.failures).toHaveLength(times);
    }
  });

  it('has one winner when two ask for it at once', async () => {
    await deadLetter('shaky', 'd');
    works = true;
    const results = await Promise.allSettled([fleet.queue.retry('d'), fleet.queue.retry('d')]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await fleet.waitForJob('d', 'completed')).toMatchObject({ redrives: 1, attempt: 1 });
  });

  it('takes all that fit: by type and time', async () => {
    const first = await deadLetter('shaky', 'e1');
    // Two jobs may fail in one millisecond, and `since` includes its own.
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(first), { interval: 1 });
    const between = new Date(await deadLetter('shaky', 'e2'));
    await deadLetter('other', 'e3');
    works = true;
    expect(await fleet.queue.retryAll({ type: 'shaky', since: between })).toEqual(['e2']);
    await fleet.waitForJob('e2', 'completed');
    expect((await fleet.queue.retryAll()).sort()).toEqual(['e1', 'e3']);
    await fleet.waitForJob('e1', 'completed');
    await fleet.waitForJob('e3', 'completed');
  });

  it('tells how far it is, and goes on when the callback throws', async () => {
    const COUNT = 450;
    const ids = await fleet.queue.addJobs(
      Array.from({ length: COUNT }, () => ({ type: 'shaky', payload: {}, maxAttempts: 1 })),
    );
    await vi.waitFor(async () => expect((await fleet.queue.getStats()).byType.shaky?.failed).toBe(COUNT));
    works = true;
    const told: number[] = [];
    const onProgress = (done: number) => {
      told.push(done);
      throw new Error('no screen');
    };
    expect((await fleet.queue.retryAll({ type: 'shaky' }, { onProgress })).sort()).toEqual([...ids].sort());
    expect(told.length).toBeGreaterThan(1);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(COUNT);
    expect(fleet.queue.callbackFailures.onProgress).toBe(told.length);
    await expect(fleet.queue.retryAll({}, { progress: 1 } as never)).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
    for (const id of ids) await fleet.waitForJob(id, 'completed');
  });

  it('takes what failed just now, also where the measured clock is behind, and each once', async () => {
    const failedMs = await deadLetter('shaky', 'behind');
    const { clock } = await fleet.queue.broker();
    const behind = vi.spyOn(clock, 'now').mockImplementation(() => failedMs - 500);
    expect(await fleet.queue.retryAll({ type: 'shaky' })).toEqual(['behind']);
    behind.mockRestore();
    await fleet.waitForJob('behind', (job) => job.state === 'exhausted' && job.redrives === 1);
  });

  it('refuses what is not FAILED, what nobody knows, and a body that could not be read', async () => {
    works = true;
    const id = await fleet.queue.addJob('shaky', {});
    await fleet.waitForJob(id, 'completed');
    await expect(fleet.queue.retry(id)).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await expect(fleet.queue.retry('nobody')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
    await expect(fleet.queue.retryAll({ since: 'soon' })).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
    const { connection, subjects } = await fleet.queue.broker();
    const broken = subjects.work({ kind: 'jobs', priority: 'low', type: 'shaky', id: 'broken' });
    await connection.request(broken, '{');
    await vi.waitFor(async () =>
      expect(await fleet.queue.getJob('broken')).toMatchObject({ state: 'rejected' }),
    );
    await expect(fleet.queue.retry('broken')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
  });
});
