import { AtOnce } from '../../broker/at-once.js';
import type { Broker } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import type { PullSource, WaitPace } from '../../broker/consume/pull-source.js';
import { generateJobId } from '../../jobs/job-id.js';
import type { Logger } from '../../telemetry/logger.js';

export interface FirstJobsOptions {
  broker: Broker;
  /** The types whose jobs are awaited. */
  types: () => readonly string[];
  /** Takes the jobs of a type from now on: then it is not awaited any more. */
  open: (type: string) => Promise<void>;
  logger: Logger;
}

/** A server with the consumer that dies takes it along, which is heard after five seconds. */
const PACE: WaitPace = { expiresMs: 30_000, idleHeartbeatMs: 2_000 };
const RECOVER_MS = 500;

/**
 * Hears of the first job of each type that most namespaces never have, so that a worker neither makes nor asks the four consumers of such
 * a type before. A consumer of this worker alone hands out the headers of what JOBS holds of these types, from its beginning on: whatever is stored is
 * heard, at once, and again from a new consumer where the old one is lost. It is asked for one message; then the type is opened, and the next
 * consumer is without it.
 */
export class FirstJobs {
  readonly #options: FirstJobsOptions;
  #source: PullSource | undefined;
  #again: NodeJS.Timeout | undefined;
  readonly #turns = new AtOnce(1);
  #isFailing = false;
  #isOver = false;

  constructor(options: FirstJobsOptions) {
    this.#options = options;
  }

  /** Begins, or begins again: after a reconnect, and when other types are awaited. Never rejects. */
  listen(): Promise<void> {
    return this.#turns.run(() => this.#listen());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#drop();
  }

  async #listen(): Promise<void> {
    void this.#drop();
    const { broker, types } = this.#options;
    const awaited = types();
    if (this.#isOver || awaited.length === 0) return;
    try {
      const consumer = `first-${generateJobId()}`;
      await broker.topology.addFirstJobsConsumer(consumer, awaited);
      if (!this.#isOver) this.#ask(consumer);
      this.#isFailing = false;
    } catch (err) {
      this.#fail(err, 'cannot hear of first jobs', { types: awaited });
    }
  }

  #ask(consumer: string): void {
    const { broker } = this.#options;
    const source = broker.pull({
      stream: broker.subjects.streamName('jobs'),
      consumer,
      pace: PACE,
      onDelivery: (delivery) => void this.#hear(delivery),
      // A delivery ends a wait as well, and comes right after this.
      onWaitEnd: () => queueMicrotask(() => this.#source === source && this.#wait(source)),
      onRewound: () => {},
      onMissing: () => this.#listenLater(),
    });
    this.#source = source;
    this.#wait(source);
  }

  #wait(source: PullSource): void {
    try {
      source.wait();
    } catch {
      // The connection has ended, and with it the worker.
      void this.#drop();
    }
  }

  async #hear({ subject }: Delivery): Promise<void> {
    void this.#drop();
    const { broker, types, open } = this.#options;
    const type = broker.subjects.parseWork(subject)?.type;
    try {
      if (type === undefined || !types().includes(type)) throw new Error(`nobody awaits ${subject}`);
      await open(type);
      await this.listen();
    } catch (err) {
      this.#fail(err, 'cannot take the first job of its type', { subject });
    }
  }

  #fail(err: unknown, what: string, about: object): void {
    if (this.#isOver) return;
    if (!this.#isFailing)
      this.#options.logger.error({ err, ...about }, `${what}; trying again until it works`);
    this.#isFailing = true;
    this.#listenLater();
  }

  #listenLater(): void {
    void this.#drop();
    if (!this.#isOver) this.#again = setTimeout(() => void this.listen(), RECOVER_MS).unref();
  }

  async #drop(): Promise<void> {
    clearTimeout(this.#again);
    const source = this.#source;
    this.#source = undefined;
    await source?.close();
  }
}
