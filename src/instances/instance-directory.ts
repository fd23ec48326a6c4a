import { setTimeout as delay } from 'node:timers/promises';
import { PartsUnreachable } from '../gpu/combined-provider.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';

export interface InstanceDirectoryOptions {
  /** How long the first question waits for others, in milliseconds. Defaults to 50. */
  windowMs?: number;
  /**
   * For lists of 1,000 instances and more: milliseconds from one list call to the next. It bounds the calls that a large
   * fleet costs, and how old an answer may be: about twice this for every 100 instances. Defaults to 20.
   */
  callSpacingMs?: number;
}

/** What a worker has to know of an instance: of a hundred thousand it keeps no more in memory. */
export interface KnownInstance extends Pick<Instance, 'id' | 'name' | 'status' | 'healthy'> {
  reason?: string | undefined;
  createdAt?: string | undefined;
  /** When the walk through the list began that showed it, by `performance.now()`; absent where it was read by itself. */
  walkedAtMs?: number;
}

/** Hears what lists show. */
export interface DirectoryListener {
  onListed?: (instance: KnownInstance) => void;
  /**
   * A long list was read whole.
   * @param beganMs by `performance.now()`
   * @param isShown whether the list has an instance, by its id; one that was made meanwhile may be missing
   */
  onWalked?: (beganMs: number, isShown: (id: string) => boolean) => void;
}

/** An instance as a walk has shown it. */
type Seen = KnownInstance & { walkedAtMs: number };

/** So many different instances make one list call worth it. */
const SHARE_FROM = 3;
/** Single reads in flight for one batch, so that it does not run into the provider's rate limit. */
const MAX_SINGLE_READS = 8;
/** Instances that one list call shows: the page size of the providers. */
const INSTANCES_PER_CALL = 100;
/** A shorter list is read again for everybody who asks. */
const LONG_LIST = 10 * INSTANCES_PER_CALL;
/** A walk that is ahead of its pace by less goes on. */
const AHEAD_MS = 20;

/**
 * The instances of one account, as one worker knows them. Questions that come together share one list call. A long list
 * takes so many calls that nobody can read it for each question: while somebody asks, one walk after the other goes
 * through it at an even pace, and answers come from the last one. Who is content with an older answer has the list walked through no
 * sooner than that. Each instance that a list shows is passed on to the listeners, and so is the end of each whole walk.
 */
export class InstanceDirectory {
  readonly #provider: GpuProvider;
  readonly #windowMs: number;
  readonly #msPerInstance: number;
  readonly #closing = new AbortController();
  readonly #listeners: DirectoryListener[] = [];
  #open: Batch | undefined;
  /** A list that is read at full speed for a batch. */
  #listing: Promise<void> | undefined;

  /** What walks through a long list have shown. */
  readonly #seen = new Map<string, Seen>();
  #hasSeenAll = false;
  #walksUnderWay = 0;
  /** How many instances the last complete walk showed. */
  #size = 0;
  /** When the last complete walk began. */
  #walkedAtMs = Number.NEGATIVE_INFINITY;
  #nextWalkAtMs = 0;
  /** Until when what was seen answers those who do not say how old an answer may be. */
  #recentUntilMs = 0;
  /** How old an answer may be for somebody who has asked since the last complete walk. */
  #wantedForMs = 0;
  #expiry: NodeJS.Timeout | undefined;

  constructor(provider: GpuProvider, { windowMs = 50, callSpacingMs = 20 }: InstanceDirectoryOptions = {}) {
    this.#provider = provider;
    this.#windowMs = windowMs;
    this.#msPerInstance = callSpacingMs / INSTANCES_PER_CALL;
  }

  /** Has somebody hear what lists show, whoever has them read. */
  listen(listener: DirectoryListener): void {
    this.#listeners.push(listener);
  }

  /**
   * One instance, or null when a read of this very instance did not find it: an instance that the list does not show is
   * read singly, because lists lag behind. It is read after this call was made, except where the provider's list
   * is long: then it may be as old as `callSpacingMs` says.
   * @param maxAgeMs of a long list: how old an answer may be. One that is older is given all the same, and has the list walked through
   * @throws ProviderError as the provider's `get` or `list` does
   * @throws the reason of `signal`, for this caller alone
   */
  async get(id: string, signal?: AbortSignal, maxAgeMs?: number): Promise<KnownInstance | null> {
    signal?.throwIfAborted();
    const seen = this.#seen.get(id);
    if (maxAgeMs !== undefined) this.#wantedForMs = Math.max(this.#wantedForMs, maxAgeMs);
    if (!seen || (maxAgeMs === undefined && !this.#isRecent)) return this.#ask(id, false, signal);
    const nowMs = performance.now();
    const isDue = nowMs >= this.#nextWalkAtMs && nowMs - this.#walkedAtMs > (maxAgeMs ?? 0);
    if (isDue && this.#walksUnderWay === 0) void this.#refresh();
    return seen;
  }

  get #isRecent(): boolean {
    return this.#walksUnderWay > 0 || performance.now() < this.#recentUntilMs;
  }

  /** As {@link InstanceDirectory.get}, and always read after this call was made. */
  async getFresh(id: string, signal?: AbortSignal): Promise<KnownInstance | null> {
    signal?.throwIfAborted();
    return this.#ask(id, true, signal);
  }

  /** All instances: as the last walks showed them where the list is long and was asked about lately, else read now, at the pace. */
  async *list(signal?: AbortSignal): AsyncGenerator<KnownInstance> {
    if (!this.#hasSeenAll || !this.#isRecent) yield* this.#walk(signal, true);
    else yield* [...this.#seen.values()];
  }

  /** Ends the walks that nobody waits for. */
  close(): void {
    this.#closing.abort();
  }

  #ask(id: string, wantsFresh: boolean, signal: AbortSignal | undefined): Promise<KnownInstance | null> {
    if (!this.#open) {
      const batch = new Batch();
      this.#open = batch;
      setTimeout(() => {
        this.#open = undefined;
        batch.close();
        void this.#answer(batch);
      }, this.#windowMs);
    }
    return this.#open.ask(id, wantsFresh, signal);
  }

  async #answer(batch: Batch): Promise<void> {
    // A second walk through a long list would show nothing that the first is not about to show.
    while (this.#listing && this.#isWorthAList(batch)) {
      await this.#listing;
      for (const [id, askers] of [...batch.askers]) {
        const seen = this.#seen.get(id);
        if (seen && ![...askers].some(({ wantsFresh }) => wantsFresh)) batch.answer(id, seen);
      }
    }
    if (this.#isWorthAList(batch)) {
      this.#listing = this.#answerByList(batch).finally(() => {
        this.#listing = undefined;
      });
      await this.#listing;
    }
    const ids = batch.askers.keys();
    // Readers take from one iterator, so each id is read once and at most MAX_SINGLE_READS at a time.
    const readers = Array.from({ length: MAX_SINGLE_READS }, async () => {
      for (const id of ids) {
        const read = this.#provider.get(id, batch.signal);
        await read.catch(() => {});
        batch.answer(id, read);
      }
    });
    await Promise.all(readers);
  }

  /** A list call pays when it stands for several single reads; a long list takes many calls. */
  #isWorthAList({ askers }: Batch): boolean {
    return askers.size >= Math.max(SHARE_FROM, Math.ceil(this.#size / INSTANCES_PER_CALL));
  }

  /** Leaves in the batch whatever the list does not show. A failed list fails all: single reads would fare no better. */
  async #answerByList(batch: Batch): Promise<void> {
    let size = 0;
    try {
      for await (const instance of this.#walk(batch.signal, false)) {
        size += 1;
        batch.answer(instance.id, instance);
        if (batch.askers.size === 0 && size < LONG_LIST) return;
      }
    } catch (error) {
      // Instances of the other providers are read singly.
      const isRead = (id: string) => error instanceof PartsUnreachable && !error.hides(id);
      for (const id of [...batch.askers.keys()].filter((each) => !isRead(each))) {
        batch.answer(id, Promise.reject(error));
      }
    }
  }

  async #refresh(): Promise<void> {
    try {
      for await (const _ of this.#walk(this.#closing.signal, true));
    } catch {
      // What was seen expires soon; then those who ask read for themselves, and get the provider's error.
    }
  }

  /** Reads the list from its beginning. A caller that leaves before it is long leaves nothing behind. */
  async *#walk(signal: AbortSignal | undefined, isPaced: boolean): AsyncGenerator<KnownInstance> {
    const startMs = performance.now();
    const first: Seen[] = [];
    let size = 0;
    let isComplete = false;
    this.#walksUnderWay += 1;
    try {
      for await (const shown of this.#provider.list({ namePrefix: INSTANCE_NAME_PREFIX }, signal)) {
        const { id, name, status, healthy, reason, createdAt } = shown;
        // All fields, so that all objects are of one shape and as small as can be.
        const instance: Seen = { id, name, status, healthy, reason, createdAt, walkedAtMs: startMs };
        size += 1;
        if (size < LONG_LIST) first.push(instance);
        else for (const each of [...first.splice(0), instance]) this.#keep(each);
        for (const { onListed } of this.#listeners) onListed?.(instance);
        yield instance;
        const aheadMs = startMs + size * this.#msPerInstance - performance.now();
        if (isPaced && aheadMs > AHEAD_MS)
          await delay(aheadMs, undefined, { ref: false, ...(signal && { signal }) });
      }
      isComplete = true;
    } finally {
      this.#walksUnderWay -= 1;
      if (isComplete) this.#complete(size, startMs);
      else {
        this.#nextWalkAtMs = performance.now() + this.#size * this.#msPerInstance;
        if (size >= LONG_LIST) this.#expireIn(performance.now() - startMs);
      }
    }
  }

  #keep(instance: Seen): void {
    const seen = this.#seen.get(instance.id);
    // What is unchanged stays the same object: a hundred thousand new ones a walk are much work for the collector.
    if (seen && isSame(seen, instance)) seen.walkedAtMs = instance.walkedAtMs;
    else this.#seen.set(instance.id, instance);
  }

  #complete(size: number, startMs: number): void {
    this.#size = size;
    for (const [id, seen] of this.#seen) if (seen.walkedAtMs < startMs) this.#seen.delete(id);
    this.#hasSeenAll = size >= LONG_LIST;
    this.#walkedAtMs = startMs;
    const paceMs = size * this.#msPerInstance;
    this.#nextWalkAtMs = startMs + paceMs;
    const recentForMs = 2 * Math.max(paceMs, performance.now() - startMs);
    this.#recentUntilMs = performance.now() + recentForMs;
    this.#expireIn(Math.max(recentForMs, 2 * this.#wantedForMs));
    this.#wantedForMs = 0;
    if (!this.#hasSeenAll) return;
    const isShown = (id: string) => this.#seen.has(id);
    for (const { onWalked } of this.#listeners) onWalked?.(startMs, isShown);
  }

  /** What was seen is kept for as long as the next walk takes, however slow. */
  #expireIn(ms: number): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => {
      if (this.#walksUnderWay > 0) return this.#expireIn(ms);
      this.#seen.clear();
      this.#hasSeenAll = false;
    }, ms).unref();
  }
}

interface Asker {
  /** Whether an answer that was read before it asked will not do. */
  wantsFresh: boolean;
  answer: (answer: KnownInstance | null | Promise<KnownInstance | null>) => void;
}

/** Those who ask within one window, by instance id. The reads for them end early once all of them have left. */
class Batch {
  readonly askers = new Map<string, Set<Asker>>();
  readonly #abandoned = new AbortController();
  #isClosed = false;

  get signal(): AbortSignal {
    return this.#abandoned.signal;
  }

  /** Nobody joins from here on, so that the last one to leave may end the reads. */
  close(): void {
    this.#isClosed = true;
  }

  ask(id: string, wantsFresh: boolean, signal: AbortSignal | undefined): Promise<KnownInstance | null> {
    return new Promise((resolve, reject) => {
      const asker: Asker = {
        wantsFresh,
        answer: (answer) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(answer);
        },
      };
      const onAbort = () => {
        this.#leave(id, asker);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.askers.set(id, (this.askers.get(id) ?? new Set()).add(asker));
    });
  }

  /** Answers those who ask for an instance, and forgets them. */
  answer(id: string, answer: KnownInstance | null | Promise<KnownInstance | null>): void {
    const askers = this.askers.get(id) ?? [];
    this.askers.delete(id);
    for (const asker of askers) asker.answer(answer);
  }

  #leave(id: string, asker: Asker): void {
    const askers = this.askers.get(id);
    askers?.delete(asker);
    if (askers?.size === 0) this.askers.delete(id);
    if (this.#isClosed && this.askers.size === 0) this.#abandoned.abort();
  }
}

function isSame(a: KnownInstance, b: KnownInstance): boolean {
  const isSameState = a.status === b.status && a.healthy === b.healthy && a.reason === b.reason;
  return isSameState && a.name === b.name && a.createdAt === b.createdAt;
}
