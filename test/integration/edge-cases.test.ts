import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { complete, type JobContext, type JobRecord, JobWorkerService } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { rawPublish } from '../support/raw-publish.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.connect();
  return () => fleet.close();
});

const publishRaw = (subject: string, body: string, headers = '') =>
  rawPublish(nats.port, subject, body, headers);

describe('jobs without an id', () => {
  it('on the two work streams have different ids, though each stream counts from 1', async () => {
    await publishRaw(
      `${fleet.namespace}.jobs.low.send_webhook`,
      JSON.stringify({ url: fleet.receiver.url, payload: 1 }),
    );
    const webhook = JSON.stringify({ url: fleet.receiver.url, payload: 2 });
    await publishRaw(`${fleet.namespace}.webhooks.low.send_webhook`, webhook);
    expect(await fleet.queue.getJob('webhook-seq-1')).toMatchObject({ state: 'queued' });
    await fleet.addWorker();
    await fleet.waitForJob('seq-1', 'completed');
    await fleet.waitForJob('webhook-seq-1', 'completed');
    expect(fleet.receiver.requests.map(({ body }) => body).sort()).toEqual(['1', '2']);
  });

  it('run under another id when the stream was made again and counts anew', async () => {
    const ran: string[] = [];
    await fleet.addWorker({ demo: ({ id }) => void ran.push(id) });
    await publishRaw(`${fleet.namespace}.jobs.low.demo`, '1');
    await fleet.waitForJob('seq-1', 'completed');
    const { topology, connection, subjects } = await fleet.queue.broker();
    await connection.request(`$JS.API.STREAM.DELETE.${subjects.streamName('jobs')}`);
    await topology.ensure(['demo']);
    await publishRaw(`${fleet.namespace}.jobs.low.demo`, '2');
    await vi.waitFor(() => expect(ran).toHaveLength(2));
    expect(ran[1]).toMatch(/^seq-1-[a-z0-9]+$/);
  });
});

describe('a stranger', () => {
  it('who breaks the header protocol gets a FAILED record, and disturbs nobody', async () => {
    await fleet.addWorker({ demo: () => 'done' });
    await publishRaw(`${fleet.namespace}.jobs.normal.demo.evil`, '{}', 'foo: a\nb');
    const good = await fleet.queue.addJob('demo', {});
    await fleet.waitForJob(good, 'completed');
    expect(await fleet.waitForJob('evil', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_HEADER_INVALID' },
    });
  });

  it('who sends a key as long as a payload gets a FAILED record of ordinary size', async () => {
    await fleet.addWorker();
    const body = JSON.stringify({ url: fleet.receiver.url, payload: 1, ['k'.repeat(500_000)]: 1 });
    await publishRaw(`${fleet.namespace}.webhooks.low.send_webhook.long-key`, body);
    const { error } = await fleet.waitForJob('long-key', 'rejected');
    expect(error?.code).toBe('JETFLEET_PAYLOAD_UNKNOWN_KEY');
    expect(JSON.stringify(error).length).toBeLessThan(4_000);
  });

  it('cannot confuse the queue with a type that every object has as a key', async () => {
    await fleet.addWorker({ demo: () => 'done' });
    const id = await fleet.queue.addJob('constructor', {});
    expect(await fleet.queue.getJob(id)).toMatchObject({ type: 'constructor', state: 'queued' });
  });

  it.each(['__proto__', 'toString', 'hasOwnProperty'])('cannot add a job of type %s', async (type) => {
    await expect(fleet.queue.addJob(type, {})).rejects.toMatchObject({ code: 'JETFLEET_TYPE_INVALID' });
  });
});

describe('an option that cannot be sent', () => {
  it.each(['http://a.example/\nb', `http://a.example/${'x'.repeat(3_000)}`, 'ftp://a.example'])(
    'is refused before anything is: webhookUrl %j',
    async (webhookUrl) => {
      await expect(fleet.queue.addJob('demo', {}, 'normal', { webhookUrl })).rejects.toMatchObject({
        code: 'JETFLEET_OPTION_INVALID',
      });
    },
  );
});

describe('a job', () => {
  it('that stalls in its last attempt still tells its endpoint', async () => {
    const stalled = await startFleet({ nats, workers: 0, queue: { ackWaitMs: 500 } });
    const payload = {
      instanceId: 'i',
      novitaInstanceId: 'n',
      startTime: new Date(),
      webhookUrl: stalled.receiver.url,
    };
    await stalled.queue.setup(['monitor_instance']);
    await stalled.queue.addJob('monitor_instance', payload, 'normal', { id: 'lost', maxAttempts: 1 });
    // A worker that claimed the job and died: its claim stands, its message comes again.
    const broker = await stalled.queue.broker();
    const seq = await new Promise<number>((resolve) => {
      const source = broker.pull({
        stream: broker.subjects.streamName('jobs'),
        consumer: broker.subjects.consumerName('monitor_instance', 'normal'),
        onDelivery: (delivery) => resolve(delivery.seq),
        onWaitEnd: () => {},
        onRewound: () => {},
        onMissing: () => {},
      });
      source.wait();
    });
    const pending = (await stalled.queue.getJob('lost')) as JobRecord;
    const claim = {
      status: 'processing',
      state: 'running',
      attempt: 1,
      workSeq: seq,
      worker: 'dead',
    } as const;
    await broker.appendEvent({ ...pending, ...claim }, 0);
    await stalled.addWorker();
    expect(await stalled.waitForJob('lost', 'exhausted')).toMatchObject({
      error: { code: 'JETFLEET_STALLED' },
    });
    const { body } = await stalled.receiver.waitFor(() => true);
    expect(JSON.parse(body)).toMatchObject({
      type: 'instance.failed',
      data: { errorCode: 'JETFLEET_STALLED' },
    });
    await stalled.close();
  });

  it('cannot write a checkpoint after it has ended', async () => {
    let late: Promise<void> | undefined;
    const handler = (job: JobContext) => {
      late = delay(50).then(() => job.saveCheckpoint('too late'));
      late.catch(() => {});
      return 'done';
    };
    await fleet.addWorker({ demo: handler });
    const id = await fleet.queue.addJob('demo', {});
    await fleet.waitForJob(id, 'completed');
    await expect(late).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    expect(await fleet.history(id)).toHaveLength(2);
  });

  it('whose next jobs do not fit into its record fails with a code instead of hanging', async () => {
    const next = [1, 2, 3].map((n) => ({ type: 'demo', idSuffix: `n${n}`, payload: 'x'.repeat(400_000) }));
    await fleet.addWorker({ demo: () => complete('done', next) });
    const id = await fleet.queue.addJob('demo', {});
    expect(await fleet.waitForJob(id, 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_RESULT_TOO_LARGE' },
    });
  });

  it('delayed twice under one id waits once, with what came first, and runs once', async () => {
    const ran: unknown[] = [];
    await fleet.addWorker({ demo: ({ payload }) => void ran.push(payload) });
    const add = (payload: string) =>
      fleet.queue.addJob('demo', payload, 'normal', { id: 'later', delayMs: 600 });
    expect(await add('first')).toBe('later');
    expect(await add('first')).toBe('later');
    await expect(add('second')).rejects.toMatchObject({ code: 'JETFLEET_ID_TAKEN' });
    expect(await fleet.queue.getStats()).toMatchObject({ scheduledJobs: 1 });
    await fleet.waitForJob('later', 'completed');
    expect(ran).toEqual(['first']);
  });

  // A machine that stands still for a lease rightly gives the job to the other worker, but not each time.
  it('keeps its lease by what the server does, not by what was asked for', { retry: 3 }, async () => {
    await using short = await startFleet({ nats, namespace: 'short', workers: 0, queue: { ackWaitMs: 600 } });
    await short.queue.setup(['demo']);
    await using other = await startFleet({
      nats,
      namespace: 'short',
      workers: 2,
      handlers: { demo: () => delay(1_800) },
    });
    const id = await other.queue.addJob('demo', {});
    expect(await other.waitForJob(id, 'completed')).toMatchObject({ attempt: 1 });
    expect(await other.history(id)).toHaveLength(2);
  });
});

describe('a worker', () => {
  it('refuses a second handler of a type that is just being started', async () => {
    const worker = await fleet.addWorker({ demo: () => 'a' });
    worker.registerHandler('other', { handler: () => 'first' });
    expect(() => worker.registerHandler('other', { handler: () => 'second' })).toThrow(
      /register before start/,
    );
    const id = await fleet.queue.addJob('other', {});
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 'first' });
  });

  it('that is shut down while it starts claims nothing afterwards', async () => {
    const ran = vi.fn();
    const worker = new JobWorkerService(fleet.queue).registerHandler('demo', { handler: ran });
    const refused = expect(worker.start()).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
    await worker.shutdown(100);
    await refused;
    await fleet.queue.addJob('demo', {}, 'normal', { id: 'after' });
    await fleet.addWorker({ marker: () => 'ok' });
    await fleet.waitForJob(await fleet.queue.addJob('marker', {}), 'completed');
    expect(await fleet.queue.getJob('after')).toMatchObject({ state: 'queued' });
    expect(ran).not.toHaveBeenCalled();
  });
});
