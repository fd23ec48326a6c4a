/** What brings a job to a worker: a message in a work stream, or a timer that will put one there. */
import type { Broker } from '../broker/broker.js';
import type { JobState } from '../jobs/vocabulary.js';
import { dueNow } from '../queue/job-lookup.js';
import { type WorkKind, workKindsFor } from '../wire/subjects.js';
import type { OpenJobNote } from './open-jobs.js';

const TIMED: ReadonlySet<JobState> = new Set(['scheduled', 'retrying', 'waiting']);

/** Whether a work message or a timer will bring the job to a worker. */
export async function isCarried(broker: Broker, job: OpenJobNote): Promise<boolean> {
  for (const kind of workKindsFor(job.type)) {
    if (await isCarriedBy(broker, kind, job)) return true;
  }
  return false;
}

/** The message is looked for before and after the timer, which may fire, or be set, between two looks. */
async function isCarriedBy(broker: Broker, kind: WorkKind, job: OpenJobNote): Promise<boolean> {
  if (await hasMessage(broker, kind, job)) return true;
  if (!TIMED.has(job.state)) return false;
  return (await hasTimer(broker, kind, job)) || (await hasMessage(broker, kind, job));
}

async function hasMessage(
  { subjects, read }: Broker,
  kind: WorkKind,
  { id, type, priority, workSeq }: OpenJobNote,
): Promise<boolean> {
  const stream = subjects.streamName(kind);
  if (await read.last(stream, subjects.work({ kind, priority, type, id }))) return true;
  if (workSeq === undefined) return false;
  // Published without an id, so that its subject does not name it.
  const message = await read.bySequence(stream, workSeq);
  const work = message && subjects.parseWork(message.subject);
  return work?.id === undefined && work?.priority === priority && work.type === type;
}

async function hasTimer(
  broker: Broker,
  kind: WorkKind,
  { id, type, priority }: OpenJobNote,
): Promise<boolean> {
  const { subjects, read } = broker;
  const address = { kind, priority, type, id };
  const timers = [
    subjects.timer('retrying', address),
    subjects.timer('waiting', address),
    subjects.schedule(kind, id),
  ];
  const found = await Promise.all(timers.map((timer) => read.last(subjects.streamName('timers'), timer)));
  return found.some((timer) => timer !== undefined) || (await dueNow(broker, kind, id)) !== undefined;
}
