import { setImmediate } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import type { Delivery } from '../broker/delivery.js';
import type { PullSource } from '../broker/pull-source.js';
import { PRIORITIES } from '../jobs/vocabulary.js';
import type { WorkConsumer } from '../queue/settled-messages.js';
import type { Logger } from '../telemetry/logger.js';
import { workKindsFor } from '../wire/subjects.js';
import type { DeliveryProgress } from './delivery-progress.js';
import { HeldDeliveries, HOLD_MS } from './held-deliveries.js';
import type { TrimSource } from './trimmer.js';

export interface LaneOptions {
  broker: Broker;
  type: string;
  concurrency: number;
  /** Handles one delivery, and tells how far it is. Never throws. */
  onDelivery: (delivery: Delivery, progress: DeliveryProgress) => void;
  /** A consumer hands out anew what it may have handed out before. */
  onRewound: () => void;
  logger: Logger;
}

const RECOVER_MS = 500;
/** Jobs that a slot may have under way: one that is handled, the others being written. */
const MAX_UNSETTLED = 4;
/** And more for each step up in priority, so that outcomes of lower ones never keep a higher one from starting. */
const MAX_UNSETTLED_ABOVE = 0.25;
const LOWEST = PRIORITIES.length - 1;

interface Source extends WorkConsumer {
  pull: PullSource;
  /** Jobs under way from which on no more of it are taken. */
  maxRunning: number;
}

/**
 * Feeds the slots of one job type. It asks for as many messages as it has free slots, critical first, and goes down
 * a priority only when the one above is empty; with nothing there it leaves one request at each consumer. It never
 * fetches ahead, and what arrives beyond its slots goes straight back for another worker.
 *
 * Where slots change hands quickly it saves round trips: a request stays at each consumer that is empty, as far as its
 * last delivery told, and that consumer is not asked again before it is served; what arrives beyond the slots waits a
 * moment for one. A job of higher priority that comes in the same moment as a slot may miss it then, and gets the next.
 */
export class Lane {
  readonly #options: LaneOptions;
  /** Highest priority first. */
  readonly #sources: readonly Source[];
  readonly #held = new HeldDeliveries<Source>();
  /** Jobs that are not settled. */
  #running = 0;
  #onIdle: (() => void)[] = [];
  /** Jobs whose handlers have not ended. */
  #handling = 0;
  #slotFreedAt = Number.NEGATIVE_INFINITY;
  /** Between the last two slots that came free, ms. */
  #turnoverMs = Number.POSITIVE_INFINITY;
  #active = false;
  #looping: Promise<void> | undefined;
  #wake: () => void = () => {};
  #woken = false;
  #missing: string | undefined;
  #restoring: Promise<void> | undefined;
  readonly #slots: SlotCounter = {
    freed: () => this.#onFreed(),
    settled: () => this.#onSettled(),
  };

  constructor(options: LaneOptions) {
    this.#options = options;
    const { broker, type } = options;
    this.#sources = PRIORITIES.flatMap((priority, step) =>
      workKindsFor(type).flatMap((kind) =>
        broker.subjects.consumersFor(kind, priority, type).map((subjects) => {
          const source: Source = {
            kind,
            ...subjects,
            maxRunning: options.concurrency * (MAX_UNSETTLED + (LOWEST - step) * MAX_UNSETTLED_ABOVE),
            pull: broker.pull({
              stream: broker.subjects.streamName(kind),
              consumer: subjects.name,
              onDelivery: (delivery) => this.#receive(delivery, source),
              onWaitEnd: () => this.#signal(),
              onRoom: () => this.#signal(),
              onRewound: options.onRewound,
              onMissing: (reason) => {
                this.#missing = reason;
              },
            }),
          };
          return source;
        }),
      ),
    );
  }

  /** Its type, its slots, and how many of them are taken. */
  get load(): { type: string; concurrency: number; running: number } {
    const { type, concurrency } = this.#options;
    return { type, concurrency, running: this.#handling };
  }

  /** Its consumers, and what it has acknowledged of each. */
  get trimSources(): TrimSource[] {
    return this.#sources.map(({ kind, name, filter, subject, removal, pull }) => ({
      kind,
      name,
      filter,
      subject,
      removal,
      settled: pull.settled,
    }));
  }

  /** Resolves when no delivery is under way. */
  async idle(): Promise<void> {
    while (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  start(): void {
    this.#active = true;
    this.#looping ??= this.#loop().finally(() => {
      this.#looping = undefined;
    });
  }

  /** Takes nothing more; what arrives goes back. */
  async pause(): Promise<void> {
    this.#active = false;
    this.#held.handBack();
    this.#signal();
    await this.#looping;
  }

  /** Asks again at once, as after a reconnect, when the server has forgotten what waited. */
  reset(): void {
    for (const { pull } of this.#sources) pull.reset();
    this.#signal();
  }

  async close(): Promise<void> {
    this.#active = false;
    this.#held.handBack();
    this.#signal();
    await Promise.all(this.#sources.map(({ pull }) => pull.close()));
    await this.#looping;
  }

  /** Handlers are at most as many as the slots; a few times as many outcomes may be on their way to the broker. */
  #freeFor({ maxRunning }: Source): number {
    return Math.min(this.#options.concurrency - this.#handling, Math.ceil(maxRunning - this.#running));
  }

  async #loop(): Promise<void> {
    while (this.#active) {
      if (this.#missing !== undefined) await this.#recover(this.#missing);
      else if (!this.#sources.some((source) => this.#freeFor(source) > 0)) await this.#sleep();
      else if ((await this.#takeAll()) === 0 && this.#mayAsk) {
        this.#waitForAny();
        await this.#sleep();
      }
    }
  }

  get #mayAsk(): boolean {
    return this.#active && this.#missing === undefined;
  }

  #waitForAny(): void {
    for (const { pull } of this.#sources) {
      if (pull.isFull) return;
      pull.wait();
    }
  }

  /** One round over the priorities, highest first. */
  async #takeAll(): Promise<number> {
    let got = 0;
    // Slots that come free in the same turn of the event loop are filled by one request.
    await setImmediate();
    const isQuick = this.#turnoverMs < HOLD_MS;
    const maySkip = isQuick || this.#handling * 2 < this.#options.concurrency;
    for (const source of this.#sources) {
      const { pull } = source;
      const free = this.#freeFor(source);
      // Behind a higher priority that is held up, a lower one must wait too.
      if (!this.#mayAsk || free <= 0 || pull.isFull) break;
      if (maySkip && pull.isWaiting) continue;
      if (isQuick && !pull.mayHaveMore) {
        pull.wait();
        continue;
      }
      const taken = await pull.take(free);
      got += taken;
      if (isQuick && taken < free && this.#mayAsk) pull.wait();
    }
    return got;
  }

  #receive(delivery: Delivery, source: Source): void {
    if (this.#active && this.#freeFor(source) > 0) this.#handle(delivery);
    else if (this.#active && performance.now() - this.#slotFreedAt < HOLD_MS)
      this.#held.hold(delivery, source);
    else delivery.nak();
  }

  #handle(delivery: Delivery): void {
    this.#handling++;
    this.#running++;
    this.#options.onDelivery(delivery, new SlotProgress(this.#slots));
    this.#signal();
  }

  #onFreed(): void {
    this.#handling--;
    const now = performance.now();
    this.#turnoverMs = now - this.#slotFreedAt;
    this.#slotFreedAt = now;
    this.#handleHeld();
    this.#signal();
  }

  #onSettled(): void {
    this.#running--;
    this.#handleHeld();
    this.#signal();
    if (this.#running === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #handleHeld(): void {
    const isFree = (source: Source) => this.#freeFor(source) > 0;
    for (let next = this.#held.take(isFree); next; next = this.#held.take(isFree)) this.#handle(next);
  }

  #signal(): void {
    this.#woken = true;
    this.#wake();
  }

  #sleep(): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#woken = false;
        this.#wake = () => {};
        resolve();
      };
    });
  }

  /**
   * Somebody deleted the consumer or its stream, or no leader answers. What is missing is made again aside from the
   * pulls: a request to a stream without a leader takes seconds to fail, and the leader may be there long before.
   */
  async #recover(reason: string): Promise<void> {
    this.#missing = undefined;
    this.#restoring ??= this.#restore(reason).finally(() => {
      this.#restoring = undefined;
    });
    setTimeout(() => this.#signal(), RECOVER_MS);
    await this.#sleep();
  }

  async #restore(reason: string): Promise<void> {
    const { broker, type, logger } = this.#options;
    logger.warn({ type, reason }, 'consumer does not answer; checking streams and consumers');
    try {
      const { created } = await broker.topology.ensure([type]);
      if (created.length > 0) this.#options.onRewound();
      if (created.length > 0) logger.warn({ type, created }, 'created what was missing');
    } catch (error) {
      logger.error({ err: error, type }, 'cannot restore the consumer; trying again');
    }
  }
}

interface SlotCounter {
  freed(): void;
  settled(): void;
}

/** A delivery in a slot of its lane. */
class SlotProgress implements DeliveryProgress {
  readonly #slots: SlotCounter;
  #hasSlot = true;

  constructor(slots: SlotCounter) {
    this.#slots = slots;
  }

  handled(): void {
    if (!this.#hasSlot) return;
    this.#hasSlot = false;
    this.#slots.freed();
  }

  settled(): void {
    this.handled();
    this.#slots.settled();
  }
}
