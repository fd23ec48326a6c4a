import { setTimeout as delay } from 'node:timers/promises';
import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobContext } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

async function noting(workers = 1) {
  const ran: string[] = [];
  const handlers = {
    step: {
      handler: ({ id, attempt }: JobContext) => {
        ran.push(id);
        if (id === 'retried' && attempt === 1) throw new Error('once more');
      },
      retry: { baseMs: 700, jitter: 0 },
    },
  };
  return Object.assign(await startFleet({ nats, handlers, workers }), { ran });
}

describe('a job with expiresInMs', () => {
  it('that waits longer fails as expired when a worker takes it, and never runs', async () => {
    await using fleet = await noting();
    await fleet.queue.pause({ type: 'step' });
    await fleet.queue.addJob('step', {}, 'normal', { id: 'late', expiresInMs: 100 });
    await fleet.queue.addJob('step', {}, 'normal', { id: 'patient', expiresInMs: 60_000 });
    expect(await fleet.queue.getJob('late')).toMatchObject({
      expiresInMs: 100,
      expiresAt: expect.any(String),
    });
    await delay(300);
    expect(await fleet.queue.getJob('late')).toMatchObject({ state: 'queued' });
    await fleet.queue.resume();
    expect(await fleet.waitForJob('late', 'expired')).toMatchObject({
      status: 'failed',
      attempt: 0,
      error: { code: 'JETFLEET_EXPIRED', retryable: false },
    });
    await fleet.waitForJob('patient', 'completed');
    expect(fleet.ran).toEqual(['patient']);
  });

  it('that nobody handled until then expires with the first worker', async () => {
    await using fleet = await noting(0);
    const ids = await fleet.queue.addJobs([
      { type: 'step', payload: {}, expiresInMs: 50 },
      { type: 'step', payload: {} },
    ]);
    await delay(200);
    await fleet.addWorker();
    await fleet.waitForJob(ids[0] as string, 'expired');
    await fleet.waitForJob(ids[1] as string, 'completed');
    expect(fleet.ran).toEqual([ids[1]]);
  });

  it('and a delay counts from when it may start', async () => {
    await using fleet = await noting();
    await fleet.queue.addJob('step', {}, 'normal', { id: 'delayed', delayMs: 600, expiresInMs: 400 });
    const { nextRunAt = '', expiresAt = '' } = (await fleet.queue.getJob('delayed')) ?? {};
    expect(Date.parse(expiresAt) - Date.parse(nextRunAt)).toBe(400);
    await fleet.waitForJob('delayed', 'completed');
  });

  it('that has begun once does not expire, whatever its attempts wait', async () => {
    await using fleet = await noting();
    await fleet.queue.addJob('step', {}, 'normal', { id: 'retried', expiresInMs: 500 });
    expect(await fleet.waitForJob('retried', 'completed')).toMatchObject({ attempt: 2 });
  });

  it('keeps its time when its priority changes, and gets a new one when it is retried', async () => {
    await using fleet = await noting(0);
    await fleet.queue.addJob('step', {}, 'normal', { id: 'moved', expiresInMs: 500 });
    const { expiresAt } = (await fleet.queue.getJob('moved')) ?? {};
    await delay(300);
    expect(await fleet.queue.setPriority('moved', 'high')).toMatchObject({ expiresAt });
    await delay(400);
    await fleet.addWorker();
    await fleet.waitForJob('moved', 'expired');
    await fleet.queue.retry('moved');
    await fleet.waitForJob('moved', (job) => job.state === 'completed' || job.state === 'queued');
    await fleet.waitForJob('moved', 'completed');
  });

  it('may come from any language, by a header', async () => {
    await using fleet = await noting(0);
    const { connection, subjects } = await fleet.queue.broker();
    const options = (text: string) => {
      const each = headers();
      each.set('Jetfleet-Expires-In-Ms', text);
      return { headers: each, timeout: 5_000 };
    };
    await connection.request(`${subjects.prefix}jobs.low.step.bare`, '{}', options('60'));
    await connection.request(`${subjects.prefix}jobs.low.step.wrong`, '{}', options('soon'));
    await delay(200);
    await fleet.addWorker();
    await fleet.waitForJob('bare', 'expired');
    expect(await fleet.waitForJob('wrong', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_HEADER_INVALID' },
    });
  });

  it.each([0, -1, 1.5, '1m', 400 * 86_400_000])('refuses %s', async (expiresInMs) => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const added = fleet.queue.addJob('step', {}, 'normal', { expiresInMs: expiresInMs as number });
    await expect(added).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
      message: expect.stringContaining('expiresInMs'),
    });
    expect(await fleet.queue.getStats()).toMatchObject({ totalJobs: 0 });
  });
});
