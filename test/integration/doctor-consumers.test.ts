import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { examine, type JobContext } from '../../src/index.js';
import { checkHeld } from '../../src/upkeep/check-held.js';
import { startFleet } from '../support/fleet.js';
import { loseMessage } from '../support/lost-message.js';
import { startNats } from '../support/nats.js';

const ACK_WAIT_MS = 300;
let nats: EmbeddedServer;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

it('a message that its consumer has lost sight of is found, and handed out again once mended', async () => {
  const handlers = { step: () => 'done' };
  await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: ACK_WAIT_MS }, handlers });
  await fleet.queue.setup(['step']);
  const { stream } = await loseMessage(fleet.queue);

  const examined = await examine(fleet.queue, { graceMs: 60_000 });
  const target = `consumer step-normal of ${stream}`;
  const lost = examined.findings.filter(({ code }) => code === 'message_unowned');
  expect(lost).toMatchObject([{ target, message: expect.stringContaining('1 messages') }]);
  const mended = await examined.mend();
  expect(mended.find(({ code }) => code === 'message_unowned')).toMatchObject({ ok: true });
  await fleet.addWorker();
  await fleet.waitForJob('lost', 'completed');
  const after = await examine(fleet.queue, { graceMs: 60_000 });
  expect(after.findings.map(({ code }) => code)).not.toContain('message_unowned');
});

it('names the job behind which messages of ended jobs stay, and removes these', async () => {
  const step = ({ payload, signal }: JobContext) =>
    payload === 'long' ? new Promise((end) => signal.addEventListener('abort', end)) : 'done';
  await using fleet = await startFleet({ nats, handlers: { step: { handler: step, claim: 'durable' } } });
  const { queue } = fleet;
  const long = await queue.addJob('step', 'long');
  await fleet.waitForJob(long, 'running');
  const short = await queue.addJobs(['a', 'b', 'c'].map((payload) => ({ type: 'step', payload })));
  for (const id of short) await fleet.waitForJob(id, 'completed');
  const broker = await queue.broker();
  const found = () => checkHeld(broker, { atLeast: 3, forMs: 0 });
  await vi.waitFor(async () =>
    expect((await found()).map(({ finding }) => finding)).toMatchObject([
      {
        code: 'messages_held',
        fixable: true,
        message: expect.stringContaining(`3 messages of ended jobs stay behind that of job ${long}`),
      },
    ]),
  );
  // Neither a few nor a moment are worth a warning.
  expect(await checkHeld(broker, { atLeast: 3, forMs: 60_000 })).toEqual([]);
  expect(await checkHeld(broker, { atLeast: 4, forMs: 0 })).toEqual([]);
  // Acknowledged or not: a job that waits behind it, and one that was handed out and has not ended, stay.
  const other = await queue.addJob('step', 'long');
  await fleet.waitForJob(other, 'running');
  const [held] = await found();
  expect(await held?.mend?.()).toBe('3 messages removed');
  const { state } = await broker.topology.streamInfo('jobs', '>');
  const left = Object.keys(state.subjects ?? {}).map((subject) => subject.split('.').at(-1));
  expect(left.sort()).toEqual([long, other].sort());
  expect((await broker.topology.consumer('jobs', 'step-normal'))?.num_ack_pending).toBe(2);
});
