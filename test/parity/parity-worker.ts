/** Our worker, as the parity suite drives it; see README.md beside this file for the protocol. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  complete,
  createLogger,
  type JobAborted,
  type JobContext,
  JobQueueService,
  JobWorkerService,
  NonRetryableError,
  RetryableError,
  snooze,
} from '../../src/index.js';
import { CAPABILITIES, type Config, type Said, type Step } from './protocol.js';

const { url, namespace, name, ackWaitMs, drainMs } = JSON.parse(process.env.PARITY_CONFIG ?? '') as Config;

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

interface Payload {
  runs: Step[][];
}

/** What the payload says of this run. The checkpoint counts runs that did not end their attempt. */
function stepsOf({ payload, attempt, checkpoint }: JobContext<Payload>): Step[] {
  const { run = attempt - 1 } = (checkpoint ?? {}) as { run?: number };
  return payload.runs[Math.min(run, payload.runs.length - 1)] ?? [];
}

async function handler(job: JobContext<Payload>): Promise<unknown> {
  const { id, attempt, checkpoint = null } = job;
  say({ began: id, attempt, checkpoint });
  job.signal.addEventListener('abort', () =>
    say({ stopped: id, reason: (job.signal.reason as JobAborted).reason }),
  );
  for (const step of stepsOf(job)) {
    if ('checkpoint' in step && !('snoozeMs' in step)) await job.saveCheckpoint(step.checkpoint);
    else if ('runMs' in step) await delay(step.runMs, undefined, { signal: job.signal });
    else if ('untilStopped' in step) await delay(600_000, undefined, { signal: job.signal });
    else if ('ignoreStop' in step) await delay(step.ignoreStop);
    else if ('fail' in step) {
      const { message, ...more } = step.fail;
      throw new RetryableError(message, more);
    } else if ('refuse' in step)
      throw new NonRetryableError(step.refuse.message, {
        ...(step.refuse.code && { code: step.refuse.code }),
      });
    else if ('snoozeMs' in step) return snooze(step.snoozeMs, step.checkpoint);
    else if ('result' in step) return complete(step.result);
    else if ('resultBytes' in step) return complete('x'.repeat(step.resultBytes));
  }
  return undefined;
}

const queue = new JobQueueService({
  servers: url,
  namespace,
  ackWaitMs,
  ...(process.env.PARITY_LOG && { logger: createLogger('debug') }),
});
const worker = new JobWorkerService(queue, { name, sweep: false });
const options = {
  handler,
  // A claim may be left out by a worker whose handler ends at once; here each writes it.
  claim: 'durable' as const,
  retry: { baseMs: 100, maxRetryDelay: 300, jitter: 0 },
};
worker.registerHandler<Payload>('parity', { ...options, concurrency: 8 });
worker.registerHandler<Payload>('parity_single', { ...options, concurrency: 1 });
process.on('SIGTERM', async () => {
  await worker.shutdown(drainMs);
  await queue.close();
  process.exit(0);
});
await worker.start();
say({ ready: true, supports: [...CAPABILITIES] });
