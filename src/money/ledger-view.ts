/** The entries that count since a time, as one process knows them: it reads on from where it was. */
import { AtOnce } from '../broker/at-once.js';
import type { Broker } from '../broker/broker.js';
import { ANY } from '../wire/subjects.js';
import { type LedgerEntry, wasThereSince } from './ledger-entry.js';
import { LedgerStore } from './ledger-store.js';

/** Then all is read again: what somebody has removed shows by nothing else. */
const MAX_AGE_MS = 600_000;
const ALL = { provider: ANY, id: ANY, jobId: ANY } as const;

export class LedgerView {
  readonly #broker: () => Promise<Broker>;
  readonly #turns = new AtOnce(1);
  readonly #entries = new Map<string, LedgerEntry>();
  #sinceMs = Number.POSITIVE_INFINITY;
  #next = 1;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(broker: () => Promise<Broker>) {
    this.#broker = broker;
  }

  /**
   * Every instance that was there at a time or later.
   * @throws BrokerError
   */
  readOn(sinceMs: number): Promise<LedgerEntry[]> {
    return this.#turns.run(async () => {
      const store = new LedgerStore(await this.#broker());
      const isKnown = sinceMs >= this.#sinceMs && performance.now() - this.#readAt < MAX_AGE_MS;
      if (isKnown)
        this.#next = await store.walk({ status: ANY, ...ALL }, this.#next, (entry) => this.#take(entry));
      else await this.#readAll(store, sinceMs);
      return [...this.#entries.values()].filter((entry) => wasThereSince(entry, sinceMs));
    });
  }

  async #readAll(store: LedgerStore, sinceMs: number): Promise<void> {
    this.#entries.clear();
    const readAt = performance.now();
    // What has ended since was written since.
    const firstEnded = await store.sequenceAt(sinceMs);
    const afterOpen = await store.walk({ status: 'open', ...ALL }, 1, (entry) => this.#take(entry));
    // One that ends meanwhile is met here.
    if (Number.isFinite(firstEnded)) {
      await store.walk({ status: 'ended', ...ALL }, firstEnded, (entry) => this.#take(entry));
    }
    this.#next = Math.max(afterOpen, Number.isFinite(firstEnded) ? firstEnded : 1);
    this.#sinceMs = sinceMs;
    this.#readAt = readAt;
  }

  #take(entry: LedgerEntry): void {
    this.#entries.set(`${entry.provider} ${entry.id}`, entry);
  }
}
