import type { Broker } from '../broker/broker.js';
import type { SettledSequences } from '../broker/consume/settled-sequences.js';
import { atMost } from '../jobs/deadline.js';
import {
  type ConsumerCounts,
  floorOf,
  removeSettled,
  type WorkConsumer,
} from '../queue/retention/settled-messages.js';
import type { Logger } from '../telemetry/logger.js';
import { answerSettled, askSettled } from './settled-exchange.js';

/** A consumer, and what this worker has acknowledged of it. */
export interface TrimSource extends WorkConsumer {
  settled: SettledSequences;
}

export interface TrimmerOptions {
  broker: Broker;
  sources: () => Iterable<TrimSource>;
  logger: Logger;
  /** Defaults to {@link PINNED}. */
  pinnedAt?: number;
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
/** A question of another worker puts a removal off, but anybody can ask: no longer than this since the last one of one's own. */
const MOST_PUT_OFF_MS = 10 * 60_000;
const STOP_MS = 5_000;
/**
 * A long job keeps the floor of its consumer where it is, so everything behind it stays. With more than this left after a removal,
 * the worker deletes its own messages one by one: a twentieth in each look, for a quarter of the time at most, since each costs the
 * server as much as a short job.
 */
const PINNED = 5_000;
const SINGLY = { share: 1 / 20, ms: 250, atOnce: 100 };

interface Turn {
  /** When the last removal ended, by `performance.now()`, or another worker's began, and how long the last one here took. */
  endedMs: number;
  tookMs: number;
  /** When this worker looked itself for the last time. */
  lookedMs: number;
  /** When to look for what others have left. */
  leftoversAtMs: number;
  /** Nothing up to here is stored any more. */
  doneUpTo: number;
  /** How many messages were settled at the last look. */
  seen: number;
  /** The last removal left many behind a job that is under way. */
  isPinned: boolean;
}

/**
 * Removes the messages that the worker has acknowledged, many at once. On disk, one at a time they cost the server as
 * much as all the rest of a short job (decision 24). What a dead worker has left, the others remove.
 */
export class Trimmer {
  readonly #options: TrimmerOptions;
  readonly #turns = new Map<string, Turn>();
  #timer: NodeJS.Timeout | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #stopped = false;
  #detach = () => {};

  constructor(options: TrimmerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer) return;
    this.#detach = answerSettled(this.#options.broker, (...question) => this.#asked(...question));
    this.#plan();
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
    this.#detach();
  }

  /** Another worker is about to remove what is settled of a consumer: this one leaves it to that one for a while. */
  #asked(kind: unknown, consumer: unknown, firstSeq: number): SettledSequences | undefined {
    for (const source of this.#options.sources()) {
      // Two streams may have a consumer of the same name each.
      if (source.kind !== kind || source.name !== consumer) continue;
      source.settled.forget(firstSeq - 1);
      this.#putOff(source);
      return source.settled;
    }
    return undefined;
  }

  #putOff(source: TrimSource): void {
    const turn = this.#turnOf(source);
    const now = performance.now();
    if (now - turn.lookedMs > MOST_PUT_OFF_MS || source.settled.size > 2 * MANY) return;
    turn.endedMs = now;
    turn.leftoversAtMs = leftoversAfter(now);
  }

  #plan(): void {
    // Not all workers at once: what one removes, the others need not.
    const inMs = LOOK_MS * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.#trimming = this.#look().catch((err) =>
        this.#options.logger.debug({ err }, 'cannot remove settled messages yet'),
      );
      void this.#trimming.then(() => this.#stopped || this.#plan());
    }, inMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    await this.#trim(this.#due());
    for (const source of this.#options.sources())
      if (this.#turnOf(source).isPinned) await this.#removeSingly(source);
  }

  #isPinned(left: number): boolean {
    return left >= (this.#options.pinnedAt ?? PINNED);
  }

  async #removeSingly({ kind, settled }: TrimSource): Promise<void> {
    const until = performance.now() + SINGLY.ms;
    let left = Math.ceil(settled.size * SINGLY.share);
    for (; left > 0 && performance.now() < until && !this.#stopped; left -= SINGLY.atOnce) {
      const seqs = settled.shift(SINGLY.atOnce);
      await Promise.all(seqs.map((seq) => this.#options.broker.topology.deleteMessage(kind, seq)));
    }
  }

  #due(): TrimSource[] {
    const now = performance.now();
    return [...this.#options.sources()].filter((source) => {
      const turn = this.#turnOf(source);
      const isDue = source.settled.size === 0 ? now >= turn.leftoversAtMs : this.#isDue(source, now);
      if (isDue) turn.leftoversAtMs = leftoversAfter(now);
      return isDue;
    });
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
    return sinceMs >= (mayWait ? Math.max(pauseMs, BUSY_MS) : pauseMs);
  }

  #turnOf({ kind, name }: TrimSource): Turn {
    const key = `${kind} ${name}`;
    const turn = this.#turns.get(key) ?? {
      endedMs: performance.now(),
      tookMs: 0,
      lookedMs: performance.now(),
      leftoversAtMs: 0,
      doneUpTo: 0,
      seen: 0,
      isPinned: false,
    };
    this.#turns.set(key, turn);
    return turn;
  }

  async #trim(sources: readonly TrimSource[]): Promise<void> {
    const { topology } = this.#options.broker;
    for (const kind of new Set(sources.map((source) => source.kind))) {
      const infos = new Map((await topology.consumers(kind)).map((info) => [info.name, info]));
      for (const source of sources) {
        const info = source.kind === kind ? infos.get(source.name) : undefined;
        const othersGoOn = this.#stopped && info !== undefined && info.num_pending > 0;
        if (info && !othersGoOn) await this.#trimSource(source, info);
      }
    }
  }

  async #trimSource(source: TrimSource, counts: ConsumerCounts): Promise<void> {
    const { settled } = source;
    const turn = this.#turnOf(source);
    const floor = floorOf(counts);
    turn.lookedMs = performance.now();
    // A consumer that was made anew begins below what is gone.
    if (floor <= turn.doneUpTo) {
      turn.isPinned = this.#isPinned(settled.size);
      return settled.forget(floor);
    }
    const { broker } = this.#options;
    // Whoever stops has no time to ask again.
    const mayAskAgain = () => !this.#stopped;
    const othersKnow = (firstSeq: number) => askSettled(broker, source, firstSeq, mayAskAgain);
    const removed = await removeSettled(broker, { ...source, known: settled.known(), othersKnow }, floor);
    settled.forget(removed.upTo);
    turn.endedMs = performance.now();
    turn.tookMs = removed.tookMs;
    turn.doneUpTo = removed.upTo;
    turn.seen = settled.size;
    turn.isPinned = this.#isPinned(turn.seen);
  }
}

/** Not all workers at once: those that hear the first one ask look later. */
function leftoversAfter(nowMs: number): number {
  return nowMs + LEFTOVERS_MS * (0.75 + Math.random() / 2);
}
