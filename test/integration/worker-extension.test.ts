import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, handled, JobWorkerService, type WorkerExtension, webhooks } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const sendMail = defineJob({ type: 'send_mail' });
const classMail = defineJob({ type: 'class_mail' });

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
          handled(sendMail, async ({ id }) => void log.push(`mailed ${heldJob(id).record.attempt}`)),
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

it('where one of them fails, none is taken in, and what was opened is closed', async () => {
  const log: string[] = [];
  const worker = new JobWorkerService(fleet.queue);
  const failing: WorkerExtension = {
    name: 'failing',
    install: () => {
      throw new Error('no mail server');
    },
  };
  const wrong: WorkerExtension = {
    name: 'wrong',
    install: () => ({
      handlers: [handled(defineJob({ type: 'wrong' }), () => 1, { concurrency: 0 })],
      close: () => void log.push('wrong closed'),
    }),
  };
  const empty = { name: 'empty', install: () => undefined } as never;
  expect(() => worker.use(mailing(log), failing)).toThrow('no mail server');
  expect(() => worker.use(mailing(log), wrong)).toThrow(/^wrong: concurrency /);
  expect(() => worker.use(mailing(log), empty)).toThrow(/^the extension empty must bring handlers/);
  const opened = `opened in ${fleet.namespace}`;
  expect(log).toEqual([
    opened,
    'closed within 0',
    opened,
    'closed within 0',
    'wrong closed',
    opened,
    'closed within 0',
  ]);
  await worker.start();
  await expect(
    new JobWorkerService(fleet.queue, { concurrency: { send_mail: 1 } }).start(),
  ).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
  });
  await worker.shutdown();
  expect(log).toHaveLength(7);
});

it('a second one of a name takes the place of the first, unless its types run', async () => {
  const log: string[] = [];
  const other: string[] = [];
  const worker = new JobWorkerService(fleet.queue).use(mailing(log)).use(mailing(other));
  expect(log.at(-1)).toBe('closed within 0');
  await worker.start();
  const { id } = await fleet.queue.add(sendMail, {});
  await fleet.waitForJob(id, 'completed');
  expect(other).toContain('mailed 1');
  expect(() => worker.use(mailing(log))).toThrow(/send_mail runs already/);
  expect(log.at(-1)).toBe('closed within 0');
  await worker.shutdown();
  expect(other.at(-1)).toBe('closed within 1');
});

it('what an extension brings may be an object of a class', async () => {
  class Mail {
    readonly handlers = [handled(classMail, () => this.sent++)];
    sent = 0;
    closed = 0;
    close() {
      this.closed++;
    }
  }
  const mail = new Mail();
  const worker = new JobWorkerService(fleet.queue).use({ name: 'mail', install: () => mail });
  await worker.start();
  const { id } = await fleet.queue.add(classMail, {});
  await fleet.waitForJob(id, 'completed');
  await worker.shutdown();
  expect(mail).toMatchObject({ sent: 1, closed: 1 });
});

it('what is wrong with the options of webhooks is said before a worker uses them', () => {
  for (const options of [{ timeoutMs: 0 }, { secret: 'none' }, { secrets: [] }])
    expect(() => webhooks(options as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^JETFLEET_/) }),
    );
  expect(webhooks({ secret: undefined }).name).toBe('webhooks');
});
