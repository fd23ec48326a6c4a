/** The connection of one queue: opened on its first use, closed once what is under way is done. */
import { Broker } from '../broker/broker.js';
import { checkCommitOptions, checkSync } from '../broker/publish/commit-options.js';
import { assertSafe, joined, type TopologyReport } from '../broker/topology/report.js';
import { checkTopology, type TopologyOptions } from '../broker/topology/stream-config.js';
import { checkedCodecs } from '../jobs/codec.js';
import { atMost } from '../jobs/deadline.js';
import { assertDefinition } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { BrokerError, invalidOption, JetfleetError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import { KnownJobs } from '../jobs/known-jobs.js';
import { DEFAULT_ACK_WAIT_MS, MAX_OBJECT_BYTES } from '../jobs/limits.js';
import { checkInteger, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertArray, assertOptions, checkBoolean, checkText } from '../jobs/options.js';
import { checkedRetention } from '../jobs/retention.js';
import { assertJobType } from '../jobs/validation.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import type { Tracing } from '../telemetry/tracing.js';
import { UserCode } from '../telemetry/user-code.js';
import { Sealer } from '../wire/sealer.js';
import { EXTRA_KINDS } from '../wire/subjects.js';
import { Limiter } from './limits/limiter.js';
import { LiveLimits } from './limits/live-limits.js';
import { install, type OwnersToKeep, type QueueExtension } from './queue-extension.js';
import { type JobQueueOptions, QUEUE_OPTIONS } from './queue-options.js';

export type { JobQueueOptions };

/** How long `close()` waits for what is under way. */
const CLOSE_WITHIN_MS = 5_000;
/** The same while the broker is away. */
const AWAY_CLOSE_WITHIN_MS = 1_000;
/** How much of it is kept for sending what has been answered. */
const SEND_WITHIN_MS = 500;

/** A permit outlives the lease of the message that brought its job: another worker goes on with both. */
const LEASES = 3;

interface Opened {
  broker: Broker;
  report: TopologyReport;
}

/** What a queue is besides what it does with jobs. */
export abstract class QueueConnection implements AsyncDisposable {
  /** Prefix of subjects and streams; empty for none. */
  readonly namespace: string;
  /** The logger that the queue was given, made such that its methods never throw. */
  readonly logger: Logger;
  /** @internal */
  readonly userCode: UserCode;
  /** @internal */
  readonly tracing: Tracing | undefined;
  /**
   * The job types of this process.
   * @internal
   */
  readonly known = new KnownJobs();
  /** @internal */
  protected readonly ownersToKeep: readonly OwnersToKeep[];
  readonly #options: JobQueueOptions;
  readonly #sealer: Sealer;
  #opening: Promise<Opened> | undefined;
  #opened: Broker | undefined;
  #limiter: Limiter | undefined;
  #live: LiveLimits | undefined;
  #streams: 'unchecked' | 'refused' | 'safe' = 'unchecked';
  #closing: Promise<void> | undefined;
  readonly #closed = new AbortController();
  /** Calls that have begun and not ended. */
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  /**
   * @param extensions the products that every queue knows
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   * @internal
   */
  constructor(options: JobQueueOptions = {}, extensions: readonly QueueExtension[] = []) {
    assertOptions('options', options, QUEUE_OPTIONS);
    for (const extension of extensions) install(this.known, extension);
    this.ownersToKeep = extensions.flatMap(({ ownersToKeep }) => ownersToKeep ?? []);
    const { jobs = [] } = options;
    assertArray('jobs', jobs);
    for (const job of jobs) {
      assertDefinition(job);
      this.known.add(job);
    }
    this.#sealer = new Sealer(checkedCodecs(options.codec));
    checkText('namespace', options.namespace);
    checkBoolean('createStreams', options.createStreams);
    const { JETFLEET_NAMESPACE, JETFLEET_REPLICAS, JETFLEET_SYNC, JETFLEET_MAX_OBJECT_BYTES } =
      options.env ?? process.env;
    this.namespace = options.namespace ?? JETFLEET_NAMESPACE ?? '';
    const { replicas = JETFLEET_REPLICAS ? Number(JETFLEET_REPLICAS) : undefined } = options;
    const { sync = JETFLEET_SYNC || undefined } = options;
    const { maxObjectBytes = JETFLEET_MAX_OBJECT_BYTES ? Number(JETFLEET_MAX_OBJECT_BYTES) : 0 } = options;
    checkInteger('maxObjectBytes', maxObjectBytes, 0, MAX_OBJECT_BYTES);
    checkSync(sync);
    checkTopology({ ...options, replicas });
    checkInteger('connectTimeoutMs', options.connectTimeoutMs, 1, MAX_TIMER_MS);
    checkCommitOptions(options.commit);
    const retention = checkedRetention('retention', options.retention);
    this.#options = {
      ...options,
      namespace: this.namespace,
      maxObjectBytes,
      ...defined({ replicas, sync, retention }),
    };
    this.tracing = checkedTracing(options.tracing);
    this.userCode = new UserCode(options.logger ?? silentLogger);
    this.logger = this.userCode.logger;
  }

  /** How this queue creates its streams and consumers; workers on it go by the same. */
  get topology(): TopologyOptions {
    return this.#options;
  }

  /** Whether the broker is there now; undefined before the first use. */
  get isConnected(): boolean | undefined {
    return this.#opened?.isConnected;
  }

  /**
   * How often callbacks of yours have failed, by name: `logger`, `event handler`, `watch callback`, `inspect`,
   * `abort listener`, `onProgress`, `hook onClaim`, `hook around`, `hook onSettled`. What they throw is logged and goes no further. Those of workers on this queue are counted here too.
   */
  get callbackFailures(): Record<string, number> {
    return this.userCode.failures;
  }

  /** The broker's time in ms since the epoch, by which jobs are due; that of this process until the queue is connected. */
  now(): number {
    return this.#opened?.clock.now() ?? Date.now();
  }

  /** Connects now instead of on first use, and creates the streams where they are missing, unless `createStreams` is false. */
  async connect(): Promise<void> {
    await this.broker();
  }

  /** Compares the streams, and the consumers of `types`, with what is needed, and creates what is missing. */
  async setup(types: readonly string[] = []): Promise<TopologyReport> {
    assertArray('types', types);
    for (const type of types) assertJobType(type);
    const { broker, report } = await this.#open();
    const needed = await broker.topology.ensure(types);
    const extra = await broker.topology.extra(EXTRA_KINDS, true);
    const now = joined(needed, extra);
    await broker.signals.openConsumer();
    // Opening the queue has created the streams that were missing; the first one to ask hears of it.
    const created = report.created.splice(0);
    const unchanged = now.unchanged.filter((target) => !created.includes(target));
    return { ...now, created: [...created, ...now.created], unchanged };
  }

  /**
   * The broker underneath, for workers on this queue.
   * @internal
   */
  async broker(): Promise<Broker> {
    const { broker, report } = await this.#open();
    if (this.#streams === 'safe') return broker;
    // After a refusal somebody may have repaired the streams: they are inspected again.
    const isOld = this.#streams === 'refused' || report.missing.length > 0;
    const { topology } = broker;
    const now = isOld ? await (this.#createsStreams ? topology.ensure() : topology.inspect()) : report;
    this.#streams = 'refused';
    assertPresent(now, this.namespace);
    assertSafe(now, this.logger);
    if (this.#createsStreams) broker.keepStreams();
    this.#streams = 'safe';
    return broker;
  }

  /**
   * The broker, whatever state its streams are in: nothing is created, and nothing refused.
   * @internal
   */
  async brokerAsItIs(): Promise<Broker> {
    return (await this.#open(true)).broker;
  }

  /**
   * Permits across all workers.
   * @internal
   */
  limiter(broker: Broker): Limiter {
    this.#limiter ??= new Limiter(
      broker,
      LEASES * (this.#options.ackWaitMs ?? DEFAULT_ACK_WAIT_MS),
      this.logger,
    );
    return this.#limiter;
  }

  /**
   * The same limiter around calls.
   * @internal
   */
  liveLimits(broker: Broker): LiveLimits {
    this.#live ??= new LiveLimits(broker, this.limiter(broker));
    return this.#live;
  }

  /**
   * Largest payload that is kept as an object.
   * @internal
   */
  get maxObjectBytes(): number {
    return this.#options.maxObjectBytes ?? 0;
  }

  protected get options(): JobQueueOptions {
    return this.#options;
  }

  /** Fires when the queue is closed, for what only waits. */
  protected get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * Does something that a close has to wait for.
   * @param check takes a while; what it refuses is refused also where no broker answers
   * @internal
   */
  protected async use<R>(work: (broker: Broker) => Promise<R>, check?: () => Promise<void>): Promise<R> {
    this.#underWay++;
    try {
      const opening = this.broker();
      if (check) {
        // It is waited for once the check is passed; until then Node would take its failure for one that nobody handles.
        opening.catch(() => {});
        await check();
      }
      return await work(await opening);
    } finally {
      this.#end();
    }
  }

  /**
   * Has `close()` wait for the work of a worker.
   * @param work never rejects
   * @internal
   */
  closeAfter(work: Promise<unknown>): void {
    this.#underWay++;
    void work.then(() => this.#end());
  }

  /**
   * Sends what is under way, for at most 5 seconds, and closes the connection, unless it was lent. Calls that come later
   * are refused. A second call waits for the first. Workers on it must be shut down before.
   */
  close(): Promise<void> {
    this.#closed.abort(closedQueue());
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #end(): void {
    if (--this.#underWay === 0) this.#onIdle?.();
  }

  async #close(): Promise<void> {
    const limitMs = this.isConnected === false ? AWAY_CLOSE_WITHIN_MS : CLOSE_WITHIN_MS;
    const end = performance.now() + limitMs;
    if (this.#underWay > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      await atMost(limitMs - SEND_WITHIN_MS, idle);
    }
    this.#live?.stop();
    this.#limiter?.stop();
    const leftMs = () => Math.max(SEND_WITHIN_MS, end - performance.now());
    const closing = this.#opening?.then(({ broker }) => broker.close(leftMs()));
    // Whoever waited for it has heard why it failed; what is still being opened is closed as soon as it is open.
    if (closing) await atMost(this.#opened ? leftMs() + SEND_WITHIN_MS : leftMs(), closing);
  }

  get #createsStreams(): boolean {
    return this.#options.createStreams !== false;
  }

  #open(lookOnly = !this.#createsStreams): Promise<Opened> {
    if (this.#closing) throw closedQueue();
    if (this.#opening) return this.#opening;
    const opening = Broker.open({
      ...this.#options,
      known: this.known,
      sealer: this.#sealer,
      lookOnly,
      logger: this.logger,
    });
    opening.then(
      ({ broker }) => {
        this.#opened = broker;
      },
      // A failed start must not stick: the server may come up later.
      () => {
        this.#opening = undefined;
      },
    );
    this.#opening = opening;
    return opening;
  }
}

/**
 * Of whatever copy of the package it is.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for what is no queue
 */
export function assertQueue(queue: unknown): void {
  if (typeof (queue as { brokerAsItIs?: unknown } | null | undefined)?.brokerAsItIs === 'function') return;
  throw invalidOption(`queue must be a JobQueueService, got ${excerptOf(queue)}`);
}

function closedQueue(): JetfleetError {
  return new JetfleetError('JETFLEET_CLOSED', 'the queue is closed');
}

/** @throws BrokerError `JETFLEET_NO_STREAM` */
function assertPresent({ missing }: TopologyReport, namespace: string): void {
  const streams = missing.filter((target) => target.startsWith('stream '));
  if (streams.length === 0) return;
  const where = namespace === '' ? 'without a namespace' : `in the namespace ${namespace}`;
  throw new BrokerError(
    'JETFLEET_NO_STREAM',
    `there is no ${streams.join(', no ')} ${where}; run "jetfleet setup", or check the server and JETFLEET_NAMESPACE`,
  );
}

function checkedTracing(tracing: Tracing | undefined): Tracing | undefined {
  const { adding, calling, hooks } = Object(tracing) as Partial<Tracing>;
  const isOne = typeof adding === 'function' && typeof calling === 'function' && typeof hooks === 'object';
  if (tracing === undefined || isOne) return tracing;
  throw invalidOption(`tracing must be what openTelemetry() gives, got ${excerptOf(tracing)}`);
}
