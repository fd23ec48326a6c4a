import { atMost } from '../broker/bounded.js';
import type { Broker } from '../broker/broker.js';
import type { SettledSequences } from '../broker/settled-sequences.js';
import { floorOf, removeSettled, type WorkConsumer } from '../queue/settled-messages.js';
import type { Logger } from '../telemetry/logger.js';

/** A consumer, and what this worker has acknowledged of it. */
export interface TrimSource extends WorkConsumer {
  settled: SettledSequences;
}

export interface TrimmerOptions {
  broker: Broker;
  sources: () => Iterable<TrimSource>;
  logger: Logger;
}

/** How often to look whether there is something to remove. */
const LOOK_MS = 1_000;
/**
 * A consumer at work is left alone for this long, or until so many have come together. The server holds its stream for some
 * 20 ms in each removal, however few it removes, so few large ones hold up fewer jobs than many small ones.
 */
const BUSY_MS = 30_000;
const MANY = 100_000;
/** Least time between two removals, as a multiple of what the last one took: the stream stands still for 1 % of the time. */
const BUSY_PAUSE = { factor: 100, maxMs: 30_000 };
/** From an idle consumer there is but one more to come. */
const IDLE_PAUSE = { factor: 20, maxMs: 5_000 };
/** How often to look for what other workers have left, which may be dead. */
const LEFTOVERS_MS = 15_000;
const STOP_MS = 5_000;

interface Turn {
  /** When the last removal ended, by `performance.now()`, and how long it took. */
  endedMs: number;
  tookMs: number;
  /** Nothing up to here is stored any more. */
  doneUpTo: number;
  /** How many messages were settled at the last look. */
  seen: number;
}

/**
 * Removes the messages that the worker has acknowledged, many at once. On disk, one at a time they cost the server as
 * much as all the rest of a short job (decision 24). What a dead worker has left, the others remove.
 */
export class Trimmer {
  readonly #options: TrimmerOptions;
  readonly #turns = new Map<string, Turn>();
  #leftoversAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: TrimmerOptions) {
    this.#options = options;
  }

  start(): void {
    if (!this.#timer) this.#plan();
  }

  /**
   * Removes what nobody else may come to remove, and ends; gives up after a few seconds. Where jobs wait still, whoever runs
   * them removes the others too.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const last = this.#trimming.then(() => this.#trim([...this.#options.sources()]));
    await atMost(STOP_MS, last);
  }

  #plan(): void {
    // Not all workers at once: what one removes, the others need not.
    const inMs = LOOK_MS * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.#trimming = this.#trim(this.#due()).catch((err) =>
        this.#options.logger.debug({ err }, 'cannot remove settled messages yet'),
      );
      void this.#trimming.then(() => this.#stopped || this.#plan());
    }, inMs);
    this.#timer.unref();
  }

  #due(): TrimSource[] {
    const now = performance.now();
    const all = [...this.#options.sources()];
    const looksForLeftovers = now >= this.#leftoversAtMs;
    if (looksForLeftovers) this.#leftoversAtMs = now + LEFTOVERS_MS;
    return all.filter((source) => (source.settled.size === 0 ? looksForLeftovers : this.#isDue(source, now)));
  }

  #isDue(source: TrimSource, now: number): boolean {
    const { size } = source.settled;
    const turn = this.#turnOf(source);
    const isIdle = size === turn.seen;
    turn.seen = size;
    const sinceMs = now - turn.endedMs;
    const { factor, maxMs } = isIdle ? IDLE_PAUSE : BUSY_PAUSE;
    const pauseMs = Math.min(factor * turn.tookMs, maxMs);
    const mayWait = !isIdle && size < MANY;
    return size > 0 && sinceMs >= (mayWait ? Math.max(pauseMs, BUSY_MS) : pauseMs);
  }

  #turnOf({ kind, name }: TrimSource): Turn {
    const key = `${kind} ${name}`;
    const turn = this.#turns.get(key) ?? { endedMs: performance.now(), tookMs: 0, doneUpTo: 0, seen: 0 };
    this.#turns.set(key, turn);
    return turn;
  }

  async #trim(sources: readonly TrimSource[]): Promise<void> {
    const { broker } = this.#options;
    for (const kind of new Set(sources.map((source) => source.kind))) {
      const infos = new Map((await broker.topology.consumers(kind)).map((info) => [info.name, info]));
      for (const source of sources) {
        const info = infos.get(source.name);
        if (source.kind !== kind || !info || (this.#stopped && info.num_pending > 0)) continue;
        await this.#trimOne(source, floorOf(info));
      }
    }
  }

  async #trimOne(source: TrimSource, floor: number): Promise<void> {
    const { settled } = source;
    const turn = this.#turnOf(source);
    // A consumer that was made anew begins below what is gone.
    if (floor <= turn.doneUpTo) return settled.forget(floor);
    const removed = await removeSettled(this.#options.broker, source, floor, settled.known());
    settled.forget(removed.upTo);
    turn.endedMs = performance.now();
    turn.tookMs = removed.tookMs;
    turn.doneUpTo = removed.upTo;
    turn.seen = settled.size;
  }
}
