import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { type Subjects, WORK_KINDS } from '../../wire/subjects.js';

const NEXT = 16;

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
        waiting.map(async ({ name, config, delivered }) => {
          const stream = subjects.streamName(kind);
          const from = delivered.stream_seq + 1;
          // As a rule it is among the next ones. By its filter the server looks through all that match.
          const next = await read.page(stream, '>', from, NEXT);
          const isOwn = ({ subject }: StoredMessage) => isOf(subjects, name, subject);
          const first = next.find(isOwn) ?? (await read.next(stream, config.filter_subject ?? '', from));
          return first?.timeMs ?? Number.POSITIVE_INFINITY;
        }),
      );
    }),
  );
  const oldestMs = Math.min(...times.flat());
  return Number.isFinite(oldestMs) ? new Date(oldestMs).toISOString() : undefined;
}

function isOf(subjects: Subjects, consumer: string, subject: string): boolean {
  const work = subjects.parseWork(subject);
  return work !== undefined && subjects.consumerName(work.type, work.priority) === consumer;
}
