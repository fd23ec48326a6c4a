/** How far running jobs are, as their handlers say: the record of a job has it once its attempt has ended. */
import type { Broker } from '../../broker/broker.js';
import { BrokerError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type ActivityMessage, decodeActivity } from '../../wire/activity.js';

/** A job with the progress of now. Only of one that runs is anything read, and nothing while no job of the queue has reported. */
export async function withProgress<T extends JobRecord>(broker: Broker, job: T): Promise<T> {
  if (job.state !== 'running') return job;
  const last = await orNone(broker.activity.last('progress', job.id));
  return last ? withReported(job, decodeActivity(last.data, broker.sealer)) : job;
}

/** The same of a page of jobs, in one read. */
export async function withProgressOfAll(broker: Broker, jobs: JobRecord[]): Promise<JobRecord[]> {
  const running = jobs.filter(({ state }) => state === 'running').map(({ id }) => id);
  if (running.length === 0) return jobs;
  const last = new Map(await orNone(broker.activity.lastOfEach('progress', running)));
  if (last.size === 0) return jobs;
  return jobs.map((job) => {
    const message = last.get(job.id);
    return message && job.state === 'running'
      ? withReported(job, decodeActivity(message.data, broker.sealer))
      : job;
  });
}

/** A job can be shown without: whoever may not read ACTIVITY sees the rest. */
async function orNone<T>(read: Promise<T>): Promise<T | undefined> {
  return read.catch((error) => {
    if (error instanceof BrokerError) return undefined;
    throw error;
  });
}

function withReported<T extends JobRecord>(job: T, message: ActivityMessage | undefined): T {
  if (!message || !isOfAttempt(job, message) || message.items.length === 0) return job;
  return { ...job, progress: message.items.at(-1), progressAt: new Date(message.at).toISOString() };
}

/** A worker that was taken for dead may have written last: what it said is of an earlier attempt. */
function isOfAttempt(
  { createdAt, redrives = 0, attempt }: JobRecord,
  message: Pick<ActivityMessage, 'of' | 'redrives' | 'attempt'>,
): boolean {
  return message.of === createdAt && message.redrives === redrives && message.attempt === attempt;
}
