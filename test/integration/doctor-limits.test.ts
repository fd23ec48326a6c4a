import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { examine } from '../../src/index.js';
import { set, take } from '../../src/queue/limits/ledger.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import type { Ledger } from '../../src/wire/limit-message.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, handlers: { step: () => 'done' } });
  return () => fleet.close();
});

/** A permit that whoever held it did not give back. */
async function hold(job: string): Promise<void> {
  const { ledgers } = fleet.queue.limiter(await fleet.queue.broker());
  const nowMs = fleet.queue.now();
  await ledgers.update([{ name: 'api', key: 'eu' }], ([draft]) => {
    const ledger = draft as Ledger;
    set(ledger, { concurrency: 5 });
    take(ledger, { owner: job, job, worker: 'dead', run: '1' }, nowMs - 1_000, nowMs - 1_000, 60_000);
    return { result: undefined, isChanged: true };
  });
}

const holders = async () => (await fleet.queue.limits.list()).flatMap(({ held }) => held);

it('a permit of a job that has ended is found, and given back', async () => {
  const id = await fleet.queue.addJob('step', {});
  await fleet.waitForJob(id, 'completed');
  await hold(id);
  const { findings, mend } = await examine(fleet.queue, { graceMs: 0 });
  expect(findings).toContainEqual(expect.objectContaining({ code: 'permit_left_over', target: 'api:eu' }));
  expect(await mend()).toMatchObject([{ code: 'permit_left_over', ok: true }]);
  expect(await holders()).toEqual([]);
});

it('a permit of a call on a host whose name has dots is left alone, and holds up no sweep', async () => {
  await hold('call@worker-1.example.com-4711');
  const sweeper = new Sweeper({ queue: fleet.queue, graceMs: 0 });
  expect((await sweeper.sweep()).findings).toEqual([]);
  expect(await holders()).toHaveLength(1);
  await sweeper.stop();
});
