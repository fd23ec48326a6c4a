import { checkInteger, checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import { INSTANCE_NAME_PREFIX } from './instance-name.js';
import type { GpuProvider, Instance } from './provider.js';
import { isLong, RollingList } from './rolling-list.js';

/** Single reads in flight at once, so that one batch does not run into the provider's rate limit. */
const MAX_SINGLE_READS = 8;

export interface InstancePollerOptions {
  /** How long the first call waits for others, in milliseconds. Defaults to 50. */
  windowMs?: number;
  /** How many different instances make one list call worth it. Defaults to 3. */
  shareFrom?: number;
  /**
   * For lists of 1,000 instances and more: milliseconds from one list call to the next, which bounds the calls that a
   * large fleet costs and is how old an answer may be, at most about twice this for every 100 instances. Defaults to 20.
   */
  callSpacingMs?: number;
}

interface Waiter {
  /** Whether an answer that was read before it asked will not do. */
  wantsFresh: boolean;
  resolve: (instance: Instance | null) => void;
  reject: (reason: unknown) => void;
}

/** The callers of one window by instance id. Its reads end early once all of them have left. */
class Batch {
  readonly waiters = new Map<string, Set<Waiter>>();
  readonly #abandoned = new AbortController();
  #reading = false;

  get signal(): AbortSignal {
    return this.#abandoned.signal;
  }

  /** Nobody joins from here on, so that the last one to leave may end the reads. */
  close(): void {
    this.#reading = true;
  }

  join(id: string, wantsFresh: boolean, signal?: AbortSignal): Promise<Instance | null> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#leave(id, waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        wantsFresh,
        resolve: (instance) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(instance);
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const others = this.waiters.get(id);
      if (others) others.add(waiter);
      else this.waiters.set(id, new Set([waiter]));
    });
  }

  #leave(id: string, waiter: Waiter): void {
    const others = this.waiters.get(id);
    others?.delete(waiter);
    if (others?.size === 0) this.waiters.delete(id);
    if (this.#reading && this.waiters.size === 0) this.#abandoned.abort();
  }

  /** Answers those who wait for an id, and forgets them. */
  settle(id: string, answer: (waiter: Waiter) => void): void {
    const waiters = this.waiters.get(id) ?? [];
    this.waiters.delete(id);
    for (const waiter of waiters) answer(waiter);
  }
}

/**
 * Reads of instances that fall due together, as one list call. Prefer it to {@link GpuProvider.get} wherever many
 * jobs watch instances of one account.
 */
export class InstancePoller {
  readonly #provider: GpuProvider;
  readonly #windowMs: number;
  readonly #shareFrom: number;
  readonly #list: RollingList;
  #open: Batch | undefined;
  #walk: Promise<void> | undefined;

  constructor(
    provider: GpuProvider,
    { windowMs = 50, shareFrom = 3, callSpacingMs = 20 }: InstancePollerOptions = {},
  ) {
    checkNumber('windowMs', windowMs, 0, MAX_TIMER_MS);
    checkInteger('shareFrom', shareFrom, 1);
    checkNumber('callSpacingMs', callSpacingMs, 0, MAX_TIMER_MS);
    this.#provider = provider;
    this.#windowMs = windowMs;
    this.#shareFrom = shareFrom;
    this.#list = new RollingList(provider, { namePrefix: INSTANCE_NAME_PREFIX, callSpacingMs });
  }

  /**
   * One instance, or null when a read of this very instance did not find it: an instance that the list does not show is
   * asked for singly, because lists lag behind. It is read after this call was made, except where the provider's list
   * is long: then it may be as old as `callSpacingMs` says.
   * @throws ProviderError as the provider's `get` or `list` does
   * @throws the reason of `signal`, for this caller alone
   */
  async get(id: string, signal?: AbortSignal): Promise<Instance | null> {
    signal?.throwIfAborted();
    return this.#list.look(id) ?? this.#join(id, false, signal);
  }

  /** As {@link InstancePoller.get}, and always read after this call was made. */
  async getFresh(id: string, signal?: AbortSignal): Promise<Instance | null> {
    signal?.throwIfAborted();
    return this.#join(id, true, signal);
  }

  #join(id: string, wantsFresh: boolean, signal: AbortSignal | undefined): Promise<Instance | null> {
    if (!this.#open) {
      const batch = new Batch();
      this.#open = batch;
      setTimeout(() => {
        this.#open = undefined;
        batch.close();
        void this.#read(batch);
      }, this.#windowMs);
    }
    return this.#open.join(id, wantsFresh, signal);
  }

  async #read(batch: Batch): Promise<void> {
    // A second walk through a long list would show nothing that the first is not about to show.
    while (this.#walk && this.#isWorthAList(batch)) {
      await this.#walk;
      this.#settleKnown(batch);
    }
    if (this.#isWorthAList(batch)) {
      this.#walk = this.#readList(batch).finally(() => {
        this.#walk = undefined;
      });
      await this.#walk;
    }
    const ids = batch.waiters.keys();
    // Readers take from one iterator, so each id is read once and at most MAX_SINGLE_READS at a time.
    const readers = Array.from({ length: MAX_SINGLE_READS }, async () => {
      for (const id of ids) await this.#readOne(batch, id);
    });
    await Promise.all(readers);
  }

  #settleKnown(batch: Batch): void {
    for (const [id, waiters] of [...batch.waiters]) {
      const instance = this.#list.look(id);
      if (!instance || [...waiters].some(({ wantsFresh }) => wantsFresh)) continue;
      batch.settle(id, (waiter) => waiter.resolve(instance));
    }
  }

  /** A list call pays when it stands for several single reads; a long list takes many calls. */
  #isWorthAList({ waiters }: Batch): boolean {
    return waiters.size >= Math.max(this.#shareFrom, this.#list.calls);
  }

  /** Leaves in the batch whatever the list does not show. A failed list fails all: single reads would fare no better. */
  async #readList(batch: Batch): Promise<void> {
    let size = 0;
    try {
      for await (const instance of this.#list.read(batch.signal)) {
        size += 1;
        batch.settle(instance.id, (waiter) => waiter.resolve(instance));
        if (batch.waiters.size === 0 && !isLong(size)) return;
      }
    } catch (error) {
      for (const id of [...batch.waiters.keys()]) batch.settle(id, (waiter) => waiter.reject(error));
    }
  }

  async #readOne(batch: Batch, id: string): Promise<void> {
    try {
      const instance = await this.#provider.get(id, batch.signal);
      batch.settle(id, (waiter) => waiter.resolve(instance));
    } catch (error) {
      batch.settle(id, (waiter) => waiter.reject(error));
    }
  }
}
