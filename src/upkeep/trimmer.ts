import type { Broker } from '../broker/broker.js';
import type { AcknowledgedSequences } from '../broker/consume/delivery.js';
import { tryEach } from '../jobs/try-each.js';
import {
  removeAcknowledged,
  removeTaken,
  type Settled,
  type WorkConsumer,
} from '../queue/retention/acknowledged-messages.js';
import { acknowledgedUpTo, type ConsumerCounts } from '../queue/retention/purgeable.js';
import type { Logger } from '../telemetry/logger.js';
import { answerAcknowledged, askAcknowledged } from './acknowledged-exchange.js';
import { Schedule, spread } from './schedule.js';

/** A consumer, and what this worker has acknowledged of it. */
export interface TrimSource extends WorkConsumer {
  acknowledged: AcknowledgedSequences;
}

export interface TrimmerOptions {
  broker: Broker;
  sources: () => Iterable<TrimSource>;
  logger: Logger;
  /** Defaults to {@link PINNED}. */
  pinnedAt?: number;
  /** How often to look at what others have left. Defaults to {@link LEFTOVERS_MS}. */
  leftoversMs?: number;
}

const CHECK_MS = 800;
/** How long, or until how many, a consumer at work is left alone: each removal holds its stream for some 20 ms. */
const BUSY_MS = 30_000;
const MANY = 100_000;
/** Least time between two removals, as a multiple of what the last one took: the stream stands still for 1 % of the time. */
const BUSY_PAUSE = { factor: 100, maxMs: 30_000 };
/** From an idle consumer there is but one more to come. */
const IDLE_PAUSE = { factor: 20, maxMs: 5_000 };
/** How often to check for what other workers have left, which may be dead. Those that hear the first one ask start their wait again. */
const LEFTOVERS_MS = 12_000;
/** A question of another worker puts a removal off, but anybody can ask: no longer than this since the last one of one's own. */
const MOST_PUT_OFF_MS = 10 * 60_000;
/**
 * Behind a long job everything stays. With more than this left after a removal, the worker deletes its own messages one by one: a
 * twentieth in each round, for a quarter of the time at most, since each costs the server as much as a short job.
 */
const PINNED = 5_000;
const SINGLY = { share: 1 / 20, ms: 250, atOnce: 100 };

interface Progress {
  /** When the last removal ended, by `performance.now()`, or another worker's began, and how long the last one here took. */
  sinceMs: number;
  tookMs: number;
  ownMs: number;
  leftoversAtMs: number;
  /** Nothing up to here is stored any more. */
  doneUpTo: number;
  seen: number;
  /** The last removal left many behind a job that is under way. */
  isPinned: boolean;
}

/** Removes acknowledged messages in bulk: one by one they cost as much as all the rest of a short job (decision 24). */
export class Trimmer {
  readonly #options: TrimmerOptions;
  readonly #progress = new Map<string, Progress>();
  readonly #schedule: Schedule;
  #detach: (() => void) | undefined;

  constructor(options: TrimmerOptions) {
    this.#options = options;
    this.#schedule = new Schedule({
      pauseMs: () => spread(CHECK_MS),
      run: () => this.#round(),
      onError: (err) => options.logger.debug({ err }, 'cannot remove acknowledged messages yet'),
    });
  }

  start(): void {
    this.#detach ??= answerAcknowledged(this.#options.broker, (...question) => this.#asked(...question));
    this.#schedule.start();
  }

  /** Removes what nobody else may come to remove, and ends. Where jobs wait still, whoever runs them removes the others too. */
  async stop(): Promise<void> {
    await this.#schedule.stop(() => this.#trim([...this.#options.sources()]));
    this.#detach?.();
  }

  /** Another worker is about to remove what is acknowledged of a consumer: this one leaves it to that one for a while. */
  #asked(kind: unknown, consumer: unknown, firstSeq: number): AcknowledgedSequences | undefined {
    for (const source of this.#options.sources()) {
      // Two streams may have a consumer of the same name each.
      if (source.kind !== kind || source.name !== consumer) continue;
      const { acknowledged } = source;
      acknowledged.forget(firstSeq - 1);
      const progress = this.#progressOf(source);
      const now = performance.now();
      if (now - progress.ownMs <= MOST_PUT_OFF_MS && acknowledged.size <= 2 * MANY) {
        progress.sinceMs = now;
        progress.leftoversAtMs = this.#nextLeftovers();
      }
      return acknowledged;
    }
    return undefined;
  }

  async #round(): Promise<void> {
    const removeSingly = () =>
      tryEach(this.#options.sources(), async (source) => {
        if (this.#progressOf(source).isPinned) await this.#removeSingly(source);
      });
    await tryEach([() => this.#trim(this.#due()), removeSingly], (step) => step());
  }

  async #removeSingly({ kind, acknowledged }: TrimSource): Promise<void> {
    const until = performance.now() + SINGLY.ms;
    let left = Math.ceil(acknowledged.size * SINGLY.share);
    await removeTaken(this.#options.broker, kind, lastTakenOf(acknowledged));
    for (; left > 0 && performance.now() < until && !this.#schedule.isStopped; left -= SINGLY.atOnce) {
      const seqs = acknowledged.shift(SINGLY.atOnce);
      await Promise.all(seqs.map((seq) => this.#options.broker.topology.deleteMessage(kind, seq)));
    }
  }

  #due(): TrimSource[] {
    return [...this.#options.sources()].filter((source) => {
      const { size } = source.acknowledged;
      const progress = this.#progressOf(source);
      const now = performance.now();
      const isDue = size === 0 ? now >= progress.leftoversAtMs : isPauseOver(progress, size, now);
      if (isDue) progress.leftoversAtMs = this.#nextLeftovers();
      return isDue;
    });
  }

  #nextLeftovers(): number {
    return performance.now() + spread(this.#options.leftoversMs ?? LEFTOVERS_MS);
  }

  #progressOf({ kind, name }: WorkConsumer): Progress {
    const key = `${kind} ${name}`;
    const now = performance.now();
    const none = { tookMs: 0, leftoversAtMs: 0, doneUpTo: 0, seen: 0, isPinned: false };
    const known = this.#progress.get(key) ?? { ...none, sinceMs: now, ownMs: now };
    this.#progress.set(key, known);
    return known;
  }

  async #trim(sources: readonly TrimSource[]): Promise<void> {
    const { topology } = this.#options.broker;
    await tryEach(new Set(sources.map((source) => source.kind)), async (kind) => {
      const infos = new Map((await topology.consumers(kind)).map((info) => [info.name, info]));
      await tryEach(sources, async (source) => {
        const info = source.kind === kind ? infos.get(source.name) : undefined;
        const othersGoOn = this.#schedule.isStopped && info !== undefined && info.num_pending > 0;
        if (info && !othersGoOn) await this.#trimSource(source, info);
      });
    });
  }

  async #trimSource(source: TrimSource, counts: ConsumerCounts): Promise<void> {
    const { acknowledged } = source;
    const progress = this.#progressOf(source);
    const bound = acknowledgedUpTo(counts);
    progress.ownMs = performance.now();
    // A consumer that was recreated begins below what is gone.
    if (bound <= progress.doneUpTo) acknowledged.forget(bound);
    else {
      const { broker } = this.#options;
      // Whoever stops has no time to ask again.
      const mayAskAgain = () => !this.#schedule.isStopped;
      const othersKnow = (firstSeq: number) => askAcknowledged(broker, source, firstSeq, mayAskAgain);
      const consumer = { ...source, known: settledOf(acknowledged), othersKnow };
      const { upTo, tookMs } = await removeAcknowledged(broker, consumer, bound);
      acknowledged.forget(upTo);
      progress.sinceMs = performance.now();
      progress.tookMs = tookMs;
      progress.doneUpTo = upTo;
      progress.seen = acknowledged.size;
    }
    progress.isPinned = acknowledged.size >= (this.#options.pinnedAt ?? PINNED);
  }
}

function isPauseOver(progress: Progress, size: number, now: number): boolean {
  const isIdle = size === progress.seen;
  progress.seen = size;
  const { factor, maxMs } = isIdle ? IDLE_PAUSE : BUSY_PAUSE;
  const pauseMs = Math.min(factor * progress.tookMs, maxMs);
  const mayWait = !isIdle && size < MANY;
  return now - progress.sinceMs >= (mayWait ? Math.max(pauseMs, BUSY_MS) : pauseMs);
}

function settledOf(acknowledged: AcknowledgedSequences): Settled {
  return { seqs: acknowledged.known(), lastTaken: lastTakenOf(acknowledged) };
}

function lastTakenOf({ lastTaken }: AcknowledgedSequences): number[] {
  return lastTaken > 0 ? [lastTaken] : [];
}
