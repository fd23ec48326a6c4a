/** Reads of the last message on a filter that are asked for at the same moment: one request for all of a stream. */
import { BrokerError } from '../jobs/errors.js';

/** As much of a stored message as is needed here. */
interface Stored {
  subject: string;
  seq: number;
}

/** A filter, and who waits for its last message. */
interface Asked<M> {
  filter: string;
  resolve: (message: M | undefined | Promise<M | undefined>) => void;
  reject: (error: unknown) => void;
}

export interface Reads<M> {
  last(stream: string, filter: string): Promise<M | undefined>;
  lastOfEach(stream: string, filters: readonly string[]): Promise<M[]>;
}

/** Fewer cost less one by one: a request for many takes a subscription of its own. */
const WORTH_GATHERING = 8;

export class LastReads<M extends Stored> {
  readonly #reads: Reads<M>;
  readonly #asked = new Map<string, Asked<M>[]>();

  constructor(reads: Reads<M>) {
    this.#reads = reads;
  }

  /** @param filter may have `*` in every token but its last */
  last(stream: string, filter: string): Promise<M | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#asked.size === 0) process.nextTick(() => this.#send());
      const others = this.#asked.get(stream);
      if (others) others.push({ filter, resolve, reject });
      else this.#asked.set(stream, [{ filter, resolve, reject }]);
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
    for (const { filter, resolve } of asked) resolve(this.#reads.last(stream, filter));
  }

  async #together(stream: string, asked: readonly Asked<M>[]): Promise<void> {
    try {
      const filters = [...new Set(asked.map(({ filter }) => filter))];
      const found = lastByFilter(await this.#reads.lastOfEach(stream, filters), filters);
      for (const { filter, resolve } of asked) resolve(found.get(filter));
    } catch (error) {
      // Of a message that the server cannot load only those hear that ask for it.
      if (error instanceof BrokerError && error.code === 'JETFLEET_PUBLISH_REFUSED')
        this.#oneByOne(stream, asked);
      else for (const { reject } of asked) reject(error);
    }
  }
}

/** The last of the messages that each filter matches. */
function lastByFilter<M extends Stored>(messages: readonly M[], filters: readonly string[]): Map<string, M> {
  const last = new Map<string, M>();
  if (messages.length === 0) return last;
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
      const filter = wanted.join('.');
      if (matches(tokens, wanted) && message.seq > (last.get(filter)?.seq ?? 0)) last.set(filter, message);
    }
  }
  return last;
}

function matches(subject: readonly string[], filter: readonly string[]): boolean {
  return (
    subject.length === filter.length && filter.every((token, at) => token === '*' || token === subject[at])
  );
}
