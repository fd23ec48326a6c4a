/** The stored messages that would bring a job to a worker: its work messages and its timers. */
import type { Broker } from '../broker/broker.js';
import { sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { JobState } from '../jobs/vocabulary.js';
import { type StreamKind, type Subjects, WORK_KINDS, type WorkKind, workKindsFor } from '../wire/subjects.js';
import { dueNow, pendingRecordOf } from './job-lookup.js';

/** One of them, by its place. */
export interface Carrier {
  kind: StreamKind;
  seq: number;
}

/** A job that was added, redriven and handed back has a few; more come next time. */
const MAX_CARRIERS = 100;

type Named = Pick<JobRecord, 'id' | 'type' | 'priority'>;

/** The subjects of a job's timers. A message goes from there to the work stream: whoever asks in this order misses none. */
function timersOf(subjects: Subjects, kind: WorkKind, { id, type, priority }: Named): string[] {
  const address = { kind, priority, type, id };
  return [
    subjects.schedule(kind, id),
    subjects.timer('retrying', address),
    subjects.timer('waiting', address),
  ];
}

/** The subjects in one stream under which messages of a job may be stored. */
function subjectsIn(subjects: Subjects, stream: StreamKind, job: Named): string[] {
  return workKindsFor(job.type).flatMap((kind) => {
    if (stream === 'timers') return [...timersOf(subjects, kind, job), subjects.due({ ...job, kind })];
    return stream === kind ? [subjects.work({ ...job, kind })] : [];
  });
}

/** The ids of those jobs that have a message stored, or may have one; the others have none. */
export async function carriedAmong({ subjects, read }: Broker, jobs: readonly Named[]): Promise<Set<string>> {
  // The subject of one without an id is that of many.
  const carried = new Set(jobs.map(({ id }) => id).filter((id) => sequenceOf(id) !== undefined));
  for (const stream of ['timers', ...WORK_KINDS] as const) {
    const ids = new Map<string, string>();
    for (const job of jobs) for (const subject of subjectsIn(subjects, stream, job)) ids.set(subject, job.id);
    for (const { subject } of await read.lastOfEach(subjects.streamName(stream), [...ids.keys()]))
      carried.add(ids.get(subject) ?? '');
  }
  return carried;
}

async function carriersOf({ subjects, read }: Broker, kind: WorkKind, job: Named): Promise<Carrier[]> {
  const readFrom = async (place: StreamKind, subject: string) => {
    const stream = subjects.streamName(place);
    // Most places are empty, which is asked for many together.
    if ((await read.lastTogether(stream, subject)) === undefined) return [];
    const page = await read.page(stream, subject, 1, MAX_CARRIERS);
    return page.map(({ seq }): Carrier => ({ kind: place, seq }));
  };
  const timers = timersOf(subjects, kind, job).map((subject) => readFrom('timers', subject));
  const waiting = (await Promise.all(timers)).flat();
  return [...waiting, ...(await readFrom(kind, subjects.work({ ...job, kind })))];
}

/** The message of a job that was published without an id, whose subject others share. */
export async function bareMessageOf(
  broker: Broker,
  kind: WorkKind,
  id: string,
): Promise<Carrier | undefined> {
  const position = sequenceOf(id);
  if (position?.kind !== kind) return undefined;
  const message = await broker.read.bySequence(broker.subjects.streamName(kind), position.seq);
  const isOwn = message !== undefined && pendingRecordOf(broker, message)?.id === id;
  return isOwn ? { kind, seq: position.seq } : undefined;
}

/** Messages and timers of a finished job may be stored for a while yet; without its record, they would be a new job. */
export async function allCarriersOf(broker: Broker, record: JobRecord): Promise<Carrier[]> {
  const found = await Promise.all(
    workKindsFor(record.type).map(async (kind) => {
      const bare = await bareMessageOf(broker, kind, record.id);
      const named = await carriersOf(broker, kind, record);
      return bare ? [...named, bare] : named;
    }),
  );
  return found.flat();
}

export async function removeCarriers({ topology }: Broker, carriers: readonly Carrier[]): Promise<void> {
  await Promise.all(carriers.map(({ kind, seq }) => topology.deleteMessage(kind, seq)));
}

/** A job, and the message from which it was claimed last. */
type Claimed = Named & { workSeq: number | undefined };

const TIMED: ReadonlySet<JobState> = new Set(['scheduled', 'retrying', 'waiting']);

/** Whether a work message or a timer will bring a job that has not ended to a worker. */
export async function isCarried(broker: Broker, job: Claimed & { state: JobState }): Promise<boolean> {
  const { subjects, read } = broker;
  for (const kind of workKindsFor(job.type)) {
    if (await hasMessage(broker, kind, job)) return true;
    if (!TIMED.has(job.state)) continue;
    const stream = subjects.streamName('timers');
    const timers = await Promise.all(timersOf(subjects, kind, job).map((timer) => read.last(stream, timer)));
    if (timers.some((timer) => timer !== undefined) || (await dueNow(broker, kind, job.id))) return true;
    // A timer may have fired, or been set, since the message was looked for.
    if (await hasMessage(broker, kind, job)) return true;
  }
  return false;
}

async function hasMessage(
  { subjects, read }: Broker,
  kind: WorkKind,
  { id, type, priority, workSeq }: Claimed,
): Promise<boolean> {
  const stream = subjects.streamName(kind);
  if (await read.last(stream, subjects.work({ kind, priority, type, id }))) return true;
  if (workSeq === undefined) return false;
  // Published without an id, so that its subject does not name it.
  const message = await read.bySequence(stream, workSeq);
  const work = message && subjects.parseWork(message.subject);
  return work?.id === undefined && work?.priority === priority && work.type === type;
}
