import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { assertAllowed } from '../broker/topology/report.js';
import { sequenceId } from '../jobs/job-id.js';
import {
  type CoveringConsumer,
  coveringConsumers,
  lostMessages,
} from '../queue/retention/acknowledged-messages.js';
import { WORK_KINDS } from '../wire/subjects.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Numbers that are read one after the other differ by what moves meanwhile; what is lost stays lost. */
const CHECKS = 3;
const PAUSE_MS = 50;
/** So many messages behind a job, for so long, are no moment's. */
const HELD: Held = { atLeast: 1_000, forMs: 600_000 };

interface Held {
  atLeast: number;
  forMs: number;
}

/**
 * Finds consumers that neither hand out nor have handed out what is stored for them: faults of nats-server (4736 and 7680) end so. And those
 * whose ended jobs keep their messages, since only what lies before the first open job is removed in bulk.
 */
export async function checkConsumers(broker: Broker, held = HELD): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const kind of WORK_KINDS) {
    for (const covered of await coveringConsumers(broker, kind)) {
      const lost = await lostBy(broker, covered);
      if (lost > 0) found.push(diagnosisOf(broker, covered, lost));
      else found.push(...(await behindOne(broker, covered, held)));
    }
  }
  return found;
}

async function behindOne(
  { topology, read, subjects, clock }: Broker,
  { kind, name, filter }: CoveringConsumer,
  { atLeast, forMs }: Held,
): Promise<Diagnosis[]> {
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
  return [diagnose('messages_held', `consumer ${name} of ${stream}`, message, undefined, { since })];
}

/** The least that any of a few checks finds: no message that merely moves is counted. */
async function lostBy(broker: Broker, covered: CoveringConsumer): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let check = 0; check < CHECKS && least > 0; check++) {
    if (check > 0) await delay(PAUSE_MS);
    const before = await ownedBy(broker, covered);
    const stored = await broker.read.count(broker.subjects.streamName(covered.kind), covered.filter);
    // More are stored while acknowledged ones wait for their removal: only their records tell them from lost ones.
    const isMore = stored > Math.max(before, await ownedBy(broker, covered));
    least = Math.min(least, isMore ? (await lostMessages(broker, covered)).length : 0);
  }
  return least;
}

async function ownedBy({ topology }: Broker, { kind, name }: CoveringConsumer): Promise<number> {
  const info = await topology.consumer(kind, name);
  // The workers recreate one that is gone, and then it has everything.
  return info ? info.num_pending + info.num_ack_pending : Number.POSITIVE_INFINITY;
}

function diagnosisOf(broker: Broker, covered: CoveringConsumer, lost: number): Diagnosis {
  const { kind, name, type } = covered;
  const target = `consumer ${name} of ${broker.subjects.streamName(kind)}`;
  return diagnose(
    'message_unowned',
    target,
    `${lost} messages are stored that it does not hand out`,
    async () => {
      const info = await broker.topology.consumer(kind, name);
      if (info && info.num_ack_pending > 0) {
        throw new Error(`it has ${info.num_ack_pending} jobs handed out; mend it when they have ended`);
      }
      await broker.topology.deleteConsumer(kind, name);
      assertAllowed(await broker.topology.ensure([type]));
      return 'recreated: it delivers everything that is stored';
    },
  );
}
