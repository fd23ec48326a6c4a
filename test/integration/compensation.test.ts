import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CreateInstanceResult } from '../../machines/index.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Offer } from '../../src/gpu/index.js';
import type { CreateInstancePayload } from '../../src/index.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { QUERY } from '../support/simulated-novita.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, worker: { retry: { create_instance: { baseMs: 1, jitter: 0 } } } });
  return () => fleet.close();
});

const CREATE = '/gpu/instance/create';

async function order(id: string, more: Partial<CreateInstancePayload> = {}, maxAttempts = 1): Promise<void> {
  const payload: CreateInstancePayload = { ...instancePayload(id), ...more };
  await fleet.queue.addJob('create_instance', payload, 'high', { id, maxAttempts });
}

/** A job that fails for good after its instance was made: the answer is lost, and nothing can be looked up. */
async function failAfterCreate(id: string): Promise<void> {
  fleet.simulator.faults.add({ kind: 'error_after_create', times: 1 });
  fleet.simulator.faults.add({ kind: 'slow', delayMs: 200, when: 'after', route: CREATE, times: 1 });
  await order(id);
  await vi.waitFor(() => expect(created()).toBe(1), { interval: 10 });
  fleet.simulator.faults.add({ kind: 'error', status: 500, route: '/gpu/instances' });
  await fleet.waitForJob(id, 'exhausted');
}

const created = () => fleet.simulator.ledger.filter(({ action }) => action === 'create').length;
const nothingLives = () => vi.waitFor(() => expect(fleet.simulator.live()).toEqual([]));

describe('what a failed job has rented', () => {
  it('is deleted when the create gives up not knowing its outcome', async () => {
    await failAfterCreate('gives-up');
    expect(fleet.simulator.live()).toHaveLength(1);
    fleet.simulator.faults.clear();
    expect(await fleet.waitForJob('gives-up-delete', 'completed')).toMatchObject({
      parentId: 'gives-up',
      type: 'delete_instance',
    });
    await nothingLives();
  });

  it('is deleted when the job is cancelled while the create is under way', async () => {
    fleet.simulator.faults.add({ kind: 'slow', delayMs: 800, when: 'after', route: CREATE });
    await order('cancelled');
    await vi.waitFor(() => expect(created()).toBe(1));
    expect(await fleet.queue.cancel('cancelled')).toMatchObject({ state: 'cancelled' });
    await fleet.waitForJob('cancelled-delete', 'completed');
    await nothingLives();
  });

  it('is deleted though the delete fails twice', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling' });
    fleet.simulator.faults.add({ kind: 'error', status: 500, route: '/gpu/instance/delete', times: 2 });
    await order('stubborn');
    await fleet.waitForJob('stubborn-monitor', 'waiting');
    await fleet.queue.cancel('stubborn-monitor');
    const record = await fleet.waitForJob('stubborn-monitor-delete', 'completed');
    expect(record.result).toMatchObject({ deleted: [expect.stringMatching(/^sim-/)] });
    await nothingLives();
  });

  it('is deleted when the instance breaks while it starts', async () => {
    fleet.simulator.faults.add({ kind: 'start_failed' });
    await order('breaks');
    await fleet.waitForJob('breaks-monitor', 'rejected');
    await fleet.waitForJob('breaks-monitor-delete', 'completed');
    await nothingLives();
  });

  it('is kept when the instance breaks and the order says so', async () => {
    fleet.simulator.faults.add({ kind: 'start_failed' });
    await order('kept', { onTimeout: 'keep' });
    const monitor = await fleet.waitForJob('kept-monitor', 'rejected');
    expect(monitor.next ?? []).toEqual([]);
    expect(fleet.simulator.live()).toHaveLength(1);
  });

  it('is not touched when the same job is tried anew: that rents under another name', async () => {
    await failAfterCreate('again');
    fleet.simulator.faults.clear();
    await fleet.queue.retry('again');
    const record = await fleet.waitForJob('again', 'completed');
    expect(record).toMatchObject({ redrives: 1, result: { adopted: false } });
    await fleet.waitForJob('again-delete', 'completed');
    const { novitaInstanceId } = record.result as { novitaInstanceId: string };
    await vi.waitFor(() => expect(fleet.simulator.live()).toMatchObject([{ id: novitaInstanceId }]));
  });
});

it('keeps the oldest of several instances of one name, and a job deletes each of the others', async () => {
  fleet.simulator.faults.add({ kind: 'slow', delayMs: 600, when: 'after', route: CREATE, times: 1 });
  fleet.simulator.faults.add({ kind: 'reset_after_create', times: 1 });
  await order('twins');
  await vi.waitFor(() => expect(created()).toBe(1));
  const name = fleet.simulator.live()[0]?.name ?? '';
  const [offer] = await fleet.provider.listOffers(QUERY);
  const template = await fleet.provider.getTemplate('template-123');
  await fleet.provider.create({ name, offer: offer as Offer, template, gpuNum: 1, rootfsSize: 60 });
  const record = await fleet.waitForJob('twins', 'completed');
  const { novitaInstanceId, duplicates } = record.result as CreateInstanceResult;
  expect(duplicates).toHaveLength(1);
  // A lost worker is no reason to leave it.
  expect(await fleet.waitForJob('twins-delete-1', 'completed')).toMatchObject({ maxAttempts: 100 });
  await vi.waitFor(() => expect(fleet.simulator.live()).toMatchObject([{ id: novitaInstanceId, name }]));
});
