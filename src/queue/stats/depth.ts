import type { Broker } from '../../broker/broker.js';
import type { Depth } from '../../jobs/stats-history.js';
import { ANY, type TimerReason, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';
import { oldestPending, oldestUnhandled } from './oldest.js';
import { QueueFacts } from './queue-facts.js';
import { sumOf } from './sum-of.js';

/**
 * How much waits and runs, and for how long: the sums of `readStats` alone. No job is read, no type told apart, and no job counted that has
 * ended, so that a server may ask once a minute however many there are.
 */
export async function readDepth(broker: Broker): Promise<Depth> {
  const facts = new QueueFacts(broker);
  const [counts, queued, unhandled] = await Promise.all([
    Promise.all(WORK_KINDS.map((kind) => countWork(facts, kind))),
    oldestPending(facts),
    oldestUnhandled(facts),
  ]);
  const nowMs = broker.clock.now();
  const ageOf = (at: string) => Math.max(0, Math.round(nowMs - Date.parse(at)));
  return {
    pending: sumOf(counts.map(({ pending }) => pending)),
    processing: sumOf(counts.map(({ processing }) => processing)),
    ...(queued !== undefined && { oldestMs: ageOf(queued) }),
    ...(unhandled !== undefined && { unhandledMs: ageOf(unhandled) }),
  };
}

async function countWork(
  facts: QueueFacts,
  kind: WorkKind,
): Promise<{ pending: number; processing: number }> {
  const { subjects, topology, counts } = facts.broker;
  const timers = subjects.streamName('timers');
  const timersOf = (reason: TimerReason) =>
    counts.of(timers, subjects.timer(reason, { kind, priority: ANY, type: ANY, id: ANY }));
  const [consumers, { state }, retrying, limited, waiting, ...scheduled] = await Promise.all([
    facts.consumers(kind),
    topology.streamInfo(kind),
    timersOf('retrying'),
    timersOf('limited'),
    timersOf('waiting'),
    ...subjects.scheduleFilters(kind).map((filter) => counts.of(timers, filter)),
  ]);
  const workers = consumers.filter(({ name }) => subjects.parseConsumer(name));
  const held = sumOf(workers.map((info) => info.num_ack_pending));
  const waits = Math.max(0, state.messages - held);
  return { pending: waits + retrying + limited + sumOf(scheduled), processing: held + waiting };
}
