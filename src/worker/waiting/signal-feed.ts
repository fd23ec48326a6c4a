import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import type { PullSource } from '../../broker/consume/pull-source.js';
import { WAKE_CONSUMER } from '../../broker/signal-store.js';
import { readSignal } from '../../jobs/signals.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { wakeFor } from '../../queue/waiting/wake.js';
import type { Logger } from '../../telemetry/logger.js';
import { parseSignal, signalFilter } from '../../wire/signal-subjects.js';
import type { OnFailpoint } from '../worker-services.js';

/** Signals that one worker asks for at once. */
const BATCH = 100;
/** What the broker did not do may go well later. */
const NAK_MS = 500;
const MAX_NAK_MS = 30_000;
/** Of a broker that cannot be asked. */
const RECOVER_MS = 1_000;

/**
 * Hears of the signals to jobs, and wakes the jobs that wait for them. The workers of a fleet share the durable consumer `wake` of SIGNALS:
 * each signal is handed to one of them, again where that one dies, and to the next one that starts where none lives.
 *
 * It begins with the first signal of the namespace: a worker asks once whether SIGNALS exists, and else hears of a signal by a
 * plain subscription.
 */
export class SignalFeed {
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #onFailpoint: OnFailpoint | undefined;
  #source: PullSource | undefined;
  #looping: Promise<void> | undefined;
  #isActive = false;
  /** Its stream or its consumer was deleted. */
  #isMissing = false;
  readonly #underWay = new Set<Promise<void>>();
  readonly #detach: (() => void)[] = [];
  #onWaitEnd: () => void = () => {};

  constructor(broker: Broker, logger: Logger, onFailpoint?: OnFailpoint) {
    this.#broker = broker;
    this.#logger = logger;
    this.#onFailpoint = onFailpoint;
  }

  async start(): Promise<void> {
    const { signals, subjects, notices } = this.#broker;
    this.#isActive = true;
    if (this.#detach.length === 0) {
      this.#detach.push(
        signals.stream.onOpened(() => this.#begin()),
        // Only that there is one: what it says comes from the stream.
        notices.hear(signalFilter(subjects), () => this.#begin()),
      );
    }
    await this.#beginIfUsed();
  }

  async #beginIfUsed(): Promise<void> {
    try {
      if (await this.#broker.signals.exists()) this.#begin();
    } catch (err) {
      this.#logger.warn({ err }, 'cannot see whether there are signals; the first one that comes will tell');
    }
  }

  /** After a reconnect: the server has forgotten what waited there, and a first signal may have been missed. */
  async reset(): Promise<void> {
    this.#source?.reset();
    if (this.#isActive && !this.#looping) await this.#beginIfUsed();
  }

  /** Takes no more signals; resolves when those that it has taken are dealt with. */
  async stop(): Promise<void> {
    this.#isActive = false;
    for (const detach of this.#detach.splice(0)) detach();
    await this.#source?.close();
    this.#onWaitEnd();
    await this.#looping;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #begin(): void {
    if (!this.#isActive) return;
    this.#looping ??= this.#loop().finally(() => {
      this.#looping = undefined;
    });
  }

  async #loop(): Promise<void> {
    while (this.#isActive) {
      try {
        this.#source ??= await this.#open();
        await this.#turn(this.#source);
        if (this.#isMissing) await this.#broker.signals.openConsumer();
        this.#isMissing = false;
      } catch (err) {
        if (!this.#isActive || this.#broker.notices.isClosed) return;
        this.#logger.warn({ err }, 'cannot ask for signals; trying again until it works');
        await delay(RECOVER_MS, undefined, { ref: false });
      }
    }
  }

  /** A request for one signal waits at the server; once one has come, the others that are there are asked for. */
  async #turn(source: PullSource): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#onWaitEnd = resolve;
    });
    source.wait();
    await ended;
    while (this.#isActive && source.mayHaveMore && (await source.take(BATCH)) > 0)
      while (this.#underWay.size > BATCH) await Promise.race(this.#underWay);
    // Messages are removed with their jobs, not by what was acknowledged.
    source.acknowledged.forget(Number.POSITIVE_INFINITY);
  }

  async #open(): Promise<PullSource> {
    const { subjects, signals } = this.#broker;
    await signals.openConsumer();
    return this.#broker.pull({
      stream: subjects.streamName('signals'),
      consumer: WAKE_CONSUMER,
      onDelivery: (delivery) => this.#take(delivery),
      onWaitEnd: () => this.#onWaitEnd(),
      onRewound: () => {},
      onMissing: () => {
        signals.stream.doubt();
        this.#isMissing = true;
      },
    });
  }

  #take(delivery: Delivery): void {
    const work = this.#handle(delivery).catch((err) => {
      const { subject, seq, deliveryCount } = delivery;
      this.#logger.warn({ err, subject, seq }, 'cannot pass a signal on; it comes again');
      delivery.nak(Math.min(NAK_MS * deliveryCount, MAX_NAK_MS));
    });
    const done = work.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** A job that does not wait finds the signal when it comes to its wait. */
  async #handle(delivery: Delivery): Promise<void> {
    const { subjects, signals } = this.#broker;
    const { subject, seq, data } = delivery;
    await this.#onFailpoint?.('signal.delivered', subject);
    const signal = parseSignal(subjects, subject);
    if (!signal || !readSignal(data)) {
      this.#logger.warn({ subject, seq, bytes: data.length }, 'a signal that no job can be given is removed');
      await signals.remove(seq);
    } else {
      const { jobId, name } = signal;
      const hasCome = (awaited: { name: string; after: number }) =>
        awaited.name === name && seq > awaited.after;
      const job = await wakeFor(this.#broker, jobId, (waitsFor) => waitsFor.signals?.some(hasCome) ?? false);
      if (job && isTerminal(job.status)) await signals.remove(seq);
    }
    await this.#onFailpoint?.('signal.passed-on', subject);
    delivery.ack();
  }
}
