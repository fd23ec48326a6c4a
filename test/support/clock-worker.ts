/**
 * A worker and a producer in one process, whose clock is off, and may be set while it runs.
 *
 *     node <bundle of this> <NATS URL> <namespace> <offset ms>
 */
import { Metrics } from '../../src/http/metrics.js';
import { examine, JobQueueService, JobWorkerService, RetryableError, snooze } from '../../src/index.js';
import { listWorkers } from '../../src/inspect/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';

const [servers = '', namespace = '', offset = '0'] = process.argv.slice(2);
let offsetMs = Number(offset);
const RealDate = Date;
const realNow = Date.now.bind(Date);
globalThis.Date = class extends RealDate {
  constructor(...given: []) {
    super(...((given.length > 0 ? given : [realNow() + offsetMs]) as []));
  }
  static override now(): number {
    return realNow() + offsetMs;
  }
} as DateConstructor;

const queue = new JobQueueService({ servers, namespace });
const began = performance.now();
const runs: Record<string, number[]> = {};
const worker = new JobWorkerService(queue, { sweep: false });
worker.registerHandler('demo', {
  retry: { baseMs: 400, jitter: 0 },
  handler: ({ id, attempt, checkpoint }) => {
    runs[id] = [...(runs[id] ?? []), performance.now() - began];
    if (id.startsWith('snooze') && checkpoint === undefined) return snooze(400, 1);
    if (id.startsWith('retry') && attempt === 1) throw new RetryableError('again');
    // The local clock is set in the middle of it all.
    if (id.startsWith('jump')) offsetMs += 45_000;
    return 'done';
  },
});
await worker.start();
const options = [
  { id: 'delayed', delayMs: 700 },
  { id: 'retry' },
  { id: 'snooze' },
  { id: 'jump', delayMs: 100 },
  { id: 'retry-after-jump', delayMs: 900 },
];
const added = performance.now() - began;
await Promise.all(options.map((each) => queue.addJob('demo', {}, 'normal', each)));
for (;;) {
  const jobs = await Promise.all(options.map(({ id }) => queue.getJob(id)));
  if (jobs.every((job) => job?.status === 'completed')) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const records = await Promise.all(options.map(({ id }) => queue.history(id)));
const { findings } = await examine(queue);
const report = {
  added,
  runs,
  records: records.map(({ length }) => length),
  clock: findings.find(({ code }) => code === 'clock_offset'),
};
const last = await queue.getJob('delayed');
const [info] = await listWorkers(queue);
await worker.shutdown(1_000);
await queue.addJob('demo', {});
await new Promise((resolve) => setTimeout(resolve, 300));
const metrics = await new Metrics(queue, silentLogger).text();
const shown = {
  oldestAgeSeconds: Number(/^jetfleet_oldest_pending_age_seconds (.+)$/m.exec(metrics)?.[1]),
  workerStartedAt: info?.startedAt,
};
process.stdout.write(`${JSON.stringify({ ...report, ...shown, finishedAt: last?.finishedAt })}\n`);
await queue.close();
