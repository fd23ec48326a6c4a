import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  createInstance,
  defineJob,
  type JobDefinition,
  JobQueueService,
  type JobRecord,
  JobWorkerService,
  monitorInstance,
  NonRetryableError,
  sendWebhook,
} from '../../src/index.js';
import { queueAgain } from '../../src/upkeep/mend-job.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const note = defineJob({ type: 'note', payload: z.string() });
const bake = defineJob({
  type: 'bake',
  payload: z.string(),
  result: z.number(),
  after: (job) =>
    job.status === 'completed'
      ? [note.next(`${job.payload} took ${job.result}`, { idSuffix: 'note' })]
      : [note.next(`${job.id} is ${job.state}`, { idSuffix: 'note', priority: 'low' })],
});
/** Its handler returns a Date. */
const dated = defineJob({
  type: 'dated',
  after: (job) => [note.next(typeof Object(job).result, { idSuffix: 'note' })],
});
/** Without a handler: it waits until the test ends it. */
const idle = defineJob({ type: 'idle', after: (job) => [note.next(job.state, { idSuffix: 'note' })] });
const careless = defineJob({
  type: 'careless',
  after: () => {
    throw new TypeError('no list');
  },
});

let nats: EmbeddedServer;
let fleet: Fleet;
/** Of a process that knows none of these types. */
let stranger: JobQueueService;
const notes = new Map<string, string>();

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  stranger = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
  const worker = new JobWorkerService(fleet.queue)
    .handle(bake, ({ payload }) => {
      if (payload === 'stone') throw new NonRetryableError('cannot be baked');
      return payload.length;
    })
    .handle(note, ({ id, payload }) => void notes.set(id, payload))
    .handle(dated, () => new Date(0))
    .handle(careless, () => 'done');
  fleet.workers.push(worker);
  await worker.start();
});
afterAll(async () => {
  await stranger.close();
  await fleet.close();
  await nats.stop();
});

async function noted(id: string): Promise<JobRecord> {
  return fleet.waitForJob(id, 'completed');
}

/** Makes the type of a job one that its workers know, without running it. */
async function startAndPause(job: typeof idle): Promise<void> {
  const queue = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
  const worker = new JobWorkerService(queue).handle(job, () => 1);
  await worker.start();
  await worker.shutdown();
  await queue.close();
}

describe('what follows from a job by its type', () => {
  it('is added when it completes, and named by its record', async () => {
    const { id } = await fleet.queue.add(bake, 'bread', { priority: 'high' });
    expect(await fleet.queue.result(bake, id)).toBe(5);
    expect(await noted(`${id}-note`)).toMatchObject({
      payload: 'bread took 5',
      parentId: id,
      priority: 'high',
    });
    expect((await fleet.queue.getJob(id))?.next).toMatchObject([{ type: 'note', id: `${id}-note` }]);
  });

  it('is asked by what the record stores of a result, not by what the handler returned', async () => {
    const { id } = await fleet.queue.add(dated, 1);
    expect(await noted(`${id}-note`)).toMatchObject({ payload: 'string' });
  });

  it('is added when it fails, under another id each time that it is retried', async () => {
    const { id } = await fleet.queue.add(bake, 'stone');
    expect(await noted(`${id}-note`)).toMatchObject({ payload: `${id} is rejected`, priority: 'low' });
    await fleet.queue.retry(id);
    await noted(`${id}-note-2`);
  });

  it('is added by whoever cancels it and has its definition', async () => {
    await using other = new JobQueueService({ servers: nats.url, namespace: fleet.namespace, jobs: [idle] });
    const id = await other.addJob('idle', 1);
    await other.cancel(id);
    expect(await noted(`${id}-note`)).toMatchObject({ payload: 'cancelled' });
  });

  it('is known to a queue that has added such a job', async () => {
    await using other = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
    await other.addJobs([idle.of(1, { id: 'known-by-adding' })]);
    await other.cancel('known-by-adding');
    await noted('known-by-adding-note');
  });

  it('is added when the job has stalled, by a process that knows it', async () => {
    await startAndPause(idle);
    const id = await stranger.addJob('idle', 1);
    const broker = await stranger.broker();
    const pending = (await stranger.getJob(id)) as JobRecord;
    const lost: JobRecord = { ...pending, status: 'processing', state: 'running', attempt: 3, workSeq: 1 };
    const seq = await broker.appendEvent(lost, 0);
    await expect(queueAgain(broker, { record: lost, seq })).rejects.toMatchObject({
      code: 'JETFLEET_TYPE_UNKNOWN',
    });
    fleet.queue.known.add(idle);
    await queueAgain(await fleet.queue.broker(), { record: lost, seq });
    expect(await noted(`${id}-note`)).toMatchObject({ payload: 'exhausted' });
  });

  it('fails the job where it cannot be said, with all that the job held', async () => {
    const { id } = await fleet.queue.add(careless, { kept: 1 });
    expect(await fleet.queue.ended(id)).toMatchObject({
      state: 'rejected',
      payload: { kept: 1 },
      error: { code: 'JETFLEET_OPTION_INVALID', message: 'after of careless failed: no list' },
    });
  });
});

describe('a process that does not know the type', () => {
  it('does not end a job from which others follow, and leaves it as it is', async () => {
    await startAndPause(idle);
    const id = await stranger.addJob('idle', 1);
    await expect(stranger.cancel(id)).rejects.toMatchObject({
      code: 'JETFLEET_TYPE_UNKNOWN',
      message: expect.stringContaining('new JobQueueService({ jobs: [...] })'),
    });
    expect(await stranger.getJob(id)).toMatchObject({ state: 'queued' });
  });

  it('ends a job of a type from which nothing follows, and of one that nobody has handled', async () => {
    const plain = defineJob({ type: 'plain' });
    await startAndPause(plain);
    for (const type of ['plain', 'never_handled']) {
      const id = await stranger.addJob(type, 1);
      expect(await stranger.cancel(id)).toMatchObject({ state: 'cancelled' });
    }
  });
});

describe('the built-in definitions', () => {
  it('store what their schemas make of a payload, and are known to every queue', async () => {
    const startTime = new Date();
    const payload = { instanceId: 'i', novitaInstanceId: 'n', startTime };
    const { id } = await stranger.add(monitorInstance, payload, { delayMs: 60_000 });
    const stored = { startTime: startTime.toISOString(), maxWaitTime: 600_000 };
    expect(await stranger.getJob(monitorInstance, id)).toMatchObject({ payload: stored });
    const { next } = await stranger.cancel(id);
    expect(next).toMatchObject([{ type: 'delete_instance', id: `${id}-delete` }]);
  });

  it.each<[JobDefinition, unknown]>([
    [createInstance, { instanceId: 'i' }],
    [sendWebhook, { url: 'ftp://example.com', payload: 1 }],
  ])('refuse what their schemas refuse', async (job, payload) => {
    await expect(stranger.add(job, payload)).rejects.toMatchObject({ code: 'JETFLEET_PAYLOAD_INVALID' });
    await expect(stranger.addJobs([job.of(payload)])).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
      message: expect.stringMatching(/^job 0/),
    });
  });
});

it.each([5, {}, [5], ['bake']])('a queue refuses %j as its jobs', (jobs) => {
  expect(() => new JobQueueService({ jobs: jobs as never })).toThrow(
    expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
  );
});
