import type { Broker } from '../../broker/broker.js';
import { assertAllowed, assertSafe } from '../../broker/topology/report.js';
import { defined } from '../../jobs/defined.js';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { encodeRetention, type Retention } from '../../jobs/retention.js';
import type { Logger } from '../../telemetry/logger.js';
import type { TrimSource } from '../../upkeep/trimmer.js';
import type { WorkerInfo } from '../../wire/inspection.js';
import type { HandlerOverrides, RegisteredHandler } from '../job-handler.js';
import type { Lane } from './lane.js';

export interface LanesOptions {
  broker: () => Promise<Broker>;
  make: (handler: RegisteredHandler) => Lane;
  /** Whether a lane that has just been opened takes jobs at once. */
  mayStart: () => boolean;
  /** Consumers were created for some of these types. */
  onConsumersMade: (types: readonly string[]) => Promise<void>;
  /** What is kept of types that do not say so. */
  retention?: Retention;
  logger: Logger;
}

/** The lanes of a worker, one for each type that it handles, with their consumers. */
export class Lanes {
  /** By type, also those that are not open. */
  readonly handlers = new Map<string, RegisteredHandler>();
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();
  /** From the moment on when a type is taken. */
  readonly #opening = new Map<string, Promise<void>>();

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` where jobs of its type are taken already */
  assertClosed({ type }: RegisteredHandler): void {
    if (!this.#opening.has(type)) return;
    throw invalidOption(`a handler of ${type} runs already; register before start`);
  }

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` for a type that has no handler: what is said of it would be ignored */
  assertHandled(overrides: HandlerOverrides): void {
    for (const name of ['concurrency', 'retry', 'priorities'] as const) {
      const type = Object.keys(overrides[name] ?? {}).find((each) => !this.handlers.has(each));
      if (type === undefined) continue;
      throw invalidOption(
        `${name} names ${excerptOf(type)}, which this worker does not handle; it handles ${[...this.handlers.keys()].join(', ') || 'nothing'}`,
      );
    }
  }

  get loads(): WorkerInfo['lanes'] {
    const awaited = this.awaited.map(({ type, concurrency }) => ({ type, concurrency, running: 0 }));
    return [...[...this.#lanes.values()].map(({ load }) => load), ...awaited];
  }

  /** Those that a start opens, and that are open then: all but those whose first job has not come. */
  get wanted(): RegisteredHandler[] {
    return [...this.handlers.values()].filter(({ type, isSeldom }) => !isSeldom || this.#opening.has(type));
  }

  /** Those whose jobs are taken from the first one on, which has not come. */
  get awaited(): RegisteredHandler[] {
    return [...this.handlers.values()].filter(({ type, isSeldom }) => isSeldom && !this.#opening.has(type));
  }

  get trimSources(): TrimSource[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.trimSources);
  }

  /**
   * @returns the types that cannot start
   * @throws BrokerError `JETFLEET_CONSUMER_LIMIT` when none can
   */
  async ensure(types: readonly string[]): Promise<string[]> {
    const { broker, onConsumersMade, logger } = this.#options;
    const { topology } = await broker();
    const report = await topology.ensure([...types]);
    assertSafe(report, logger);
    if (report.created.some((target) => target.startsWith('consumer'))) await onConsumersMade(types);
    const { refusedTypes } = report;
    try {
      assertAllowed(report);
    } catch (err) {
      if (refusedTypes.length === types.length) throw err;
      logger.error({ err, types: refusedTypes }, 'some types cannot start');
    }
    await this.#publishSettings(types.filter((type) => !refusedTypes.includes(type)));
    return refusedTypes;
  }

  /** So that jobs are shown as they will run. */
  async #publishSettings(types: readonly string[]): Promise<void> {
    const { broker, logger } = this.#options;
    const settings = [...this.handlers.values()]
      .filter(({ type }) => types.includes(type))
      .map(
        ({ type, maxAttempts, job, limits, retention }) =>
          [
            type,
            {
              maxAttempts,
              hasAfter: job?.after !== undefined,
              hasLimits: limits !== undefined,
              ...defined({ retention: encodeRetention({ ...this.#options.retention, ...retention }) }),
            },
          ] as const,
      );
    const { handlers } = await broker();
    await handlers
      .tell(new Map(settings))
      .catch((err) => logger.warn({ err, types }, 'cannot publish how often jobs are attempted'));
  }

  /** Takes jobs of a type once its consumers are ready. A type is opened once, however often it is asked for. */
  open(handler: RegisteredHandler, ready: () => Promise<unknown>): Promise<void> {
    const { type } = handler;
    const { make, mayStart } = this.#options;
    const opening = this.#opening.get(type) ?? ready().then(() => void this.#lanes.set(type, make(handler)));
    this.#opening.set(type, opening);
    // What failed may be tried again by the next start.
    opening.catch(() => this.#opening.delete(type));
    return opening.then(() => {
      if (mayStart()) this.#lanes.get(type)?.start();
    });
  }

  /** Resolves when none is being opened any more. */
  async opened(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
  }

  /** About how many jobs of a type are queued; 0 for one that this worker does not take. */
  queued(type: string): number {
    return this.#lanes.get(type)?.queued ?? 0;
  }

  start(): void {
    for (const lane of this.#lanes.values()) lane.start();
  }

  pause(): Promise<void> {
    return this.#each((lane) => lane.pause());
  }

  /** After a reconnect. */
  reset(): void {
    for (const lane of this.#lanes.values()) lane.reset();
  }

  /** Resolves when no delivery is under way, and no handler has a slot. */
  idle(): Promise<void> {
    return this.#each(({ slots }) => slots.idle());
  }

  /** Resolves when each delivery has been answered. Handlers may still run. */
  answered(): Promise<void> {
    return this.#each(({ slots }) => slots.answered());
  }

  close(): Promise<void> {
    return this.#each((lane) => lane.close());
  }

  async #each(act: (lane: Lane) => Promise<void>): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(act));
  }
}
