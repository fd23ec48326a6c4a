/** The jobs of the demo, and what must become of each. */
import { headers as natsHeaders } from '../broker/connection/connection.js';
import { instanceNameStem, type Simulator } from '../gpu/index.js';
import type { JobQueueService } from '../jetfleet.js';
import type { JobState, JobStatus } from '../jobs/vocabulary.js';
import type { InstanceStatus } from '../webhooks/index.js';
import { Header } from '../wire/headers.js';
import type { JobWorkerService } from '../worker/job-worker-service.js';

/** How a job must end. What is left out may be anything. */
export interface ExpectedJob {
  id: string;
  status: JobStatus;
  state: JobState;
  attempt?: number;
  errorCode?: string;
  /** Paths of the problems of an invalid payload, in any order. */
  problems?: string[];
  /** Every state that the job must have gone through. */
  states?: JobState[];
}

/** An instance operation: a job and the monitor job that follows from it. */
export interface ExpectedOperation {
  id: string;
  /** The one webhook that tells how it ended. */
  webhook: InstanceStatus;
  /** Name of the instance that it must have rented, exactly once; none for an operation that must not rent. */
  instanceStem?: string;
  /** Whether the instance must be deleted and gone in the end. Defaults to false. */
  deleted?: boolean;
}

export interface Plan {
  jobs: ExpectedJob[];
  operations: ExpectedOperation[];
  /** Ids of `send_webhook` jobs that somebody added. */
  webhooks: string[];
}

const STUCK_WAIT_MS = 1_500;
const LATE_MS = 1_500;
const PUBLISH_MS = 5_000;
/** The `code` that the demo's own job type fails with. */
const NOT_READY = 'REPORT_NOT_READY';

/** A job type of a user's own: it fails twice and then works. */
export function registerReport(worker: JobWorkerService): void {
  worker.registerHandler('usage_report', {
    retry: { baseMs: 250, jitter: 0 },
    handler: ({ attempt }) => {
      if (attempt < 3) throw Object.assign(new Error('the figures are not ready'), { code: NOT_READY });
      return { pages: 12 };
    },
  });
}

/** Lets one instance never start, and the answer to one create get lost after it was carried out. */
export function injectFaults({ faults }: Simulator): void {
  faults.add({ kind: 'stuck_pulling', match: instanceNameStem('stuck') });
  faults.add({ kind: 'reset_after_create', match: instanceNameStem('notebook'), times: 1 });
}

/** A payload of `create_instance` that the simulator can serve. */
export function instance(instanceId: string) {
  return {
    instanceId,
    name: instanceId,
    productName: 'RTX 4090 24GB',
    templateId: 'template-123',
    gpuNum: 1,
    rootfsSize: 60,
    region: 'CN-HK-01',
  };
}

/** Adds every job, and says what must become of them. */
export async function addJobs(queue: JobQueueService, hooks: string): Promise<Plan> {
  const webhookUrl = `${hooks}/instances`;
  const create = 'create_instance';
  await queue.addJob(create, { ...instance('notebook'), webhookUrl }, 'normal', { id: 'notebook' });
  await queue.addJob(create, { ...instance('train'), webhookUrl }, 'critical', { id: 'train' });
  const stuck = {
    ...instance('stuck'),
    webhookUrl,
    maxWaitTime: STUCK_WAIT_MS,
    onTimeout: 'delete' as const,
  };
  await queue.addJob(create, stuck, 'normal', { id: 'stuck' });
  await queue.addJob(create, instance('late'), 'low', { id: 'late', delayMs: LATE_MS, webhookUrl });
  await queue.addJob('usage_report', { month: '2026-01' }, 'high', { id: 'report' });
  const greeting = { url: `${hooks}/greetings`, payload: { hello: 'world' } };
  await queue.addJob('send_webhook', greeting, 'critical', { id: 'hello' });
  const gone = { instanceId: 'gone', novitaInstanceId: 'sim-gone', startTime: new Date(), webhookUrl };
  await queue.addJob('monitor_instance', gone, 'low', { id: 'gone' });

  // From here on as any other language would do it: a NATS client, and bare subjects.
  const { connection } = await queue.broker();
  const headers = natsHeaders();
  headers.set(Header.WEBHOOK_URL, webhookUrl);
  const publish = async (subject: string, payload: object) => {
    const answer = await connection.request(subject, JSON.stringify(payload), {
      timeout: PUBLISH_MS,
      headers,
    });
    const { seq, error } = answer.json<{ seq?: number; error?: { description: string } }>();
    if (seq === undefined) throw new Error(`${subject}: ${error?.description}`);
    return seq;
  };
  await publish('jobs.high.create_instance.order-42', instance('order-42'));
  const sequence = await publish('jobs.low.create_instance', instance('nameless'));
  const broken = { ...instance('broken'), gpuNum: 9, region: '', colour: 'red' };
  await publish('jobs.normal.create_instance.broken', broken);
  return planFor(`seq-${sequence}`);
}

/** What must become of the jobs. @param nameless the id of the one that was published without */
export function planFor(nameless: string): Plan {
  const created = ['train', 'order-42', 'notebook', nameless, 'late', 'stuck'];
  const states: JobState[] = ['running', 'retrying', 'running', 'retrying', 'running', 'completed'];
  const rejected = { status: 'failed', state: 'rejected' } as const;
  const problems = ['gpuNum', 'region', 'colour'];
  return {
    jobs: [
      ...created.flatMap((id) => operationJobs(id)),
      { id: 'broken', ...rejected, errorCode: 'JETFLEET_PAYLOAD_INVALID', problems },
      completed('broken-webhook-failed'),
      { id: 'gone', ...rejected, errorCode: 'JETFLEET_INSTANCE_VANISHED' },
      completed('gone-webhook-failed'),
      // The provider may have been wrong, so what is gone is deleted all the same.
      completed('gone-delete'),
      { ...completed('report'), attempt: 3, states },
      completed('hello'),
    ],
    operations: [
      ...created.map((id) => ({ id, instanceStem: instanceNameStem(id), ...endOf(id) })),
      { id: 'broken', webhook: 'failed' },
      { id: 'gone', webhook: 'failed' },
    ],
    webhooks: ['hello'],
  };
}

function operationJobs(id: string): ExpectedJob[] {
  const monitor = `${id}-monitor`;
  const timedOut = { status: 'failed', state: 'timed_out', errorCode: 'JETFLEET_INSTANCE_TIMEOUT' } as const;
  const { webhook, deleted } = endOf(id);
  return [
    completed(id),
    deleted ? { id: monitor, ...timedOut } : completed(monitor),
    completed(`${monitor}-webhook-${webhook}`),
  ];
}

function endOf(id: string): { webhook: InstanceStatus; deleted: boolean } {
  return id === 'stuck' ? { webhook: 'timeout', deleted: true } : { webhook: 'running', deleted: false };
}

function completed(id: string): ExpectedJob {
  return { id, status: 'completed', state: 'completed' };
}
