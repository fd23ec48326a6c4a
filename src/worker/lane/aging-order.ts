import type { Held, LaneOrder, OrderedSource, Received, Turn } from './lane-order.js';

export interface AgingOptions<S> {
  maxWaitMs: number;
  /** The broker's time. */
  now: () => number;
  /** When the oldest job that waits at a source was stored; undefined where none waits. */
  oldest: (source: S) => Promise<number | undefined>;
}

/** What is known of the oldest job that waits at a source. */
interface Head {
  /** When it was stored, or earlier; undefined where none waits, as far as is known. */
  timeMs: number | undefined;
  /** It is not too old only by a guess. */
  isSure: boolean;
  /** When to look again, where none waits. */
  lookAtMs: number;
}

/**
 * Strict, but for jobs that have waited for `maxWaitMs`: these go first, the oldest of all priorities before the others. So only jobs that
 * were there before it can start ahead of a job that is too old.
 *
 * The age of the oldest job comes from the broker: the consumer says how far it is, and the next message when it was stored. That is
 * asked when a slot is free, and not by a timer. A job that came after one look cannot be too old before `maxWaitMs` have passed, so a
 * look each half of that misses none.
 */
export class AgingOrder<S extends OrderedSource> implements LaneOrder<S> {
  readonly #options: AgingOptions<S>;
  readonly #heads: Map<S, Head>;
  readonly #strict: readonly Turn<S>[];

  constructor(sources: readonly S[], options: AgingOptions<S>) {
    this.#options = options;
    this.#strict = sources.map((source) => ({ source, most: Number.POSITIVE_INFINITY, isGranted: false }));
    this.#heads = new Map(
      sources.map((source) => [source, { timeMs: undefined, isSure: true, lookAtMs: 0 }]),
    );
  }

  async turns(free: number): Promise<readonly Turn<S>[]> {
    await Promise.all([...this.#heads].map(([source, head]) => this.#look(source, head)));
    const old = [...this.#heads]
      .filter(([, { timeMs }]) => timeMs !== undefined && this.#isOld(timeMs))
      .sort(([, one], [, other]) => (one.timeMs as number) - (other.timeMs as number));
    // Of several, one job at a time keeps the oldest first.
    const most = old.length === 1 ? free : 1;
    return [...old.map(([source]) => ({ source, most, isGranted: true, isAlone: true })), ...this.#strict];
  }

  passes(_: S, { timeMs }: Received): boolean {
    return this.#isOld(timeMs);
  }

  onReceived(source: S, { timeMs, pending }: Received): void {
    const head = this.#heads.get(source) as Head;
    // The next one is no older than this one.
    head.timeMs = pending > 0 ? timeMs : undefined;
    head.isSure = this.#isOld(timeMs);
    head.lookAtMs = this.#nextLook;
  }

  nextOf<H extends Held<S>>(held: readonly [H, ...H[]]): H {
    const old = held.filter(({ delivery }) => this.#isOld(delivery.timeMs));
    const [first = held[0], ...others] = old;
    return others.reduce((one, other) => (other.delivery.timeMs < one.delivery.timeMs ? other : one), first);
  }

  async #look(source: S, head: Head): Promise<void> {
    const { now, oldest } = this.#options;
    if (source.isWaiting) {
      Object.assign(head, { timeMs: undefined, isSure: true, lookAtMs: this.#nextLook });
      return;
    }
    const isGuess = head.timeMs !== undefined && !head.isSure && this.#isOld(head.timeMs);
    const isDue = head.timeMs === undefined && now() >= head.lookAtMs;
    if (!isGuess && !isDue) return;
    const lookAtMs = this.#nextLook;
    const timeMs = await oldest(source);
    Object.assign(head, { timeMs, isSure: true, lookAtMs });
  }

  get #nextLook(): number {
    return this.#options.now() + this.#options.maxWaitMs / 2;
  }

  #isOld(timeMs: number): boolean {
    return this.#options.now() - timeMs >= this.#options.maxWaitMs;
  }
}
