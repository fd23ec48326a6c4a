import { Broker, type BrokerOptions } from '../broker/broker.js';
import type { BrokerClock } from '../broker/connection/broker-clock.js';
import type {
  EventFilter,
  EventHandler,
  EventOptions,
  EventSubscription,
} from '../broker/consume/event-consumer.js';
import type { EventFeed } from '../broker/consume/event-feed.js';
import { checkCommitOptions, checkSync } from '../broker/publish/commit-options.js';
import { checkTopology, type TopologyOptions } from '../broker/topology/stream-config.js';
import { assertSafe, type TopologyReport } from '../broker/topology/topology.js';
import {
  type AddOptions,
  assertDefinition,
  assertPayloadOf,
  checkDefined,
  checkedResult,
  type JobDefinition,
  type JobTypes,
  type TypedRecord,
} from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { BrokerError, JetfleetError, JobFailedError } from '../jobs/errors.js';
import { assertJobId } from '../jobs/job-id.js';
import type { JobOptions, NewJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkInteger, checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import {
  assertArray,
  assertObject,
  assertOptions,
  checkBoolean,
  checkText,
  type OptionNames,
} from '../jobs/options.js';
import type { BuiltInPayloads } from '../jobs/payloads.js';
import { assertJobType } from '../jobs/validation.js';
import { JobPriority, type JobType } from '../jobs/vocabulary.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { UserCode } from '../telemetry/user-code.js';
import { type AddedJob, addChecked } from './job-add.js';
import { addMany, checkJobs } from './job-add-many.js';
import { cancelJob } from './job-cancel.js';
import { type RecordedTransition, readHistory } from './job-history.js';
import { findJob, findVersion, type JobVersion, VERSION_OPTIONS, type VersionOptions } from './job-lookup.js';
import {
  PROGRESS_OPTIONS,
  type ProgressOptions,
  REDRIVE_FILTER,
  type RedriveFilter,
  redriveJob,
  redriveJobs,
} from './job-redrive.js';
import { type CheckedJob, checkJob } from './job-request.js';
import { endOf, WAIT_OPTIONS, type WaitOptions } from './job-result.js';
import { JOB_FILTER, type JobFilter, type JobPage } from './list/job-filter.js';
import { KnownIds } from './list/known-ids.js';
import { listJobs } from './list/list-jobs.js';
import { cleanupJobs } from './retention/job-cleanup.js';
import {
  DELETE_CONSUMER,
  type DeleteConsumerOptions,
  deleteEventConsumer,
  type EventConsumerLag,
  readEventLag,
} from './stats/event-lag.js';
import { type JobQueueStats, readStats } from './stats/job-stats.js';
import { oldestPending } from './stats/oldest-pending.js';
import { type BrokerHealth, readBrokerHealth } from './stats/stream-health.js';
import { UnderWay } from './under-way.js';
import { redeliverWebhook } from './webhook-redelivery.js';

/** How to reach the broker; everything is optional. */
export interface JobQueueOptions extends Omit<BrokerOptions, 'logger' | 'lookOnly'> {
  /**
   * Whether the queue makes streams that are missing on its first use. With `false` it refuses to work instead, until somebody has run
   * `setup`: a wrong namespace is noticed. Workers on it make what they need in any case. Defaults to true.
   */
  createStreams?: boolean;
  /** A pino logger, or anything of its shape. Defaults to silence. */
  logger?: Logger;
}

type PayloadOf<T extends string> = T extends keyof BuiltInPayloads ? BuiltInPayloads[T] : unknown;

const QUEUE_OPTIONS: OptionNames<Required<JobQueueOptions>> = {
  servers: true,
  connection: true,
  namespace: true,
  user: true,
  password: true,
  token: true,
  nkey: true,
  credsFile: true,
  tls: true,
  inboxPrefix: true,
  name: true,
  connectTimeoutMs: true,
  replicas: true,
  eventsMaxAgeMs: true,
  ackWaitMs: true,
  commit: true,
  sync: true,
  createStreams: true,
  logger: true,
  env: true,
};
const FEED_OPTIONS = { filter: true, fromSeq: true } as const;

const DEFAULT_CLEANUP_AGE_MS = 24 * 60 * 60 * 1000;
/** How long `close()` waits for what is under way. */
const CLOSE_WITHIN_MS = 5_000;
/** The same while the broker is away. */
const AWAY_CLOSE_WITHIN_MS = 1_000;
/** How much of it is kept for sending what has been answered. */
const SEND_WITHIN_MS = 500;

/**
 * The queue: adds jobs and tells about them. It connects on its first use, and holds nothing but the connection, so
 * any number of processes may have one.
 *
 * Every method can throw BrokerError `JETFLEET_BROKER_UNREACHABLE` (no server), `JETFLEET_NO_LEADER`, `JETFLEET_SERVER_TOO_OLD`,
 * `JETFLEET_STREAM_DRIFT`, `JETFLEET_NO_STREAM` (with `createStreams: false`) and JetfleetError `JETFLEET_CLOSED`.
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
  #closing: Promise<void> | undefined;
  /** Ends what only waits. */
  readonly #closed = new AbortController();
  readonly #underWay = new UnderWay();
  readonly #knownIds = new KnownIds();

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(options: JobQueueOptions = {}) {
    assertOptions('options', options, QUEUE_OPTIONS);
    checkText('namespace', options.namespace);
    checkBoolean('createStreams', options.createStreams);
    const { JETFLEET_REPLICAS, JETFLEET_SYNC } = options.env ?? process.env;
    const { replicas = JETFLEET_REPLICAS ? Number(JETFLEET_REPLICAS) : undefined } = options;
    const { sync = JETFLEET_SYNC || undefined } = options;
    checkSync(sync);
    checkTopology({ ...options, replicas });
    checkInteger('connectTimeoutMs', options.connectTimeoutMs, 1, MAX_TIMER_MS);
    checkCommitOptions(options.commit);
    this.#options = { ...options, ...defined({ replicas, sync }) };
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
   * How often callbacks of yours have failed, by name: `logger`, `event handler`, `watch callback`, `inspect`,
   * `abort listener`, `onProgress`. What they throw is logged and goes no further. Those of workers on this queue are counted here too.
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

  /**
   * Adds a job. With an id of your own the call can be repeated: the same id, type and payload are one job, and priority
   * and options are those of the first call.
   * @param priority defaults to `normal`
   * @returns the job's id, once the job is durable
   * @throws ValidationError when the payload or an option is invalid, or JSON would change the payload; nothing is sent then
   * @throws JetfleetError `JETFLEET_ID_TAKEN` when the id names a job of another type or payload
   * @throws BrokerError `JETFLEET_BACKPRESSURE` when too many calls are under way; `JETFLEET_PUBLISH_TIMEOUT` when it
   *   is not known whether the job was stored: add it again with the same id
   */
  async addJob<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    priority: JobPriority = JobPriority.NORMAL,
    options: JobOptions = {},
  ): Promise<string> {
    // As `addOrFind` does, with one promise less for each job.
    const clock = this.#opened?.clock;
    let job = checkJob(type, payload, priority, options, clock?.now() ?? Date.now());
    this.#underWay.begin();
    try {
      const broker = await this.broker();
      // Only now is the broker's clock known.
      if (!clock) job = checkJob(type, payload, priority, options, broker.clock.now());
      return (await addChecked(broker, job)).id;
    } finally {
      this.#underWay.end();
    }
  }

  /**
   * Adds a job of a definition. Its payload is checked by the definition's schema before it is sent. As with {@link addJob},
   * the call can be repeated with an id of your own.
   * @returns its id, once the job is durable, and whether this call has created it
   * @throws as {@link addJob} does
   */
  async add<T extends JobTypes>(
    job: JobDefinition<T>,
    payload: T['input'],
    options: AddOptions = {},
  ): Promise<{ id: string; created: boolean }> {
    assertDefinition(job);
    assertObject('options', options);
    const { priority = JobPriority.NORMAL, ...jobOptions } = options;
    const check = (nowMs: number) => checkJob(job.type, payload, priority, jobOptions, nowMs);
    const { id, known } = await this.#addOne(check, ({ body }) => assertPayloadOf(job, body));
    return { id, created: known === undefined };
  }

  /**
   * As {@link addJob}, and gives the job where it was there already.
   * @internal
   */
  async addOrFind(
    type: string,
    payload: unknown,
    priority: JobPriority,
    options: JobOptions,
  ): Promise<AddedJob> {
    return this.#addOne((nowMs) => checkJob(type, payload, priority, options, nowMs));
  }

  #addOne(
    check: (nowMs: number) => CheckedJob,
    pass: (checked: CheckedJob) => Promise<void> = async () => {},
  ): Promise<AddedJob> {
    const { clock, checked } = this.#checkNow(check);
    return this.#use(
      (broker) => addChecked(broker, clock ? checked : check(broker.clock.now())),
      pass(checked),
    );
  }

  /**
   * Adds many jobs at once, in few round trips. All are checked before the first is sent. When the broker fails in
   * between, some are stored: with ids of your own, the call can be repeated.
   * @returns the ids, in the order of the jobs
   * @throws as {@link addJob} does; the message of an invalid job begins with its place
   */
  async addJobs(jobs: readonly NewJob[]): Promise<string[]> {
    const check = (nowMs: number) => checkJobs(jobs, nowMs);
    const { clock, checked } = this.#checkNow(check);
    return this.#use(
      (broker) => addMany(broker, clock ? checked : check(broker.clock.now())),
      checkDefined(jobs, checked),
    );
  }

  /** A check before anything is sent; without a clock it has to be made again once the broker's is known. */
  #checkNow<T>(check: (nowMs: number) => T): { clock: BrokerClock | undefined; checked: T } {
    const clock = this.#opened?.clock;
    return { clock, checked: check(clock?.now() ?? Date.now()) };
  }

  /** One job by id, or undefined when there is none, or its record has expired (7 days after its last transition). */
  async getJob(id: string): Promise<JobRecord | undefined>;
  /** The same of a definition, with its types; undefined as well when the id names a job of another type. */
  async getJob<T extends JobTypes>(job: JobDefinition<T>, id: string): Promise<TypedRecord<T> | undefined>;
  async getJob(job: JobDefinition | string, typedId?: string): Promise<JobRecord | undefined> {
    if (typedId === undefined) return this.#find(job as string);
    assertDefinition(job);
    const found = await this.#find(typedId);
    return found?.type === job.type ? found : undefined;
  }

  async #find(id: string): Promise<JobRecord | undefined> {
    assertJobId(id);
    return findJob(await this.#looking(), id);
  }

  /**
   * The result of a job of a definition, once it has ended. Any number of processes may wait for it, also after its end.
   * @throws JobFailedError with code and message of the job's error when it FAILED
   * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT`, `JETFLEET_NOT_FOUND`, also when the id names a job of another type; the
   *   reason of `signal`
   * @throws ValidationError `JETFLEET_RESULT_INVALID` when the definition's schema refuses the result
   */
  async result<T extends JobTypes>(
    job: JobDefinition<T>,
    id: string,
    options: WaitOptions = {},
  ): Promise<T['result']> {
    assertDefinition(job);
    const record = await this.#ended(id, options, job.type);
    if (record.error) throw new JobFailedError(id, record.error);
    return checkedResult(job, record.result);
  }

  /**
   * The last record of a job, once it has ended: COMPLETED or FAILED.
   * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT`, `JETFLEET_NOT_FOUND`; the reason of `signal`
   */
  async ended(id: string, options: WaitOptions = {}): Promise<JobRecord> {
    return this.#ended(id, options);
  }

  #ended(id: string, options: WaitOptions, type?: string): Promise<JobRecord> {
    assertJobId(id);
    assertOptions('options', options, WAIT_OPTIONS);
    const wait = { ...options, closed: this.#closed.signal, ...(type !== undefined && { type }) };
    return endOf(() => this.broker(), id, wait);
  }

  /** One job and its version: the sequence of its last record in EVENTS, 0 while no worker has touched it. */
  async getVersion(id: string): Promise<JobVersion | undefined> {
    assertJobId(id);
    return findVersion(await this.#looking(), id);
  }

  /**
   * Every record of a job that EVENTS still keeps, oldest first, each with its sequence there. Empty for a job that no
   * worker has touched yet, whose message is its only record.
   */
  async history(id: string): Promise<RecordedTransition[]> {
    assertJobId(id);
    return readHistory(await this.broker(), id);
  }

  /**
   * A page of jobs: those that run, then waiting ones by priority and age, then finished ones, oldest first. A page may
   * hold fewer than `limit` and still have a cursor: follow it to the end.
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
   */
  async getJobs(filter: JobFilter = {}): Promise<JobPage> {
    assertOptions('filter', filter, JOB_FILTER);
    return listJobs(await this.#looking(), this.#knownIds, filter);
  }

  /**
   * Counts by type, priority and status, as the broker's consumers count: a job that was just added may be missing for
   * some milliseconds, and one that has just ended may be counted as processing as well. The cost does not grow with the
   * jobs, save at the first call of a process. A type that nobody handles, and that waits in the middle of very many other
   * jobs, is named some seconds later.
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
  async cleanup(
    olderThanMs: number = DEFAULT_CLEANUP_AGE_MS,
    options: ProgressOptions = {},
  ): Promise<number> {
    assertOptions('options', options, PROGRESS_OPTIONS);
    checkNumber('olderThanMs', olderThanMs, 0, Number.MAX_SAFE_INTEGER);
    return this.#use((broker) => cleanupJobs(broker, olderThanMs, { onProgress: this.#teller(options) }));
  }

  /**
   * Cancels a job that is queued, scheduled, retrying, waiting, or running in any process: its handler's AbortSignal
   * fires with the reason `cancelled`, and what an instance job has rented is deleted.
   * @param reason shown in the job's error
   * @returns the FAILED record
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job has ended already
   */
  async cancel(id: string, reason?: string, options: VersionOptions = {}): Promise<JobRecord> {
    assertJobId(id);
    checkText('reason', reason);
    assertOptions('options', options, VERSION_OPTIONS);
    return this.#use((broker) => cancelJob(broker, id, reason, options));
  }

  /**
   * Runs a FAILED job again, with its attempts counted from 1. Its record keeps what went wrong before in `failures`.
   * @returns the PENDING record
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job is not FAILED, or
   *   its body could not be read
   */
  async retry(id: string, options: VersionOptions = {}): Promise<JobRecord> {
    assertJobId(id);
    assertOptions('options', options, VERSION_OPTIONS);
    return this.#use((broker) => redriveJob(broker, id, options));
  }

  /**
   * Runs every FAILED job again that fits, oldest first.
   * @returns the ids of those jobs
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used
   */
  async retryAll(filter: RedriveFilter = {}, options: ProgressOptions = {}): Promise<string[]> {
    assertOptions('filter', filter, REDRIVE_FILTER);
    assertOptions('options', options, PROGRESS_OPTIONS);
    return this.#use((broker) => redriveJobs(broker, filter, this.#teller(options)));
  }

  /**
   * Sends a webhook once more: a failed one under its own id, a delivered one under a new one.
   * @returns the id of the job that delivers it
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when it is still being delivered
   */
  async redeliver(id: string): Promise<string> {
    assertJobId(id);
    return this.#use((broker) => redeliverWebhook(broker, id));
  }

  /**
   * Follows the transitions of jobs: each is the whole record after it. Delivered at least once, in order. An event whose
   * handler fails comes again, and becomes a dead letter after `maxDeliver` deliveries: see {@link eventConsumers}.
   * @example await queue.events({filter: {type: 'create_instance', status: 'completed'}, durable: 'billing'}, bill)
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used
   * @throws JetfleetError `JETFLEET_STREAM_DRIFT` when `durable` exists with another filter
   */
  async events(options: EventOptions, handler: EventHandler): Promise<EventSubscription> {
    return (await this.broker()).events(options, handler, this.userCode);
  }

  /** The durable consumers of events: how far each has come, and the events that it has given up. */
  async eventConsumers(): Promise<EventConsumerLag[]> {
    return readEventLag(await this.broker());
  }

  /**
   * Forgets a durable consumer of events: its place, and its dead letters. Who subscribes under its name later begins anew.
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError while somebody listens, unless `force`
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be a name
   */
  async deleteEventConsumer(name: string, options: DeleteConsumerOptions = {}): Promise<void> {
    assertOptions('options', options, DELETE_CONSUMER);
    await this.#use((broker) => deleteEventConsumer(broker, name, options));
  }

  /**
   * Transitions to look at, in order: nothing is acknowledged, so one that is missed does not come again.
   * @param options.fromSeq where in EVENTS to begin. Defaults to what comes from now on
   */
  async feed(options: { filter?: EventFilter; fromSeq?: number } = {}): Promise<EventFeed> {
    assertOptions('options', options, FEED_OPTIONS);
    return (await this.broker()).feed(options);
  }

  /** Compares the streams, and the consumers of `types`, with what is needed, and creates what is missing. */
  async setup(types: readonly string[] = []): Promise<TopologyReport> {
    assertArray('types', types);
    for (const type of types) assertJobType(type);
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
    const { topology } = broker;
    const now = isOld ? await (this.#makesStreams ? topology.ensure() : topology.inspect()) : report;
    this.#streams = 'refused';
    assertPresent(now, this.namespace);
    assertSafe(now, this.logger);
    if (this.#makesStreams) broker.keepStreams();
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

  /**
   * Sends what is under way, for at most 5 seconds, and closes the connection, unless it was lent. Calls that come later
   * are refused. A second call waits for the first. Workers on it must be shut down before.
   */
  close(): Promise<void> {
    this.#closed.abort(closedQueue());
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Has `close()` wait for the work of a worker.
   * @param work never rejects
   * @internal
   */
  closeAfter(work: Promise<unknown>): void {
    this.#underWay.begin();
    void work.then(() => this.#underWay.end());
  }

  async #close(): Promise<void> {
    const limitMs = this.isConnected === false ? AWAY_CLOSE_WITHIN_MS : CLOSE_WITHIN_MS;
    const end = performance.now() + limitMs;
    await this.#underWay.idle(limitMs - SEND_WITHIN_MS);
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.broker.close(Math.max(SEND_WITHIN_MS, end - performance.now()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For whoever shows jobs: one that waits has the settings of its handler. */
  async #looking(): Promise<Broker> {
    const broker = await this.broker();
    await broker.handlers.know();
    return broker;
  }

  #teller({ onProgress }: ProgressOptions): (done: number) => void {
    return (done) => onProgress && this.userCode.run('onProgress', () => onProgress(done));
  }

  /**
   * Does something that a close has to wait for.
   * @param passed a check that comes first: what it refuses is refused also where no broker answers
   */
  async #use<T>(work: (broker: Broker) => Promise<T>, passed?: Promise<void>): Promise<T> {
    this.#underWay.begin();
    try {
      const broker = this.broker();
      // It is waited for once the check is passed; until then Node would take its failure for one that nobody handles.
      broker.catch(() => {});
      await passed;
      return await work(await broker);
    } finally {
      this.#underWay.end();
    }
  }

  get #makesStreams(): boolean {
    return this.#options.createStreams !== false;
  }

  #open(lookOnly = !this.#makesStreams): Promise<{ broker: Broker; report: TopologyReport }> {
    if (this.#closing) throw closedQueue();
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
