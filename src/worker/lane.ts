import { setImmediate } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import type { Delivery } from '../broker/delivery.js';
import type { PullSource } from '../broker/pull-source.js';
import { PRIORITIES } from '../jobs/vocabulary.js';
import type { Logger } from '../telemetry/logger.js';
import { workKindsFor } from '../wire/subjects.js';

export interface LaneOptions {
  broker: Broker;
  type: string;
  concurrency: number;
  /**
   * Handles one delivery; resolves when all is written, and never rejects. `freeSlot` says that the handler has ended:
   * its outcome is written while another job has its slot.
   */
  onDelivery: (delivery: Delivery, freeSlot: () => void) => Promise<void>;
  logger: Logger;
}

const RECOVER_MS = 500;
/** Jobs that a slot may have under way: one that is handled, the others being written. */
const MAX_UNSETTLED = 4;
/** Jobs without an id are rare: while others keep the worker busy, it asks for them no more often than this. */
const BARE_PAUSE_MS = 20;

/**
 * Feeds the slots of one job type. It asks for as many messages as it has free slots, critical first, and goes down
 * a priority only when the one above is empty; with nothing there it leaves one request at each consumer. It never
 * fetches ahead, and what arrives beyond its slots goes straight back for another worker.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #sources: { source: PullSource; isBare: boolean; emptyAt: number }[];
  readonly #running = new Set<Promise<void>>();
  /** Jobs whose handlers have not ended. */
  #handling = 0;
  #active = false;
  #looping: Promise<void> | undefined;
  #wake: () => void = () => {};
  #woken = false;
  #missing: string | undefined;
  #restoring: Promise<void> | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { broker, type } = options;
    this.#sources = PRIORITIES.flatMap((priority) =>
      workKindsFor(type).flatMap((kind) =>
        broker.subjects.consumersFor(kind, priority, type).map(({ name, isBare }) => ({
          isBare,
          emptyAt: Number.NEGATIVE_INFINITY,
          source: broker.pull({
            stream: broker.subjects.streamName(kind),
            consumer: name,
            onDelivery: (delivery) => this.#receive(delivery),
            onWaitEnd: () => this.#signal(),
            onRoom: () => this.#signal(),
            onMissing: (reason) => {
              this.#missing = reason;
            },
          }),
        })),
      ),
    );
  }

  /** Its type, its slots, and how many of them are taken. */
  get load(): { type: string; concurrency: number; running: number } {
    const { type, concurrency } = this.#options;
    return { type, concurrency, running: this.#handling };
  }

  /** Resolves when no delivery is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
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
    this.#signal();
    await this.#looping;
  }

  /** Asks again at once, as after a reconnect, when the server has forgotten what waited. */
  reset(): void {
    for (const { source } of this.#sources) source.reset();
    this.#signal();
  }

  async close(): Promise<void> {
    this.#active = false;
    this.#signal();
    await Promise.all(this.#sources.map(({ source }) => source.close()));
    await this.#looping;
  }

  /** Handlers are at most as many as the slots; a few times as many outcomes may be on their way to the broker. */
  get #free(): number {
    const { concurrency } = this.#options;
    return Math.min(concurrency - this.#handling, MAX_UNSETTLED * concurrency - this.#running.size);
  }

  async #loop(): Promise<void> {
    while (this.#active) {
      if (this.#missing !== undefined) await this.#recover(this.#missing);
      else if (this.#free <= 0) await this.#sleep();
      else if ((await this.#takeAll()) === 0 && this.#active && this.#missing === undefined) {
        this.#waitForAny();
        await this.#sleep();
      }
    }
  }

  #waitForAny(): void {
    for (const { source } of this.#sources) {
      if (source.isFull) return;
      source.wait();
    }
  }

  /** One round over the priorities, highest first. */
  async #takeAll(): Promise<number> {
    let got = 0;
    // Slots that come free in the same turn of the event loop are filled by one request.
    await setImmediate();
    for (const each of this.#sources) {
      // Behind a higher priority that is held up, a lower one must wait too.
      if (!this.#active || this.#free <= 0 || each.source.isFull) break;
      if (each.isBare && performance.now() - each.emptyAt < BARE_PAUSE_MS) continue;
      const taken = await each.source.take(this.#free);
      if (taken === 0) each.emptyAt = performance.now();
      got += taken;
    }
    return got;
  }

  #receive(delivery: Delivery): void {
    if (!this.#active || this.#free <= 0) {
      delivery.nak();
      return;
    }
    this.#handling++;
    let hasSlot = true;
    const freeSlot = () => {
      if (hasSlot) this.#handling--;
      hasSlot = false;
      this.#signal();
    };
    const running = this.#options.onDelivery(delivery, freeSlot).finally(() => {
      this.#running.delete(running);
      freeSlot();
    });
    this.#running.add(running);
    this.#signal();
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
      if (created.length > 0) logger.warn({ type, created }, 'created what was missing');
    } catch (error) {
      logger.error({ err: error, type }, 'cannot restore the consumer; trying again');
    }
  }
}
