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

type Place = [kind: StreamKind, subject: string];

/**
 * The subjects on which the messages of a job with an id are, and the streams that hold them, in the order in which a message
 * goes from one to the next: whoever reads them in this order misses none.
 */
function placesOf(subjects: Subjects, kind: WorkKind, { id, type, priority }: Named): Place[] {
  const address = { kind, priority, type, id };
  return [
    ['timers', subjects.schedule(kind, id)],
    ['timers', subjects.timer('retrying', address)],
    ['timers', subjects.timer('waiting', address)],
    [kind, subjects.work(address)],
  ];
}

/** Those of many jobs that have a message stored, or may have one; the others have none. */
export async function carriedAmong<J extends Named>(
  { subjects, read }: Broker,
  jobs: readonly J[],
): Promise<Set<J>> {
  const carried = new Set<J>();
  const asked = new Map<StreamKind, Map<string, J[]>>();
  for (const job of jobs) {
    // The subject of one without an id is that of many.
    if (sequenceOf(job.id) !== undefined) carried.add(job);
    const places = workKindsFor(job.type).flatMap((kind): Place[] => [
      ['timers', subjects.due({ ...job, kind })],
      ...placesOf(subjects, kind, job),
    ]);
    for (const [kind, subject] of places) {
      const bySubject = asked.get(kind) ?? new Map<string, J[]>();
      asked.set(kind, bySubject.set(subject, [...(bySubject.get(subject) ?? []), job]));
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

export async function carriersOf({ subjects, read }: Broker, kind: WorkKind, job: Named): Promise<Carrier[]> {
  const readFrom = async ([kind, subject]: Place) => {
    const stream = subjects.streamName(kind);
    // Most places are empty, which is asked for many together.
    if ((await read.lastTogether(stream, subject)) === undefined) return [];
    const page = await read.page(stream, subject, 1, MAX_CARRIERS);
    return page.map(({ seq }): Carrier => ({ kind, seq }));
  };
  const places = placesOf(subjects, kind, job);
  const timers = await Promise.all(places.filter(([place]) => place === 'timers').map(readFrom));
  const work = await Promise.all(places.filter(([place]) => place === kind).map(readFrom));
  return [...timers, ...work].flat();
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
