import { expect, test, vi } from 'vitest';
import { JobQueueService } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

test('a job that waits shows how often its handler attempts it, to any process', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue, namespace } = fleet;
  const waiting = await queue.addJob('patient', {});
  expect(await queue.getJob(waiting)).toMatchObject({ state: 'queued', attempt: 0, maxAttempts: 3 });

  const worker = await fleet.addWorker({
    patient: { maxAttempts: 4, concurrency: 1, handler: () => new Promise(() => {}) },
  });
  await fleet.waitForJob(waiting, 'running');
  const behind = await queue.addJob('patient', {});
  const own = await queue.addJob('patient', {}, 'normal', { maxAttempts: 7 });
  await using elsewhere = new JobQueueService({ servers: nats.url, namespace });
  expect(await elsewhere.getJob(behind)).toMatchObject({ state: 'queued', maxAttempts: 4 });
  expect(await elsewhere.getJob(own)).toMatchObject({ state: 'queued', maxAttempts: 7 });
  const { jobs } = await elsewhere.getJobs({ status: 'pending' });
  expect(jobs.map(({ maxAttempts }) => maxAttempts).sort()).toEqual([4, 7]);

  // Whoever knows the settings of some seconds ago does not wait for those of now.
  const later = performance.now() + 6_000;
  const { topology } = await elsewhere.broker();
  const asked = vi.spyOn(topology, 'consumers').mockImplementation(() => new Promise(() => {}));
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => later);
  expect(await elsewhere.getJob(behind)).toMatchObject({ maxAttempts: 4 });
  expect(asked).toHaveBeenCalledOnce();
  clock.mockRestore();

  // A worker of a later version says otherwise.
  await worker.shutdown(0);
  await fleet.addWorker({
    patient: { maxAttempts: 5, concurrency: 1, handler: () => new Promise(() => {}) },
  });
  await using another = new JobQueueService({ servers: nats.url, namespace });
  await vi.waitFor(async () => {
    const { jobs: left } = await another.getJobs({ status: 'pending' });
    expect(left.map(({ maxAttempts }) => maxAttempts)).toContain(5);
  });
});
