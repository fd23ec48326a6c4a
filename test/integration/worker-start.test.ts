import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobWorkerService } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test('a handler that is registered while the first lanes open is opened too', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const broker = await fleet.queue.broker();
  const worker = new JobWorkerService(fleet.queue);
  fleet.workers.push(worker);
  worker.registerHandler('early', { handler: () => 'ok' });
  const pull = broker.pull.bind(broker);
  vi.spyOn(broker, 'pull').mockImplementationOnce((options) => {
    worker.registerHandler('late', { handler: () => 'better than never' });
    return pull(options);
  });
  await worker.start();
  const job = await fleet.waitForJob(await fleet.queue.addJob('late', null), 'completed');
  expect(job.result).toBe('better than never');
});

test('a worker that could not start takes no jobs, until a later start', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const broker = await fleet.queue.broker();
  const worker = new JobWorkerService(fleet.queue);
  fleet.workers.push(worker);
  for (const type of ['first', 'second']) worker.registerHandler(type, { handler: () => 'ok' });
  const pull = broker.pull.bind(broker);
  const failing = vi.spyOn(broker, 'pull').mockImplementation((options) => {
    if (options.consumer.includes('second')) throw new Error('no inbox');
    return pull(options);
  });
  await expect(worker.start()).rejects.toThrow('no inbox');
  expect(worker.state).toBe('failed');
  const id = await fleet.queue.addJob('first', null);
  await delay(200);
  expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'queued' });
  failing.mockRestore();
  await worker.start();
  await fleet.waitForJob(id, 'completed');
});

test('a start that outlives the shutdown leaves nothing open', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { notices, topology } = await fleet.queue.broker();
  let open = 0;
  const hear = notices.hear.bind(notices);
  vi.spyOn(notices, 'hear').mockImplementation((...args) => {
    const stop = hear(...args);
    open++;
    return () => {
      open--;
      stop();
    };
  });
  const held = gate();
  const streamInfo = topology.streamInfo.bind(topology);
  vi.spyOn(topology, 'streamInfo').mockImplementationOnce(async (...args) => {
    await held.opened;
    return streamInfo(...args);
  });
  const worker = new JobWorkerService(fleet.queue);
  worker.registerHandler('demo', { handler: () => 'ok' });
  const started = worker.start();
  const refused = expect(started).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  await vi.waitFor(() => expect(topology.streamInfo).toHaveBeenCalled());
  await worker.shutdown(0);
  await refused;
  const { calls } = vi.mocked(notices.hear).mock;
  const before = calls.length;
  held.open();
  // The start goes on, and is then told that it is too late.
  await expect.poll(() => calls.length).toBeGreaterThan(before);
  await expect.poll(() => open).toBe(0);
});
