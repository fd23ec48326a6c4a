/**
 * Objects that come and go thousands of times a second, as jobs do. A `Map` or `Set` rebuilds its table again and again
 * then, and V8 keeps every old table, with all that it held, until the next full collection, since each refers to the
 * next: the short collections copy what is long gone, for tens of milliseconds. An array is never rebuilt.
 */
export class Slots<T> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** @returns what `get` and `delete` ask for; it is given anew once it is deleted */
  add(item: T): number {
    const slot = this.#free.pop() ?? this.#items.length;
    this.#items[slot] = item;
    return slot;
  }

  get(slot: number): T | undefined {
    return this.#items[slot];
  }

  /** @param slot one that is taken */
  delete(slot: number): void {
    this.#items[slot] = undefined;
    this.#free.push(slot);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }
}

/** The same by name: its own table holds nothing but names and numbers. */
export class SlotMap<T> {
  readonly #slots = new Slots<T>();
  readonly #byName = new Map<string, number>();

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): T | undefined {
    const slot = this.#byName.get(name);
    return slot === undefined ? undefined : this.#slots.get(slot);
  }

  set(name: string, item: T): void {
    this.delete(name);
    this.#byName.set(name, this.#slots.add(item));
  }

  delete(name: string): void {
    const slot = this.#byName.get(name);
    if (slot === undefined) return;
    this.#byName.delete(name);
    this.#slots.delete(slot);
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  *entries(): Iterable<[name: string, item: T]> {
    for (const [name, slot] of this.#byName) yield [name, this.#slots.get(slot) as T];
  }

  *values(): Iterable<T> {
    for (const [, item] of this.entries()) yield item;
  }
}
