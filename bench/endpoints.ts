/**
 * What bad endpoints cost the good ones. Webhooks go to 100 endpoints at a steady pace; of these 20 refuse connections, 5 hang and 10 take
 * two seconds. Of those that hang two take the request and never answer, two send a head and then a byte each second, and one sends a byte of
 * its head each second. The time from when a webhook is added until it arrives at a good endpoint is compared with a run without the bad ones.
 * Besides times, which depend on the machine, it counts what the broker stores for each webhook, by stream. Then an endpoint is disabled, is kept 500 webhooks, and gets them in order. At last an endpoint hears of the ends of
 * jobs: how many of them a worker passes on in a second, with the delivery of their webhooks.
 *
 *     npm run build && npx tsx bench/endpoints.ts [webhooks for each endpoint] [rounds a second] [kept] [ends]
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { JobQueueService, JobWorkerService, webhooks } from 'jetfleet';
import { ask, endChild, nextMessage, serveParent } from './measures/child-process.js';
import { startNats } from './servers/nats.js';

const [EACH, ROUNDS_A_SECOND, KEPT, ENDS] = [
  Number(process.argv[2] ?? 100),
  Number(process.argv[3] ?? 0.5),
  Number(process.argv[4] ?? 500),
  Number(process.argv[5] ?? 5_000),
];
const GOOD = 65;
const DEAD = 20;
const HANGING = 5;
const SLOW = 10;
const SLOW_MS = 2_000;
const DRIP_MS = 1_000;
const PATIENCE_MS = 600_000;
/** When each webhook arrived. */
const times = new Map<string, number>();
const URL_OF_BROKER = process.env.BENCH_BROKER;

if (URL_OF_BROKER) await deliver(URL_OF_BROKER);
else await measure();

async function deliver(servers: string): Promise<void> {
  const queue = new JobQueueService({ servers, namespace: process.env.BENCH_NAMESPACE ?? '' });
  const worker = new JobWorkerService(queue).use(webhooks({ guard: { allowPrivate: true } }));
  worker.registerHandler('noop', { handler: () => 'done', concurrency: 50 });
  await worker.start();
  const cpuMs = () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000;
  serveParent(cpuMs, async () => {
    await worker.shutdown(1_000);
    await queue.close();
  });
}

interface Receiver {
  server: Server;
  url: string;
  /** When each webhook arrived, by its number. */
  arrived: Map<string, number[]>;
}

async function startReceiver(): Promise<Receiver> {
  const arrived = new Map<string, number[]>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', async () => {
      const id = (request.url ?? '').slice(1);
      if (id.startsWith('hanging')) return hang(Number(id.at(-1)), response);
      if (id.startsWith('slow')) await delay(SLOW_MS);
      const { sequence } = JSON.parse(body);
      arrived.set(id, [...(arrived.get(id) ?? []), sequence]);
      times.set(`${id} ${sequence}`, performance.now());
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrived };
}

/** The connection is kept, and the answer never ends. */
function hang(kind: number, response: ServerResponse): void {
  if (kind < 2) return;
  const { socket } = response;
  if (kind < 4) response.writeHead(200).flushHeaders();
  else socket?.write('HTTP/1.1 200 ');
  const drip = setInterval(() => (kind < 4 ? response.write('.') : socket?.write('O')), DRIP_MS);
  socket?.once('close', () => clearInterval(drip));
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${kind}-${n}`);
}

async function measure(): Promise<void> {
  process.env.JETFLEET_WEBHOOK_KEYS = `bench:${randomBytes(32).toString('base64')}`;
  const nats = await startNats('periodic');
  const receiver = await startReceiver();
  const good = names('good', GOOD);
  const bad = [...names('dead', DEAD), ...names('hanging', HANGING), ...names('slow', SLOW)];
  const alone = await run(nats.url, receiver, 'alone', good);
  receiver.arrived.clear();
  const together = await run(nats.url, receiver, 'together', [...good, ...bad]);
  const kept = await keep(nats.url, receiver);
  const passed = await passOn(nats.url, receiver);
  const figures = {
    webhooks: EACH * (GOOD + bad.length),
    aloneP50Ms: alone.p50,
    aloneP99Ms: alone.p99,
    aloneWorkerCpuMs: alone.cpuMs,
    aloneWritesPerWebhook: alone.writes,
    togetherP50Ms: together.p50,
    togetherP99Ms: together.p99,
    togetherWorkerCpuMs: together.cpuMs,
    togetherWritesPerWebhook: together.writes,
    ratioP99: Math.round((together.p99 / alone.p99) * 100) / 100,
    lost: together.lost,
    ...kept,
    ...passed,
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  receiver.server.closeAllConnections();
  receiver.server.close();
  await nats[Symbol.asyncDispose]();
}

async function run(broker: string, receiver: Receiver, namespace: string, endpoints: readonly string[]) {
  await using queue = new JobQueueService({ servers: broker, namespace });
  await queue.setup(['send_webhook']);
  for (const id of endpoints) {
    const url = id.startsWith('dead') ? 'http://127.0.0.1:9' : receiver.url;
    await queue.webhookEndpoints.add({ id, url: `${url}/${id}`, events: ['bench.none'] });
  }
  const worker = startWorker(broker, namespace);
  await nextMessage(worker, 'a worker');
  const added = new Map<string, number>();
  // One after the other, evenly over time: a burst would measure how long itself takes.
  const total = EACH * endpoints.length;
  const beganMs = performance.now();
  for (let next = 0; next < total; await delay(5)) {
    const nowMs = performance.now();
    const due = Math.min(total, ((nowMs - beganMs) / 1_000) * ROUNDS_A_SECOND * endpoints.length);
    const jobs = [];
    for (; next < due; next++) {
      const [id, sequence] = [
        endpoints[next % endpoints.length] as string,
        Math.floor(next / endpoints.length),
      ];
      added.set(`${id} ${sequence}`, nowMs);
      jobs.push(webhookTo(id, sequence));
    }
    if (jobs.length > 0) await queue.addJobs(jobs);
  }
  const reach = endpoints.filter((id) => id.startsWith('good') || id.startsWith('slow'));
  await until(() => reach.every((id) => new Set(receiver.arrived.get(id)).size === EACH));
  const waits = [...added]
    .filter(([key]) => key.startsWith('good'))
    .map(([key, ms]) => (times.get(key) as number) - ms)
    .sort((a, b) => a - b);
  let lost = 0;
  for (const id of endpoints.filter((each) => !reach.includes(each)))
    lost += EACH - (await waitingOf(queue, id));
  times.clear();
  const cpuMs = await ask<number>(worker, 'cpu');
  const writes = await writesIn(broker, namespace, total);
  await endChild(worker);
  const at = (part: number) => Math.round(waits[Math.floor(waits.length * part)] ?? 0);
  return { p50: at(0.5), p99: at(0.99), lost, writes, cpuMs: Math.round((cpuMs / total) * 10) / 10 };
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
    if (config.name.startsWith(prefix))
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
  await queue.webhookEndpoints.add({ id: 'kept', url: `${receiver.url}/kept`, events: ['bench.none'] });
  await queue.webhookEndpoints.disable('kept');
  const worker = startWorker(broker, 'kept');
  await nextMessage(worker, 'a worker');
  await queue.addJobs(Array.from({ length: KEPT }, (_, sequence) => webhookTo('kept', sequence)));
  await until(async () => (await queue.webhookEndpoints.get('kept')).kept.count === KEPT);
  const began = performance.now();
  await queue.webhookEndpoints.enable('kept');
  await until(() => (receiver.arrived.get('kept') ?? []).length >= KEPT);
  const tookMs = performance.now() - began;
  const isInOrder = (receiver.arrived.get('kept') ?? []).every((sequence, place) => sequence === place);
  await endChild(worker);
  return { kept: KEPT, keptInOrder: isInOrder, keptSentAfterS: Math.round(tookMs / 100) / 10 };
}

/** The ends wait in the consumer until there is a worker, and so do their webhooks. */
async function passOn(broker: string, receiver: Receiver) {
  await using queue = new JobQueueService({ servers: broker, namespace: 'passed' });
  await queue.setup(['send_webhook', 'noop']);
  await queue.webhookEndpoints.add({
    id: 'ends',
    url: `${receiver.url}/ends`,
    events: ['job.completed'],
    concurrency: 50,
  });
  await queue.addJobs(Array.from({ length: ENDS }, () => ({ type: 'noop', payload: {} })));
  const began = performance.now();
  const worker = startWorker(broker, 'passed');
  await nextMessage(worker, 'a worker');
  await until(() => (receiver.arrived.get('ends') ?? []).length >= ENDS);
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

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds()); await delay(100))
    if (performance.now() > end) throw new Error(`not all webhooks have arrived within ${PATIENCE_MS} ms`);
}
