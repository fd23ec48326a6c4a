import type { Broker } from '../broker/broker.js';
import { ConflictError } from '../jobs/errors.js';
import { Header } from '../wire/headers.js';
import type { ExtraKind } from '../wire/subjects.js';
import { RecentReads } from './recent-reads.js';

/** A value with the sequence of its message; 0 for none. */
export interface Versioned<T> {
  value: T;
  seq: number;
}

export interface SharedValuesOptions<T> {
  broker: Broker;
  kind: ExtraKind;
  encode: (value: T) => string;
  decode: (data: Uint8Array) => T;
  /** Where nothing is stored. */
  none: T;
  /** After which the broker forgets a value. Defaults to never. */
  lifetimeSeconds?: number;
}

const MOST_TRIES = 50;
const PAGE = 200;

/** Values that all workers share: each is the last message on a subject, and a change of it is a compare-and-set on the message before. */
export class SharedValues<T> {
  readonly #options: SharedValuesOptions<T>;
  readonly #recent = new RecentReads<Versioned<T>>();

  constructor(options: SharedValuesOptions<T>) {
    this.#options = options;
  }

  async read(subject: string): Promise<Versioned<T>> {
    const { broker, kind, decode, none } = this.#options;
    const stored = broker.extra.of(kind);
    const message = await stored.find(undefined, (read, stream) => read.last(stream, subject));
    return message ? { value: decode(message.data), seq: message.seq } : { value: none, seq: 0 };
  }

  /** As this worker remembers it. */
  recent(subject: string): Promise<Versioned<T>> {
    return this.#recent.get(subject, () => this.read(subject));
  }

  /**
   * Changes a value, again where somebody else was faster.
   * @param change gives what it is then, or undefined to leave it
   */
  async change(
    subject: string,
    change: (before: T) => T | undefined,
  ): Promise<{ before: T; after: T; isChanged: boolean }> {
    for (let tries = 1; ; tries++) {
      const { value: before, seq } = await this.read(subject);
      const after = change(before);
      if (after === undefined) return { before, after: before, isChanged: false };
      try {
        this.#recent.set(subject, { value: after, seq: await this.#write(subject, after, seq) });
        return { before, after, isChanged: true };
      } catch (error) {
        if (!(error instanceof ConflictError) || tries >= MOST_TRIES) throw error;
      }
    }
  }

  /** All that are stored on the subjects of a filter, with these. */
  all(filter: string): Promise<{ subject: string; value: T }[]> {
    const { broker, kind, decode } = this.#options;
    return broker.extra.of(kind).find<{ subject: string; value: T }[]>([], async (read, stream) => {
      const found: { subject: string; value: T }[] = [];
      for await (const { subject, data } of read.walk(stream, filter, 1, PAGE)) {
        found.push({ subject, value: decode(data) });
      }
      return found;
    });
  }

  forget(): void {
    this.#recent.clear();
  }

  async #write(subject: string, value: T, lastSeq: number): Promise<number> {
    const { broker, kind, encode, lifetimeSeconds } = this.#options;
    const { seq } = await broker.extra.of(kind).append({
      subject,
      data: encode(value),
      expect: { filter: subject, lastSeq },
      ...(lifetimeSeconds !== undefined && { headers: [[Header.TTL, `${lifetimeSeconds}s`]] as const }),
    });
    return seq;
  }
}
