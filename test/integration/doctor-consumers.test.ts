import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { examine } from '../../src/index.js';
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
