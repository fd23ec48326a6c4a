/** Since when jobs wait. */
import { pausedUntil } from '../../wire/pauses.js';
import { type Subjects, WORK_KINDS } from '../../wire/subjects.js';
import type { QueueFacts } from './queue-facts.js';

/**
 * When the oldest queued job was enqueued, ISO 8601; undefined when none waits. Types that no worker has ever registered, and jobs
 * that are paused, are left out: they do not wait for their turn.
 */
export async function oldestPending(facts: QueueFacts): Promise<string | undefined> {
  const { read, subjects } = facts.broker;
  const times = await Promise.all(
    WORK_KINDS.map(async (kind) => {
      const waiting = (await facts.consumers(kind)).filter(
        ({ name, num_pending, paused }) => num_pending > 0 && !paused && subjects.parseConsumer(name),
      );
      return Promise.all(
        waiting.map(async ({ name, config, delivered }) => {
          const stream = subjects.streamName(kind);
          // From the first message of a stream on, a filter has the server go through all that match; from a later one, to the next.
          const next = await read.next(stream, '>', delivered.stream_seq + 1);
          if (!next || isOf(subjects, name, next.subject)) return next?.timeMs ?? Number.POSITIVE_INFINITY;
          const own = await read.next(stream, config.filter_subject ?? '', next.seq + 1);
          return own?.timeMs ?? Number.POSITIVE_INFINITY;
        }),
      );
    }),
  );
  const oldestMs = Math.min(...times.flat());
  return Number.isFinite(oldestMs) ? new Date(oldestMs).toISOString() : undefined;
}

/**
 * When the oldest job was enqueued of those that {@link oldestPending} leaves out as no worker has ever registered their type, ISO 8601;
 * undefined when none waits. Those that are paused are left out.
 */
export async function oldestUnhandled(facts: QueueFacts): Promise<string | undefined> {
  const { read, subjects } = facts.broker;
  const pauses = await facts.pauses();
  const times = await Promise.all(
    WORK_KINDS.map(async (kind) => {
      const { types } = await facts.uncovered(kind);
      const waiting = [...types].flatMap(([type, counts]) =>
        [...counts.keys()]
          .filter((priority) => pausedUntil(pauses, { type, priority }) === undefined)
          .map((priority) => subjects.workFilter(kind, priority, type)),
      );
      return Promise.all(
        waiting.map(async (filter) => (await read.next(subjects.streamName(kind), filter))?.timeMs),
      );
    }),
  );
  const known = times.flat().filter((timeMs) => timeMs !== undefined);
  return known.length === 0 ? undefined : new Date(Math.min(...known)).toISOString();
}

function isOf(subjects: Subjects, consumer: string, subject: string): boolean {
  const work = subjects.parseWork(subject);
  return work !== undefined && subjects.consumerName(work.type, work.priority) === consumer;
}
