import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { examine, JobQueueService, JobWorkerService } from '../../src/index.js';
import { type ConfiguredNats, startConfigured } from '../support/configured-nats.js';
import { type SmallDisk, smallDisk } from '../support/small-disk.js';

const DISK_BYTES = 16 * 1024 * 1024;
const LEFT_BYTES = 200_000;
/** Longer than it takes until writes count as unanswered. */
const GIVE_UP_MS = 14_000;

let disk: SmallDisk;
let nats: ConfiguredNats;
beforeAll(async () => {
  disk = await smallDisk(DISK_BYTES);
  const store = `http: "127.0.0.1:-1"\njetstream { store_dir: "${disk.folder}/store" }`;
  nats = await startConfigured(store, { jetstream: false, within: disk.within });
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  await disk[Symbol.asyncDispose]();
});

test('a full disk is seen, reported, and over once there is room and the server is started again', async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  await using queue = new JobQueueService({
    servers: nats.address,
    commit: { giveUpMs: GIVE_UP_MS },
    logger,
  });
  const worker = new JobWorkerService(queue, { sweep: false });
  worker.registerHandler('step', { handler: () => 'done' });
  await worker.start();
  await queue.addJob('step', {}, 'normal', { id: 'before' });
  await vi.waitFor(async () => expect(await queue.getJob('before')).toMatchObject({ state: 'completed' }));
  expect((await queue.health()).streams.map(({ ok }) => ok)).toEqual([true, true, true, true]);

  await disk.fill(LEFT_BYTES);
  const large = { text: 'x'.repeat(LEFT_BYTES) };
  const refused = await queue
    .addJob('step', large, 'normal', { id: 'large' })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: 'JETFLEET_PUBLISH_TIMEOUT',
    retryable: true,
    message: expect.stringMatching(/large within 14000 ms.*disk may be full.*restart nats-server/),
  });
  const { streams } = await queue.health();
  expect(streams.filter(({ ok }) => !ok)).toMatchObject([
    { name: 'JOBS', stalled: expect.stringMatching(/^JOBS does not answer writes.*restart nats-server/) },
  ]);
  expect(lines).toContainEqual(
    expect.objectContaining({ stream: 'JOBS', msg: expect.stringMatching(/full/) }),
  );

  // A process that has written nothing hears of it from the worker, or from the server.
  await using other = new JobQueueService({ servers: nats.address });
  const stalled = { code: 'stream_stalled', severity: 'danger', target: 'stream JOBS' };
  const isStalled = expect.arrayContaining([expect.objectContaining(stalled)]);
  expect((await examine(other)).findings).toEqual(isStalled);
  const monitorUrl = nats.monitorUrl();
  await worker.shutdown(0);
  const { findings } = await examine(other, { monitorUrl });
  expect(findings.filter(({ code }) => code === 'stream_stalled')).toMatchObject([
    { ...stalled, message: expect.stringMatching(/no space left on device\. Free room, then restart/) },
  ]);

  await disk.free();
  await nats.restart();
  const allFine = [true, true, true, true];
  await vi.waitFor(async () => expect((await queue.health()).streams.map(({ ok }) => ok)).toEqual(allFine));
  const again = new JobWorkerService(queue, { sweep: false });
  again.registerHandler('step', { handler: () => 'done' });
  await again.start();
  await queue.addJob('step', large, 'normal', { id: 'large' });
  await vi.waitFor(async () => expect(await queue.getJob('large')).toMatchObject({ state: 'completed' }));
  expect((await queue.health()).streams.map(({ ok }) => ok)).toEqual([true, true, true, true]);
  await again.shutdown();
});
