/** The stored messages that would bring a job to a worker: its work messages and its timers. */
import type { Broker } from '../broker/broker.js';
import { isOfSequence, namesakeId, sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { JobPriority, JobState } from '../jobs/vocabulary.js';
import { sequenceInTimers } from '../wire/job-message.js';
import { lineId } from '../wire/limit-subjects.js';
import { ANY, type StreamKind, type Subjects, WORK_KINDS, type WorkKind } from '../wire/subjects.js';
import { dueNow, pendingRecordOf } from './job-lookup.js';

/** One of them, by its place. */
export interface Carrier {
  kind: StreamKind;
  seq: number;
  /** Under which a work message is stored; absent for that of the job. */
  priority?: JobPriority;
  /** Of a work message that a timer has brought: its sequence in TIMERS. */
  inTimers?: number;
}

/** A job that was added, redriven and handed back has a few; more come next time. */
const MAX_CARRIERS = 100;

type Named = Pick<JobRecord, 'id' | 'type' | 'priority' | 'earlierPriorities'>;
/** A job, and the message from which it was claimed last. */
type Claimed = Named & { workSeq?: number | undefined };

/** The job, and as it was under each of its earlier priorities: a message may still be stored under that. */
export function withEarlier<Job extends Named>(job: Job): Job[] {
  const earlier = job.earlierPriorities ?? [];
  return [job, ...earlier.filter((each) => each !== job.priority).map((priority) => ({ ...job, priority }))];
}

/** The subjects of a job's timers. A message goes from there to the work stream: whoever asks in this order misses none. */
export function timersOf(subjects: Subjects, kind: WorkKind, { id, type, priority }: Named): string[] {
  const address = { kind, priority, type, id };
  return [
    subjects.schedule(kind, id),
    subjects.timer('retrying', address),
    subjects.timer('waiting', address),
    subjects.timer('limited', address),
  ];
}

/** The subjects in one stream under which messages of a job may be stored. */
function subjectsIn(subjects: Subjects, stream: StreamKind, job: Named): string[] {
  return subjects.workKindsFor(job.type).flatMap((kind) => {
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
    for (const job of jobs.flatMap(withEarlier))
      for (const subject of subjectsIn(subjects, stream, job)) ids.set(subject, job.id);
    for (const { subject } of await read.lastOfEach(subjects.streamName(stream), [...ids.keys()]))
      carried.add(ids.get(subject) ?? lineId(subjects, subject) ?? '');
  }
  return carried;
}

async function carriersOf({ subjects, read }: Broker, kind: WorkKind, job: Named): Promise<Carrier[]> {
  const readFrom = async (place: StreamKind, subject: string) => {
    const stream = subjects.streamName(place);
    // Most places are empty, which is asked for many together.
    if ((await read.lastTogether(stream, subject)) === undefined) return [];
    const page = await read.page(stream, subject, 1, MAX_CARRIERS);
    return page.map((message): Carrier => {
      const inTimers = sequenceInTimers(message);
      return { kind: place, seq: message.seq, priority: job.priority, ...(inTimers > 0 && { inTimers }) };
    });
  };
  const timers = timersOf(subjects, kind, job).map((subject) => readFrom('timers', subject));
  const waiting = (await Promise.all(timers)).flat();
  return [...waiting, ...(await readFrom(kind, subjects.work({ ...job, kind })))];
}

/** The message of a job that was published without an id, whose subject others share. */
export async function bareMessageOf(
  broker: Broker,
  kind: WorkKind,
  { id, workSeq }: Claimed,
): Promise<Carrier | undefined> {
  if (!isOfSequence(id)) return undefined;
  const position = sequenceOf(id);
  const seq = position?.kind === kind ? position.seq : workSeq;
  if (seq === undefined) return undefined;
  const message = await broker.read.bySequence(broker.subjects.streamName(kind), seq);
  if (!message) return undefined;
  const work = broker.subjects.parseWork(message.subject);
  if (work?.id !== undefined) return undefined;
  const named = pendingRecordOf(broker, message)?.id ?? '';
  return named === id || namesakeId(named, message.timeMs) === id
    ? { kind, seq, ...(work && { priority: work.priority }) }
    : undefined;
}

/** Messages and timers of a finished job may be stored for a while yet; without its record, they would be a new job. */
export async function allCarriersOf(broker: Broker, job: Claimed): Promise<Carrier[]> {
  const found = await Promise.all(
    broker.subjects.workKindsFor(job.type).map(async (kind) => {
      const bare = await bareMessageOf(broker, kind, job);
      const named = (
        await Promise.all(withEarlier(job).map((each) => carriersOf(broker, kind, each)))
      ).flat();
      const own = bare && !named.some(({ seq, ...each }) => each.kind === kind && seq === bare.seq);
      return own ? [...named, bare] : named;
    }),
  );
  return found.flat();
}

/** Whether the leaders of the streams have a message or a timer of a job: a replica that is behind shows what is gone, and not yet what has come. */
export async function isStoredAtLeaders(broker: Broker, job: Claimed): Promise<boolean> {
  const { subjects, topology } = broker;
  const places = (['timers', ...WORK_KINDS] as const).flatMap((stream) =>
    withEarlier(job).flatMap((each) =>
      subjectsIn(subjects, stream, each).map((subject) => ({ stream, subject })),
    ),
  );
  const seqs = await Promise.all(places.map(({ stream, subject }) => topology.lastSequence(stream, subject)));
  if (seqs.some((seq) => seq > 0)) return true;
  const bare = await Promise.all(
    subjects.workKindsFor(job.type).map((kind) => bareMessageOf(broker, kind, job)),
  );
  return bare.some((carrier) => carrier !== undefined);
}

export async function removeCarriers({ topology }: Broker, carriers: readonly Carrier[]): Promise<void> {
  await Promise.all(carriers.map(({ kind, seq }) => topology.deleteMessage(kind, seq)));
}

const TIMED: ReadonlySet<JobState> = new Set(['scheduled', 'retrying', 'waiting']);

/** Whether a work message or a timer will bring a job that has not ended to a worker. */
export async function isCarried(
  broker: Broker,
  job: Claimed & Pick<JobRecord, 'state' | 'limited'>,
): Promise<boolean> {
  const isTimed = TIMED.has(job.state) || job.limited !== undefined;
  const isFound = async () =>
    (await allCarriersOf(broker, job)).some(({ kind }) => isTimed || kind !== 'timers');
  if (await isFound()) return true;
  // A timer may have fired, or been set, while they were read.
  return isTimed && ((await dueNow(broker, ANY, job.id)) !== undefined || (await isFound()));
}
