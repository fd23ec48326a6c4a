/**
 * The whole queue in one program: a broker, a simulated GPU provider, a worker, and jobs of all three built-in types.
 *
 *     npx tsx examples/job-queue-example.ts
 *
 * Against a server and Novita of your own, leave out `startEmbeddedServer` and `startSimulator`: the queue connects to
 * NATS_URL, and the provider takes your API key.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  gpuInstances,
  JobPriority,
  JobQueueService,
  type JobRecord,
  JobStatus,
  JobType,
  JobWorkerService,
  webhooks,
} from 'jetfleet';
import { startEmbeddedServer } from 'jetfleet/embedded';
import { createNovitaProvider, startSimulator } from 'jetfleet/gpu';
import { generateWebhookSecret, verifyWebhook } from 'jetfleet/webhooks';

const HOUR = 60 * 60 * 1000;

// The surroundings: NATS, GPUs to rent, and somebody who wants to hear of them.
const nats = await startEmbeddedServer();
const simulator = await startSimulator();
const secret = generateWebhookSecret();
const endpoint = createServer(async (request, response) => {
  const body = await text(request);
  // Throws when the webhook was not signed with the secret.
  verifyWebhook({ headers: request.headers, body, secrets: [secret] });
  console.log(`webhook ${request.url}: ${body}`);
  response.writeHead(204).end();
});
await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
const webhookBase = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;

// Basic setup
const jobQueue = new JobQueueService({ servers: nats.url });
const jobWorker = new JobWorkerService(jobQueue);
jobWorker.use(
  gpuInstances({
    provider: createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url }),
    pollIntervalMs: 250,
  }),
  // Webhooks go to public https addresses only, unless private ones are allowed.
  webhooks({ secret, guard: { allowPrivate: true } }),
);
await jobWorker.start();

/** Waits until a job is COMPLETED or FAILED. */
async function finished(id: string): Promise<JobRecord> {
  for (;;) {
    const job = await jobQueue.getJob(id);
    if (job?.status === JobStatus.COMPLETED || job?.status === JobStatus.FAILED) return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Adding jobs. Each call resolves when the job is durable.
const createJobId = await jobQueue.addJob(
  JobType.CREATE_INSTANCE,
  {
    instanceId: 'my-instance',
    name: 'My GPU Instance',
    productName: 'RTX 4090 24GB',
    templateId: 'template-123',
    gpuNum: 2,
    rootfsSize: 100,
    region: 'CN-HK-01',
    webhookUrl: `${webhookBase}/webhook`,
  },
  JobPriority.HIGH,
);
const created = await finished(createJobId);
const { novitaInstanceId } = created.result as { novitaInstanceId: string };

const monitorJobId = await jobQueue.addJob(JobType.MONITOR_INSTANCE, {
  instanceId: 'my-instance',
  novitaInstanceId,
  startTime: new Date(),
  maxWaitTime: 600000, // 10 minutes
});

const webhookJobId = await jobQueue.addJob(JobType.SEND_WEBHOOK, {
  url: `${webhookBase}/status`,
  payload: { instanceId: 'my-instance', status: 'running', timestamp: new Date().toISOString() },
});

// Monitoring jobs. A completed create_instance is watched by a job of its own, which sends the webhook.
const watchJobId = `${createJobId}-monitor`;
for (const id of [createJobId, monitorJobId, webhookJobId, watchJobId, `${watchJobId}-webhook-running`]) {
  const job = await finished(id);
  console.log(`Job ${job.id} (${job.type}) is ${job.status} after ${job.attempt} attempt(s)`);
}

let stats = await jobQueue.getStats();
// A job that has just ended counts as one that runs until the broker knows.
while (stats.processingJobs > 0) stats = await jobQueue.getStats();
console.log(`Queue has ${stats.pendingJobs} pending and ${stats.completedJobs} completed jobs`);
console.log('By type:', JSON.stringify(stats.jobsByType));

const { jobs: createJobs } = await jobQueue.getJobs({
  type: JobType.CREATE_INSTANCE,
  status: JobStatus.COMPLETED,
});
console.log(`Completed create jobs: ${createJobs.map(({ id }) => id).join(', ')}`);

// Cleanup (jobs that finished more than 24 hours ago, then all that have finished) and shutdown
console.log(`Removed ${await jobQueue.cleanup(24 * HOUR)} old jobs`);
console.log(`Removed ${await jobQueue.cleanup(0)} finished jobs`);
const { released } = await jobWorker.shutdown(30000); // 30 second timeout
console.log(`Worker stopped, ${released} jobs handed back`);
await jobQueue.close();
await new Promise((resolve) => endpoint.close(resolve).closeAllConnections());
await simulator.stop();
await nats.stop();
