/** Work messages that nothing needs any more: which they are, and how they are removed in bulk. */
import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/direct-read.js';
import { namesakeId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { WorkKind } from '../wire/subjects.js';
import { pendingRecordOf } from './job-lookup.js';
import { recordsById } from './work-jobs.js';

/** A consumer of a work stream, and the subject that it alone filters on. */
export interface WorkConsumer {
  kind: WorkKind;
  name: string;
  filter: string;
}

/** What the server says of a consumer. */
export interface ConsumerCounts {
  num_ack_pending: number;
  delivered: { stream_seq: number };
  ack_floor: { stream_seq: number };
}

/** One that is there, for the jobs of its type. */
export interface CoveringConsumer extends WorkConsumer {
  type: string;
  counts: ConsumerCounts & { num_pending: number };
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
    const own = subjects.consumersFor(kind, priority, type).find(({ name }) => name === counts.name);
    return own ? [{ kind, type, counts, ...own }] : [];
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
 * @param bound up to which sequence at most; no more than {@link floorOf} says
 * @param known messages that the caller has settled itself, for which no record is read
 * @returns up to which sequence nothing of it is stored any more, and what the removal took
 */
export async function removeSettled(
  broker: Broker,
  consumer: WorkConsumer,
  bound: number,
  known: ReadonlySet<number>,
): Promise<{ upTo: number; tookMs: number }> {
  const { kind } = consumer;
  if (await isAllKnown(broker, consumer, bound, known))
    return purge(broker, consumer, bound, lastOf(known, bound));
  let end = 0;
  let isAll = true;
  for await (const page of belowFloor(broker, consumer, bound)) {
    const unknown = page.filter(({ seq }) => !known.has(seq));
    const [lost] = await unsettledOf(broker, kind, unknown);
    isAll = lost === undefined;
    end = lost ? lost.seq - 1 : (page.at(-1)?.seq ?? end);
    if (lost) break;
  }
  // A message with headers that cannot be read is on no page.
  if (isAll) end = Math.max(end, lastOf(known, bound));
  return purge(broker, consumer, isAll ? bound : end, end);
}

/** Whether what is stored up to the bound is what the caller has settled, and nothing else, by their numbers. */
async function isAllKnown(
  { read, subjects, topology }: Broker,
  { kind, filter }: WorkConsumer,
  bound: number,
  known: ReadonlySet<number>,
): Promise<boolean> {
  if (known.size < WORTH_COUNTING) return false;
  // A replica that lags behind could answer the second question as of before the first.
  if ((await topology.streamInfo(kind)).config.num_replicas !== 1) return false;
  const stream = subjects.streamName(kind);
  // In this order: what comes in between makes it look like more, never like less.
  const above = await read.count(stream, filter, bound + 1);
  const { count, firstSeq } = await read.extent(stream, filter);
  let knownBelow = 0;
  for (const seq of known) if (seq >= firstSeq && seq <= bound) knownBelow++;
  return count - above === knownBelow;
}

async function purge(
  broker: Broker,
  { kind, filter }: WorkConsumer,
  upTo: number,
  last: number,
): Promise<{ upTo: number; tookMs: number }> {
  const startedMs = performance.now();
  if (last > 0) await broker.topology.purge(kind, filter, last);
  return { upTo, tookMs: performance.now() - startedMs };
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
  if (!record) return false;
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
