/** The stored messages that would bring a job to a worker: its work messages and its timers. */
import type { Broker } from '../broker/broker.js';
import { sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { type StreamKind, type WorkKind, workKindsFor } from '../wire/subjects.js';
import { pendingRecordOf } from './job-lookup.js';

/** One of them, by its place. */
export interface Carrier {
  kind: StreamKind;
  seq: number;
}

/** A job that was added, redriven and handed back has a few; more come next time. */
const MAX_CARRIERS = 100;

export async function carriersOf(
  { subjects, read }: Broker,
  kind: WorkKind,
  { id, type, priority }: Pick<JobRecord, 'id' | 'type' | 'priority'>,
): Promise<Carrier[]> {
  const address = { kind, priority, type, id };
  const own: [StreamKind, string][] = [
    [kind, subjects.work(address)],
    ['timers', subjects.schedule(kind, id)],
    ['timers', subjects.timer('retrying', address)],
    ['timers', subjects.timer('waiting', address)],
  ];
  const carriers = own.map(async ([kind, subject]) => {
    const stream = subjects.streamName(kind);
    // As a rule there is none, which is asked for many jobs together.
    if ((await read.lastTogether(stream, subject)) === undefined) return [];
    const page = await read.page(stream, subject, 1, MAX_CARRIERS);
    return page.map(({ seq }): Carrier => ({ kind, seq }));
  });
  return (await Promise.all(carriers)).flat();
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
