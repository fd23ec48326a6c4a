import { setTimeout as delay } from 'node:timers/promises';
import type { JobQueueService } from 'jetfleet';

/** A span of time, in milliseconds since the epoch. */
export interface Span {
  fromMs: number;
  untilMs: number;
}

const QUIET_MS = 500;
const EVENTS_AT_ONCE = 500;

/**
 * How late each poll that fell due in the span was: the time of the record with which a worker took the job up, minus the
 * `nextRunAt` of the record before. A poll that has not come by the end of the span is as late as it is then.
 */
export async function pollLateness(queue: JobQueueService, { fromMs, untilMs }: Span): Promise<number[]> {
  const dueMs = new Map<string, number>();
  const latenessMs: number[] = [];
  const inSpan = (timeMs: number) => timeMs >= fromMs && timeMs < untilMs;
  let lastEventAt = Date.now();
  const filter = { type: 'monitor_instance' };
  const reading = await queue.events({ filter, from: 'all', concurrency: EVENTS_AT_ONCE }, (job) => {
    lastEventAt = Date.now();
    const due = dueMs.get(job.id);
    if (job.state === 'waiting') dueMs.set(job.id, Date.parse(job.nextRunAt as string));
    else dueMs.delete(job.id);
    if (due !== undefined && inSpan(due) && job.state === 'running') {
      latenessMs.push(Math.min(Date.parse(job.updatedAt), untilMs) - due);
    }
  });
  // Nobody writes any more: the end is where nothing comes.
  while (Date.now() - lastEventAt < QUIET_MS) await delay(100);
  await reading.close();
  for (const due of dueMs.values()) if (inSpan(due)) latenessMs.push(untilMs - due);
  return latenessMs;
}
