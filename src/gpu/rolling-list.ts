import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { GpuProvider, Instance } from './provider.js';

/** Instances that one list call shows: the page size of the providers, and what a walk is counted in. */
const INSTANCES_PER_CALL = 100;
/** A shorter list is read anew for everybody who asks. */
const MIN_INSTANCES = 10 * INSTANCES_PER_CALL;

/** Whether a list of which so many instances were seen is long enough to be kept. */
export function isLong(size: number): boolean {
  return size >= MIN_INSTANCES;
}

/** A walk that is ahead of its pace by less goes on. */
const AHEAD_MS = 20;

export interface RollingListOptions {
  namePrefix: string;
  /** The pace at which the list is read: milliseconds from one list call to the next. */
  callSpacingMs: number;
}

interface Seen {
  instance: Instance;
  walk: number;
}

/**
 * The list of a large fleet, which takes a provider so many calls that nobody can read it for each question. While
 * somebody asks, one walk after the other goes through it at an even pace, and answers come from the last one.
 */
export class RollingList {
  readonly #provider: GpuProvider;
  readonly #namePrefix: string;
  readonly #msPerInstance: number;
  readonly #seen = new Map<string, Seen>();
  #walk = 0;
  #walking = false;
  #size = 0;
  #nextWalkAtMs = 0;
  #expiry: NodeJS.Timeout | undefined;

  constructor(provider: GpuProvider, { namePrefix, callSpacingMs }: RollingListOptions) {
    this.#provider = provider;
    this.#namePrefix = namePrefix;
    this.#msPerInstance = callSpacingMs / INSTANCES_PER_CALL;
  }

  /** How many calls the last complete walk took, 0 before it. */
  get calls(): number {
    return Math.ceil(this.#size / INSTANCES_PER_CALL);
  }

  /** An instance as the last walk showed it, at most about two walks ago; undefined when it must be asked for. */
  look(id: string): Instance | undefined {
    const seen = this.#seen.get(id);
    if (seen && !this.#walking && performance.now() >= this.#nextWalkAtMs) void this.#refresh();
    return seen?.instance;
  }

  /**
   * Reads the list at full speed for somebody who waits; each instance is handed over as it comes. A caller that leaves
   * the walk before it `isLong` leaves nothing behind.
   */
  async *read(signal: AbortSignal): AsyncGenerator<Instance> {
    const walk = ++this.#walk;
    const startMs = performance.now();
    const first: Instance[] = [];
    let size = 0;
    let isComplete = false;
    try {
      for await (const instance of this.#provider.list({ namePrefix: this.#namePrefix }, signal)) {
        size += 1;
        if (size < MIN_INSTANCES) first.push(instance);
        else this.#keep(walk, ...first.splice(0), instance);
        yield instance;
      }
      isComplete = true;
    } finally {
      if (isComplete) this.#complete(walk, size, startMs);
      else if (isLong(size)) this.#expireIn(performance.now() - startMs);
    }
  }

  async #refresh(): Promise<void> {
    this.#walking = true;
    const startMs = performance.now();
    let size = 0;
    try {
      for await (const _ of this.read(new AbortController().signal)) {
        size += 1;
        const aheadMs = startMs + size * this.#msPerInstance - performance.now();
        if (aheadMs > AHEAD_MS) await delay(aheadMs, undefined, { ref: false });
      }
    } catch {
      // What was seen expires soon; then those who ask read for themselves, and get the provider's error.
      this.#nextWalkAtMs = performance.now() + this.#size * this.#msPerInstance;
    } finally {
      this.#walking = false;
    }
  }

  #keep(walk: number, ...instances: Instance[]): void {
    for (const instance of instances) {
      const seen = this.#seen.get(instance.id);
      if (!seen) this.#seen.set(instance.id, { instance, walk });
      else {
        seen.walk = walk;
        // What looks as before stays the same object: a hundred thousand new ones a walk are much work for the collector.
        if (isAsBefore(seen.instance, instance)) seen.instance.observedAt = instance.observedAt;
        else seen.instance = instance;
      }
    }
  }

  #complete(walk: number, size: number, startMs: number): void {
    this.#size = size;
    for (const [id, seen] of this.#seen) if (seen.walk < walk) this.#seen.delete(id);
    const paceMs = size * this.#msPerInstance;
    this.#nextWalkAtMs = startMs + paceMs;
    this.#expireIn(2 * Math.max(paceMs, performance.now() - startMs));
  }

  /** What was seen is kept for as long as a walk shows it anew, however slow. */
  #expireIn(ms: number): void {
    clearTimeout(this.#expiry);
    const expire = () => (this.#walking ? this.#expireIn(ms) : this.#seen.clear());
    this.#expiry = setTimeout(expire, ms).unref();
  }
}

function isAsBefore(before: Instance, now: Instance): boolean {
  return isDeepStrictEqual({ ...before, observedAt: now.observedAt }, now);
}
