/** All endpoints, as a worker remembers them between the ends of many jobs. */
import type { StoredEndpoint } from './endpoint.js';

export interface EndpointSource {
  /** All of them, and the sequence of the last change. */
  all(): Promise<{ endpoints: StoredEndpoint[]; seq: number }>;
  /** The sequence of the last one that was added or changed; 0 for none. */
  lastSeq(): Promise<number>;
}

interface Known {
  endpoints: StoredEndpoint[];
  seq: number;
  readMs: number;
  /** When it was seen last that none was added or changed since. */
  checkedMs: number;
}

/** What was removed is remembered for so long at most. */
const FRESH_MS = 1_000;

export class KnownEndpoints {
  readonly #source: EndpointSource;
  #known: Known | undefined;
  /** How often what was known has been forgotten: a read that was under way by then is older. */
  #forgotten = 0;
  #checking: Promise<Known> | undefined;
  /** Begins when the one that is under way has ended. */
  #next: Promise<Known> | undefined;

  constructor(source: EndpointSource) {
    this.#source = source;
  }

  /** @param sinceMs an endpoint that was added so long ago or earlier is among them. Of what is newer, all that are stored when this is called. */
  async all(sinceMs: number): Promise<StoredEndpoint[]> {
    const known = this.#known;
    const nowMs = performance.now();
    const isFresh = known && nowMs - known.readMs < FRESH_MS && nowMs - known.checkedMs < sinceMs;
    return (isFresh ? known : await this.#checked()).endpoints;
  }

  forget(): void {
    this.#known = undefined;
    this.#forgotten++;
  }

  /** All that ask while one check is under way share the next one. */
  #checked(): Promise<Known> {
    if (!this.#checking) {
      this.#checking = this.#check().finally(() => {
        this.#checking = undefined;
      });
      return this.#checking;
    }
    this.#next ??= this.#checking
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#checked();
      });
    return this.#next;
  }

  async #check(): Promise<Known> {
    const nowMs = performance.now();
    const before = this.#known;
    if (before && nowMs - before.readMs < FRESH_MS && (await this.#source.lastSeq()) <= before.seq) {
      before.checkedMs = nowMs;
      return before;
    }
    const forgotten = this.#forgotten;
    const known = { ...(await this.#source.all()), readMs: nowMs, checkedMs: nowMs };
    if (forgotten === this.#forgotten) this.#known = known;
    return known;
  }
}
