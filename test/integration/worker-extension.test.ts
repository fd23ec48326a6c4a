import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
import { JobWorkerService, type WorkerExtension, webhooks } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});

/** A type with something to open and close, as a product of somebody else would bring it. */
function mailing(log: string[]): WorkerExtension {
  return {
    name: 'mailing',
    install({ namespace, heldJob }) {
      log.push(`opened in ${namespace}`);
      return {
        handlers: [
          ['send_mail', { handler: async ({ id }) => void log.push(`mailed ${heldJob(id).record.attempt}`) }],
        ],
        close: (withinMs) => void log.push(`closed within ${Math.sign(withinMs)}`),
      };
    },
  };
}

it('what somebody else brings is opened, run and closed by each worker that uses it', async () => {
  const log: string[] = [];
  const extension = mailing(log);
  const [first, second] = [1, 2].map(() => new JobWorkerService(fleet.queue).use(extension));
  await first?.start();
  const id = await fleet.queue.addJob('send_mail', {});
  await fleet.waitForJob(id, 'completed');
  await first?.shutdown();
  const opened = `opened in ${fleet.namespace}`;
  expect(log).toEqual([opened, opened, 'mailed 1', 'closed within 1']);
  await second?.shutdown();
  expect(log.at(-1)).toBe('closed within 1');
  expect(log).toHaveLength(5);
});

it('a handler that is registered later wins', async () => {
  const worker = new JobWorkerService(fleet.queue).use(mailing([]));
  worker.registerHandler('send_mail', { handler: () => 'by hand' });
  await worker.start();
  const id = await fleet.queue.addJob('send_mail', {});
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 'by hand' });
  await worker.shutdown();
});

it.each([undefined, null, {}, { provider: {} }, webhooks])('use refuses %s', (value) => {
  expect(() => new JobWorkerService(fleet.queue).use(value as never)).toThrow(
    expect.objectContaining({
      code: 'JETFLEET_OPTION_INVALID',
      message: expect.stringContaining('use takes extensions, such as gpuInstances({ provider })'),
    }),
  );
});

it('a worker that is shut down uses nothing more', async () => {
  const log: string[] = [];
  const worker = new JobWorkerService(fleet.queue);
  await worker.shutdown();
  expect(() => worker.use(mailing(log))).toThrow(expect.objectContaining({ code: 'JETFLEET_CLOSED' }));
  expect(log).toEqual([]);
});
