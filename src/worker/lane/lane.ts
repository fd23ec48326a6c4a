import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import type { PullSource } from '../../broker/consume/pull-source.js';
import { assertAllowed, dangerIn } from '../../broker/topology/report.js';
import { atMost } from '../../jobs/deadline.js';
import { DEFAULT_WEIGHTS, type PriorityPolicy } from '../../jobs/priority-policy.js';
import { type JobPriority, PRIORITIES } from '../../jobs/vocabulary.js';
import type { WorkConsumer } from '../../queue/retention/acknowledged-messages.js';
import type { Logger } from '../../telemetry/logger.js';
import type { TrimSource } from '../../upkeep/trimmer.js';
import { AgingOrder } from './aging-order.js';
import { type LaneOrder, type OrderedSource, StrictOrder, WeightedOrder } from './lane-order.js';
import { HeldDeliveries, HOLD_MS, type Slot, Slots } from './slots.js';

export interface LaneOptions {
  broker: Broker;
  type: string;
  concurrency: number;
  priorities: PriorityPolicy;
  /** Handles one delivery, and gives its slot back. Never throws. */
  onDelivery: (delivery: Delivery, slot: Slot) => void;
  /** A consumer may hand out again what it has handed out before. */
  onRewound: () => void;
  logger: Logger;
}

const RECOVER_MS = 500;
/** How long a broker that is away may hold up a pause. */
const PAUSE_MS = 1_000;
/** Deliveries that a slot may have unanswered: one that is handled, the others being written. */
const MAX_UNANSWERED = 4;
/** And more for each step up in priority, so that outcomes of lower ones never keep a higher one from starting. */
const MAX_UNANSWERED_ABOVE = 0.25;
const LOWEST = PRIORITIES.length - 1;

interface Source extends WorkConsumer, OrderedSource {
  step: number;
  pull: PullSource;
  /** With so many deliveries unanswered no more of it are taken. */
  maxUnanswered: number;
}

/**
 * Feeds the slots of one job type. Strictly by priority, unless its policy says otherwise: a job starts only while a request of this lane waits at every
 * consumer of a higher priority, so that none of them has a job to hand out. To get there it asks from critical down, each
 * for as many messages as it has free slots, and leaves one request where there is nothing more. It never fetches ahead.
 *
 * When its slots are taken, or it is paused, it withdraws the requests. Where slots change hands quickly that costs more
 * than it gains: there they stay, and what arrives waits a moment for a slot. What still cannot start goes straight back.
 */
export class Lane {
  readonly slots: Slots;
  readonly #options: LaneOptions;
  /** Highest priority first. */
  readonly #sources: readonly Source[];
  readonly #held: HeldDeliveries<Source>;
  readonly #order: LaneOrder<Source>;
  /** Whose jobs may start although there may be some of a higher priority. */
  #granted: Source | undefined;
  #fullCheck: NodeJS.Timeout | undefined;
  #active = false;
  #looping: Promise<void> | undefined;
  #wake: () => void = () => {};
  #woken = false;
  #missing: string | undefined;
  #restoring: Promise<void> | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { broker, type, concurrency } = options;
    this.slots = new Slots(concurrency, () => this.#onChange());
    this.#sources = PRIORITIES.flatMap((priority, step) =>
      broker.subjects.workKindsFor(type).map((kind) => {
        const subjects = broker.subjects.consumerFor(kind, priority, type);
        const pull = broker.pull({
          stream: broker.subjects.streamName(kind),
          consumer: subjects.name,
          onDelivery: (delivery) => this.#receive(delivery, source),
          onWaitEnd: () => this.#signal(),
          onRewound: options.onRewound,
          onMissing: (reason) => {
            this.#missing = reason;
          },
        });
        const source: Source = {
          kind,
          ...subjects,
          step,
          maxUnanswered: concurrency * (MAX_UNANSWERED + (LOWEST - step) * MAX_UNANSWERED_ABOVE),
          pull,
          get isWaiting() {
            return pull.isWaiting;
          },
          get mayHaveMore() {
            return pull.mayHaveMore;
          },
        };
        return source;
      }),
    );
    this.#order = orderOf(options, this.#sources);
    this.#held = new HeldDeliveries(this.#order);
  }

  get load(): { type: string; concurrency: number; running: number } {
    const { type, concurrency } = this.#options;
    return { type, concurrency, running: this.slots.taken };
  }

  /** About how many jobs of the type are queued. */
  get queued(): number {
    return this.#sources.reduce((sum, { pull }) => sum + pull.pending, 0);
  }

  get trimSources(): TrimSource[] {
    return this.#sources.map(({ pull, ...consumer }) => ({ ...consumer, acknowledged: pull.acknowledged }));
  }

  start(): void {
    this.#active = true;
    this.#looping ??= this.#loop().finally(() => {
      this.#looping = undefined;
    });
  }

  /** Takes nothing more; what arrives goes back. Resolves when nothing more arrives, or after a second. */
  async pause(): Promise<void> {
    this.#active = false;
    this.#withdraw();
    this.#signal();
    await atMost(PAUSE_MS, Promise.all([this.#looping, ...this.#sources.map(({ pull }) => pull.quiet())]));
  }

  /** Asks again at once, as after a reconnect, when the server has forgotten what waited. */
  reset(): void {
    for (const { pull } of this.#sources) pull.reset();
    this.#signal();
  }

  async close(): Promise<void> {
    this.#active = false;
    this.#withdraw();
    this.#signal();
    await Promise.all(this.#sources.map(({ pull }) => pull.close()));
    await this.#looping;
  }

  async #loop(): Promise<void> {
    let isFailing = false;
    while (this.#active) {
      try {
        await this.#turn();
        isFailing = false;
      } catch (err) {
        const { logger, type } = this.#options;
        if (!isFailing) logger.error({ err, type }, 'cannot ask for jobs; trying again until it works');
        isFailing = true;
        await setTimeout(RECOVER_MS, undefined, { ref: false });
      }
    }
  }

  async #turn(): Promise<void> {
    if (this.#missing !== undefined) await this.#recover(this.#missing);
    else if (!this.#hasRoom) {
      this.#whileFull();
      await this.#sleep();
    } else if ((await this.#askAll()) === 0 && this.#mayAsk) await this.#sleep();
  }

  get #mayAsk(): boolean {
    return this.#active && this.#missing === undefined;
  }

  get #hasRoom(): boolean {
    return this.#sources.some((source) => this.slots.freeFor(source.maxUnanswered) > 0);
  }

  get #freeSlots(): number {
    return Math.max(...this.#sources.map(({ maxUnanswered }) => this.slots.freeFor(maxUnanswered)));
  }

  /** Nothing of a higher priority waits to start, as far as one round trip can show. */
  #mayStart(source: Source): boolean {
    if (this.slots.freeFor(source.maxUnanswered) <= 0) return false;
    if (source === this.#granted) return true;
    for (const { step, pull } of this.#sources) {
      if (step >= source.step) return true;
      if (!pull.isWaiting) return false;
    }
    return true;
  }

  async #askAll(): Promise<number> {
    let got = 0;
    // Slots that come free in the same turn of the event loop are filled by one request.
    await setImmediate();
    for (const { source, most, isGranted, isAlone } of await this.#order.turns(this.#freeSlots)) {
      const { pull } = source;
      this.#startHeld();
      const free = this.slots.freeFor(source.maxUnanswered);
      // Behind a higher priority that is held up, a lower one must wait too.
      if (!this.#mayAsk || free <= 0) break;
      if (pull.isWaiting) continue;
      const asked = Math.min(free, most);
      this.#granted = isGranted ? source : undefined;
      const taken = pull.mayHaveMore ? await pull.take(asked) : 0;
      this.#granted = undefined;
      got += taken;
      if (!this.#mayAsk || (isAlone && taken > 0)) break;
      if (taken === asked && pull.mayHaveMore) {
        if (asked === free) break;
        continue;
      }
      pull.wait();
    }
    this.#startHeld();
    return got;
  }

  /** Where slots change hands quickly, the lane stays aware of the consumers that were empty; else it lets go of all. */
  #whileFull(): void {
    if (!this.slots.isQuick) {
      this.#withdraw();
      return;
    }
    for (const { pull } of this.#sources) if (!pull.mayHaveMore) pull.wait();
    this.#fullCheck ??= globalThis.setTimeout(() => {
      this.#fullCheck = undefined;
      this.#signal();
    }, HOLD_MS);
  }

  /** Nothing is to arrive, and nothing that has is kept. */
  #withdraw(): void {
    this.#held.handBack();
    for (const { pull } of this.#sources) pull.withdraw();
  }

  #receive(delivery: Delivery, source: Source): void {
    this.#order.onReceived(source, delivery);
    const mayHold = this.slots.freeFor(source.maxUnanswered) > 0 || this.slots.isQuick;
    if (this.#active && (this.#mayStart(source) || this.#passes(source, delivery))) {
      this.#handle(delivery);
      return;
    }
    // It may not be the only one that waits there.
    source.pull.doubt();
    if (this.#active && mayHold) {
      this.#held.hold(delivery, source);
      this.#signal();
    } else delivery.nak();
  }

  #passes(source: Source, delivery: Delivery): boolean {
    return this.slots.freeFor(source.maxUnanswered) > 0 && this.#order.passes(source, delivery);
  }

  #handle(delivery: Delivery): void {
    this.#options.onDelivery(delivery, this.slots.take());
    if (this.slots.taken >= this.#options.concurrency && !this.slots.isQuick) this.#withdraw();
    this.#signal();
  }

  #onChange(): void {
    this.#startHeld();
    this.#signal();
  }

  #startHeld(): void {
    const mayStart = (source: Source, delivery: Delivery) =>
      this.#mayStart(source) || this.#passes(source, delivery);
    for (let next = this.#held.take(mayStart); next; next = this.#held.take(mayStart)) this.#handle(next);
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

  /** What is missing is recreated aside from the pulls: a request to a stream without a leader takes seconds to fail. */
  async #recover(reason: string): Promise<void> {
    this.#missing = undefined;
    this.#restoring ??= this.#restore(reason).finally(() => {
      this.#restoring = undefined;
    });
    globalThis.setTimeout(() => this.#signal(), RECOVER_MS);
    await this.#sleep();
  }

  async #restore(reason: string): Promise<void> {
    const { broker, type, logger } = this.#options;
    logger.warn({ type, reason }, 'consumer does not answer; checking streams and consumers');
    try {
      const report = await broker.topology.ensure([type]);
      const { created } = report;
      if (created.length > 0) this.#options.onRewound();
      if (created.length > 0) logger.warn({ type, created }, 'created what was missing');
      const drift = dangerIn(report);
      if (drift) logger.error({ err: drift, type }, 'jobs cannot be taken, or are not safe');
      assertAllowed(report);
    } catch (error) {
      logger.error({ err: error, type }, 'cannot restore the consumer; trying again');
    }
  }
}

function orderOf({ broker, priorities }: LaneOptions, sources: readonly Source[]): LaneOrder<Source> {
  if (priorities === 'strict') return new StrictOrder(sources);
  if ('weighted' in priorities) {
    const weights = { ...DEFAULT_WEIGHTS, ...priorities.weighted };
    return new WeightedOrder(sources, ({ step }) => weights[PRIORITIES[step] as JobPriority]);
  }
  const { maxWaitMs } = priorities.aging;
  return new AgingOrder(sources, {
    maxWaitMs,
    now: () => broker.clock.now(),
    oldest: (source) => oldestAt(broker, source),
  });
}

/** When the oldest job was stored that a consumer has not handed out yet. */
async function oldestAt(broker: Broker, { kind, name, filter }: Source): Promise<number | undefined> {
  const info = await broker.topology.consumer(kind, name);
  if (!info || info.num_pending === 0) return undefined;
  const stream = broker.subjects.streamName(kind);
  return (await broker.read.next(stream, filter, info.delivered.stream_seq + 1))?.timeMs;
}
