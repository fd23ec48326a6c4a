import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../src/broker/broker.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  createNovitaProvider,
  type NovitaProvider,
  type Simulator,
  startSimulator,
} from '../../src/gpu/index.js';
import {
  type GpuInstancesOptions,
  gpuInstances,
  type HandlerOptions,
  type JobHandler,
  type JobQueueOptions,
  JobQueueService,
  type JobRecord,
  type JobState,
  type JobWorkerOptions,
  JobWorkerService,
  type WebhooksOptions,
  webhooks,
} from '../../src/index.js';
import { defined } from '../../src/jobs/defined.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { startNats } from './nats.js';
import { PATIENCE_MS } from './patience-ms.js';
import { QUICK } from './simulated-novita.js';
import { startReceiver, type WebhookReceiver } from './webhook-receiver.js';

export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** A worker, and what it uses: instances where it has a provider, and webhooks where it has options of theirs. */
export type FleetWorkerOptions = JobWorkerOptions &
  Partial<GpuInstancesOptions> & { webhooks?: WebhooksOptions };

export interface FleetOptions {
  /** A server to share with other fleets, each in a namespace of its own. Defaults to one that ends with the fleet. */
  nats?: EmbeddedServer;
  /** Defaults to a new one. */
  namespace?: string;
  queue?: JobQueueOptions;
  /** How many workers are started. Defaults to 1. */
  workers?: number;
  /** Each worker's types besides the built-in ones. */
  handlers?: Record<string, JobHandler | HandlerOptions>;
  /** Whether workers handle the built-in types as well. Defaults to false when there are `handlers`, else to true. */
  builtIn?: boolean;
  worker?: FleetWorkerOptions;
}

/** A queue, its workers and everything around them, all real. */
export interface Fleet extends AsyncDisposable {
  nats: EmbeddedServer;
  url: string;
  namespace: string;
  queue: JobQueueService;
  workers: JobWorkerService[];
  simulator: Simulator;
  provider: NovitaProvider;
  receiver: WebhookReceiver;
  /** Starts one more worker, with handlers of its own or those of the fleet. */
  addWorker(handlers?: FleetOptions['handlers'], options?: FleetWorkerOptions): Promise<JobWorkerService>;
  /** Resolves with the record once it fits; rejects when the job ends otherwise, or after `PATIENCE_MS`. */
  waitForJob(id: string, until: JobState | ((job: JobRecord) => boolean)): Promise<JobRecord>;
  /** All transitions of a job that EVENTS tells of, oldest first. */
  history(id: string): Promise<JobRecord[]>;
  close(): Promise<void>;
}

/** Longer than a test waits: what only a redelivery brings on is late. */
const ACK_WAIT_MS = PATIENCE_MS + 15_000;

let count = 0;

/**
 * Starts a fleet with a quick simulated provider and a webhook receiver.
 *
 *     await using fleet = await startFleet({ nats, handlers: { greet: () => 'hello' } });
 */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const nats = options.nats ?? (await startNats());
  const namespace = options.namespace ?? `t${++count}`;
  const simulator = await startSimulator({ timings: QUICK });
  const receiver = await startReceiver({ secret: WEBHOOK_SECRET });
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url });
  const queue = new JobQueueService({
    servers: nats.url,
    namespace,
    ackWaitMs: ACK_WAIT_MS,
    ...options.queue,
  });
  const workers: JobWorkerService[] = [];
  const builtIn: FleetWorkerOptions = {
    provider,
    pollIntervalMs: 100,
    settleDelayMs: 50,
    webhooks: { secret: WEBHOOK_SECRET, guard: { allowPrivate: true } },
  };

  async function addWorker(handlers = options.handlers, more: FleetWorkerOptions = {}) {
    const withBuiltIn = options.builtIn ?? handlers === undefined;
    const worker = workerOf(queue, { ...(withBuiltIn && builtIn), ...options.worker, ...more });
    for (const [type, handler] of Object.entries(handlers ?? {})) {
      // Most tests leave handlers behind that ignore their signal.
      const abandonAfterMs = 20;
      worker.registerHandler(type, {
        abandonAfterMs,
        ...(typeof handler === 'function' ? { handler } : handler),
      });
    }
    workers.push(worker);
    await worker.start();
    return worker;
  }

  async function waitForJob(id: string, until: JobState | ((job: JobRecord) => boolean)) {
    const fits = typeof until === 'function' ? until : (job: JobRecord) => job.state === until;
    const news = newsOf(await queue.broker(), id);
    try {
      for (const end = Date.now() + PATIENCE_MS; ; await news.next()) {
        const job = await queue.getJob(id);
        if (job && fits(job)) return job;
        if ((job && isTerminal(job.status)) || Date.now() > end) {
          throw new Error(`job ${id} does not become what was awaited (${until}): ${JSON.stringify(job)}`);
        }
      }
    } finally {
      news.stop();
    }
  }

  async function history(id: string): Promise<JobRecord[]> {
    return (await queue.history(id)).map(({ record }) => record);
  }

  async function close(): Promise<void> {
    await Promise.all(workers.map((worker) => worker.shutdown(200)));
    await queue.close();
    await Promise.all([simulator.stop(), receiver.stop()]);
    if (!options.nats) await nats.stop();
  }

  for (let index = 0; index < (options.workers ?? 1); index++) await addWorker();
  return {
    nats,
    url: nats.url,
    namespace,
    queue,
    workers,
    simulator,
    provider,
    receiver,
    addWorker,
    waitForJob,
    history,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Pauses between looks at a job: short ones after its events, which are told before they are stored. */
const LOOKS_MS = [3, 12, 25, 50, 100];

/** When to look at a job again. Not all that becomes of one is an event. */
function newsOf({ notices }: Broker, id: string): { next(): Promise<void>; stop(): void } {
  let looks = 0;
  let wake = () => {};
  const stop = notices.onTransition(id, () => {
    looks = 0;
    wake();
  });
  return {
    next: async () => {
      const over = new AbortController();
      wake = () => over.abort();
      const pause = () => LOOKS_MS[Math.min(looks, LOOKS_MS.length - 1)];
      await delay(pause(), undefined, { signal: over.signal }).catch(() => delay(pause()));
      looks++;
    },
    stop,
  };
}

function workerOf(queue: JobQueueService, options: FleetWorkerOptions): JobWorkerService {
  const { provider, pollIntervalMs, ownPollsPerSecond, settleDelayMs, maxInstances, maxGpus, ...rest } =
    options;
  const { webhooks: delivery, capacityPollMs, probeGuard, lease, ...own } = rest;
  const worker = new JobWorkerService(queue, own);
  const instances = {
    capacityPollMs,
    pollIntervalMs,
    ownPollsPerSecond,
    settleDelayMs,
    maxInstances,
    maxGpus,
    probeGuard,
    lease,
  };
  if (provider) worker.use(gpuInstances({ provider, ...defined(instances) }));
  if (delivery) worker.use(webhooks(delivery));
  return worker;
}
