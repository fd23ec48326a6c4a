import { type JobQueueService, type JobRecord, JobType } from 'jetfleet';

/** A span of time, in milliseconds since the epoch. */
export interface Span {
  fromMs: number;
  untilMs: number;
}

const END_TYPE = 'bench_end';
const EVENTS_AT_ONCE = 500;

/**
 * How late each poll was that was taken up in the span, or was overdue when it ended: the time of the record
 * with which a worker took the job up, or else the end, minus the `nextRunAt` of the record before.
 */
export async function pollLateness(queue: JobQueueService, { fromMs, untilMs }: Span): Promise<number[]> {
  const dueMs = new Map<string, number>();
  const latenessMs: number[] = [];
  const note = (due: number, takenUpMs: number) => {
    if (due < untilMs && takenUpMs >= fromMs) latenessMs.push(Math.min(takenUpMs, untilMs) - due);
  };
  await readMonitorEvents(queue, ({ id, state, nextRunAt, updatedAt }) => {
    const due = dueMs.get(id);
    if (due !== undefined && state === 'running') note(due, Date.parse(updatedAt));
    if (state === 'waiting' && nextRunAt !== undefined) dueMs.set(id, Date.parse(nextRunAt));
    else dueMs.delete(id);
  });
  for (const due of dueMs.values()) note(due, untilMs);
  return latenessMs;
}

/** Reads every event of the monitors up to now. The event of a job that is cancelled now marks the end. */
async function readMonitorEvents(queue: JobQueueService, onEvent: (job: JobRecord) => void): Promise<void> {
  const endId = await queue.addJob(END_TYPE, {});
  await queue.cancel(endId);
  await new Promise<void>((resolve, reject) => {
    const filter = { type: [JobType.MONITOR_INSTANCE, END_TYPE] };
    queue
      .events({ filter, from: 'all', concurrency: EVENTS_AT_ONCE }, (job) => {
        if (job.id === endId) resolve();
        else onEvent(job);
      })
      .then((reading) => reading.closed)
      .catch(reject);
  });
}
