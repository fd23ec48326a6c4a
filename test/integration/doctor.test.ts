import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type DoctorOptions,
  type Examination,
  examine,
  JobQueueService,
  type JobRecord,
} from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const ACK_WAIT_MS = 500;
let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({
    nats,
    workers: 0,
    queue: { ackWaitMs: ACK_WAIT_MS },
    handlers: { step: ({ attempt }) => ({ attempt }) },
  });
  await fleet.queue.setup(['step']);
  return () => fleet.close();
});

/** Examines with no patience, and without the note on what was not asked. */
async function examined(options: DoctorOptions = {}): Promise<Examination & { codes: string[] }> {
  const examination = await examine(fleet.queue, { graceMs: 0, ...options });
  const codes = examination.findings
    .map(({ code }) => code)
    .filter((code) => code !== 'sync_interval_unknown');
  return { ...examination, codes };
}

/** Leaves a job with a record in some state, and neither message nor timer. */
async function strand(id: string, record: Partial<JobRecord>): Promise<void> {
  await fleet.queue.addJob('step', { n: 1 }, 'normal', { id });
  const broker = await fleet.queue.broker();
  const pending = (await fleet.queue.getJob(id)) as JobRecord;
  const updatedAt = new Date(Date.now() - 60_000).toISOString();
  await broker.appendEvent({ ...pending, attempt: 1, worker: 'dead', workSeq: 1, updatedAt, ...record }, 0);
  await broker.topology.purge('jobs', '>');
}

async function manager() {
  const { connection, subjects } = await fleet.queue.broker();
  return { jsm: await jetstreamManager(connection), subjects };
}

const past = new Date(Date.now() - 30_000).toISOString();
const error = { code: 'X', message: 'failed', retryable: true };

describe('a job that nothing would bring on', () => {
  it.each([
    ['retrying', 'job_without_timer', { status: 'pending', nextRunAt: past, error }, 2],
    ['waiting', 'job_without_timer', { status: 'processing', nextRunAt: past }, 1],
    ['scheduled', 'job_without_timer', { status: 'pending', nextRunAt: past, attempt: 0 }, 1],
    ['queued', 'job_without_message', { status: 'pending', attempt: 0 }, 1],
    ['running', 'processing_stale', { status: 'processing' }, 2],
  ] as const)('(%s) is found, and mended it comes to its end', async (state, code, record, attempt) => {
    await strand('lost', { ...record, state });
    const { codes, mend } = await examined();
    expect(codes).toEqual([code]);
    expect(await mend()).toMatchObject([{ code, target: 'lost', ok: true }]);
    await fleet.addWorker();
    expect(await fleet.waitForJob('lost', 'completed')).toMatchObject({ attempt });
    expect((await examined()).codes).toEqual([]);
  });

  it('fails as stalled when its last attempt was lost', async () => {
    await strand('spent', { status: 'processing', state: 'running', attempt: 3 });
    const { mend } = await examined();
    await mend();
    expect(await fleet.queue.getJob('spent')).toMatchObject({
      state: 'exhausted',
      error: { code: 'JETFLEET_STALLED' },
    });
    expect((await examined()).codes).toEqual([]);
  });

  it('is left alone while its time has not come, or not long ago', async () => {
    const nextRunAt = new Date(Date.now() + 60_000).toISOString();
    await strand('later', { status: 'pending', state: 'retrying', nextRunAt, error });
    await strand('young', { status: 'pending', state: 'queued', updatedAt: new Date().toISOString() });
    expect((await examined({ graceMs: 10_000 })).codes).toEqual([]);
  });

  it('mending is refused when somebody else brought it on meanwhile', async () => {
    await strand('raced', { status: 'processing', state: 'running' });
    const { mend } = await examined();
    await fleet.queue.cancel('raced');
    expect(await mend()).toMatchObject([{ target: 'raced', ok: false }]);
    expect(await fleet.queue.getJob('raced')).toMatchObject({ state: 'cancelled' });
  });
});

it('a busy queue has no findings: jobs that run, wait, retry, are scheduled, cancelled and redriven', async () => {
  const busy = await startFleet({
    nats,
    queue: { ackWaitMs: ACK_WAIT_MS },
    handlers: {
      quick: () => 1,
      slow: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
      fails: { handler: () => Promise.reject(new Error('no')), retry: { baseMs: 5, jitter: 0 } },
    },
  });
  try {
    for (let n = 0; n < 12; n++) {
      await busy.queue.addJob('quick', { n });
      await busy.queue.addJob('fails', { n }, 'low', { id: `fails-${n}` });
    }
    await busy.queue.addJob('slow', {}, 'high', { id: 'slow' });
    await busy.queue.addJob('quick', {}, 'high', { delayMs: 60_000 });
    for (let n = 0; n < 5; n++) {
      const { findings } = await examine(busy.queue, { graceMs: 0 });
      expect(findings.map(({ code }) => code)).toEqual(['sync_interval_unknown']);
      await busy.queue.cancel(`fails-${n}`).catch(() => undefined);
      await busy.queue.retryAll();
    }
  } finally {
    await busy.close();
  }
});

it('a check that fails is a finding with its error, and keeps no other from its turn', async () => {
  await strand('lost', { status: 'processing', state: 'running' });
  const broker = await fleet.queue.broker();
  // The first of all, one of the jobs, and the last.
  const broken = [
    vi.spyOn(broker.clock, 'measure').mockRejectedValue(new Error('no clock')),
    vi.spyOn(broker.topology.pauses, 'compare').mockRejectedValue(new Error('no list of pauses')),
    vi.spyOn(broker.schedules, 'knowsTimeZones').mockRejectedValue(new Error('no zones')),
  ];
  const { findings, mend } = await examined();
  for (const each of broken) each.mockRestore();
  const failed = findings.filter(({ code }) => code === 'check_failed');
  expect(failed).toMatchObject([
    { severity: 'warning', target: 'clocks', message: 'no clock' },
    { target: 'time zones', message: 'no zones' },
    { target: 'pauses', message: 'no list of pauses' },
  ]);
  expect(await mend()).toMatchObject([{ code: 'processing_stale', target: 'lost', ok: true }]);
});

describe('a redrive that died half way', () => {
  it('leaves a failure behind, which is found and removed', async () => {
    await fleet.queue.addJob('step', {}, 'normal', { id: 'half' });
    const broker = await fleet.queue.broker();
    const pending = (await fleet.queue.getJob('half')) as JobRecord;
    const failed = { ...pending, status: 'failed', state: 'exhausted', attempt: 3, error } as const;
    const seq = await broker.appendEvent(failed, 0);
    await broker.appendEvent({ ...pending, redrives: 1 }, seq);
    const { codes, mend } = await examined();
    // No worker is there for the job that was brought back.
    expect(codes).toEqual(['type_unhandled', 'failure_left_over']);
    await mend();
    expect((await examined()).codes).toEqual(['type_unhandled']);
    expect((await fleet.queue.getJobs({ status: 'failed' })).jobs).toEqual([]);
  });
});

describe('streams and consumers', () => {
  it('that are missing are found, and made', async () => {
    const { jsm, subjects } = await manager();
    await jsm.consumers.delete(subjects.streamName('jobs'), 'step-low');
    await jsm.streams.delete(subjects.streamName('webhooks'));
    await using queue = new JobQueueService({
      servers: nats.url,
      namespace: fleet.namespace,
      ackWaitMs: ACK_WAIT_MS,
    });
    const { findings, mend } = await examine(queue);
    expect(findings).toMatchObject([
      { code: 'sync_interval_unknown' },
      { code: 'stream_missing', target: `stream ${subjects.streamName('webhooks')}` },
      { code: 'consumer_missing', target: `consumer step-low of ${subjects.streamName('jobs')}` },
    ]);
    await mend();
    expect((await examine(queue)).findings).toMatchObject([{ code: 'sync_interval_unknown' }]);
  });

  it('that differ dangerously are found, and set where the server lets them', async () => {
    const { jsm, subjects } = await manager();
    await jsm.streams.update(subjects.streamName('events'), { max_msgs: 1_000 });
    await jsm.consumers.update(subjects.streamName('jobs'), 'step-high', { max_ack_pending: 5 });
    const { findings, mend } = await examined({ graceMs: 60_000 });
    expect(findings).toMatchObject([
      { code: 'sync_interval_unknown' },
      { code: 'stream_drift', message: expect.stringContaining('max_msgs is 1000') },
      { code: 'consumer_drift', message: expect.stringContaining('max_ack_pending is 5') },
    ]);
    expect(await mend()).toMatchObject([{ ok: true }, { ok: true }]);
    expect((await examined()).codes).toEqual([]);
  });

  it('are only pointed out where they differ in comfort, or cannot be changed', async () => {
    const { jsm, subjects } = await manager();
    const name = subjects.streamName('webhooks');
    const { config } = await jsm.streams.info(name);
    await jsm.streams.delete(name);
    await jsm.streams.add({ ...config, storage: 'memory' as never });
    await jsm.streams.update(subjects.streamName('events'), { max_age: 3_600_000_000_000 });
    await using queue = new JobQueueService({
      servers: nats.url,
      namespace: fleet.namespace,
      ackWaitMs: ACK_WAIT_MS,
    });
    const { findings, mend } = await examine(queue);
    expect(findings.map(({ code, severity, fixable }) => [code, severity, fixable])).toEqual([
      ['sync_interval_unknown', 'info', false],
      ['stream_drift', 'danger', false],
      ['setting_drift', 'info', false],
    ]);
    expect(findings[1]?.message).toContain('cannot be changed in place');
    expect(await mend()).toEqual([]);
  });

  it('of types that nobody handles are named with the jobs that wait', async () => {
    await fleet.queue.addJob('nobody_handles', {});
    await fleet.queue.addJob('nobody_handles', {});
    const { findings } = await examined();
    expect(findings.at(-1)).toMatchObject({
      code: 'type_unhandled',
      target: 'nobody_handles',
      message: expect.stringContaining('2 jobs wait'),
    });
  });
});

describe('the server', () => {
  it('that flushes late is found by its monitoring page; one that flushes always is fine', async () => {
    await using late = await startNats({ syncInterval: '2m' });
    const { findings } = await examined({ monitorUrl: late.monitorUrl });
    expect(findings).toMatchObject([
      { code: 'sync_interval_not_always', severity: 'danger', message: expect.stringContaining('120 s') },
      {
        code: 'sync_told_wrong',
        severity: 'info',
        message: expect.stringContaining('JETFLEET_SYNC=periodic'),
      },
    ]);
    expect((await examined({ monitorUrl: nats.monitorUrl })).findings).toEqual([]);
  });

  it('whose page is none is a usage error', async () => {
    await expect(examined({ monitorUrl: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
  });
});

describe('instances', () => {
  const graceMs = 0;
  async function rented(id: string): Promise<string> {
    await fleet.addWorker(undefined, {
      provider: fleet.provider,
      pollIntervalMs: 50,
      settleDelayMs: 20,
      sweep: false,
    });
    const payload = {
      instanceId: id,
      name: id,
      productName: 'RTX 4090 24GB',
      templateId: 'template-123',
      gpuNum: 1,
      rootfsSize: 60,
      region: 'CN-HK-01',
    };
    await fleet.queue.addJob('create_instance', payload, 'normal', { id });
    await fleet.waitForJob(`${id}-monitor`, 'completed');
    return fleet.simulator.live()[0]?.name ?? '';
  }
  async function create(name: string): Promise<string> {
    const [offer] = await fleet.provider.listOffers({
      productName: 'RTX 4090 24GB',
      region: 'CN-HK-01',
      gpuNum: 1,
      billingMode: 'spot',
    });
    const template = await fleet.provider.getTemplate('template-123');
    if (!offer) throw new Error('no offer');
    const spec = { name, offer, template, gpuNum: 1, rootfsSize: 60 };
    return (await fleet.provider.create(spec)).providerInstanceId;
  }
  const instanceFindings = async () => {
    const { findings, mend } = await examined({ provider: fleet.provider, graceMs });
    return { found: findings.filter(({ code }) => code.startsWith('instance_')), mend };
  };

  it('of a completed job are its own, a second one of its name is orphaned and deleted', async () => {
    const name = await rented('Order_One');
    expect((await instanceFindings()).found).toEqual([]);
    const twin = await create(name);
    const { found, mend } = await instanceFindings();
    expect(found).toMatchObject([{ code: 'instance_orphaned', target: twin, severity: 'danger' }]);
    await mend();
    await vi.waitFor(() => expect(fleet.simulator.live()).toHaveLength(1));
    expect(fleet.simulator.live()[0]?.id).not.toBe(twin);
  });

  it('of a failed job are orphaned, whatever its id looks like', async () => {
    const broker = await fleet.queue.broker();
    for (const id of ['plain-id', '01JDXK8Q6Y3V5T2N7M4B9C0DEF', 'Mixed_Case-ID', 'x'.repeat(90)]) {
      await fleet.queue.addJob('step', {}, 'normal', { id });
      const pending = (await fleet.queue.getJob(id)) as JobRecord;
      const name = `jetfleet-${id
        .toLowerCase()
        .replaceAll(/[^a-z0-9]/g, '-')
        .slice(0, 36)}-0123456789ab`;
      const job: JobRecord = {
        ...pending,
        type: 'create_instance',
        attempt: 1,
        checkpoint: { instanceName: name },
      };
      const seq = await broker.appendEvent({ ...job, status: 'processing', state: 'running' }, 0);
      await broker.appendEvent({ ...job, status: 'failed', state: 'exhausted', error }, seq);
      const orphan = await create(name);
      expect((await instanceFindings()).found.map(({ target }) => target)).toContain(orphan);
    }
  });

  it('that no record knows are told and never touched; others on the account are not even told', async () => {
    const unknown = await create('jetfleet-somebody-else-0123456789ab');
    await create('my-own-machine');
    const { found, mend } = await instanceFindings();
    expect(found).toMatchObject([
      { code: 'instance_unknown', target: unknown, severity: 'info', fixable: false },
    ]);
    expect(await mend()).toEqual([]);
    expect(fleet.simulator.live()).toHaveLength(2);
  });

  it('that are young are not judged', async () => {
    await create('jetfleet-somebody-else-0123456789ab');
    const { findings } = await examined({ provider: fleet.provider, graceMs: 60_000 });
    expect(findings.filter(({ code }) => code.startsWith('instance_'))).toEqual([]);
  });
});
