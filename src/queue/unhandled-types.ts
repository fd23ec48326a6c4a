/** Finds the types of messages that no consumer covers. The server counts by subject, and does not list types. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { type JobPriority, PRIORITIES } from '../jobs/vocabulary.js';
import { ANY, type Any, type WorkKind } from '../wire/subjects.js';

/** Messages looked at from each end of a stream: what waits without a worker is found there as a rule. */
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

/**
 * The types that wait without a consumer, and how many messages are of types that are not known yet: those in the middle of a
 * long stream are searched for in the background, and known some seconds later.
 * @param waitsForSearch whether to wait for that. Defaults to false
 */
export async function uncoveredTypes(
  broker: Broker,
  kind: WorkKind,
  covered: ReadonlySet<string>,
  waitsForSearch = false,
): Promise<{ types: Set<string>; unknown: number }> {
  const known = foundIn(broker, kind);
  const countAll = () => broker.read.count(broker.subjects.streamName(kind), '>');
  for (let isProbed = false, isSearched = false; ; isProbed = true) {
    const before = await countAll();
    const types = [...new Set([...covered, ...known.types])];
    const counts = await Promise.all(types.map((type) => countOf(broker, kind, type, covered.has(type))));
    // What came or went while the parts were counted must not look like another type.
    const total = Math.min(before, await countAll());
    const unknown = Math.max(0, total - counts.reduce((sum, count) => sum + count, 0));
    const waiting = new Set(types.filter((type, index) => !covered.has(type) && (counts[index] ?? 0) > 0));
    for (const type of known.types) if (!waiting.has(type)) known.types.delete(type);
    if (unknown === 0) return { types: waiting, unknown };
    if (!isProbed) {
      for (const type of await probe(broker, kind)) if (!covered.has(type)) known.types.add(type);
      continue;
    }
    if (isSearched || performance.now() < known.searchAgainMs) return { types: waiting, unknown };
    known.searching ??= search(broker, kind, known, covered).finally(() => {
      known.searching = undefined;
      known.isAwaited = false;
    });
    if (total > QUICK && !waitsForSearch) return { types: waiting, unknown };
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

/** What no consumer covers is counted by priority: whoever asks for the numbers of each has them then. */
async function countOf(broker: Broker, kind: WorkKind, type: string, isCovered: boolean): Promise<number> {
  const stream = broker.subjects.streamName(kind);
  const priorities: readonly (JobPriority | Any)[] = isCovered ? [ANY] : PRIORITIES;
  const filters = priorities.flatMap((priority) => broker.subjects.workFilters(kind, priority, type));
  const counts = await Promise.all(filters.map((filter) => broker.counts.of(stream, filter)));
  return counts.reduce((sum, count) => sum + count, 0);
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
      const filters = [...new Set([...covered, ...known.types])].flatMap((type) =>
        subjects.workFilters(kind, ANY, type),
      );
      const unknownFrom = async (seq: number) => {
        const began = performance.now();
        const total = await read.count(stream, '>', seq);
        const counts = await Promise.all(filters.map((filter) => read.count(stream, filter, seq)));
        // The server has others to serve.
        if (!known.isAwaited) await delay(GENTLE * (performance.now() - began));
        return total - counts.reduce((sum, each) => sum + each, 0);
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
