/** The jobs that work messages and timers stand for. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobPriority, JobStatus } from '../../jobs/vocabulary.js';
import type { TimerReason, WorkKind } from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';

/** The last sequence that any consumer of a priority has delivered; read once, when a source first needs it. */
export type Bounds = (kind: WorkKind, priority: JobPriority) => Promise<number>;

export function deliveredBounds(broker: Broker, type?: string): Bounds {
  const asked = new Map<WorkKind, ReturnType<typeof broker.topology.consumers>>();
  return async (kind, priority) => {
    const consumers = asked.get(kind) ?? broker.topology.consumers(kind);
    asked.set(kind, consumers);
    const ends = (await consumers)
      .filter(({ name }) => {
        const consumer = broker.subjects.parseConsumer(name);
        return consumer?.priority === priority && (!type || consumer.type === type);
      })
      .map(({ delivered }) => delivered.stream_seq);
    return Math.max(0, ...ends);
  };
}

/** The jobs of work messages by their last record; `untouched` takes in those that no worker has claimed yet. */
export async function touchedJobs(
  broker: Broker,
  kind: WorkKind,
  messages: StoredMessage[],
  fits: (job: JobRecord, seq: number) => boolean | Promise<boolean>,
  untouched = false,
): Promise<(JobRecord | undefined)[]> {
  const jobs = await broughtBy(broker, messages);
  return Promise.all(
    jobs.map(async ({ message, job, record }) => {
      if (!record) return untouched ? job : undefined;
      const isListed = (await fits(record, message.seq)) && (await standsFor(broker, kind, message, record));
      return isListed ? record : undefined;
    }),
  );
}

/** The jobs of timer messages that still wait for them, by their last record. */
export async function timerJobs(
  broker: Broker,
  messages: StoredMessage[],
  reason: TimerReason,
  status?: JobStatus,
): Promise<(JobRecord | undefined)[]> {
  const jobs = await broughtBy(broker, messages);
  return jobs.map(({ record }) => {
    const isOfReason = record && timerReasonOf(record) === reason;
    return isOfReason && (!status || record.status === status) ? record : undefined;
  });
}

/** Why a job has a timer of Jetfleet's own, if it has one. */
function timerReasonOf({ state, limited }: JobRecord): TimerReason | undefined {
  if (limited) return 'limited';
  return state === 'waiting' || state === 'retrying' ? state : undefined;
}

/** A work message or a timer, the job that it brings, if any, and the last record under the id of that. */
interface Brought {
  message: StoredMessage;
  job: JobRecord | undefined;
  record: JobRecord | undefined;
}

export async function broughtBy(broker: Broker, messages: readonly StoredMessage[]): Promise<Brought[]> {
  const jobs = messages.map((message) => ({ message, job: pendingRecordOf(broker, message) }));
  const last = await recordsById(broker, [...new Set(jobs.flatMap(({ job }) => job?.id ?? []))]);
  return jobs.map(({ message, job }) => ({ message, job, record: job && last.get(job.id) }));
}

/**
 * Whether a work message is the one to list its job by. A worker that died in between can leave a timer beside the
 * message that it should have acknowledged, or two messages of one job.
 */
async function standsFor(
  broker: Broker,
  kind: WorkKind,
  { seq, subject }: StoredMessage,
  record: JobRecord,
): Promise<boolean> {
  const { subjects, read } = broker;
  const { id, type, priority, state, workSeq } = record;
  const stream = subjects.streamName(kind);
  if (workSeq !== undefined && workSeq !== seq) {
    const owner = await read.bySequence(stream, workSeq);
    return (owner && pendingRecordOf(broker, owner)?.id) !== id;
  }
  // It has another message under its new priority, or is about to have one.
  if (state === 'queued' && record.earlierPriorities && subjects.parseWork(subject)?.priority !== priority)
    return false;
  const reason = timerReasonOf(record);
  if (reason === undefined) return true;
  const timer = subjects.timer(reason, { kind, priority, type, id });
  return (await read.last(subjects.streamName('timers'), timer)) === undefined;
}

/** The last records of jobs that a worker has touched, by id. */
export async function recordsById(broker: Broker, ids: readonly string[]): Promise<Map<string, JobRecord>> {
  const { subjects } = broker;
  if (ids.length === 0) return new Map();
  const stored = await broker.read.lastOfEach(
    subjects.streamName('events'),
    ids.map((id) => subjects.eventsOf(id)),
  );
  const latest = new Map<string, { seq: number; record: JobRecord }>();
  for (const message of stored) {
    const record = broker.recordOf(message);
    if (record && (latest.get(record.id)?.seq ?? 0) < message.seq)
      latest.set(record.id, { seq: message.seq, record });
  }
  return new Map([...latest].map(([id, { record }]) => [id, record]));
}
