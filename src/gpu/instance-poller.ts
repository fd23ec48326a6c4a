import { INSTANCE_NAME_PREFIX } from './instance-name.js';
import type { GpuProvider, Instance } from './provider.js';

/** Single reads in flight at once, so that one batch does not run into the provider's rate limit. */
const MAX_SINGLE_READS = 8;

export interface InstancePollerOptions {
  /** How long the first call waits for others, in milliseconds. Defaults to 50. */
  windowMs?: number;
  /** How many different instances make one list call worth it. Defaults to 3. */
  shareFrom?: number;
}

interface Waiter {
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

  join(id: string, signal: AbortSignal | undefined): Promise<Instance | null> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#leave(id, waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
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
  #open: Batch | undefined;

  constructor(provider: GpuProvider, { windowMs = 50, shareFrom = 3 }: InstancePollerOptions = {}) {
    this.#provider = provider;
    this.#windowMs = windowMs;
    this.#shareFrom = shareFrom;
  }

  /**
   * One instance, read after this call was made, or null when a read of this very instance did not find it: an
   * instance that the list does not show is asked for singly, because lists lag behind.
   * @throws ProviderError as the provider's `get` or `list` does
   * @throws the reason of `signal`, for this caller alone
   */
  async get(id: string, signal?: AbortSignal): Promise<Instance | null> {
    signal?.throwIfAborted();
    if (!this.#open) {
      const batch = new Batch();
      this.#open = batch;
      setTimeout(() => {
        this.#open = undefined;
        batch.close();
        void this.#read(batch);
      }, this.#windowMs);
    }
    return this.#open.join(id, signal);
  }

  async #read(batch: Batch): Promise<void> {
    if (batch.waiters.size >= this.#shareFrom) await this.#readList(batch);
    const ids = batch.waiters.keys();
    // Readers take from one iterator, so each id is read once and at most MAX_SINGLE_READS at a time.
    const readers = Array.from({ length: MAX_SINGLE_READS }, async () => {
      for (const id of ids) await this.#readOne(batch, id);
    });
    await Promise.all(readers);
  }

  /** Leaves in the batch whatever the list does not show. A failed list fails all: single reads would fare no better. */
  async #readList(batch: Batch): Promise<void> {
    try {
      for await (const instance of this.#provider.list({ namePrefix: INSTANCE_NAME_PREFIX }, batch.signal)) {
        batch.settle(instance.id, (waiter) => waiter.resolve(instance));
        if (batch.waiters.size === 0) return;
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
