/**
 * How long the API keeps a page of the dashboard waiting when there are many jobs. It adds jobs in every state in bulk, serves the API, and
 * asks every GET route with the paths that pages and their filters ask for: each once for the first time of the process, which is listed
 * apart, then several times. Lists are followed by their cursor for some pages. It ends with 1 where an answer took longer than the limit.
 *
 *     npm run build && npx tsx bench/dashboard.ts [jobs] [rounds] [limit in ms]
 */
import {
  defineJob,
  JobQueueService,
  type JobRecord,
  JobWorkerService,
  type NewJob,
  webhooks,
} from 'jetfleet';
import { startHttpServer } from 'jetfleet/http';
import { z } from 'zod';
import { thisMachine } from './machine.js';
import { startNats } from './servers/nats.js';
import { median, percentile } from './statistics.js';

const [JOBS, ROUNDS, LIMIT_MS] = [1_000_000, 5, 300].map((usual, index) =>
  Number(process.argv[index + 2] ?? usual),
) as [number, number, number];
const PAGES = 4;
const AT_ONCE = 5_000;
/** Of all jobs. The rest has completed. */
const PARTS = { failed: 0.08, delivered: 0.02, queued: 0.1, unhandled: 0.02, scheduled: 0.02 } as const;
const TENANTS = 200;
const FLOW_JOBS = 500;

const held = defineJob({ type: 'held', payload: z.unknown(), limits: [{ key: 'tenant', concurrency: 1 }] });
const quick = defineJob({ type: 'quick', payload: z.unknown() });

/** What pages ask for, by the route that answers it. */
const ASKED: Readonly<Record<string, readonly string[]>> = {
  '/jobs': [
    ...['', 'order=oldest', 'id=job-1999', 'id=none-', 'worker=w-7', 'worker=nobody', 'tag=tenant:7'],
    ...['status=pending', 'status=processing', 'status=completed', 'status=failed'],
    ...['state=queued', 'state=scheduled', 'state=retrying', 'state=running', 'state=waiting'],
    ...['state=exhausted', 'state=timed_out', 'state=cancelled', 'state=rejected', 'state=expired'],
    ...['type=work', 'type=held', 'type=lost', 'type=none', 'type=work&status=failed', 'type=rare'],
    ...['priority=high', 'priority=low&status=completed', 'priority=critical&status=pending'],
    ...['errorCode=E_3', 'errorCode=E_NONE', 'deadLetters=true', 'deadLetters=true&errorCode=E_3'],
    ...['deadLetters=true&cause=0000000000', 'tag=tenant:7,nightly', 'tag=none', 'id=job-7&status=failed'],
    ...['since=$middle', 'until=$middle', 'since=$middle&status=completed', 'until=$middle&type=work'],
  ].map((query) => `/jobs?${query.includes('order') ? '' : 'order=newest&'}limit=50&${query}`),
  '/jobs/{id}': ['/jobs/job-1', '/jobs/$last', '/jobs/flow', '/jobs/nobody'],
  '/jobs/{id}/history': ['/jobs/job-1/history', '/jobs/$last/history'],
  '/jobs/{id}/steps': ['/jobs/job-1/steps'],
  '/jobs/{id}/logs': ['/jobs/job-1/logs'],
  '/jobs/{id}/payload': ['/jobs/job-1/payload'],
  '/jobs/{id}/result': ['/jobs/job-1/result'],
  '/jobs/{id}/related': ['/jobs/job-1/related'],
  '/jobs/{id}/family': ['/jobs/flow/family', '/jobs/flow-step-7/family', '/jobs/parent/family'],
  '/jobs/{id}/family/svg': ['/jobs/parent/family/svg?standalone=false'],
  '/jobs/{id}/share': ['/jobs/job-1/share', '/jobs/flow/share'],
  '/flows/{id}': ['/flows/flow'],
  '/flows/{id}/svg': ['/flows/flow/svg?standalone=false'],
  '/stats': ['/stats'],
  '/stats/history': ['/stats/history', '/stats/history?type=work'],
  '/scale/{type}': ['/scale/work', '/scale/lost'],
  '/dead-letters/causes': ['/dead-letters/causes', '/dead-letters/causes?type=work'],
  '/machines': ['/machines'],
  '/machines/{id}': ['/machines/job', '/machines/create_instance'],
  '/machines/{id}/jobs': [
    ...['pending.queued', 'pending.scheduled', 'processing.running', 'completed', 'failed.exhausted'],
    ...['failed.cancelled', 'failed.rejected'],
  ].map((state) => `/machines/job/jobs?state=${state}`),
  '/machines/{id}/svg': ['/machines/job/svg?standalone=false&details=true'],
  '/machines/{id}/mermaid': ['/machines/job/mermaid'],
  '/machines/{id}/xstate': ['/machines/job/xstate'],
  '/limits': ['/limits', '/limits?limit=held.tenant'],
  '/pauses': ['/pauses'],
  '/providers': ['/providers'],
  '/schedules': ['/schedules'],
  '/schedules/{name}': ['/schedules/nightly-7'],
  '/session': ['/session'],
  '/streams': ['/streams'],
  '/event-consumers': ['/event-consumers'],
  '/workers': ['/workers'],
  '/audit': ['/audit?limit=50'],
  '/webhooks': [
    ...['', 'status=failed', 'endpoint=nobody', 'event=job.failed', 'answer=503', 'answer=none'],
  ].map((query) => `/webhooks?limit=50&${query}`),
  '/webhooks/{id}': ['/webhooks/hook-1'],
  '/webhook-endpoints': ['/webhook-endpoints'],
  '/webhook-endpoints/{id}': ['/webhook-endpoints/nobody'],
  '/instances/{id}': ['/instances/nobody'],
  '/instances/{id}/cost': ['/instances/job-1/cost'],
  '/ledger': ['/ledger?limit=50', '/ledger?limit=50&status=ended', '/ledger?limit=50&tag=none'],
  '/ledger/spent': ['/ledger/spent', '/ledger/spent?tag=none'],
  '/orphans': ['/orphans'],
};
/** They go on for as long as somebody listens. */
const STREAMS: ReadonlySet<string> = new Set(['/events', '/inspect', '/live', '/fleet', '/jobs/{id}/stream']);

interface Figures {
  path: string;
  firstMs: number;
  medianMs: number;
  maxMs: number;
}

const server = await startNats('periodic');
const queue = new JobQueueService({ servers: server.url });
const middle = await fill(queue);
const worker = new JobWorkerService(queue).use(webhooks());
worker.handle(held, ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)), {
  concurrency: 20,
});
worker.handle(quick, () => 'done', { concurrency: 20 });
await worker.start();
const api = await startHttpServer(queue, { port: 0, tokens: [] });
await coversAll(api.url);
const figures: Figures[] = [];
for (const path of Object.values(ASKED).flat())
  figures.push(await measured(api.url, path.replace('$middle', middle).replace('$last', `job-${JOBS - 1}`)));
print(figures);
await api.close();
await worker.shutdown(1_000);
await queue.close();
await server[Symbol.asyncDispose]();

/** @returns a time when half of the jobs were there */
async function fill(queue: JobQueueService): Promise<string> {
  await queue.setup(['work', 'held', 'quick', 'send_webhook']);
  const broker = await queue.broker();
  const count = Object.fromEntries(
    Object.entries(PARTS).map(([name, part]) => [name, Math.round(part * JOBS)]),
  );
  const { failed = 0, delivered = 0, queued = 0, unhandled = 0, scheduled = 0 } = count;
  const ended = JOBS - queued - unhandled - scheduled;
  let middle = '';
  for (let from = 0; from < ended; from += AT_ONCE) {
    const part = Array.from({ length: Math.min(AT_ONCE, ended - from) }, (_, index) => from + index);
    await Promise.all(part.map((n) => broker.appendEvent(endedJob(n, { failed, delivered, ended }), 0)));
    if (middle === '' && from >= ended / 2) middle = new Date().toISOString();
  }
  await addMany(queue, queued, (n) => ({
    ...{ type: 'work', payload: { n }, priority: (['critical', 'high', 'normal', 'low'] as const)[n % 4] },
    ...(n % 10 === 0 && { tags: [`tenant:${n % TENANTS}`, 'nightly'] }),
  }));
  await addMany(queue, unhandled, (n) => ({ type: 'lost', payload: { n } }));
  await addMany(queue, 1, (n) => ({ type: 'rare', payload: { n } }));
  await addMany(queue, scheduled, (n) => ({ type: 'work', payload: { n }, delayMs: 86_400_000 + n }));
  await addMany(queue, 10 * TENANTS, (n) => held.of({ tenant: `t-${n % TENANTS}` }));
  for (let n = 0; n < 100; n++) await queue.schedule(`nightly-${n}`, 'work', { n }, { cron: '0 3 1 1 *' });
  const steps = Object.fromEntries(
    Array.from({ length: FLOW_JOBS }, (_, n) => [`step-${n}`, quick.of({ n })]),
  );
  await queue.addFlow({ jobs: steps }, { id: 'flow' });
  await queue.addJob('work', {}, 'low', { id: 'parent' });
  return middle;
}

async function addMany(queue: JobQueueService, count: number, job: (n: number) => NewJob): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE)
    await queue.addJobs(
      Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => job(from + index)),
    );
}

/** As a worker writes it, without running anything. Failures and deliveries are spread among the others. */
function endedJob(
  n: number,
  { failed, delivered, ended }: Record<'failed' | 'delivered' | 'ended', number>,
): JobRecord {
  const at = new Date().toISOString();
  const isFailed = n % Math.floor(ended / failed) === 0;
  const isDelivery = !isFailed && n % Math.floor(ended / delivered) === 1;
  const state = isFailed ? (['exhausted', 'timed_out', 'cancelled', 'exhausted'] as const)[n % 4] : undefined;
  const url = 'https://example.com/hooks';
  return {
    ...{ v: 1, id: isDelivery ? `hook-${n}` : `job-${n}`, type: isDelivery ? 'send_webhook' : 'work' },
    priority: n % 2 === 0 ? 'high' : 'low',
    ...(state ? { status: 'failed', state } : { status: 'completed', state: 'completed' }),
    payload: isDelivery ? { url, payload: { type: 'job.completed', data: { n } } } : { n },
    ...{ attempt: 1, maxAttempts: 3, worker: `w-${n % 50}` },
    ...{ createdAt: at, updatedAt: at, startedAt: at, finishedAt: at },
    ...(isFailed && { error: { code: `E_${n % 7}`, message: `the tray ${n} is empty`, retryable: false } }),
    ...(isDelivery && { result: { status: 204, durationMs: 12 } }),
    machine: { id: 'job', version: 1 },
  };
}

/** A route that is new is asked too, or this fails. */
async function coversAll(base: string): Promise<void> {
  const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as { paths: Record<string, object> };
  const routes = Object.entries(paths).flatMap(([path, of]) =>
    path.startsWith('/api/v1/') && 'get' in of ? [path.slice('/api/v1'.length)] : [],
  );
  const missing = routes.filter((path) => !STREAMS.has(path) && !Object.hasOwn(ASKED, path));
  if (missing.length > 0) throw new Error(`no path is asked of ${missing.join(', ')}`);
}

async function measured(base: string, path: string): Promise<Figures> {
  const firstMs = await timeOf(`${base}/api/v1${path}`).then(({ tookMs }) => tookMs);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let cursor: string | undefined = '';
    for (let page = 0; page < PAGES && cursor !== undefined; page++) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { tookMs, next } = await timeOf(`${base}/api/v1${path}${more}`);
      times.push(tookMs);
      cursor = next;
    }
  }
  return { path, firstMs, medianMs: median(times), maxMs: percentile(times, 100) };
}

async function timeOf(url: string): Promise<{ tookMs: number; next: string | undefined }> {
  const start = performance.now();
  const response = await fetch(url);
  const text = await response.text();
  const tookMs = performance.now() - start;
  if (response.status >= 500) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
  const isList = response.headers.get('content-type')?.includes('json');
  return { tookMs, next: isList ? (JSON.parse(text) as { cursor?: string }).cursor : undefined };
}

function print(all: readonly Figures[]): void {
  const ms = (value: number) => value.toFixed(0).padStart(7);
  const line = ({ path, firstMs, medianMs, maxMs }: Figures) =>
    `${ms(firstMs)} ${ms(medianMs)} ${ms(maxMs)}  ${path}`;
  const over = all.filter(({ maxMs }) => maxMs > LIMIT_MS);
  const slowFirst = all.filter(({ firstMs }) => firstMs > LIMIT_MS);
  process.stdout.write('  first  median     max  (ms)\n');
  for (const each of [...all].sort((one, other) => other.maxMs - one.maxMs))
    process.stdout.write(`${line(each)}\n`);
  const figures = {
    machine: thisMachine(),
    ...{ jobs: JOBS, paths: all.length, rounds: ROUNDS, limitMs: LIMIT_MS },
    over: over.map(({ path }) => path),
    slowFirst: slowFirst.map(({ path }) => path),
    maxMs: Math.max(...all.map(({ maxMs }) => maxMs)),
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  if (over.length > 0) process.exitCode = 1;
}
