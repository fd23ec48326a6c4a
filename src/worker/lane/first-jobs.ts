import { AtOnce } from '../../broker/at-once.js';
import type { Broker } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import type { PullSource, WaitPace } from '../../broker/consume/pull-source.js';
import type { JobDefinition } from '../../jobs/define-job.js';
import { generateJobId } from '../../jobs/job-id.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { runFlowJob } from '../../queue/flows/flow-job.js';
import type { Logger } from '../../telemetry/logger.js';
import type { RegisteredHandler } from '../job-handler.js';
import { flowHandler } from '../waiting/flow-handler.js';
import type { Lanes } from './lanes.js';

export interface FirstJobsOptions {
  broker: Broker;
  lanes: Lanes;
  known: KnownJobs;
  /** Takes the jobs of a handler from now on: then its type is not awaited any more. */
  open: (handler: RegisteredHandler) => Promise<void>;
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

  /** Each worker runs flows, unless its own handler does. */
  get #awaited(): string[] {
    const { lanes } = this.#options;
    const awaited = lanes.awaited.map(({ type }) => type);
    return lanes.handlers.has(runFlowJob.type) ? awaited : [...awaited, runFlowJob.type];
  }

  #handlerOf(type: string): RegisteredHandler {
    const { lanes, known } = this.#options;
    const handler = lanes.handlers.get(type);
    if (handler) return handler;
    known.add(runFlowJob as JobDefinition);
    const made = flowHandler(known);
    lanes.handlers.set(type, made);
    return made;
  }

  async #listen(): Promise<void> {
    void this.#drop();
    const { broker } = this.#options;
    const awaited = this.#awaited;
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
    const { broker, open } = this.#options;
    const type = broker.subjects.parseWork(subject)?.type;
    try {
      if (type === undefined || !this.#awaited.includes(type)) throw new Error(`nobody awaits ${subject}`);
      await open(this.#handlerOf(type));
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
