import { expect, test } from 'vitest';
import type { NewJob } from '../../src/jobs/job-options.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const JOBS = Array.from({ length: 1_000 }, (_, n) => ({ type: 'demo', payload: { n }, id: `again-${n}` }));

test('adding many known jobs again asks for them together, and finds another job of an id all the same', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { connection, subjects } = await queue.broker();
  const sent = () => connection.stats().outMsgs;
  await queue.addJobs(JOBS);
  // Somebody publishes one of the ids on another subject, later.
  await connection.request(`${subjects.prefix}jobs.low.other.again-7`, '{}');
  const before = sent();
  expect(await queue.addJobs(JOBS)).toEqual(JOBS.map(({ id }) => id));
  expect(sent() - before).toBeLessThan(JOBS.length / 5);
  expect(await queue.getJob('again-7')).toMatchObject({ type: 'demo', payload: { n: 7 } });
  const changed = JOBS.map((job) => (job.id === 'again-500' ? { ...job, payload: { n: -1 } } : job));
  await expect(queue.addJobs(changed)).rejects.toMatchObject({ code: 'JETFLEET_ID_TAKEN' });
});

test('a mixed list is stored as a whole, and the ids come in its order', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const kinds: NewJob[] = [
    { type: 'mixed', payload: { n: 1 } },
    { type: 'mixed', payload: { n: 2 }, priority: 'critical', maxAttempts: 7 },
    { type: 'mixed', payload: { n: 3 }, id: 'of-the-caller' },
    { type: 'mixed', payload: { n: 4 }, delayMs: 60_000 },
    { type: 'send_webhook', payload: { url: 'https://example.com/hook', payload: {} } },
    { type: 'other', payload: { n: 6 }, timeoutMs: 5_000, webhookUrl: 'https://example.com/hook' },
  ];
  const ids = await queue.addJobs(kinds);
  expect(ids[2]).toBe('of-the-caller');
  for (const [index, id] of ids.entries()) {
    const {
      type,
      payload,
      priority = 'normal',
      maxAttempts,
      timeoutMs,
      webhookUrl,
    } = kinds[index] as (typeof kinds)[number];
    const job = await queue.getJob(id);
    expect(job).toMatchObject({ id, type, priority });
    if (type !== 'send_webhook') expect(job?.payload).toEqual(payload);
    if (maxAttempts) expect(job).toMatchObject({ maxAttempts });
    if (timeoutMs) expect(job).toMatchObject({ timeoutMs, webhookUrl });
  }
});
