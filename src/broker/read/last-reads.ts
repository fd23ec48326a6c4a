/** Reads of the last message on a filter that are asked for at the same moment: one request for all of a stream. */
import { BrokerError } from '../../jobs/errors.js';

/** As much of a stored message as is needed here. */
interface Stored {
  subject: string;
  seq: number;
}

/** A filter, and who waits for its messages. */
interface Asked<M> {
  filter: string;
  /** Whether the last message on each subject is wanted, and not the last one of all. */
  isEach: boolean;
  resolve: (messages: M[] | Promise<M[]>) => void;
  reject: (error: unknown) => void;
}

export interface Reads<M> {
  last(stream: string, filter: string): Promise<M | undefined>;
  lastOfEach(stream: string, filters: readonly string[]): Promise<M[]>;
}

/** Fewer cost less one by one. */
const WORTH_GATHERING = 8;

export class LastReads<M extends Stored> {
  readonly #reads: Reads<M>;
  readonly #asked = new Map<string, Asked<M>[]>();

  constructor(reads: Reads<M>) {
    this.#reads = reads;
  }

  /** @param filter may have `*` in every token but its last */
  async last(stream: string, filter: string): Promise<M | undefined> {
    return (await this.#ask(stream, filter, false)).reduce<M | undefined>(later, undefined);
  }

  /** The last message on each subject that `filter` matches, oldest first. */
  async each(stream: string, filter: string): Promise<M[]> {
    return (await this.#ask(stream, filter, true)).sort((a, b) => a.seq - b.seq);
  }

  #ask(stream: string, filter: string, isEach: boolean): Promise<M[]> {
    return new Promise((resolve, reject) => {
      if (this.#asked.size === 0) process.nextTick(() => this.#send());
      const asked = { filter, isEach, resolve, reject };
      const others = this.#asked.get(stream);
      if (others) others.push(asked);
      else this.#asked.set(stream, [asked]);
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

  #oneByOne(stream: string, asked: readonly Asked<M>[]): void {
    for (const { filter, isEach, resolve } of asked) resolve(this.#alone(stream, filter, isEach));
  }

  /** A read of one message finds out that there is none in a third of the time that all of them take. */
  async #alone(stream: string, filter: string, isEach: boolean): Promise<M[]> {
    const last = await this.#reads.last(stream, filter);
    if (last === undefined) return [];
    return isEach ? this.#reads.lastOfEach(stream, [filter]) : [last];
  }

  async #together(stream: string, asked: readonly Asked<M>[]): Promise<void> {
    try {
      const filters = [...new Set(asked.map(({ filter }) => filter))];
      const found = byFilter(await this.#reads.lastOfEach(stream, filters), filters);
      for (const { filter, resolve } of asked) resolve([...(found.get(filter) ?? [])]);
    } catch (error) {
      // Of a message that the server cannot load only those hear that ask for it.
      if (error instanceof BrokerError && error.code === 'JETFLEET_PUBLISH_REFUSED')
        this.#oneByOne(stream, asked);
      else for (const { reject } of asked) reject(error);
    }
  }
}

function later<M extends Stored>(one: M | undefined, other: M): M {
  return one !== undefined && one.seq > other.seq ? one : other;
}

/** The messages that each filter matches. */
function byFilter<M extends Stored>(messages: readonly M[], filters: readonly string[]): Map<string, M[]> {
  const found = new Map<string, M[]>();
  if (messages.length === 0) return found;
  const byEnd = new Map<string | undefined, string[][]>();
  for (const filter of filters) {
    const tokens = filter.split('.');
    const others = byEnd.get(tokens.at(-1));
    if (others) others.push(tokens);
    else byEnd.set(tokens.at(-1), [tokens]);
  }
  for (const message of messages) {
    const tokens = message.subject.split('.');
    for (const wanted of byEnd.get(tokens.at(-1)) ?? []) {
      if (!matches(tokens, wanted)) continue;
      const filter = wanted.join('.');
      const others = found.get(filter);
      if (others) others.push(message);
      else found.set(filter, [message]);
    }
  }
  return found;
}

function matches(subject: readonly string[], filter: readonly string[]): boolean {
  return (
    subject.length === filter.length && filter.every((token, at) => token === '*' || token === subject[at])
  );
}
