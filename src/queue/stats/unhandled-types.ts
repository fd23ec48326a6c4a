/** Finds the types of messages that no consumer covers. The server counts by subject, and does not list types. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { type JobPriority, PRIORITIES } from '../../jobs/vocabulary.js';
import { ANY, type Any, type WorkKind } from '../../wire/subjects.js';

/** Messages that are read from each end of a stream: what waits without a worker is found there as a rule. */
const PROBE = 50;
/** In a stream of up to so many messages the search is quick, and waited for. */
const QUICK = 5_000;
/** How many types a search finds at most. */
const MAX_FOUND = 100;
const SEARCH_AGAIN_MS = 60_000;
/** A search rests for so many times as long as the server has worked for it. */
const GENTLE = 3;

/** What one process knows of a work stream. */
class Found {
  readonly types = new Set<string>();
  searching: Promise<void> | undefined;
  /** Somebody waits for the search. */
  isAwaited = false;
  searchAgainMs = Number.NEGATIVE_INFINITY;
}

const found = new WeakMap<Broker, Map<WorkKind, Found>>();

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
  const known = foundIn(broker, kind);
  const countAll = () => broker.read.count(broker.subjects.streamName(kind), '>');
  for (let isProbed = false, isSearched = false; ; isProbed = true) {
    const before = await countAll();
    const [ofCovered, ofOthers] = await Promise.all([
      Promise.all([...covered].map((type) => countOf(broker, kind, ANY, type))),
      Promise.all(
        [...known.types].filter((type) => !covered.has(type)).map((type) => countEach(broker, kind, type)),
      ),
    ]);
    // What came or went while the parts were counted must not look like another type.
    const total = Math.min(before, await countAll());
    const parts = [...ofCovered, ...ofOthers.flatMap(([, waiting]) => [...waiting.values()])];
    const unknown = Math.max(0, total - sumOf(parts));
    const types = new Map(ofOthers.filter(([, waiting]) => waiting.size > 0));
    for (const type of known.types) if (!types.has(type)) known.types.delete(type);
    if (unknown === 0) return { types, unknown };
    if (!isProbed) {
      for (const type of await probe(broker, kind)) if (!covered.has(type)) known.types.add(type);
      continue;
    }
    if (isSearched || performance.now() < known.searchAgainMs) return { types, unknown };
    known.searching ??= search(broker, kind, known, covered).finally(() => {
      known.searching = undefined;
      known.isAwaited = false;
    });
    if (total > QUICK && !waitsForSearch) return { types, unknown };
    known.isAwaited = true;
    await known.searching;
    isSearched = true;
  }
}

function foundIn(broker: Broker, kind: WorkKind): Found {
  const kinds = found.get(broker) ?? new Map<WorkKind, Found>();
  found.set(broker, kinds);
  const known = kinds.get(kind) ?? new Found();
  kinds.set(kind, known);
  return known;
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

export function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const each of numbers) sum += each;
  return sum;
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

/** Adds one type after the other, each that of the last message which no known type counts. Never rejects. */
async function search(
  broker: Broker,
  kind: WorkKind,
  known: Found,
  covered: ReadonlySet<string>,
): Promise<void> {
  const { subjects, read, topology } = broker;
  const stream = subjects.streamName(kind);
  try {
    for (let count = 0; count < MAX_FOUND; count++) {
      const filters = [...new Set([...covered, ...known.types])].map((type) =>
        subjects.workFilter(kind, ANY, type),
      );
      const unknownFrom = async (seq: number) => {
        const began = performance.now();
        const total = await read.count(stream, '>', seq);
        const counts = await Promise.all(filters.map((filter) => read.count(stream, filter, seq)));
        // The server has others to serve.
        if (!known.isAwaited) await delay(GENTLE * (performance.now() - began));
        return total - sumOf(counts);
      };
      const { state } = await topology.streamInfo(kind);
      let [from, beyond] = [state.first_seq, state.last_seq + 1];
      if ((await unknownFrom(from)) <= 0) return;
      while (beyond - from > 1) {
        const middle = Math.floor((from + beyond) / 2);
        if ((await unknownFrom(middle)) > 0) from = middle;
        else beyond = middle;
      }
      const message = await read.bySequence(stream, from);
      const type = message && subjects.parseWork(message.subject)?.type;
      if (type === undefined || covered.has(type) || known.types.has(type)) break;
      known.types.add(type);
    }
  } catch {
    // Whoever asks next searches again.
  }
  known.searchAgainMs = performance.now() + SEARCH_AGAIN_MS;
}
