/** Finds the types of messages that no consumer covers. */
import type { Broker } from '../../broker/broker.js';
import { type JobPriority, PRIORITIES } from '../../jobs/vocabulary.js';
import { ANY, type Any, type WorkKind } from '../../wire/subjects.js';
import { sumOf } from './sum-of.js';
import { typeSearch } from './type-search.js';

/** Messages that are read from each end of a stream: what waits without a worker is found there as a rule. */
const PROBE = 50;
/** In a stream of up to so many messages the search is quick, and waited for. */
export const QUICK = 5_000;

/** How many messages wait, by priority. */
export type Waiting = ReadonlyMap<JobPriority, number>;

/**
 * The types that wait without a consumer, with their numbers, and how many messages are of types that are not known yet: those in
 * the middle of a long stream are searched for in the background, and known some seconds later.
 * @param waitsForSearch whether to wait for that. Defaults to false
 */
export async function uncoveredTypes(
  broker: Broker,
  kind: WorkKind,
  covered: ReadonlySet<string>,
  waitsForSearch = false,
): Promise<{ types: Map<string, Waiting>; unknown: number }> {
  const { subjects, topology } = broker;
  const search = typeSearch(broker, {
    kind,
    filter: '>',
    filterOf: (type) => subjects.workFilter(kind, ANY, type),
    typeOf: (subject) => subjects.parseWork(subject)?.type,
  });
  // To count all by a filter, the server goes through every subject where some messages were removed.
  const countAll = async () => (await topology.streamInfo(kind)).state.messages;
  for (let isProbed = false, isSearched = false; ; isProbed = true) {
    const before = await countAll();
    const [ofCovered, ofOthers] = await Promise.all([
      Promise.all([...covered].map((type) => countOf(broker, kind, ANY, type))),
      Promise.all(
        [...search.types].filter((type) => !covered.has(type)).map((type) => countEach(broker, kind, type)),
      ),
    ]);
    // What came or went while the parts were counted must not look like another type.
    const total = Math.min(before, await countAll());
    const parts = [...ofCovered, ...ofOthers.flatMap(([, waiting]) => [...waiting.values()])];
    const unknown = Math.max(0, total - sumOf(parts));
    const types = new Map(ofOthers.filter(([, waiting]) => waiting.size > 0));
    for (const type of search.types) if (!types.has(type)) search.types.delete(type);
    if (unknown === 0) return { types, unknown };
    if (!isProbed) {
      for (const type of await probe(broker, kind)) if (!covered.has(type)) search.types.add(type);
      continue;
    }
    if (isSearched || !search.begin(broker, covered)) return { types, unknown };
    if (total > QUICK && !waitsForSearch) return { types, unknown };
    await search.end();
    isSearched = true;
  }
}

/** The messages of a type by priority; none stands for a priority without any. */
async function countEach(broker: Broker, kind: WorkKind, type: string): Promise<[string, Waiting]> {
  const counts = await Promise.all(
    PRIORITIES.map(async (priority) => [priority, await countOf(broker, kind, priority, type)] as const),
  );
  return [type, new Map(counts.filter(([, count]) => count > 0))];
}

function countOf(
  { subjects, counts }: Broker,
  kind: WorkKind,
  priority: JobPriority | Any,
  type: string,
): Promise<number> {
  return counts.of(subjects.streamName(kind), subjects.workFilter(kind, priority, type));
}

/** Types among the oldest and the newest messages. */
async function probe({ subjects, read }: Broker, kind: WorkKind): Promise<Set<string>> {
  const stream = subjects.streamName(kind);
  const [oldest, newest] = await Promise.all([
    read.page(stream, '>', 1, PROBE),
    read.pageBefore(stream, '>', Number.POSITIVE_INFINITY, PROBE),
  ]);
  const types = [...oldest, ...newest].map(({ subject }) => subjects.parseWork(subject)?.type);
  return new Set(types.filter((type) => type !== undefined));
}
