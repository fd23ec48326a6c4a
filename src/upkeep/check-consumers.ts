import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { assertAllowed } from '../broker/topology/report.js';
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

/** Finds consumers that neither hand out nor have handed out what is stored for them: faults of nats-server (4736 and 7680) end so. */
export async function checkConsumers(broker: Broker): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const kind of WORK_KINDS) {
    for (const covered of await coveringConsumers(broker, kind)) {
      const lost = await lostBy(broker, covered);
      if (lost > 0) found.push(diagnosisOf(broker, covered, lost));
    }
  }
  return found;
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
