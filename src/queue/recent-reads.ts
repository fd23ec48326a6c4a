import { forgetOldest } from '../jobs/forget-oldest.js';

/** What a worker remembers is at most so old. What it decides for long is read again. */
const FRESH_MS = 1_000;
const MOST_REMEMBERED = 1_000;

/** What was read, or written, within the last second. */
export class RecentReads<T> {
  readonly #known = new Map<string, { at: number; read: Promise<T> }>();

  /** What is known of a name, or else what `read` gives, which those that ask meanwhile share. A read that fails is forgotten. */
  get(name: string, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(name);
    if (known && performance.now() - known.at < FRESH_MS) return known.read;
    const reading = read();
    this.#keep(name, reading);
    reading.catch(() => this.#known.delete(name));
    return reading;
  }

  set(name: string, value: T): void {
    this.#keep(name, Promise.resolve(value));
  }

  clear(): void {
    this.#known.clear();
  }

  #keep(name: string, read: Promise<T>): void {
    this.#known.delete(name);
    this.#known.set(name, { at: performance.now(), read });
    forgetOldest(this.#known, MOST_REMEMBERED);
  }
}
