import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { examine, type JobQueueService } from '../../src/index.js';
import { releaseKey } from '../../src/queue/unique/release-key.js';
import type { Claim } from '../../src/wire/unique-claim.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let queue: JobQueueService;
let broker: Broker;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: 100 }, handlers: { step: () => 'done' } });
  queue = fleet.queue;
  // The lease says when what is left is left over.
  await queue.setup(['step']);
  broker = await queue.broker();
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});

/** A job of a key that has ended, and the event with which it did. */
async function ended(key: string): Promise<{ id: string; seq: number }> {
  const id = await queue.addJob('waits', {}, 'normal', { unique: { key } });
  await queue.cancel(id);
  const { seq = 0 } = (await queue.getVersion(id)) ?? {};
  return { id, seq };
}

const holderOf = async (key: string) =>
  (await broker.unique.read('waits', { key, scope: 'active' })).claim?.id;

/** Claims a free key, as a process does that dies then. */
async function claim(key: string, more: Partial<Claim> & { id: string }): Promise<void> {
  const { seq } = await broker.unique.read('waits', { key, scope: 'active' });
  await broker.unique.claim(
    'waits',
    { key, scope: 'active' },
    { key, sinceMs: Math.round(queue.now()), ...more },
    seq,
  );
}

test('a worker that is late with the end of a job takes no key from its next life, however its clock goes', async () => {
  const { id } = await ended('late');
  const first = (await queue.getJob(id)) as NonNullable<Awaited<ReturnType<typeof queue.getJob>>>;
  await queue.retry(id);
  expect(await holderOf('late')).toBe(id);
  await releaseKey(broker, { ...first, finishedAt: new Date(queue.now() + 500).toISOString() });
  expect(await holderOf('late')).toBe(id);
  await queue.cancel(id);
  expect(await holderOf('late')).toBeUndefined();
});

test('a job is run again though somebody died who was about to do so', async () => {
  const { id, seq } = await ended('again');
  await claim('again', { id, afterSeq: seq, redrives: 1 });
  expect(await queue.retry(id)).toMatchObject({ state: 'queued', redrives: 1 });
  expect(await holderOf('again')).toBe(id);
});

test('keys that nobody asks for again are found by the doctor and given back, those of open jobs are not', async () => {
  const { id: redriven, seq } = await ended('redriven');
  await claim('redriven', { id: redriven, afterSeq: seq, redrives: 1 });
  const [createdAt, unique] = [new Date().toISOString(), { key: 'added', scope: 'active' } as const];
  const request = {
    id: 'never-added',
    type: 'waits',
    priority: 'normal',
    payload: {},
    createdAt,
    unique,
  } as const;
  await claim('added', { id: request.id, job: { request }, isNamed: true, sinceMs: queue.now() - 61_000 });
  await claim('slow', {
    id: 'being-added',
    job: { request: { ...request, id: 'being-added' } },
    isNamed: true,
  });
  const open = await queue.addJob('waits', {}, 'normal', { unique: { key: 'open' } });
  await queue.addJob('waits', {}, 'normal', { debounce: { key: 'called', delayMs: 60_000 } });
  const examined = await vi.waitFor(async () => {
    const examination = await examine(queue, { graceMs: 0 });
    const left = examination.findings.filter(({ code }) => code === 'key_left_over');
    expect(new Set(left.map(({ target }) => target))).toEqual(new Set([redriven, request.id]));
    return examination;
  });
  const mended = await examined.mend();
  expect(mended.filter(({ code }) => code === 'key_left_over').map(({ ok }) => ok)).toEqual([true, true]);
  expect([await holderOf('redriven'), await holderOf('added')]).toEqual([undefined, undefined]);
  expect([await holderOf('open'), await holderOf('slow')]).toEqual([open, 'being-added']);
  // Whoever was to run it again, and was only slow, comes too late, and so does whoever was to add the other.
  expect((await queue.getVersion(redriven))?.seq).toBeGreaterThan(seq);
  expect(await queue.getJob(request.id)).toMatchObject({ state: 'cancelled' });
});
