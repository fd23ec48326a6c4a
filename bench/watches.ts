/**
 * Many instances under watch: what their provider is asked, and how soon a change is on EVENTS. Each instance runs on a simulated Novita, has a
 * `watch_instance` job that reads it once in an interval, and the record of a create job that rented it, written by hand. Once all have been read
 * for the first time, the list calls of some intervals are counted, while instances are stopped by somebody else, one after the other. An interval
 * is the longest pause of a watch, 300 s by default in production; a shorter one makes the figure come sooner and is the harder case.
 *
 *     npm run build && npx tsx bench/watches.ts [instances] [interval, s] [intervals] [changes]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@nats-io/transport-node';
import { gpuInstances, JobQueueService, type JobRecord, JobWorkerService } from 'jetfleet';
import { createNovitaProvider, instanceNameFor, type NovitaProvider, startSimulator } from 'jetfleet/gpu';
import { ask, endChild, nextMessage, serveParent } from './measures/child-process.js';
import { startNats } from './servers/nats.js';
import { percentile } from './statistics.js';
import { chunksOf } from './systems/system.js';

const [INSTANCES, INTERVAL_MS, INTERVALS, CHANGES] = [
  Number(process.argv[2] ?? 10_000),
  Number(process.argv[3] ?? 120) * 1_000,
  Number(process.argv[4] ?? 2),
  Number(process.argv[5] ?? 200),
];
const API_KEY = 'simulator-key';
const LIST = 'GET /gpu/instances';
const READ = 'GET /gpu/instance';
const INSTANCES_PER_PAGE = 100;
const AT_ONCE = 20;
/** What was stopped at the end is on EVENTS after another interval, and the time of its proof. */
const PROOF_MS = 30_000;
const QUERY = { productName: 'RTX 4090 24GB', region: 'CN-HK-01', gpuNum: 1, billingMode: 'spot' } as const;
/** When the create jobs were made, of which there are records alone. */
const CREATED_AT = new Date().toISOString();

const { BENCH_ROLE: role, BENCH_BROKER: broker = '', BENCH_PROVIDER: providerUrl = '' } = process.env;
if (role === 'provider') await serveProvider();
else if (role === 'worker') await watch();
else await measure();

interface Calls {
  lists: number;
  reads: number;
}

/** Answers its address once it is asked the first time, and then how often it was called. */
async function serveProvider(): Promise<void> {
  const simulator = await startSimulator({ apiKey: API_KEY });
  const { count } = simulator.requests;
  const answer = (said: unknown): string | Calls =>
    said === 'url' ? simulator.url : { lists: count(LIST), reads: count(READ) };
  serveParent(answer, () => simulator.stop());
}

async function watch(): Promise<void> {
  const queue = new JobQueueService({ servers: broker });
  const provider = createNovitaProvider({ apiKey: API_KEY, baseUrl: providerUrl });
  const worker = new JobWorkerService(queue, { sweep: false }).use(gpuInstances({ provider }));
  await worker.start();
  const cpuMs = () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000;
  serveParent(cpuMs, async () => {
    await worker.shutdown(1_000);
    await queue.close();
  });
}

async function measure(): Promise<void> {
  // As the server is told to flush.
  process.env.JETFLEET_SYNC = 'periodic';
  await using nats = await startNats('periodic');
  const simulator = start('provider', {});
  await nextMessage(simulator, 'the provider');
  const url = await ask<string>(simulator, 'url');
  const provider = createNovitaProvider({ apiKey: API_KEY, baseUrl: url });
  await using queue = new JobQueueService({ servers: nats.url });
  await queue.setup(['create_instance', 'watch_instance']);
  const ids = await rentAll(provider);
  await writeOwners(nats.url, ids);
  const seen = await seenOn(nats.url);
  const worker = start('worker', { BENCH_BROKER: nats.url, BENCH_PROVIDER: url });
  await nextMessage(worker, 'a worker');
  const addedMs = performance.now();
  await addWatches(queue, ids);
  await until(async () => (await queue.getStats()).pendingJobs === 0);
  const firstReadsS = Math.round((performance.now() - addedMs) / 1_000);
  // Each has its first pause behind it, so that what is counted is the steady state.
  await delay(INTERVAL_MS);

  const callsBefore = await ask<Calls>(simulator, 'calls');
  const cpuBefore = await ask<number>(worker, 'cpu');
  const stoppedAt = await stopSome(provider, ids);
  const calls = await ask<Calls>(simulator, 'calls');
  const cpuMs = (await ask<number>(worker, 'cpu')) - cpuBefore;
  const end = performance.now() + INTERVAL_MS + PROOF_MS;
  while (seen.times.size < stoppedAt.size && performance.now() < end) await delay(200);
  const lateMs = [...stoppedAt].map(([id, ms]) => (seen.times.get(id) ?? Number.NaN) - ms);
  const pages = Math.ceil(INSTANCES / INSTANCES_PER_PAGE);
  const seconds = (value: number) => Math.round(value / 100) / 10;
  const figures = {
    instances: INSTANCES,
    intervalS: INTERVAL_MS / 1_000,
    firstReadsS,
    listCallsPerPageAndInterval:
      Math.round(((calls.lists - callsBefore.lists) / pages / INTERVALS) * 100) / 100,
    singleReadsPerInterval: Math.round((calls.reads - callsBefore.reads) / INTERVALS),
    changes: stoppedAt.size,
    changesLost: lateMs.filter(Number.isNaN).length,
    onEventsAfterP50S: seconds(percentile(lateMs.filter(Number.isFinite), 50)),
    onEventsAfterP99S: seconds(percentile(lateMs.filter(Number.isFinite), 99)),
    onEventsAfterMaxS: seconds(percentile(lateMs.filter(Number.isFinite), 100)),
    withinOneInterval: lateMs.filter((ms) => ms <= INTERVAL_MS).length,
    workerCpuPercent: Math.round((cpuMs / (INTERVALS * INTERVAL_MS)) * 100),
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  await seen.close();
  await endChild(worker);
  await endChild(simulator);
}

function nameOf(n: number): string {
  return instanceNameFor({ id: jobIdOf(n), createdAt: CREATED_AT });
}

function jobIdOf(n: number): string {
  return `bench-${n}`;
}

async function rentAll(provider: NovitaProvider): Promise<string[]> {
  const [template, [offer]] = await Promise.all([
    provider.getTemplate('template-123'),
    provider.listOffers(QUERY),
  ]);
  if (!offer) throw new Error('the simulator offers nothing to rent');
  const ids: string[] = [];
  for (const some of chunksOf(numbers(), AT_ONCE)) {
    const created = some.map((n) =>
      provider.create({ name: nameOf(n), offer, template, gpuNum: 1, rootfsSize: 60 }),
    );
    for (const { providerInstanceId } of await Promise.all(created)) ids.push(providerInstanceId);
  }
  return ids;
}

function numbers(): number[] {
  return Array.from({ length: INSTANCES }, (_, n) => n);
}

/** The records of create jobs that have rented the instances. */
async function writeOwners(servers: string, ids: readonly string[]): Promise<void> {
  const connection = await connect({ servers });
  for (const some of chunksOf(numbers(), AT_ONCE)) {
    await Promise.all(
      some.map((n) => {
        const id = jobIdOf(n);
        const record: Omit<JobRecord, 'machine'> = {
          ...({ v: 1, id, type: 'create_instance', priority: 'normal' } as const),
          ...({ status: 'completed', state: 'completed' } as const),
          ...{ payload: { instanceId: id }, attempt: 1, maxAttempts: 3 },
          ...{ createdAt: CREATED_AT, updatedAt: CREATED_AT, finishedAt: CREATED_AT },
          checkpoint: { instanceName: nameOf(n) },
          result: { novitaInstanceId: ids[n] },
        };
        return connection.request(`events.create_instance.completed.${id}`, JSON.stringify(record));
      }),
    );
  }
  await connection.close();
}

/** When the events of watches were stored, by the id of their instance. */
async function seenOn(servers: string) {
  const connection = await connect({ servers });
  const times = new Map<string, number>();
  connection.subscribe('events.watch_instance.completed.*', {
    callback: (_, message) => {
      const { result } = message.json<JobRecord<unknown, { novitaInstanceId: string }>>();
      if (result) times.set(result.novitaInstanceId, performance.now());
    },
  });
  await connection.flush();
  return { times, close: () => connection.close() };
}

/** Evenly over an interval, as watches of instances are that were rented one after the other. */
async function addWatches(queue: JobQueueService, ids: readonly string[]): Promise<void> {
  const ms = INTERVAL_MS;
  const pauses = { minIntervalMs: ms, maxIntervalMs: ms, priceIntervalMs: 0 };
  const beganMs = performance.now();
  for (let next = 0; next < ids.length; await delay(100)) {
    const due = Math.min(ids.length, Math.ceil(((performance.now() - beganMs) / ms) * ids.length));
    const jobs = ids.slice(next, due).map((novitaInstanceId, at) => ({
      type: 'watch_instance',
      payload: { instanceId: jobIdOf(next + at), novitaInstanceId, ...pauses },
    }));
    next = due;
    if (jobs.length > 0) await queue.addJobs(jobs);
  }
}

/** Stops instances evenly over all intervals. @returns when each was stopped, by its id */
async function stopSome(provider: NovitaProvider, ids: readonly string[]): Promise<Map<string, number>> {
  const stoppedAt = new Map<string, number>();
  const totalMs = INTERVALS * INTERVAL_MS;
  const beganMs = performance.now();
  for (let n = 0; n < CHANGES; n++) {
    await delay(Math.max(0, beganMs + (totalMs * n) / CHANGES - performance.now()));
    const id = ids[Math.floor((n * ids.length) / CHANGES)] as string;
    await provider.stop(id);
    stoppedAt.set(id, performance.now());
  }
  await delay(Math.max(0, beganMs + totalMs - performance.now()));
  return stoppedAt;
}

function start(as: string, more: Record<string, string>): ChildProcess {
  const env = { ...process.env, ...more, BENCH_ROLE: as };
  return fork(fileURLToPath(import.meta.url), { env, execArgv: process.execArgv });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 4 * INTERVAL_MS + PROOF_MS; !(await holds()); await delay(500))
    if (performance.now() > end) throw new Error('not all instances were read in time');
}
