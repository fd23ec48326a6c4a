/**
 * Jetfleet inside another service: a report renderer with a job type of its own, its own logger, and billing that
 * follows the events. It shares the broker with every other worker, and leaves their types alone.
 *
 *     npx tsx examples/embedded-service.ts            # runs a few jobs, then ends
 *     npx tsx examples/embedded-service.ts --serve    # runs until SIGTERM or SIGINT
 *
 * It connects to NATS_URL, or starts a server of its own when that is not set. Outside of this repository: npm install pino
 */
import { once } from 'node:events';
import { type JobContext, JobQueueService, JobWorkerService, NonRetryableError, snooze } from 'jetfleet';
import { startEmbeddedServer } from 'jetfleet/embedded';
import { pino } from 'pino';
import { z } from 'zod';

// The service's own logger; the data it prints goes to stdout, the log to stderr.
const logger = pino({ name: 'reports', level: process.env.LOG_LEVEL ?? 'warn' }, pino.destination(2));
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const nats = process.env.NATS_URL ? undefined : await startEmbeddedServer();
const servers = process.env.NATS_URL ?? nats?.url ?? '';

// One queue for everything in this process.
const queue = new JobQueueService({ servers, logger, name: 'reports' });

// The payload's schema: what does not fit becomes a FAILED job that lists every problem by path.
const reportPayload = z.strictObject({
  account: z.string(),
  month: z.number().int().min(1).max(12),
  pages: z.number().int().min(1).default(3),
});
type ReportPayload = z.infer<typeof reportPayload>;
interface Progress {
  page: number;
}

/** Renders page by page; whatever happens in between, no page is rendered twice. */
async function renderReport(job: JobContext<ReportPayload>): Promise<unknown> {
  const { account, month, pages } = job.payload;
  // Another attempt would not help, so there is none.
  if (account === 'unknown') throw new NonRetryableError(`there is no account ${account}`);

  const done = (job.checkpoint as Progress | undefined)?.page ?? 0;
  for (let page = done + 1; page <= pages; page++) {
    // Aborts on timeout, on shutdown, and when the job was lost to another worker.
    job.signal.throwIfAborted();
    console.log(`${job.id}: attempt ${job.attempt} renders page ${page}`);
    // Durable once this resolves: a later run begins behind it.
    await job.saveCheckpoint({ page } satisfies Progress);
    // Any error is tried again, with backoff.
    if (account === 'flaky' && job.attempt === 1) throw new Error('the renderer crashed');
    // Hibernates: until the time is up the job holds no slot, no memory and no attempt.
    if (account === 'busy' && page === 1) return snooze(200);
  }
  return { url: `https://reports.example.com/${account}/${month}.pdf`, pages };
}

const worker = new JobWorkerService(queue, { name: `reports-${process.pid}` });
worker.registerHandler('render_report', {
  payload: reportPayload as z.ZodType<ReportPayload>,
  handler: renderReport,
  concurrency: 4,
  maxAttempts: 5,
  timeoutMs: 60_000,
  retry: { baseMs: 100, maxRetryDelay: 5_000 },
});
await worker.start();

// Billing sees each completed report at least once, also those that were rendered while it was away.
const billing = await queue.events(
  { filter: { type: 'render_report', status: 'completed' }, durable: 'billing', from: 'all' },
  (job) => console.log(`billing: ${job.id} has ${(job.result as { pages: number }).pages} pages`),
);

/** Adds some reports, and waits for what becomes of them. */
async function demo(): Promise<void> {
  const ids = await queue.addJobs(
    [
      { account: 'acme', month: 1 },
      { account: 'flaky', month: 2, pages: 2 },
      { account: 'busy', month: 3, pages: 2 },
      { account: 'unknown', month: 4 },
      { account: 'acme', month: 13, pages: 0 },
    ].map((payload) => ({ type: 'render_report', payload })),
  );
  const other = await queue.addJob('send_invoice', { account: 'acme' });
  for (const id of ids) {
    let job = await queue.getJob(id);
    while (job?.status !== 'completed' && job?.status !== 'failed') {
      await new Promise((resolve) => setTimeout(resolve, 50));
      job = await queue.getJob(id);
    }
    const outcome = job.error ? `${job.error.code}: ${job.error.message}` : JSON.stringify(job.result);
    console.log(`${id}: ${job.status}, attempt ${job.attempt}, ${outcome}`);
  }
  const { status } = (await queue.getJob(other)) ?? {};
  console.log(`${other}: ${status}, for send_invoice is another service's`);
}

if (process.argv.includes('--serve')) {
  console.log(`serving render_report on ${servers}`);
  if (!stop.signal.aborted) await once(stop.signal, 'abort');
} else {
  await demo();
}

// Graceful shutdown: running jobs may finish within 30 s; the rest goes back to the queue and loses no attempt.
await worker.shutdown(30_000);
await billing.close();
await queue.close();
await nats?.stop();
console.log('stopped');
