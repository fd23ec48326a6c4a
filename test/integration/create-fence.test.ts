import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { CreateInstancePayload } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const ORDER: CreateInstancePayload = {
  instanceId: 'my-instance',
  name: 'My GPU Instance',
  productName: 'RTX 4090 24GB',
  templateId: 'template-123',
  gpuNum: 1,
  rootfsSize: 60,
  region: 'CN-HK-01',
};
/** Longer than an answer to the fence may take with the short look-ups of a test fleet. */
const LATE_MS = 400;

/** A fleet whose worker gets the answer to its first fence late; `meanwhile` runs before it comes. */
async function slowlyFenced(meanwhile: (fleet: Fleet) => Promise<unknown>): Promise<Fleet> {
  let checkpoints = 0;
  const fleet = await startFleet({
    nats,
    worker: {
      sweep: false,
      onFailpoint: async (failpoint) => {
        // The first checkpoint records the name, the second is the fence.
        if (failpoint !== 'run.checkpoint' || ++checkpoints !== 2) return;
        await meanwhile(fleet);
        await delay(LATE_MS);
      },
    },
  });
  return fleet;
}

const creates = ({ simulator }: Fleet) => simulator.ledger.filter(({ action }) => action === 'create');

// On a busy machine the second one may be late as well, but not each time.
it('a fence that is answered late is set again before the instance is rented', { retry: 3 }, async () => {
  await using fleet = await slowlyFenced(async () => {});
  await fleet.queue.addJob('create_instance', ORDER, 'high', { id: 'late' });
  await fleet.waitForJob('late', 'completed');
  const fences = (await fleet.history('late')).filter(
    ({ status, checkpoint }) => status === 'processing' && Object.hasOwn(checkpoint ?? {}, 'productId'),
  );
  expect(fences).toHaveLength(2);
  expect(creates(fleet)).toHaveLength(1);
});

it('a worker that lost the job before the answer to its fence came rents nothing', async () => {
  await using fleet = await slowlyFenced(async ({ queue }) => {
    const broker = await queue.broker();
    const last = await broker.lastEvent('lost');
    if (!last?.record) throw new Error('the fence is not written');
    await broker.appendEvent({ ...last.record, worker: 'somebody-else' }, last.seq);
  });
  await fleet.queue.addJob('create_instance', ORDER, 'high', { id: 'lost' });
  await fleet.waitForJob('lost', ({ worker }) => worker === 'somebody-else');
  await delay(LATE_MS + 300);
  expect(creates(fleet)).toHaveLength(0);
  expect(fleet.workers[0]?.running).toEqual([]);
});
