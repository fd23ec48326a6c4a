import { expect, test } from 'vitest';
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
