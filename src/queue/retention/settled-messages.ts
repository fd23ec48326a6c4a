/** Work messages that nothing needs any more: which they are, and how they are removed in bulk. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { namesakeId, sequenceId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { ConsumerSubjects, WorkKind } from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';
import { recordsById } from '../list/work-jobs.js';

/** A consumer of a work stream. */
export interface WorkConsumer extends ConsumerSubjects {
  kind: WorkKind;
}

/** A consumer whose messages are to be removed. */
export interface Removable extends WorkConsumer {
  /** Messages of it that the caller has settled itself, for which no record is read. */
  known: ReadonlySet<number>;
  /** Those that other workers say they have settled, of what is stored from a sequence on: each time asked, all named so far. */
  othersKnow?: (firstSeq: number) => AsyncIterable<ReadonlySet<number>>;
}

/** What the server says of a consumer. */
export interface ConsumerCounts {
  num_pending: number;
  num_ack_pending: number;
  delivered: { stream_seq: number };
  ack_floor: { stream_seq: number };
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
 * Up to where everything is acknowledged that the consumer covers, as the server counts.
 * The server can be wrong (its issues 4736 and 7680), so this alone is no proof that a message is settled.
 */
export function floorOf(info: ConsumerCounts): number {
  return info.num_ack_pending === 0 ? info.delivered.stream_seq : info.ack_floor.stream_seq;
}

/**
 * Removes what a consumer is done with, up to the first message that no record accounts for: that one, it may have lost.
 * What was handed back to it is handed out at once as before (decision 29).
 * @param bound up to which sequence at most; no more than {@link floorOf} says
 * @returns up to which sequence nothing of it is stored any more, and what the removal took
 */
export async function removeSettled(
  broker: Broker,
  consumer: Removable,
  bound: number,
): Promise<{ upTo: number; tookMs: number }> {
  const { upTo, last } = await settledUpTo(broker, consumer, bound);
  const startedMs = performance.now();
  if (Math.min(last, upTo) > 0) {
    await broker.topology.purge(consumer.kind, consumer.removal, Math.min(last, upTo));
    await removeBeyondWildcards(broker, consumer, upTo);
  }
  return { upTo, tookMs: performance.now() - startedMs };
}

interface SettledUpTo {
  upTo: number;
  /** The last message that is stored, at most `upTo`; 0 without any. */
  last: number;
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

/** How far all that is stored of a consumer is settled, at most up to the bound. */
async function settledUpTo(broker: Broker, consumer: Removable, bound: number): Promise<SettledUpTo> {
  const { kind } = consumer;
  const { read, subjects } = broker;
  const stored = await read.extent(subjects.streamName(kind), consumer.filter);
  if (stored.firstSeq > bound) return { upTo: bound, last: 0 };
  const known = await withOthers(broker, consumer, bound, stored);
  // A message with headers that cannot be read is on no page.
  let last = lastOf(known.seqs, bound);
  if (known.isAll) return { upTo: bound, last };
  for await (const page of belowFloor(broker, consumer, bound)) {
    const unknown = page.filter(({ seq }) => !known.seqs.has(seq));
    const [lost] = await unsettledOf(broker, kind, unknown);
    const settled = lost ? page.filter(({ seq }) => seq < lost.seq) : page;
    last = Math.max(last, settled.at(-1)?.seq ?? 0);
    if (lost) return { upTo: lost.seq - 1, last };
  }
  return { upTo: bound, last };
}

interface Known {
  seqs: ReadonlySet<number>;
  /** Whether nothing else is stored up to the bound. */
  isAll: boolean;
}

/** What is known to be settled of the messages that are stored up to the bound: the others are asked where it is worth it. */
async function withOthers(
  broker: Broker,
  consumer: Removable,
  bound: number,
  { count, firstSeq }: { count: number; firstSeq: number },
): Promise<Known> {
  const { known, othersKnow } = consumer;
  if (count < WORTH_COUNTING) return { seqs: known, isAll: false };
  // A replica that lags behind could answer the second question as of before the first.
  const isCountable = (await broker.topology.streamInfo(consumer.kind)).config.num_replicas === 1;
  const isAll = isCountable && (await isNothingElse(broker, consumer, bound, known));
  if (isAll || !othersKnow) return { seqs: known, isAll };
  let seqs = known;
  for await (const others of othersKnow(firstSeq)) {
    seqs = new Set([...known, ...others]);
    if (!isCountable) break;
    if (await isNothingElse(broker, consumer, bound, seqs)) return { seqs, isAll: true };
  }
  return { seqs, isAll: false };
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

/** Messages below a consumer's floor that no record accounts for: nobody would ever be given their jobs. */
export async function lostMessages(broker: Broker, consumer: WorkConsumer): Promise<StoredMessage[]> {
  const lost: StoredMessage[] = [];
  const info = await broker.topology.consumer(consumer.kind, consumer.name);
  for await (const page of belowFloor(broker, consumer, info ? floorOf(info) : 0)) {
    lost.push(...(await unsettledOf(broker, consumer.kind, page)));
  }
  return lost;
}

async function* belowFloor(
  { read, subjects }: Broker,
  { kind, filter }: WorkConsumer,
  floor: number,
): AsyncIterable<StoredMessage[]> {
  for (let from = 1; from <= floor; ) {
    const page = await read.page(subjects.streamName(kind), filter, from, PAGE);
    const below = page.filter(({ seq }) => seq <= floor);
    if (below.length > 0) yield below;
    if (below.length < PAGE) return;
    from = (below.at(-1)?.seq ?? floor) + 1;
  }
}

/** Those of the messages, oldest first, that their jobs may still need. */
async function unsettledOf(
  broker: Broker,
  kind: WorkKind,
  messages: readonly StoredMessage[],
): Promise<StoredMessage[]> {
  const requests = messages.map((message) => pendingRecordOf(broker, message));
  const last = await recordsById(
    broker,
    requests.flatMap((request) => request?.id ?? []),
  );
  const settled = await Promise.all(
    messages.map((message, index) => {
      const request = requests[index];
      // What is no job is of use to nobody.
      return request === undefined || isSettled(broker, kind, message, request, last.get(request.id));
    }),
  );
  return messages.filter((_, index) => !settled[index]);
}

async function isSettled(
  broker: Broker,
  kind: WorkKind,
  message: StoredMessage,
  { id, createdAt }: JobRecord,
  record: JobRecord | undefined,
): Promise<boolean> {
  // A message that names a job of nobody's ends under its own sequence.
  if (!record) return (await broker.lastEvent(sequenceId({ kind, seq: message.seq })))?.record !== undefined;
  const isBare = broker.subjects.parseWork(message.subject)?.id === undefined;
  // The stream was made again and counts anew: this job has run under another id than the one before it.
  const isNamesake = isBare && record.createdAt !== createdAt;
  const own = isNamesake ? (await broker.lastEvent(namesakeId(id, message.timeMs)))?.record : record;
  if (own?.state === 'queued') return isQueuedBehind(broker, kind, message, own);
  return own !== undefined && !(own.state === 'running' && own.workSeq === message.seq);
}

/** Whether a job that was handed back, or queued anew, has a later message than this one. */
async function isQueuedBehind(
  { subjects, read }: Broker,
  kind: WorkKind,
  { seq }: StoredMessage,
  { id, type, priority }: JobRecord,
): Promise<boolean> {
  const last = await read.last(subjects.streamName(kind), subjects.work({ kind, priority, type, id }));
  return last !== undefined && last.seq > seq;
}
