import type { Broker } from '../broker/broker.js';
import { WORK_KINDS } from '../wire/subjects.js';

/**
 * Since when the queued job has waited that has waited longest, ISO 8601; undefined when none waits. Jobs of types that
 * no worker has ever registered are left out: they wait for a worker, not for their turn.
 */
export async function oldestPending(broker: Broker): Promise<string | undefined> {
  const { topology, read, subjects } = broker;
  const times = await Promise.all(
    WORK_KINDS.map(async (kind) => {
      const waiting = (await topology.consumers(kind)).filter(
        ({ name, num_pending: pending }) => pending > 0 && subjects.parseConsumer(name),
      );
      return Promise.all(
        waiting.map(async ({ config, delivered }) => {
          const filter = config.filter_subject ?? '';
          const first = await read.next(subjects.streamName(kind), filter, delivered.stream_seq + 1);
          return first?.timeMs ?? Number.POSITIVE_INFINITY;
        }),
      );
    }),
  );
  const oldestMs = Math.min(...times.flat());
  return Number.isFinite(oldestMs) ? new Date(oldestMs).toISOString() : undefined;
}
