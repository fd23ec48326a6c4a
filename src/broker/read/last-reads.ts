/** Reads of the last message on a filter that are asked for at the same moment: one request for all of a stream. */
import { JetfleetError } from '../../jobs/errors.js';
import { matchesTokens } from '../../wire/subjects.js';
import type { StoredMessage } from './direct-get.js';

/** A filter, and who waits for its messages. */
interface Asked {
  filter: string;
  /** Whether the last message on each subject is wanted, and not the last one of all. */
  isEach: boolean;
  resolve: (messages: StoredMessage[] | Promise<StoredMessage[]>) => void;
  reject: (error: unknown) => void;
}

interface Reads {
  last(stream: string, filter: string): Promise<StoredMessage | undefined>;
  lastOfEach(stream: string, filters: readonly string[]): Promise<StoredMessage[]>;
}

/** Fewer cost less one by one. */
const WORTH_GATHERING = 8;

export class LastReads {
  readonly #reads: Reads;
  readonly #asked = new Map<string, Asked[]>();

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /** @param filter may have `*` in every token but its last */
  async last(stream: string, filter: string): Promise<StoredMessage | undefined> {
    return (await this.#ask(stream, filter, false)).reduce<StoredMessage | undefined>(later, undefined);
  }

  /** The last message on each subject that `filter` matches, oldest first. */
  async each(stream: string, filter: string): Promise<StoredMessage[]> {
    return (await this.#ask(stream, filter, true)).sort((a, b) => a.seq - b.seq);
  }

  #ask(stream: string, filter: string, isEach: boolean): Promise<StoredMessage[]> {
    return new Promise((resolve, reject) => {
      if (this.#asked.size === 0) process.nextTick(() => this.#send());
      addTo(this.#asked, stream, { filter, isEach, resolve, reject });
    });
  }

  #send(): void {
    const all = [...this.#asked];
    this.#asked.clear();
    for (const [stream, asked] of all) {
      if (asked.length >= WORTH_GATHERING) void this.#together(stream, asked);
      else this.#oneByOne(stream, asked);
    }
  }

  #oneByOne(stream: string, asked: readonly Asked[]): void {
    for (const { filter, isEach, resolve } of asked) resolve(this.#alone(stream, filter, isEach));
  }

  /** A read of one message finds out that there is none in a third of the time that all of them take. */
  async #alone(stream: string, filter: string, isEach: boolean): Promise<StoredMessage[]> {
    const last = await this.#reads.last(stream, filter);
    if (last === undefined) return [];
    return isEach ? this.#reads.lastOfEach(stream, [filter]) : [last];
  }

  async #together(stream: string, asked: readonly Asked[]): Promise<void> {
    try {
      const filters = [...new Set(asked.map(({ filter }) => filter))];
      const found = byFilter(await this.#reads.lastOfEach(stream, filters), filters);
      for (const { filter, resolve } of asked) resolve([...(found.get(filter) ?? [])]);
    } catch (error) {
      // Of a message that the server cannot load only those hear that ask for it.
      if (JetfleetError.is(error, 'JETFLEET_PUBLISH_REFUSED')) this.#oneByOne(stream, asked);
      else for (const { reject } of asked) reject(error);
    }
  }
}

function later(one: StoredMessage | undefined, other: StoredMessage): StoredMessage {
  return one !== undefined && one.seq > other.seq ? one : other;
}

function byFilter(
  messages: readonly StoredMessage[],
  filters: readonly string[],
): Map<string, StoredMessage[]> {
  const found = new Map<string, StoredMessage[]>();
  if (messages.length === 0) return found;
  const byEnd = new Map<string | undefined, string[][]>();
  for (const filter of filters) {
    const tokens = filter.split('.');
    addTo(byEnd, tokens.at(-1), tokens);
  }
  for (const message of messages) {
    const tokens = message.subject.split('.');
    for (const wanted of byEnd.get(tokens.at(-1)) ?? [])
      if (matchesTokens(tokens, wanted)) addTo(found, wanted.join('.'), message);
  }
  return found;
}

function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
