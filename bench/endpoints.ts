/**
 * What bad endpoints cost the good ones. Webhooks go to 100 endpoints at a steady pace; of these 20 refuse connections, 5 hang and 10 take
 * two seconds. Of those that hang two take the request and never answer, two send a head and then a byte each second, and one sends a byte of
 * its head each second. The time from when a webhook is added until it arrives at a good endpoint is compared with runs without the bad ones,
 * one before and one after, since a machine changes from minute to minute: `driftP99` is how far these two are apart. A third comparison
 * (`crowd`) has as many webhooks, all of them to good endpoints: what is left against it comes of the bad ones, and not of the number.
 *
 * Each run begins with webhooks to the good endpoints that do not count, by which the code of a new worker is compiled. The broker keeps its streams in
 * memory, unless `disk` is said: the flushes of a disk take longer than all else. Besides times, which depend on the machine, it shows
 * where webhooks waited, and counts what the broker stores for each, by stream. Then an endpoint is disabled, is kept 500 webhooks, and gets them in order. At last an
 * endpoint hears of the ends of jobs: how many of them a worker passes on in a second, with the delivery of their webhooks.
 *
 *     npm run build && npx tsx bench/endpoints.ts [webhooks for each endpoint] [rounds a second] [kept] [ends] [disk]
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { JobQueueService, JobWorkerService, webhooks } from 'jetfleet';
import { epochMs, nameOf, Receiver } from './endpoints/receiver.js';
import { type Arrival, waitsOf } from './endpoints/waits.js';
import { ask, endChild, nextMessage, serveParent } from './measures/child-process.js';
import { startNats } from './servers/nats.js';

const [EACH, ROUNDS_A_SECOND, KEPT, ENDS] = [
  Number(process.argv[2] ?? 100),
  Number(process.argv[3] ?? 0.5),
  Number(process.argv[4] ?? 500),
  Number(process.argv[5] ?? 5_000),
];
const IS_ON_DISK = process.argv[6] === 'disk';
const MEMORY = '/dev/shm';
const GOOD = names('good', 65);
const BAD = [...names('dead', 20), ...names('hanging', 5), ...names('slow', 10)];
const MORE = names('more', BAD.length);
/** Rounds to the good endpoints that do not count. */
const WARM_UP_ROUNDS = 10;
const PACE_MS = 5;
const LOOP_RESOLUTION_MS = 5;
const PATIENCE_MS = 600_000;
const URL_OF_BROKER = process.env.BENCH_BROKER;

/** What a worker has used since it was told to begin. */
interface Used {
  cpuMs: number;
  loopP99Ms: number;
}

if (URL_OF_BROKER) await deliver(URL_OF_BROKER);
else await measure();

async function deliver(servers: string): Promise<void> {
  const queue = new JobQueueService({ servers, namespace: process.env.BENCH_NAMESPACE ?? '' });
  const worker = new JobWorkerService(queue).use(webhooks({ guard: { allowPrivate: true } }));
  worker.registerHandler('noop', { handler: () => 'done', concurrency: 50 });
  await worker.start();
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  let before = process.cpuUsage();
  const answer = (said: unknown): Used => {
    const { user, system } = process.cpuUsage(before);
    const used = { cpuMs: (user + system) / 1_000, loopP99Ms: loop.percentile(99) / 1e6 };
    if (said === 'begin') {
      before = process.cpuUsage();
      loop.reset();
    }
    return used;
  };
  serveParent(answer, async () => {
    await worker.shutdown(1_000);
    await queue.close();
  });
}

async function measure(): Promise<void> {
  process.env.JETFLEET_WEBHOOK_KEYS = `bench:${randomBytes(32).toString('base64')}`;
  const store = !IS_ON_DISK && existsSync(MEMORY) ? 'memory' : 'disk';
  if (store === 'memory') process.env.TMPDIR = MEMORY;
  // As the server is told to flush.
  process.env.JETFLEET_SYNC = 'periodic';
  await using nats = await startNats('periodic');
  await using receiver = await Receiver.start();
  const half = Math.ceil(EACH / 2);
  const before = await run(nats.url, receiver, 'before', GOOD, half);
  const together = await run(nats.url, receiver, 'together', [...GOOD, ...BAD], EACH);
  const after = await run(nats.url, receiver, 'after', GOOD, half);
  const crowd = await run(nats.url, receiver, 'crowd', [...GOOD, ...MORE], half);
  const kept = await keep(nats.url, receiver);
  const passed = await passOn(nats.url, receiver);
  const aloneP99Ms = (before.p99Ms + after.p99Ms) / 2;
  const figures = {
    webhooks: EACH * (GOOD.length + BAD.length),
    store,
    ratioP99: ratio(together.p99Ms, aloneP99Ms),
    driftP99: ratio(Math.max(before.p99Ms, after.p99Ms), Math.min(before.p99Ms, after.p99Ms)),
    ratioP99ToCrowd: ratio(together.p99Ms, crowd.p99Ms),
    lost: together.lost,
    aloneBefore: before,
    together,
    aloneAfter: after,
    crowd,
    ...kept,
    ...passed,
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
}

async function run(
  broker: string,
  receiver: Receiver,
  namespace: string,
  endpoints: readonly string[],
  rounds: number,
) {
  receiver.forget();
  await using queue = new JobQueueService({ servers: broker, namespace });
  await queue.setup(['send_webhook']);
  for (const id of endpoints)
    await queue.webhookEndpoints.add({ id, url: receiver.urlOf(id), events: ['bench.none'] });
  const worker = startWorker(broker, namespace);
  await nextMessage(worker, 'a worker');
  await send(queue, GOOD, { from: 0, rounds: WARM_UP_ROUNDS });
  await until(() => GOOD.every((id) => receiver.countOf(id) === WARM_UP_ROUNDS));
  await ask<Used>(worker, 'begin');
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  const added = await send(queue, endpoints, { from: WARM_UP_ROUNDS, rounds });
  const isReached = (id: string) =>
    receiver.countOf(id) === rounds + (GOOD.includes(id) ? WARM_UP_ROUNDS : 0);
  const reach = endpoints.filter((id) => !/^(dead|hanging)/.test(id));
  await until(() => reach.every(isReached));
  loop.disable();
  const { cpuMs, loopP99Ms } = await ask<Used>(worker, 'end');
  let lost = 0;
  for (const id of endpoints.filter((each) => !reach.includes(each)))
    lost += rounds - (await waitingOf(queue, id));
  const arrivals = [...added]
    .filter(([name]) => name.startsWith('good'))
    .map(([name, { jobId, addedMs }]): Arrival => {
      return { jobId, addedMs, arrivedMs: receiver.times.get(name) as number };
    });
  const waits = await waitsOf(queue, arrivals);
  const total = added.size;
  const writes = await writesIn(broker, namespace, total + WARM_UP_ROUNDS * GOOD.length);
  await endChild(worker);
  return {
    ...waits,
    lost,
    writes,
    workerCpuMs: Math.round((cpuMs / total) * 10) / 10,
    workerLoopP99Ms: Math.round(loopP99Ms),
    benchLoopP99Ms: Math.round(loop.percentile(99) / 1e6),
  };
}

/** One after the other, evenly over time: a burst would measure how long itself takes. */
async function send(
  queue: JobQueueService,
  endpoints: readonly string[],
  { from, rounds }: { from: number; rounds: number },
): Promise<Map<string, { jobId: string; addedMs: number }>> {
  const added = new Map<string, { jobId: string; addedMs: number }>();
  const total = rounds * endpoints.length;
  const beganMs = performance.now();
  for (let next = 0; next < total; await delay(PACE_MS)) {
    const due = Math.min(total, ((performance.now() - beganMs) / 1_000) * ROUNDS_A_SECOND * endpoints.length);
    const addedMs = epochMs();
    const jobs: ReturnType<typeof webhookTo>[] = [];
    const sent: string[] = [];
    for (; next < due; next++) {
      const id = endpoints[next % endpoints.length] as string;
      const sequence = from + Math.floor(next / endpoints.length);
      jobs.push(webhookTo(id, sequence));
      sent.push(nameOf(id, sequence));
    }
    if (jobs.length === 0) continue;
    const ids = await queue.addJobs(jobs);
    for (const [index, name] of sent.entries()) added.set(name, { jobId: ids[index] as string, addedMs });
  }
  return added;
}

/** What the broker has stored for each webhook, by stream: the same on a busy machine. */
async function writesIn(
  broker: string,
  namespace: string,
  webhooks: number,
): Promise<Record<string, number>> {
  const connection = await connect({ servers: broker });
  const prefix = `${namespace.toUpperCase()}_`;
  const writes: Record<string, number> = {};
  for await (const { config, state } of (await jetstreamManager(connection)).streams.list())
    if (config.name.startsWith(prefix) && state.last_seq > 0)
      writes[config.name.slice(prefix.length)] = Math.round((state.last_seq / webhooks) * 100) / 100;
  await connection.close();
  return writes;
}

/** What cannot arrive yet waits. */
async function waitingOf(queue: JobQueueService, endpoint: string): Promise<number> {
  let waiting = 0;
  let cursor: string | undefined;
  do {
    const page = await queue.getJobs({
      tags: [`endpoint:${endpoint}`],
      limit: 1_000,
      ...(cursor && { cursor }),
    });
    waiting += page.jobs.filter(({ status }) => status !== 'failed').length;
    cursor = page.cursor;
  } while (cursor);
  return waiting;
}

async function keep(broker: string, receiver: Receiver) {
  await using queue = new JobQueueService({ servers: broker, namespace: 'kept' });
  await queue.setup(['send_webhook']);
  await queue.webhookEndpoints.add({ id: 'kept', url: receiver.urlOf('kept'), events: ['bench.none'] });
  await queue.webhookEndpoints.disable('kept');
  const worker = startWorker(broker, 'kept');
  await nextMessage(worker, 'a worker');
  await queue.addJobs(Array.from({ length: KEPT }, (_, sequence) => webhookTo('kept', sequence)));
  await until(async () => (await queue.webhookEndpoints.get('kept')).kept.count === KEPT);
  const began = performance.now();
  await queue.webhookEndpoints.enable('kept');
  await until(() => receiver.countOf('kept') >= KEPT);
  const tookMs = performance.now() - began;
  const isInOrder = (receiver.arrived.get('kept') ?? []).every((sequence, place) => sequence === place);
  await endChild(worker);
  return { kept: KEPT, keptInOrder: isInOrder, keptSentAfterS: Math.round(tookMs / 100) / 10 };
}

/** The ends wait in the consumer until there is a worker, and so do their webhooks. */
async function passOn(broker: string, receiver: Receiver) {
  await using queue = new JobQueueService({ servers: broker, namespace: 'passed' });
  await queue.setup(['send_webhook', 'noop']);
  const endpoint = { id: 'ends', url: receiver.urlOf('ends'), events: ['job.completed'], concurrency: 50 };
  await queue.webhookEndpoints.add(endpoint);
  await queue.addJobs(Array.from({ length: ENDS }, () => ({ type: 'noop', payload: {} })));
  const began = performance.now();
  const worker = startWorker(broker, 'passed');
  await nextMessage(worker, 'a worker');
  await until(() => receiver.countOf('ends') >= ENDS);
  const tookMs = performance.now() - began;
  await endChild(worker);
  return { ends: ENDS, endsDeliveredPerS: Math.round((ENDS / tookMs) * 1_000) };
}

function webhookTo(endpoint: string, sequence: number) {
  const payload = { type: 'bench.none', timestamp: new Date().toISOString(), sequence, data: {} };
  return { type: 'send_webhook', payload: { endpoint, payload, order: { key: endpoint, sequence } } };
}

function startWorker(broker: string, namespace: string) {
  const env = { ...process.env, BENCH_BROKER: broker, BENCH_NAMESPACE: namespace };
  return fork(fileURLToPath(import.meta.url), { env, execArgv: process.execArgv });
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${kind}-${n}`);
}

function ratio(value: number, to: number): number {
  return Math.round((value / to) * 100) / 100;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds()); await delay(100))
    if (performance.now() > end) throw new Error(`not all webhooks have arrived within ${PATIENCE_MS} ms`);
}
