/** Finds the types of messages that counts of the known types leave over. The server counts by subject, and does not list types. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { onceIn } from '../../jobs/once-in.js';
import type { StreamKind } from '../../wire/subjects.js';
import { sumOf } from './sum-of.js';

/** Messages of one stream, and how their types are told apart. */
export interface TypedMessages {
  kind: StreamKind;
  /** Matches all of them. */
  filter: string;
  filterOf: (type: string) => string;
  typeOf: (subject: string) => string | undefined;
}

/** How many types a search finds at most. */
const MAX_FOUND = 100;
const SEARCH_AGAIN_MS = 60_000;
/** A search rests for so many times as long as the server has worked for it. */
const GENTLE = 3;
/** Types that many jobs have are found by reading so many messages in each of so many places. */
const SAMPLE = 8;
const PLACES = 8;

/** What one process knows of such types. */
export class TypeSearch {
  readonly types = new Set<string>();
  readonly #of: TypedMessages;
  #searching: Promise<void> | undefined;
  /** Somebody waits for the search. */
  #isAwaited = false;
  #searchAgainMs = Number.NEGATIVE_INFINITY;

  constructor(of: TypedMessages) {
    this.#of = of;
  }

  /** Goes on in the background. @returns false where a search has just ended */
  begin(broker: Broker, covered: ReadonlySet<string>): boolean {
    if (performance.now() < this.#searchAgainMs) return false;
    this.#searching ??= this.#search(broker, covered).finally(() => {
      this.#searching = undefined;
      this.#isAwaited = false;
    });
    return true;
  }

  /** The end of the search that is under way, which does not rest from now on. */
  async end(): Promise<void> {
    this.#isAwaited = true;
    await this.#searching;
  }

  /** Adds one type after the other, each that of the last message which no known type counts. Never rejects. */
  async #search(broker: Broker, covered: ReadonlySet<string>): Promise<void> {
    const { topology, read, subjects } = broker;
    const { kind, typeOf } = this.#of;
    try {
      await this.#sample(broker, covered);
      for (let count = 0; count < MAX_FOUND; count++) {
        const { state } = await topology.streamInfo(kind);
        let [from, beyond] = [state.first_seq, state.last_seq + 1];
        if ((await this.#unknownFrom(broker, covered, from)) <= 0) break;
        while (beyond - from > 1) {
          const middle = Math.floor((from + beyond) / 2);
          if ((await this.#unknownFrom(broker, covered, middle)) > 0) from = middle;
          else beyond = middle;
        }
        const message = await read.bySequence(subjects.streamName(kind), from);
        const type = message && typeOf(message.subject);
        if (type === undefined || covered.has(type) || this.types.has(type)) break;
        this.types.add(type);
      }
    } catch {
      // Whoever asks next searches again.
    }
    this.#searchAgainMs = performance.now() + SEARCH_AGAIN_MS;
  }

  async #sample({ topology, read, subjects }: Broker, covered: ReadonlySet<string>): Promise<void> {
    const { kind, typeOf } = this.#of;
    const { first_seq: first, last_seq: last } = (await topology.streamInfo(kind)).state;
    for (let place = 0; place < PLACES; place++) {
      const from = first + Math.floor(((last - first) * place) / PLACES);
      for (const { subject } of await read.bySequences(subjects.streamName(kind), from, from + SAMPLE - 1)) {
        const type = typeOf(subject);
        if (type !== undefined && !covered.has(type)) this.types.add(type);
      }
    }
  }

  /** How many messages from a sequence on no known type counts. */
  async #unknownFrom({ read, subjects }: Broker, covered: ReadonlySet<string>, seq: number): Promise<number> {
    const { kind, filter, filterOf } = this.#of;
    const stream = subjects.streamName(kind);
    const began = performance.now();
    const total = await read.count(stream, filter, seq);
    const types = new Set([...covered, ...this.types]);
    const counts = await Promise.all([...types].map((type) => read.count(stream, filterOf(type), seq)));
    // The server has others to serve.
    if (!this.#isAwaited) await delay(GENTLE * (performance.now() - began));
    return total - sumOf(counts);
  }
}

const searches = new WeakMap<Broker, Map<string, TypeSearch>>();

/** The one search of a process for some messages. */
export function typeSearch(broker: Broker, of: TypedMessages): TypeSearch {
  const known = onceIn(searches, broker, () => new Map<string, TypeSearch>());
  return onceIn(known, `${of.kind} ${of.filter}`, () => new TypeSearch(of));
}
