import type { Broker } from '../broker/broker.js';
import { ConflictError } from '../jobs/errors.js';
import { forgetOldest } from '../jobs/forget-oldest.js';
import { Header } from '../wire/headers.js';
import type { ExtraKind } from '../wire/subjects.js';

/** A value with the sequence of its message; 0 for none. */
export interface Versioned<T> {
  value: T;
  seq: number;
}

export interface SharedValuesOptions<T> {
  broker: Broker;
  kind: ExtraKind;
  subjectOf: (id: string) => string;
  encode: (value: T) => string;
  decode: (data: Uint8Array) => T;
  /** Where nothing is stored. */
  none: T;
  /** After which the broker forgets a value. Defaults to never. */
  lifetimeSeconds?: number;
}

/** What a worker remembers is at most so old. What it decides for long is read again. */
export const FRESH_MS = 1_000;
const MOST_REMEMBERED = 1_000;
const MOST_TRIES = 50;
const PAGE = 200;

/** Values that all workers share: each is the last message on a subject, and a change of it is a compare-and-set on the message before. */
export class SharedValues<T> {
  readonly #options: SharedValuesOptions<T>;
  readonly #remembered = new Map<string, { at: number; read: Promise<Versioned<T>> }>();

  constructor(options: SharedValuesOptions<T>) {
    this.#options = options;
  }

  async read(id: string): Promise<Versioned<T>> {
    const { broker, kind, subjectOf, decode, none } = this.#options;
    const subject = subjectOf(id);
    const stored = broker.extra.of(kind);
    const message = await stored.find(undefined, (read, stream) => read.last(stream, subject));
    return message ? { value: decode(message.data), seq: message.seq } : { value: none, seq: 0 };
  }

  /** As this worker remembers it. */
  recent(id: string): Promise<Versioned<T>> {
    const known = this.#remembered.get(id);
    if (known && performance.now() - known.at < FRESH_MS) return known.read;
    const reading = this.read(id);
    this.#remember(id, reading);
    reading.catch(() => this.#remembered.delete(id));
    return reading;
  }

  /**
   * Changes a value, again where somebody else was faster.
   * @param change gives what it is then, or undefined to leave it
   */
  async change(
    id: string,
    change: (before: T) => T | undefined,
  ): Promise<{ before: T; after: T; isChanged: boolean }> {
    for (let tries = 1; ; tries++) {
      const { value: before, seq } = await this.read(id);
      const after = change(before);
      if (after === undefined) return { before, after: before, isChanged: false };
      try {
        const written = await this.#write(id, after, seq);
        this.#remember(id, Promise.resolve({ value: after, seq: written }));
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
    this.#remembered.clear();
  }

  async #write(id: string, value: T, lastSeq: number): Promise<number> {
    const { broker, kind, subjectOf, encode, lifetimeSeconds } = this.#options;
    const subject = subjectOf(id);
    const stream = broker.extra.of(kind);
    await stream.open();
    try {
      const append = {
        subject,
        data: encode(value),
        expect: { filter: subject, lastSeq },
        ...(lifetimeSeconds !== undefined && { headers: [[Header.TTL, `${lifetimeSeconds}s`]] as const }),
      };
      return (await stream.log.append(append)).seq;
    } catch (error) {
      // The stream may be gone.
      if (!(error instanceof ConflictError)) stream.doubt();
      throw error;
    }
  }

  #remember(id: string, read: Promise<Versioned<T>>): void {
    this.#remembered.delete(id);
    this.#remembered.set(id, { at: performance.now(), read });
    forgetOldest(this.#remembered, MOST_REMEMBERED);
  }
}
