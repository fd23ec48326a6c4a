/** How many jobs of each type have ended, as far as EVENTS keeps their records. */
import type { Broker } from '../../broker/broker.js';
import { ANY } from '../../wire/subjects.js';
import { sumOf } from './sum-of.js';
import { typeSearch } from './type-search.js';
import { QUICK } from './unhandled-types.js';

export type FinishedStatus = 'completed' | 'failed';

export interface FinishedCounts {
  byType: Map<string, number>;
  /** Jobs of types that nobody handles any more, and that are not known yet. */
  untyped: number;
}

/**
 * Among many records, types that nobody handles any more are searched for in the background, and known some seconds later.
 * @param handled the types that are known otherwise
 */
export async function countFinished(
  broker: Broker,
  status: FinishedStatus,
  handled: ReadonlySet<string>,
): Promise<FinishedCounts> {
  const { subjects, counts } = broker;
  const stream = subjects.streamName('events');
  const count = (type: string) => counts.of(stream, subjects.event(type, status, ANY));
  const all = subjects.event(ANY, status, ANY);
  const total = await counts.of(stream, all);
  if (total === 0) return { byType: new Map(), untyped: 0 };
  const search = typeSearch(broker, {
    kind: 'events',
    filter: all,
    filterOf: (type) => subjects.event(type, status, ANY),
    typeOf: (subject) => {
      const event = subjects.parseEvent(subject);
      return event?.status === status ? event.type : undefined;
    },
  });
  const types = new Set([...handled, ...search.types]);
  const byType = new Map(
    await Promise.all([...types].map(async (type) => [type, await count(type)] as const)),
  );
  const untyped = Math.max(0, total - sumOf(byType.values()));
  if (untyped === 0) return { byType, untyped };
  if (total > QUICK) {
    search.begin(broker, handled);
    return { byType, untyped };
  }
  for (const [type, listed] of await listTypes(broker, all)) if (!types.has(type)) byType.set(type, listed);
  return { byType, untyped: 0 };
}

/** Of few records, the server lists the subjects. */
async function listTypes({ topology, subjects }: Broker, filter: string): Promise<Map<string, number>> {
  const { state } = await topology.streamInfo('events', filter);
  const counts = new Map<string, number>();
  for (const [subject, count] of Object.entries(state.subjects ?? {})) {
    const type = subjects.parseEvent(subject)?.type;
    if (type !== undefined) counts.set(type, (counts.get(type) ?? 0) + count);
  }
  return counts;
}
