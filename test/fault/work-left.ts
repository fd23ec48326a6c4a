/** Whether something of a run is still on its way to a worker. */
import { type ConsumerInfo, jetstreamManager } from '@nats-io/jetstream';
import type { Broker } from '../../src/broker/broker.js';
import { coveringConsumers } from '../../src/queue/retention/acknowledged-messages.js';
import { Header } from '../../src/wire/headers.js';
import { WORK_KINDS } from '../../src/wire/subjects.js';

const PAGE = 500;

/**
 * @param left the subjects that are still stored
 * @param withinMs a timer that fires later than that brings nothing on its way. Without, each timer does.
 */
export async function hasWork(broker: Broker, left: readonly string[], withinMs?: number): Promise<boolean> {
  if (left.some((subject) => /due\./.test(subject))) return true;
  const timers = left.filter((subject) => /schedules\./.test(subject));
  if (timers.length > 0 && (await firesWithin(broker, new Set(timers), withinMs))) return true;
  const consumers = await Promise.all(WORK_KINDS.map((kind) => coveringConsumers(broker, kind)));
  const counts = consumers.flat().map((consumer) => consumer.counts);
  if (withinMs !== undefined && (await broker.signals.exists()))
    counts.push(...(await signalsConsumers(broker)));
  return counts.some(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending > 0);
}

async function firesWithin(
  { read, subjects, clock }: Broker,
  timers: ReadonlySet<string>,
  withinMs: number | undefined,
): Promise<boolean> {
  if (withinMs === undefined) return true;
  const untilMs = clock.now() + withinMs;
  const stream = subjects.streamName('timers');
  for await (const { subject, headers } of read.walk(stream, `${subjects.prefix}schedules.>`, 1, PAGE)) {
    const schedule = headers.get(Header.SCHEDULE);
    const isFar = schedule.startsWith('@at ') && Date.parse(schedule.slice(4)) > untilMs;
    if (timers.has(subject) && !isFar) return true;
  }
  return false;
}

/** By these workers take what wakes a job, whose own timer is for longer than anybody waits here. */
async function signalsConsumers({ connection, subjects }: Broker): Promise<ConsumerInfo[]> {
  const jsm = await jetstreamManager(connection, { checkAPI: false });
  const found: ConsumerInfo[] = [];
  for await (const consumer of jsm.consumers.list(subjects.streamName('signals'))) found.push(consumer);
  return found;
}
