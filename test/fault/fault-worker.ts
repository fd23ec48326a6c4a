/**
 * A worker process of the fault harness: it does as it is told over the channel to its parent, and ends with it.
 * Tasks do what the plan of the run says; instances and webhooks are real, over HTTP.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { GpuProvider } from '../../src/gpu/index.js';
import {
  complete,
  gpuInstances,
  JetfleetError,
  type JobAborted,
  type JobContext,
  JobQueueService,
  JobWorkerService,
  NonRetryableError,
  snooze,
  webhooks,
} from '../../src/index.js';
import { OutboxRelay } from '../../src/outbox/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import {
  type AnyFailpoint,
  LIMITED_TYPE,
  MAX_OBJECT_BYTES,
  padOf,
  SETTLE_DELAY_MS,
  type TaskStep,
  WEBHOOK_TIMEOUT_MS,
} from './plan.js';
import type { ArmedFailpoint, FromWorker, ToWorker, WorkerConfig } from './protocol.js';
import { providersAt } from './provider-sims.js';
import { withCreate } from './provider-wrap.js';
import { sabotage, sabotageProvider } from './sabotage.js';
import { sealed } from './sealed.js';
import { addForEver, passOver } from './unique-adder.js';

const SHUTDOWN_MS = 500;
/** Without a pause the cleanup would take the processor from those that it is to disturb. */
const CLEAN_AGAIN_MS = 20;

/** Those whose jobs are tried again at once. */
const QUICK_TYPES = [
  ...['create_instance', 'monitor_instance', 'delete_instance', 'send_webhook'],
  ...['start_instance', 'stop_instance', 'restart_instance', 'migrate_instance', 'watch_instance'],
];

const armed: ArmedFailpoint[] = [];
let sabotaged = false;
let running: { worker: JobWorkerService; queue: JobQueueService; lent?: NatsConnection } | undefined;

function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

/** Dies or freezes here, if the harness said so. */
async function pass(failpoint: AnyFailpoint, jobId: string): Promise<void> {
  const here = armed.find((each) => each.failpoint === failpoint);
  if (!here || --here.nth > 0) return;
  armed.splice(armed.indexOf(here), 1);
  await tell({ type: 'hit', armed: here, jobId });
  process.kill(process.pid, here.action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}

/** Lets a worker die on either side of the call that spends money. */
function withFailpoints(provider: GpuProvider): GpuProvider {
  return withCreate(provider, (create) => async (spec, signal) => {
    await pass('create.sending', spec.name);
    const created = await create(spec, signal);
    await pass('create.answered', spec.name);
    return created;
  });
}

interface TaskPayload {
  steps: TaskStep[];
  /** Makes it large. */
  pad?: string;
}

async function runTask(job: JobContext<TaskPayload>): Promise<unknown> {
  const { steps, pad } = job.payload;
  // Its payload is an object, which is another one's, or damaged.
  if (pad !== undefined && pad !== padOf(job.id, pad.length))
    crash(new Error(`a payload of ${job.id} is wrong`));
  job.signal.addEventListener('abort', () => {
    const { reason } = job.signal.reason as JobAborted;
    if (reason === 'cancelled') void tell({ type: 'cancelled', jobId: job.id });
  });
  const step = steps[Math.min(job.attempt, steps.length) - 1] as TaskStep;
  // One that takes no time ends in the turn in which it began, and is written together with its claim.
  if (step.ms > 0) await delay(step.ms, undefined, { signal: job.signal });
  switch (step.end) {
    case 'throw':
      throw new Error('as planned');
    case 'fatal':
      throw new NonRetryableError('as planned');
    case 'nap':
      return job.checkpoint === 'napped' ? 'rested' : snooze(step.napMs ?? step.ms, 'napped');
    case 'checkpoint':
      await job.saveCheckpoint({ attempt: job.attempt });
      return 'noted';
    case 'next':
      return complete('begun', [
        { type: 'task', idSuffix: 'next', payload: { steps: [{ ms: 10, end: 'ok' }] } },
      ]);
    case 'children': {
      const list = Array.from({ length: step.children ?? 3 }, (_, n) => ({
        type: 'task',
        payload: { steps: [{ ms: n * 30, end: 'ok' }] },
        maxAttempts: 20,
      }));
      return { ended: (await job.children(list)).length };
    }
    case 'wait': {
      const got: unknown[] = [];
      for (let n = step.signals ?? 1; n > 0; n--) got.push(await job.waitForSignal('go'));
      return { got };
    }
    case 'hang':
      await delay(60_000, undefined, { signal: job.signal });
      return 'never';
    default:
      return step.resultBytes ? { pad: padOf(job.id, step.resultBytes) } : { by: process.pid };
  }
}

interface LimitedTask {
  steps: TaskStep[];
  tenant: string;
}

async function runLimited(job: JobContext<LimitedTask>): Promise<unknown> {
  const step = (kind: 'begun' | 'ended') =>
    void tell({ type: 'limited', kind, jobId: job.id, key: job.payload.tenant, atMs: Date.now() });
  step('begun');
  try {
    return await runTask(job);
  } finally {
    step('ended');
  }
}

function throwAsPlanned(): never {
  throw new Error('thrown by a callback, as planned');
}

/** A logger of a user's whose every method throws. */
const throwingLogger = new Proxy(createLogger('silent'), { get: () => throwAsPlanned });

const RealDate = Date;

/** Puts the clock of this process forward, or back. Timers go on as they are. */
function shiftClock(offsetMs: number): void {
  globalThis.Date = class extends RealDate {
    constructor(time?: number | string | Date) {
      super(time ?? RealDate.now() + offsetMs);
    }
    static override now(): number {
      return RealDate.now() + offsetMs;
    }
  } as DateConstructor;
}

function breakOnce({ sabotage: which }: WorkerConfig): void {
  if (which && !sabotaged) sabotage(which);
  sabotaged = true;
}

/** The queue of a process that is no worker. */
function queueBeside(config: WorkerConfig, commit?: { confirmTimeoutMs: number }): JobQueueService {
  const { name, servers, namespace, replicas, ackWaitMs } = config;
  const shared = { servers, namespace, replicas, ackWaitMs, name, ...sealed() };
  return new JobQueueService({ ...shared, ...(commit && { commit }) });
}

/** Removes what has ended, again and again, until this process is killed. */
async function clean(config: WorkerConfig): Promise<void> {
  breakOnce(config);
  const queue = queueBeside(config);
  await queue.connect();
  await tell({ type: 'started' });
  for (;;) {
    await queue.cleanup(0).catch((error) => {
      // It fails while the broker is away.
      if (!JetfleetError.is(error) || !error.retryable) throw error;
    });
    await delay(CLEAN_AGAIN_MS);
  }
}

/** Removes what is kept no longer, again and again. */
async function retain(queue: JobQueueService): Promise<void> {
  while (running?.queue === queue) {
    await queue.applyRetention().catch((error) => {
      // It fails while the broker is away, and when the worker ends.
      if (!JetfleetError.is(error) || !(error.retryable || error.code === 'JETFLEET_CLOSED')) throw error;
    });
    await delay(CLEAN_AGAIN_MS);
  }
}

/** Adds jobs of unique keys until this process is killed. */
async function addUnique(config: WorkerConfig, keys: number): Promise<void> {
  breakOnce(config);
  const queue = queueBeside(config, { confirmTimeoutMs: 500 });
  // The broker may be away.
  while (!(await queue.connect().then(() => true, passOver))) await delay(100);
  await tell({ type: 'started' });
  await addForEver(queue, keys, (jobId) => void tell({ type: 'added', jobId }));
}

/** Publishes the rows of an outbox until this process is killed. */
async function relayOutbox(config: WorkerConfig, databaseUrl: string, batchSize: number): Promise<void> {
  const queue = queueBeside(config, { confirmTimeoutMs: 500 });
  for (;;) {
    try {
      await new OutboxRelay(queue, { databaseUrl, batchSize, fallbackMs: 500 }).start();
      return await tell({ type: 'started' });
    } catch (error) {
      // Both servers may be away while a relay comes up: what supervises it would start it again.
      if (!JetfleetError.is(error) || !error.retryable) throw error;
      await delay(100);
    }
  }
}

async function start(config: WorkerConfig): Promise<void> {
  shiftClock(config.clockOffsetMs);
  const { name, servers, namespace, replicas, providers, secret, pollIntervalMs = 100 } = config;
  breakOnce(config);
  const logger = createLogger(process.env.FAULT_LOG || 'silent');
  const given = providersAt(providers.urls, providers.apiKey, config.providerTimeoutMs);
  const provider = given.map((each, place) =>
    withFailpoints(config.sabotage ? sabotageProvider(config.sabotage, each, place) : each),
  );
  const commit = { confirmTimeoutMs: 700 };
  // It may be asked for while the broker is away.
  const lent = config.lent ? await connect({ servers, name, waitOnFirstConnect: true }) : undefined;
  const queue = new JobQueueService({
    ...(lent ? { connection: lent } : { servers }),
    ...(config.credsFile && { credsFile: config.credsFile }),
    namespace,
    replicas,
    ackWaitMs: config.ackWaitMs,
    name,
    commit,
    ...sealed(),
    ...(config.keeps && { maxObjectBytes: MAX_OBJECT_BYTES }),
    logger: config.throwsInCallbacks ? throwingLogger : logger,
  });
  const quick = { baseMs: 20, maxRetryDelay: 400 };
  const worker = new JobWorkerService(queue, {
    name,
    retry: Object.fromEntries(QUICK_TYPES.map((type) => [type, quick])),
    // What a sweeper would mend must not hide what the protocol lost.
    sweep: false,
    ...(config.stopsAtFailpoints && { onFailpoint: pass }),
    ...(config.throwsInCallbacks && { inspect: throwAsPlanned }),
  });
  const { ownPollsPerSecond } = config;
  worker.use(
    gpuInstances({ provider, pollIntervalMs, ownPollsPerSecond, settleDelayMs: SETTLE_DELAY_MS }),
    webhooks({ secret, guard: { allowPrivate: true }, timeoutMs: WEBHOOK_TIMEOUT_MS }),
  );
  const { keeps } = config;
  worker.registerHandler<TaskPayload>('task', {
    handler: runTask,
    retry: quick,
    ...(config.taskSlots && { concurrency: config.taskSlots }),
    ...(keeps && {
      retention: { completed: { maxCount: keeps.completed }, failed: { maxCount: keeps.failed } },
    }),
  });
  if (config.limitedTo)
    worker.registerHandler<LimitedTask>(LIMITED_TYPE, {
      handler: runLimited,
      limits: [{ key: 'tenant', concurrency: config.limitedTo }],
      retry: quick,
      ...(config.taskSlots && { concurrency: config.taskSlots }),
    });
  running = { worker, queue, ...(lent && { lent }) };
  for (;;) {
    try {
      await worker.start();
      if (keeps) void retain(queue);
      return;
    } catch (error) {
      // The broker may be away while a worker comes up: what supervises it would start it again.
      logger.warn({ err: error }, 'cannot start yet');
      await delay(100);
    }
  }
}

async function stop(drainMs: number): Promise<void> {
  await running?.worker.shutdown(drainMs);
  await running?.queue.close();
  await running?.lent?.close();
  running = undefined;
  armed.length = 0;
}

let isDraining = false;

/** Whoever lent the connection takes it back while jobs run, and the process ends as it can. */
async function drainConnection(): Promise<void> {
  if (isDraining) return;
  isDraining = true;
  // It rejects while the broker is away, which is the owner's to know.
  await running?.lent?.drain().catch(() => {});
  await stop(SHUTDOWN_MS);
  process.exit(0);
}

/** Stands still without taking the time of the processor from others. */
function block(forMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
}

process.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'start':
      start(message.config).then(
        () => tell({ type: 'started' }),
        (error: unknown) => tell({ type: 'failed', error: String(error) }),
      );
      return;
    case 'clean':
      return void clean(message.config);
    case 'add':
      return void addUnique(message.config, message.keys);
    case 'relay':
      return void relayOutbox(message.config, message.databaseUrl, message.batchSize);
    case 'arm':
      armed.push(message.armed);
      return;
    case 'block':
      return block(message.forMs);
    case 'drain-connection':
      return void drainConnection();
    case 'stop':
      void stop(0).then(() => tell({ type: 'idle' }));
  }
});
const TICK_MS = 100;
let lastTick = performance.now();
setInterval(() => {
  const ms = performance.now() - lastTick - TICK_MS;
  lastTick += ms + TICK_MS;
  if (ms > TICK_MS) void tell({ type: 'stalled', ms });
}, TICK_MS);
function crash(error: unknown): void {
  const text = error instanceof Error ? error.stack || error.message : String(error);
  void tell({ type: 'crashed', error: text }).finally(() => process.exit(1));
}
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
process.on('SIGTERM', () => void stop(SHUTDOWN_MS).finally(() => process.exit(0)));
process.on('disconnect', () => process.exit(1));
// The harness may have ended while this was loaded.
if (!process.connected) process.exit(1);
void tell({ type: 'idle' });
