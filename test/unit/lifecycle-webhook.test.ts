import { describe, expect, it } from 'vitest';
import { JobQueueService } from '../../src/index.js';
import { isJobId } from '../../src/jobs/job-id.js';
import { type JobRecord, pendingRecord } from '../../src/jobs/job-record.js';
import { followingFrom } from '../../src/queue/follow-ups.js';
import { sendWebhookPayload } from '../../src/webhooks/schemas.js';

const { known } = new JobQueueService();
/** The webhook that follows from the end of a job, as the record names it. */
const webhookOf = (job: JobRecord) => followingFrom(known, job).find(({ type }) => type === 'send_webhook');

const URL = 'https://hooks.test/jetfleet';
const ERROR = { code: 'JETFLEET_PROVIDER_BALANCE', message: 'no balance left', retryable: false };
const CREATE_PAYLOAD = { instanceId: 'inst-1', name: 'a', webhookUrl: URL };
const MONITOR_PAYLOAD = {
  instanceId: 'inst-1',
  novitaInstanceId: 'nov-9',
  startTime: '2026-01-01T00:00:00.000Z',
  maxWaitTime: 600_000,
  webhookUrl: URL,
};

function record(type: string, over: Partial<JobRecord>): JobRecord {
  const payload = type === 'create_instance' ? CREATE_PAYLOAD : MONITOR_PAYLOAD;
  const createdAt = '2026-01-01T00:00:10.000Z';
  const request = { id: 'order-42', type, priority: 'high' as const, payload, createdAt };
  return {
    ...pendingRecord(request, 3),
    updatedAt: '2026-01-01T00:01:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    ...over,
  };
}
const COMPLETED = { status: 'completed', state: 'completed' } as const;
const failed = (state: JobRecord['state']) => ({ status: 'failed', state, error: ERROR }) as const;

function dataOf(job: JobRecord): Record<string, unknown> {
  const next = webhookOf(job);
  if (!next) throw new Error(`no webhook follows from ${job.type} ${job.state}`);
  return (next.payload as { payload: { data: Record<string, unknown> } }).payload.data;
}

describe('lifecycleWebhook', () => {
  it('reports a monitored instance that runs, as a whole send_webhook job', () => {
    expect(webhookOf(record('monitor_instance', COMPLETED))).toEqual({
      type: 'send_webhook',
      id: 'order-42-webhook-running',
      priority: 'high',
      maxAttempts: 10,
      payload: {
        url: URL,
        payload: {
          type: 'instance.running',
          timestamp: '2026-01-01T00:01:00.000Z',
          sequence: Date.parse('2026-01-01T00:01:00.000Z'),
          data: {
            instanceId: 'inst-1',
            status: 'running',
            novitaInstanceId: 'nov-9',
            elapsedTime: 60_000,
            jobId: 'order-42',
          },
        },
      },
    });
  });

  it.each([
    ['monitor_instance', 'timed_out', 'timeout'],
    ['monitor_instance', 'exhausted', 'failed'],
    ['monitor_instance', 'rejected', 'failed'],
    ['monitor_instance', 'cancelled', 'failed'],
    ['create_instance', 'exhausted', 'failed'],
    ['create_instance', 'rejected', 'failed'],
    ['create_instance', 'timed_out', 'failed'],
    ['create_instance', 'cancelled', 'failed'],
  ] as const)('reports %s that ended %s as %s, with its error', (type, state, status) => {
    const job = record(type, failed(state));
    expect(webhookOf(job)).toMatchObject({
      id: `order-42-webhook-${status}`,
      payload: { payload: { type: `instance.${status}` } },
    });
    expect(dataOf(job)).toMatchObject({ status, error: ERROR.message, errorCode: ERROR.code });
  });

  it.each([
    ['a completed create_instance, whose monitor reports', record('create_instance', COMPLETED)],
    ['a job that retries', record('create_instance', { status: 'pending', state: 'retrying', error: ERROR })],
    ['a job that runs', record('monitor_instance', { status: 'processing', state: 'waiting' })],
    ["a user's own type whose payload has a URL", record('resize_disk', COMPLETED)],
    ["a user's own type that runs", record('resize_disk', { webhookUrl: URL })],
    ['a job without a URL', record('monitor_instance', { ...COMPLETED, payload: { instanceId: 'inst-1' } })],
  ])('says nothing of %s', (_, job) => {
    expect(webhookOf(job)).toBeUndefined();
  });

  it.each([
    ['resize_disk', COMPLETED, 'completed', {}],
    ['resize_disk', failed('exhausted'), 'failed', { error: ERROR.message, errorCode: ERROR.code }],
    ['resize_disk', failed('timed_out'), 'timeout', { error: ERROR.message, errorCode: ERROR.code }],
    ['send_webhook', failed('exhausted'), 'failed', { error: ERROR.message, errorCode: ERROR.code }],
  ] as const)('reports the end of %s, %o, as %s', (jobType, end, status, why) => {
    const next = webhookOf(record(jobType, { ...end, webhookUrl: URL }));
    expect(next).toMatchObject({ type: 'send_webhook', id: `order-42-webhook-${status}`, maxAttempts: 10 });
    expect(next?.webhookUrl).toBeUndefined();
    expect(next?.payload).toEqual({
      url: URL,
      payload: {
        type: `job.${status}`,
        timestamp: '2026-01-01T00:01:00.000Z',
        sequence: Date.parse('2026-01-01T00:01:00.000Z'),
        data: { jobId: 'order-42', jobType, status, elapsedTime: 50_000, ...why },
      },
    });
  });

  it.each([
    ['delete_instance', COMPLETED, {}, 'deleted'],
    ['delete_instance', failed('rejected'), {}, 'delete_failed'],
    ['start_instance', COMPLETED, { status: 'running' }, 'started'],
    ['start_instance', failed('timed_out'), {}, 'start_failed'],
    ['stop_instance', COMPLETED, { status: 'stopped' }, 'stopped'],
    ['stop_instance', failed('rejected'), {}, 'stop_failed'],
    ['restart_instance', COMPLETED, { status: 'running' }, 'restarted'],
    ['restart_instance', failed('cancelled'), {}, 'restart_failed'],
    ['migrate_instance', COMPLETED, { novitaInstanceId: 'nov-10', replaced: 'nov-9' }, 'migrated'],
    ['migrate_instance', failed('rejected'), {}, 'migrate_failed'],
    ['check_instance', COMPLETED, { isHealthy: true }, 'healthy'],
    ['check_instance', COMPLETED, { isHealthy: false }, 'unhealthy'],
    ['check_instance', failed('rejected'), {}, 'check_failed'],
  ] as const)('reports %s that ended %o with %o as instance.%s', (type, end, result, status) => {
    const job = record(type, { ...end, result });
    expect(webhookOf(job)).toMatchObject({
      id: `order-42-webhook-${status}`,
      payload: { payload: { type: `instance.${status}` } },
    });
    const { replaced, novitaInstanceId = 'nov-9' } = result as {
      replaced?: string;
      novitaInstanceId?: string;
    };
    expect(dataOf(job)).toMatchObject({ instanceId: 'inst-1', status, novitaInstanceId });
    expect(dataOf(job).replaced).toBe(replaced);
  });

  it("prefers the payload's URL to the record's, and falls back on a bad one", () => {
    const job = record('monitor_instance', { ...COMPLETED, webhookUrl: 'https://other.test/' });
    const bad = { ...job, payload: { ...MONITOR_PAYLOAD, webhookUrl: 'javascript:alert(1)' } };
    expect(webhookOf(job)?.payload).toMatchObject({ url: URL });
    expect(webhookOf(bad)?.payload).toMatchObject({ url: 'https://other.test/' });
  });

  it.each([
    ['checkpoint', { checkpoint: { novitaInstanceId: 'nov-7' } }],
    ['result', { result: { novitaInstanceId: 'nov-7' } }],
  ])('names the instance of a failed create from its %s', (_, over) => {
    expect(dataOf(record('create_instance', { ...failed('exhausted'), ...over }))).toMatchObject({
      novitaInstanceId: 'nov-7',
    });
  });

  it.each([null, undefined, 7, 'text', [], { instanceId: 7, startTime: {}, novitaInstanceId: '' }])(
    'tolerates the payload %j of a job that could not be read',
    (payload) => {
      const job = record('monitor_instance', { ...failed('rejected'), payload, webhookUrl: URL });
      expect(dataOf(job)).toEqual({
        status: 'failed',
        elapsedTime: 50_000,
        error: ERROR.message,
        errorCode: ERROR.code,
        jobId: 'order-42',
      });
    },
  );

  it('never counts time backwards', () => {
    const payload = { ...MONITOR_PAYLOAD, startTime: '2026-01-01T00:02:00+00:00' };
    expect(dataOf(record('monitor_instance', { ...COMPLETED, payload }))).toMatchObject({ elapsedTime: 0 });
  });

  it('gives the same bytes for the same record', () => {
    const job = record('create_instance', failed('exhausted'));
    const again = JSON.parse(JSON.stringify(job)) as JobRecord;
    expect(JSON.stringify(webhookOf(job))).toBe(JSON.stringify(webhookOf(again)));
  });

  it('makes a valid job of the longest id that a caller may choose', () => {
    const next = webhookOf(record('monitor_instance', { ...COMPLETED, id: `${'a'.repeat(100)}-monitor` }));
    expect(next?.id).toMatch(/-monitor-webhook-running$/);
    expect(isJobId(next?.id ?? '')).toBe(true);
    expect(sendWebhookPayload.safeParse(next?.payload).success).toBe(true);
  });
});
