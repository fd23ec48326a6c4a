/**
 * Messages of ended jobs that no worker removes: behind one that is under way or handed back for ever, and those of types that only workers in
 * another language serve.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { sequenceId } from '../jobs/job-id.js';
import { tryEach } from '../jobs/try-each.js';
import { isFollowedUp } from '../queue/job-lookup.js';
import { broughtBy } from '../queue/list/work-jobs.js';
import {
  type CoveringConsumer,
  coveringConsumers,
  NONE_SETTLED,
  removeAcknowledged,
} from '../queue/retention/acknowledged-messages.js';
import { acknowledgedUpTo, isOfNamesake, reasonToKeepMessage } from '../queue/retention/purgeable.js';
import { WORK_KINDS } from '../wire/subjects.js';
import { isServed } from './acknowledged-exchange.js';
import { type Diagnosis, diagnose } from './finding.js';

/** So many messages behind a job, for so long, are no moment's. */
const HELD: Held = { atLeast: 1_000, forMs: 600_000 };
/** One by one, for a quarter of the time: each costs the server as much as a short job. */
const SINGLY = { atOnce: 100, pauseFactor: 3, mostMs: 120_000 };

interface Held {
  atLeast: number;
  forMs: number;
}

/** Finds consumers whose ended jobs keep their messages, since only what lies before the first open job is removed in bulk. */
export async function checkHeld(broker: Broker, held = HELD): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const kind of WORK_KINDS)
    for (const covered of await coveringConsumers(broker, kind))
      found.push(...(await behindOne(broker, covered, held)));
  return found;
}

async function behindOne(
  broker: Broker,
  covered: CoveringConsumer,
  { atLeast, forMs }: Held,
): Promise<Diagnosis[]> {
  const { topology, read, subjects, clock } = broker;
  const { kind, name, filter } = covered;
  const stream = subjects.streamName(kind);
  const info = await topology.consumer(kind, name);
  if (!info || info.num_ack_pending === 0) return [];
  const { count } = await read.extent(stream, filter);
  const ended = count - info.num_pending - info.num_ack_pending;
  if (ended < atLeast) return [];
  const [first] = await read.page(stream, filter, info.ack_floor.stream_seq + 1, 1);
  if (!first || first.seq > info.delivered.stream_seq || first.timeMs > clock.now() - forMs) return [];
  const { seq, subject, timeMs } = first;
  const id = subjects.parseWork(subject)?.id ?? sequenceId({ kind, seq });
  const since = new Date(timeMs).toISOString();
  const message = `${ended} messages of ended jobs stay behind that of job ${id}, which is there since ${since}`;
  const mend = async () => `${await removeEnded(broker, covered, clock.now() - forMs)} messages removed`;
  return [diagnose('messages_held', `consumer ${name} of ${stream}`, message, mend, { since })];
}

/** Removes what was handed out of jobs that had ended by then. Whether it was acknowledged is not known, and does not matter. */
async function removeEnded(
  broker: Broker,
  { kind, name, filter }: CoveringConsumer,
  endedByMs: number,
): Promise<number> {
  const { topology, read, subjects } = broker;
  const info = await topology.consumer(kind, name);
  if (!info) return 0;
  const until = performance.now() + SINGLY.mostMs;
  const [from, to] = [info.ack_floor.stream_seq + 1, info.delivered.stream_seq];
  let removed = 0;
  for await (const page of read.pages(subjects.streamName(kind), filter, from, SINGLY.atOnce, to)) {
    const ended = await endedAmong(broker, page, endedByMs);
    const startedMs = performance.now();
    await Promise.all(ended.map(({ seq }) => topology.deleteMessage(kind, seq)));
    removed += ended.length;
    if (performance.now() > until) break;
    await delay(SINGLY.pauseFactor * (performance.now() - startedMs));
  }
  return removed;
}

async function endedAmong(
  broker: Broker,
  page: readonly StoredMessage[],
  endedByMs: number,
): Promise<StoredMessage[]> {
  const isEnded = (await broughtBy(broker, page)).map(async ({ message, job, record }) => {
    if (!job || !record || isOfNamesake(broker.subjects, message, job, record)) return false;
    const facts = { seq: message.seq, place: 'delivered', job, record, endedByMs } as const;
    const isUnneeded = (followed: boolean) => !reasonToKeepMessage({ ...facts, isFollowedUp: followed });
    // Reading what follows costs more than the rest.
    return isUnneeded(true) && isUnneeded(!record.awaited && (await isFollowedUp(broker, record)));
  });
  const ended = await Promise.all(isEnded);
  return page.filter((_, index) => ended[index]);
}

/**
 * Removes what is acknowledged of consumers that no worker here serves: workers in other languages take jobs, and remove nothing. A worker
 * that serves one removes sooner.
 */
export async function removeUnserved(broker: Broker): Promise<void> {
  for (const kind of WORK_KINDS) {
    await tryEach(await coveringConsumers(broker, kind), async (covered) => {
      const bound = acknowledgedUpTo(covered.counts);
      const { firstSeq } = await broker.read.extent(broker.subjects.streamName(kind), covered.filter);
      if (bound === 0 || firstSeq === 0 || firstSeq > bound || (await isServed(broker, covered))) return;
      await removeAcknowledged(broker, { ...covered, known: NONE_SETTLED }, bound);
    });
  }
}
