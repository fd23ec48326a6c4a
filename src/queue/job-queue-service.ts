import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { Broker, type BrokerOptions } from '../broker/broker.js';
import { checkCommitOptions } from '../broker/commit-log.js';
import type { EventFilter, EventHandler, EventOptions, EventSubscription } from '../broker/event-consumer.js';
import type { EventFeed } from '../broker/event-feed.js';
import { checkTopology, type TopologyOptions } from '../broker/stream-config.js';
import { assertSafe, type TopologyReport } from '../broker/topology.js';
import { BrokerError, JetfleetError, ValidationError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkInteger, checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import type { BuiltInPayloads } from '../jobs/payloads.js';
import { JobPriority, type JobType } from '../jobs/vocabulary.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { UserCode } from '../telemetry/user-code.js';
import { cancelJob } from './job-cancel.js';
import { cleanupJobs } from './job-cleanup.js';
import type { JobFilter, JobPage } from './job-filter.js';
import { type RecordedTransition, readHistory } from './job-history.js';
import { listJobs } from './job-lists.js';
import { findJob, findVersion, type JobVersion, type VersionOptions } from './job-lookup.js';
import { type RedriveFilter, redriveJob, redriveJobs } from './job-redrive.js';
import { type CheckedJob, checkJob, type JobOptions } from './job-request.js';
import { type JobQueueStats, readStats } from './job-stats.js';
import { oldestPending } from './oldest-pending.js';
import { type BrokerHealth, readBrokerHealth } from './stream-health.js';
import { redeliverWebhook } from './webhook-redelivery.js';

/** How to reach the broker; everything is optional. */
export interface JobQueueOptions extends Omit<BrokerOptions, 'logger' | 'lookOnly'> {
  /** A pino logger, or anything of its shape. Defaults to silence. */
  logger?: Logger;
}

/** One job of {@link JobQueueService.addJobs}. */
export interface NewJob extends JobOptions {
  type: JobType;
  payload: unknown;
  /** Defaults to `normal`. */
  priority?: JobPriority;
}

type PayloadOf<T extends string> = T extends keyof BuiltInPayloads ? BuiltInPayloads[T] : unknown;

const DEFAULT_CLEANUP_AGE_MS = 24 * 60 * 60 * 1000;

/**
 * The queue: adds jobs and tells about them. It connects on its first use, and holds nothing but the connection, so
 * any number of processes may have one.
 *
 * Every method can throw BrokerError `JETFLEET_BROKER_UNREACHABLE` (no server), `JETFLEET_SERVER_TOO_OLD`,
 * `JETFLEET_STREAM_DRIFT` and JetfleetError `JETFLEET_CLOSED`.
 */
export class JobQueueService implements AsyncDisposable {
  readonly #options: JobQueueOptions;
  /** The logger that the queue was given, made such that its methods never throw. */
  readonly logger: Logger;
  /** @internal */
  readonly userCode: UserCode;
  #opening: Promise<{ broker: Broker; report: TopologyReport }> | undefined;
  #opened: Broker | undefined;
  #streams: 'unchecked' | 'refused' | 'safe' = 'unchecked';
  #closed = false;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(options: JobQueueOptions = {}) {
    checkTopology(options);
    checkInteger('connectTimeoutMs', options.connectTimeoutMs, 1, MAX_TIMER_MS);
    checkCommitOptions(options.commit);
    this.#options = options;
    this.userCode = new UserCode(options.logger ?? silentLogger);
    this.logger = this.userCode.logger;
  }

  /** Prefix of subjects and streams; empty for none. */
  get namespace(): string {
    return this.#options.namespace ?? process.env.JETFLEET_NAMESPACE ?? '';
  }

  /** How this queue makes its streams and consumers; workers on it go by the same. */
  get topology(): TopologyOptions {
    return this.#options;
  }

  /** Whether the broker is there now; undefined before the first use. */
  get isConnected(): boolean | undefined {
    return this.#opened?.isConnected;
  }

  /**
   * How often callbacks of yours have failed, by name: `logger`, `event handler`, `watch callback`, `inspect`. What they
   * throw is logged and goes no further. Those of workers on this queue are counted here too.
   */
  get callbackFailures(): Record<string, number> {
    return this.userCode.failures;
  }

  /** Connects now instead of on first use, and creates the streams where they are missing. */
  async connect(): Promise<void> {
    await this.broker();
  }

  /**
   * Adds a job.
   * @param priority defaults to `normal`
   * @returns the job's id, once the job is durable
   * @throws ValidationError when the payload of a built-in type, or an option, is invalid; nothing is sent then
   * @throws BrokerError `JETFLEET_BACKPRESSURE` when too many calls are under way; `JETFLEET_PUBLISH_TIMEOUT` when it
   *   is not known whether the job was stored: add it again with the same id
   */
  async addJob<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    priority: JobPriority = JobPriority.NORMAL,
    options: JobOptions = {},
  ): Promise<string> {
    const { request, runAtMs } = checkJob(type, payload, priority, options, Date.now());
    const broker = await this.broker();
    await broker.enqueue(request, runAtMs);
    return request.id;
  }

  /**
   * Adds many jobs at once, in few round trips. All are checked before the first is sent. When the broker fails in
   * between, some are stored: with ids of your own, the call can be repeated.
   * @returns the ids, in the order of the jobs
   */
  async addJobs(jobs: readonly NewJob[]): Promise<string[]> {
    const now = Date.now();
    const checked = jobs.map(({ type, payload, priority = JobPriority.NORMAL, ...options }, index) => {
      try {
        return checkJob(type, payload, priority, options, now);
      } catch (error) {
        throw atIndex(error, index);
      }
    });
    const broker = await this.broker();
    const underWay: Promise<unknown>[] = [];
    for (let start = 0; start < checked.length; start += PART) {
      if (underWay.length === PARTS_AT_ONCE) await underWay.shift();
      const part = checked.slice(start, start + PART).map((job) => enqueuePatiently(broker, job));
      underWay.push(allOf(part));
      // It leaves while the next one is made.
      await setImmediate();
    }
    await Promise.all(underWay);
    return checked.map(({ request }) => request.id);
  }

  /** One job by id, or undefined when there is none, or its record has expired (7 days after its last transition). */
  async getJob(id: string): Promise<JobRecord | undefined> {
    return findJob(await this.broker(), id);
  }

  /** One job and its version: the sequence of its last record in EVENTS, 0 while no worker has touched it. */
  async getVersion(id: string): Promise<JobVersion | undefined> {
    return findVersion(await this.broker(), id);
  }

  /**
   * Every record of a job that EVENTS still keeps, oldest first, each with its sequence there. Empty for a job that no
   * worker has touched yet, whose message is its only record.
   */
  async history(id: string): Promise<RecordedTransition[]> {
    return readHistory(await this.broker(), id);
  }

  /**
   * A page of jobs: those that run, then waiting ones by priority and age, then finished ones, oldest first. A page may
   * hold fewer than `limit` and still have a cursor: follow it to the end.
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
   */
  async getJobs(filter: JobFilter = {}): Promise<JobPage> {
    return listJobs(await this.broker(), filter);
  }

  /**
   * Counts by type, priority and status, as the broker's consumers count: a job that was just added may be missing for
   * some milliseconds. The cost does not grow with the jobs, save while a type waits that no worker
   * has ever registered: then the waiting subjects are listed to name it.
   */
  async getStats(): Promise<JobQueueStats> {
    const broker = await this.broker();
    // A job whose end is known here shall not be counted among those that run.
    broker.sendAnswers();
    return readStats(broker);
  }

  /**
   * Since when the queued job has waited that has waited longest, ISO 8601, among the types that somebody handles;
   * undefined when none waits.
   */
  async oldestPendingAt(): Promise<string | undefined> {
    return oldestPending(await this.broker());
  }

  /** The broker, its streams and their consumers, in whatever state they are. */
  async health(): Promise<BrokerHealth> {
    return readBrokerHealth(await this.brokerAsItIs());
  }

  /**
   * Removes the records of jobs that finished more than `olderThanMs` ago.
   * @param olderThanMs defaults to 24 hours
   * @returns how many jobs were removed
   */
  async cleanup(olderThanMs: number = DEFAULT_CLEANUP_AGE_MS): Promise<number> {
    checkNumber('olderThanMs', olderThanMs, 0, Number.MAX_SAFE_INTEGER);
    return cleanupJobs(await this.broker(), olderThanMs, Date.now());
  }

  /**
   * Cancels a job that is queued, scheduled, retrying, waiting, or running in any process: its handler's AbortSignal
   * fires with the reason `cancelled`, and what an instance job has rented is deleted.
   * @param reason shown in the job's error
   * @returns the FAILED record
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job has ended already
   */
  async cancel(id: string, reason?: string, options: VersionOptions = {}): Promise<JobRecord> {
    return cancelJob(await this.broker(), id, reason, options);
  }

  /**
   * Runs a FAILED job again, with its attempts counted from 1. Its record keeps what went wrong before in `failures`.
   * @returns the PENDING record
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job is not FAILED, or
   *   its body could not be read
   */
  async retry(id: string, options: VersionOptions = {}): Promise<JobRecord> {
    return redriveJob(await this.broker(), id, options);
  }

  /**
   * Runs every FAILED job again that fits, oldest first.
   * @returns the ids of those jobs
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used
   */
  async retryAll(filter: RedriveFilter = {}): Promise<string[]> {
    return redriveJobs(await this.broker(), filter);
  }

  /**
   * Sends a webhook once more: a failed one under its own id, a delivered one under a new one.
   * @returns the id of the job that delivers it
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when it is still being delivered
   */
  async redeliver(id: string): Promise<string> {
    return redeliverWebhook(await this.broker(), id);
  }

  /**
   * Follows the transitions of jobs: each is the whole record after it. Delivered at least once, in order.
   * @example await queue.events({filter: {type: 'create_instance', status: 'completed'}, durable: 'billing'}, bill)
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used
   * @throws JetfleetError `JETFLEET_STREAM_DRIFT` when `durable` exists with another filter
   */
  async events(options: EventOptions, handler: EventHandler): Promise<EventSubscription> {
    return (await this.broker()).events(options, handler);
  }

  /**
   * Transitions to look at, in order: nothing is acknowledged, so one that is missed does not come again.
   * @param options.fromSeq where in EVENTS to begin. Defaults to what comes from now on
   */
  async feed(options: { filter?: EventFilter; fromSeq?: number } = {}): Promise<EventFeed> {
    return (await this.broker()).feed(options);
  }

  /** Compares the streams, and the consumers of `types`, with what is needed, and creates what is missing. */
  async setup(types: readonly string[] = []): Promise<TopologyReport> {
    const { broker, report } = await this.#open();
    const now = await broker.topology.ensure(types);
    // Opening the queue has made the streams that were missing; the first one to ask hears of it.
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
    // After a refusal somebody may have mended the streams: they are looked at anew.
    const isOld = this.#streams === 'refused' || report.missing.length > 0;
    const now = isOld ? await broker.topology.ensure() : report;
    this.#streams = 'refused';
    assertSafe(now, this.logger);
    this.#streams = 'safe';
    return broker;
  }

  /**
   * The broker, whatever state its streams are in: nothing is made, and nothing refused.
   * @internal
   */
  async brokerAsItIs(): Promise<Broker> {
    const { broker } = await this.#open(true);
    return broker;
  }

  /** Sends what is under way and closes the connection, unless it was lent. Workers on it must be shut down before. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.broker.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(lookOnly = false): Promise<{ broker: Broker; report: TopologyReport }> {
    if (this.#closed) throw new JetfleetError('JETFLEET_CLOSED', 'the queue is closed');
    this.#opening ??= Broker.open({ ...this.#options, lookOnly, logger: this.logger });
    this.#opening.then(
      ({ broker }) => {
        this.#opened = broker;
      },
      // A failed start must not stick: the server may come up later.
      () => {
        this.#opening = undefined;
      },
    );
    return this.#opening;
  }
}

/** A long list goes in parts of one batch each; together below the commit log's bound, against its own backpressure. */
const PART = 1_000;
const PARTS_AT_ONCE = 5;
const BACKPRESSURE_PAUSE_MS = 20;

/** As `Promise.all`, and may be waited for later. */
function allOf(promises: readonly Promise<unknown>[]): Promise<unknown> {
  const all = Promise.all(promises);
  all.catch(() => {});
  return all;
}

/** A long list of large payloads fills the commit log faster than the broker empties it: then it waits its turn. */
async function enqueuePatiently(broker: Broker, { request, runAtMs }: CheckedJob): Promise<void> {
  for (;;) {
    try {
      await broker.enqueue(request, runAtMs);
      return;
    } catch (error) {
      if (!(error instanceof BrokerError && error.code === 'JETFLEET_BACKPRESSURE')) throw error;
      await delay(BACKPRESSURE_PAUSE_MS);
    }
  }
}

function atIndex(error: unknown, index: number): unknown {
  if (!(error instanceof ValidationError)) return error;
  return new ValidationError(error.code, `job ${index}: ${error.message}`, {
    ...(error.problems && { problems: error.problems }),
    ...(error.excerpt !== undefined && { excerpt: error.excerpt }),
    cause: error,
  });
}
