/** The stored messages that would bring a job to a worker: its work messages and its timers. */
import type { Broker } from '../broker/broker.js';
import { sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { type StreamKind, type Subjects, WORK_KINDS, type WorkKind, workKindsFor } from '../wire/subjects.js';
import { pendingRecordOf } from './job-lookup.js';

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

/** Those of many jobs that have a message stored, or may have one; the others have none. */
export async function carriedAmong<J extends Named>(
  { subjects, read }: Broker,
  jobs: readonly J[],
): Promise<Set<J>> {
  const carried = new Set<J>();
  const asked = new Map<StreamKind, Map<string, J[]>>();
  const ask = (kind: StreamKind, subject: string, job: J) => {
    const bySubject = asked.get(kind) ?? new Map<string, J[]>();
    asked.set(kind, bySubject.set(subject, [...(bySubject.get(subject) ?? []), job]));
  };
  for (const job of jobs) {
    // The subject of one without an id is that of many.
    if (sequenceOf(job.id) !== undefined) carried.add(job);
    for (const kind of workKindsFor(job.type)) {
      for (const subject of [...timersOf(subjects, kind, job), subjects.due({ ...job, kind })])
        ask('timers', subject, job);
      ask(kind, subjects.work({ ...job, kind }), job);
    }
  }
  const readFrom = async (kind: StreamKind) => {
    const bySubject = asked.get(kind) ?? new Map<string, J[]>();
    for (const { subject } of await read.lastOfEach(subjects.streamName(kind), [...bySubject.keys()])) {
      for (const job of bySubject.get(subject) ?? []) carried.add(job);
    }
  };
  await readFrom('timers');
  await Promise.all(WORK_KINDS.map(readFrom));
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
