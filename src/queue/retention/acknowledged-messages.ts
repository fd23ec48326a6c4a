/** Removes the work messages that a consumer has acknowledged and nothing needs, in bulk; finds those that it has lost. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { namesakeId, sequenceId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isFromTimers, sequenceInTimers } from '../../wire/job-message.js';
import type { ConsumerSubjects, WorkKind } from '../../wire/subjects.js';
import { broughtBy } from '../list/work-jobs.js';
import { acknowledgedUpTo, type ConsumerCounts, isOfNamesake, reasonToKeepMessage } from './purgeable.js';

/** A consumer of a work stream. */
export interface WorkConsumer extends ConsumerSubjects {
  kind: WorkKind;
}

/** Messages that workers have acknowledged. */
export interface Settled {
  seqs: ReadonlySet<number>;
  /** Of each worker, the last one that the stream has taken from TIMERS. It need not be stored, and need not be true. */
  lastTaken: Iterable<number>;
}

export const NONE_SETTLED: Settled = { seqs: new Set(), lastTaken: [] };

/** A consumer whose messages are to be removed. */
export interface Trimmed extends WorkConsumer {
  /** Messages of it that the caller has acknowledged itself, for which no record is read. */
  known: Settled;
  /** Those that other workers say they have acknowledged, of what is stored from a sequence on: each time asked, all named so far. */
  othersKnow?: (firstSeq: number) => AsyncIterable<Settled>;
}

/** What nothing needs any more of a consumer. */
interface PurgeablePart {
  upTo: number;
  /** The last message of it that is stored, 0 for none. */
  last: number;
  /** As of {@link Settled}. */
  lastTaken: Iterable<number>;
}

/** One that is there, for the jobs of its type. */
export interface CoveringConsumer extends WorkConsumer {
  type: string;
  counts: ConsumerCounts;
}

const PAGE = 500;
/** Fewer messages than this are read sooner than counted. */
const WORTH_COUNTING = 100;

/** The consumers of a work stream that hand out jobs. */
export async function coveringConsumers(
  { topology, subjects }: Broker,
  kind: WorkKind,
): Promise<CoveringConsumer[]> {
  return (await topology.consumers(kind)).flatMap((counts) => {
    const parsed = subjects.parseConsumer(counts.name);
    if (!parsed) return [];
    const { type, priority } = parsed;
    return [{ kind, type, counts, ...subjects.consumerFor(kind, priority, type) }];
  });
}

/**
 * Removes what a consumer is done with, up to the first message that is not purgeable. What was handed back to it is handed
 * out at once as before (decision 29).
 * @param bound up to which sequence at most; no more than {@link acknowledgedUpTo} says
 * @returns up to which sequence nothing of it is stored any more, and what the removal took
 */
export async function removeAcknowledged(
  broker: Broker,
  consumer: Trimmed,
  bound: number,
): Promise<{ upTo: number; tookMs: number }> {
  const { upTo, last, lastTaken } = await purgeableUpTo(broker, consumer, bound);
  const startedMs = performance.now();
  if (Math.min(last, upTo) > 0) {
    await removeTaken(broker, consumer.kind, lastTaken);
    await broker.topology.purge(consumer.kind, consumer.removal, Math.min(last, upTo));
    await removeBeyondWildcards(broker, consumer, upTo);
  }
  return { upTo, tookMs: performance.now() - startedMs };
}

/**
 * Removes from TIMERS what a work stream has taken, always before the work messages: a server that was killed may know by those
 * alone how far it had come, and takes what it finds beyond (decision 102).
 */
export async function removeTaken(
  { read, topology, subjects }: Broker,
  kind: WorkKind,
  lastTaken: Iterable<number>,
): Promise<void> {
  const stream = subjects.streamName(kind);
  // What the server has written of where it comes from, and not what a worker says, shows how far the stream has come.
  const stored = await Promise.all([...lastTaken].map((seq) => read.bySequence(stream, seq)));
  const taken = Math.max(0, ...stored.map((message) => (message ? sequenceInTimers(message) : 0)));
  if (taken > 0) await topology.purge('timers', subjects.dueOfAll(kind), taken);
}

/**
 * Messages whose id is `*` or `>`, as only a foreign client writes it: no wildcard of a purge matches those. Some have headers
 * that cannot be read, so they are found by their sequences alone.
 */
async function removeBeyondWildcards(
  { read, subjects, topology }: Broker,
  { kind, filter }: WorkConsumer,
  upTo: number,
): Promise<void> {
  const stream = subjects.streamName(kind);
  for (let removed = 0; ; ) {
    const { firstSeq } = await read.extent(stream, filter);
    // A replica that lags behind still shows what is gone.
    if (firstSeq > upTo || firstSeq <= removed) return;
    await topology.deleteMessage(kind, firstSeq);
    removed = firstSeq;
  }
}

/** How far all that is stored of a consumer is purgeable, at most up to the bound. */
async function purgeableUpTo(broker: Broker, consumer: Trimmed, bound: number): Promise<PurgeablePart> {
  const { read, subjects, topology } = broker;
  const { kind, filter, known, othersKnow = async function* () {} } = consumer;
  const { count, firstSeq } = await read.extent(subjects.streamName(kind), filter);
  if (firstSeq > bound) return { upTo: bound, last: 0, lastTaken: [] };
  let { seqs, lastTaken } = known;
  const all = (): PurgeablePart => ({ upTo: bound, last: lastOf(seqs, bound), lastTaken });
  if (count >= WORTH_COUNTING) {
    // A replica that lags behind could answer the second question as of before the first.
    const isCountable = (await topology.streamInfo(kind)).config.num_replicas === 1;
    const isAll = async () => isCountable && (await isNothingElse(broker, consumer, bound, seqs));
    if (await isAll()) return all();
    for await (const others of othersKnow(firstSeq)) {
      seqs = new Set([...known.seqs, ...others.seqs]);
      lastTaken = [...known.lastTaken, ...others.lastTaken];
      if (await isAll()) return all();
      if (!isCountable) break;
    }
  }
  // A message with headers that cannot be read is on no page.
  let last = lastOf(seqs, bound);
  for await (const page of acknowledgedPages(broker, consumer, bound)) {
    const unknown = page.filter(({ seq }) => !seqs.has(seq));
    const [kept] = await keptOf(broker, kind, unknown);
    const purgeable = kept ? page.filter(({ seq }) => seq < kept.seq) : page;
    last = Math.max(last, purgeable.at(-1)?.seq ?? 0);
    const taken = purgeable.findLast(isFromTimers);
    if (taken) lastTaken = [...lastTaken, taken.seq];
    if (kept) return { upTo: kept.seq - 1, last, lastTaken };
  }
  return { upTo: bound, last, lastTaken };
}

/** Whether what is stored up to the bound is what is known, by their numbers. */
async function isNothingElse(
  { read, subjects }: Broker,
  { kind, filter }: WorkConsumer,
  bound: number,
  known: ReadonlySet<number>,
): Promise<boolean> {
  const stream = subjects.streamName(kind);
  // In this order: what comes in between makes it look like more, never like less.
  const above = await read.count(stream, filter, bound + 1);
  const { count, firstSeq } = await read.extent(stream, filter);
  // Another worker has removed it.
  if (firstSeq > bound) return true;
  let knownBelow = 0;
  for (const seq of known) if (seq >= firstSeq && seq <= bound) knownBelow++;
  return count - above === knownBelow;
}

/** The last of the sequences that is not above `bound`, 0 when none is. */
function lastOf(seqs: ReadonlySet<number>, bound: number): number {
  let last = 0;
  for (const seq of seqs) if (seq > last && seq <= bound) last = seq;
  return last;
}

/** Messages that a consumer takes for acknowledged and that are kept all the same: nobody would ever be given their jobs. */
export async function lostMessages(broker: Broker, consumer: WorkConsumer): Promise<StoredMessage[]> {
  const lost: StoredMessage[] = [];
  const info = await broker.topology.consumer(consumer.kind, consumer.name);
  for await (const page of acknowledgedPages(broker, consumer, info ? acknowledgedUpTo(info) : 0))
    lost.push(...(await keptOf(broker, consumer.kind, page)));
  return lost;
}

function acknowledgedPages({ read, subjects }: Broker, { kind, filter }: WorkConsumer, bound: number) {
  return read.pages(subjects.streamName(kind), filter, 1, PAGE, bound);
}

/** Those of the messages, oldest first, that are kept although they are acknowledged. */
async function keptOf(
  broker: Broker,
  kind: WorkKind,
  messages: readonly StoredMessage[],
): Promise<StoredMessage[]> {
  const reasons = await Promise.all(
    (await broughtBy(broker, messages)).map(async ({ message, job, record: last }) => {
      const record = job && (await recordFor(broker, kind, message, job, last));
      const lastSeq = record?.state === 'queued' ? await lastSeqOf(broker, kind, record) : 0;
      return reasonToKeepMessage({ seq: message.seq, place: 'acknowledged', job, record, lastSeq });
    }),
  );
  return messages.filter((_, index) => reasons[index] !== undefined);
}

/** The record that accounts for a message: not every one is under the id that the message names. */
async function recordFor(
  broker: Broker,
  kind: WorkKind,
  message: StoredMessage,
  job: JobRecord,
  record: JobRecord | undefined,
): Promise<JobRecord | undefined> {
  const { seq, timeMs } = message;
  // A message that names a job of nobody's ends under its own sequence.
  if (!record) return (await broker.lastEvent(sequenceId({ kind, seq })))?.record;
  if (!isOfNamesake(broker.subjects, message, job, record)) return record;
  return (await broker.lastEvent(namesakeId(job.id, timeMs)))?.record;
}

/** A job that was handed back, or queued again, may have a later message. */
async function lastSeqOf(
  { subjects, read }: Broker,
  kind: WorkKind,
  { id, type, priority }: JobRecord,
): Promise<number> {
  const last = await read.last(subjects.streamName(kind), subjects.work({ kind, priority, type, id }));
  return last?.seq ?? 0;
}
