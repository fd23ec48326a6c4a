import type { Broker } from '../broker/broker.js';
import type { EventHandler, EventSubscription } from '../broker/consume/event-consumer.js';
import type { EventFeed } from '../broker/consume/event-feed.js';
import type { EventFilter, EventOptions } from '../broker/consume/event-options.js';
import {
  type AddOptions,
  assertDefinition,
  assertPayloadOf,
  checkedResult,
  type JobDefinition,
  type JobTypes,
  type TypedRecord,
} from '../jobs/define-job.js';
import { JobFailedError } from '../jobs/errors.js';
import { assertJobId } from '../jobs/job-id.js';
import type { JobOptions, NewJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkNumber } from '../jobs/numbers.js';
import { assertObject, assertOptions, checkText } from '../jobs/options.js';
import { JobPriority } from '../jobs/vocabulary.js';
import { type AddedJob, addChecked } from './job-add.js';
import { addMany, checkJobs, checkPayloads } from './job-add-many.js';
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
  rerunJob,
} from './job-redrive.js';
import { checkJob, setTimes } from './job-request.js';
import { endOf, WAIT_OPTIONS, type WaitOptions } from './job-wait.js';
import { JOB_FILTER, type JobFilter, type JobPage } from './list/job-filter.js';
import { KnownIds } from './list/known-ids.js';
import { listJobs } from './list/list-jobs.js';
import { QueueConnection } from './queue-connection.js';
import { cleanupJobs } from './retention/job-cleanup.js';
import {
  DELETE_CONSUMER,
  type DeleteConsumerOptions,
  deleteEventConsumer,
  type EventConsumerLag,
  readEventLag,
} from './stats/event-lag.js';
import { type JobQueueStats, oldestPending, readStats } from './stats/job-stats.js';
import { type BrokerHealth, readBrokerHealth } from './stats/stream-health.js';

const FEED_OPTIONS = { filter: true, fromSeq: true } as const;

const DEFAULT_CLEANUP_AGE_MS = 24 * 60 * 60 * 1000;

/**
 * The queue: adds jobs, finds, lists and counts them, and follows what becomes of them. It connects on its first use. Any number
 * of processes may have one.
 *
 * Every method can throw BrokerError `JETFLEET_BROKER_UNREACHABLE` (no server), `JETFLEET_NO_LEADER`, `JETFLEET_SERVER_TOO_OLD`,
 * `JETFLEET_STREAM_DRIFT`, `JETFLEET_NO_STREAM` (with `createStreams: false`) and JetfleetError `JETFLEET_CLOSED`.
 */
export class JobQueueService extends QueueConnection {
  readonly #knownIds = new KnownIds();

  /**
   * Adds a job by the name of its type. With an id of your own the call can be repeated: the same id, type and payload are one job, and priority
   * and options are those of the first call.
   * @param priority defaults to `normal`
   * @returns the job's id, once the job is durable
   * @throws ValidationError when the payload or an option is invalid, or JSON would change the payload; nothing is sent then
   * @throws JetfleetError `JETFLEET_ID_TAKEN` when the id names a job of another type or payload
   * @throws BrokerError `JETFLEET_BACKPRESSURE` when too many calls are under way; `JETFLEET_PUBLISH_TIMEOUT` when it
   *   is not known whether the job was stored: add it again with the same id
   */
  async addJob(
    type: string,
    payload: unknown,
    priority: JobPriority = JobPriority.NORMAL,
    options: JobOptions = {},
  ): Promise<string> {
    return (await this.addOrFind(type, payload, priority, options)).id;
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
    this.known.add(job);
    const { priority = JobPriority.NORMAL, ...jobOptions } = options;
    const { id, known } = await this.addOrFind(job.type, payload, priority, jobOptions, job);
    return { id, created: known === undefined };
  }

  /**
   * As {@link addJob}, and gives the job where it was there already.
   * @param definition whose schema checks the payload
   * @internal
   */
  async addOrFind(
    type: string,
    payload: unknown,
    priority: JobPriority,
    options: JobOptions,
    definition?: JobDefinition,
  ): Promise<AddedJob> {
    const job = checkJob(this.known, type, payload, priority, options, this.now());
    // Until the queue is connected, the broker's time is not known.
    const early = this.isConnected === undefined ? { ...options } : undefined;
    const add = (broker: Broker) => {
      if (early) setTimes(job, early, broker.clock.now());
      return addChecked(broker, job);
    };
    return this.use(add, definition && (() => assertPayloadOf(definition, job.body)));
  }

  /**
   * Adds many jobs at once, in few round trips. All are checked before the first is sent. When the broker fails in
   * between, some are stored: with ids of your own, the call can be repeated.
   * @returns the ids, in the order of the jobs
   * @throws as {@link addJob} does; the message of an invalid job begins with its place
   */
  async addJobs(jobs: readonly NewJob[]): Promise<string[]> {
    const checked = checkJobs(this.known, jobs, this.now());
    const early = this.isConnected === undefined ? jobs.map((job) => ({ ...job })) : [];
    const add = (broker: Broker) => addMany(broker, checked, early);
    return this.use(add, () => checkPayloads(jobs, checked));
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
    return findJob(await this.#showing(), id);
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
    const wait = { ...options, closed: this.closed, ...(type !== undefined && { type }) };
    return endOf(() => this.broker(), id, wait);
  }

  /** One job and its version: the sequence of its last record in EVENTS, 0 while no worker has touched it. */
  async getVersion(id: string): Promise<JobVersion | undefined> {
    assertJobId(id);
    return findVersion(await this.#showing(), id);
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
    return listJobs(await this.#showing(), this.#knownIds, filter);
  }

  /**
   * Counts by type, priority and status, as the broker's consumers count: a job that was just added may be missing for
   * some milliseconds, and one that has just ended may be counted as processing as well. The cost does not grow with the
   * jobs, save at the first call of a process. A type that nobody handles, and that waits in the middle of very many other
   * jobs, is named some seconds later.
   */
  async getStats(): Promise<JobQueueStats> {
    const broker = await this.broker();
    // A job whose end is known here must not count among those that run.
    broker.sendAnswers();
    return readStats(broker);
  }

  /**
   * When the oldest queued job was enqueued, ISO 8601, among the types that somebody handles; undefined when none waits.
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
    return this.use((broker) =>
      cleanupJobs(broker, olderThanMs, this.ownersToKeep, { onProgress: this.#teller(options) }),
    );
  }

  /**
   * Cancels a job that is queued, scheduled, retrying, waiting, or running in any process: its handler's AbortSignal
   * fires with the reason `cancelled`, and what an instance job has rented is deleted.
   * @param reason shown in the job's error
   * @returns the FAILED record
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`, `JETFLEET_TYPE_UNKNOWN`; ConflictError when the
   *   job has ended already
   */
  async cancel(id: string, reason?: string, options: VersionOptions = {}): Promise<JobRecord> {
    assertJobId(id);
    checkText('reason', reason);
    assertOptions('options', options, VERSION_OPTIONS);
    return this.use((broker) => cancelJob(broker, id, reason, options));
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
    return this.use((broker) => redriveJob(broker, id, options));
  }

  /**
   * Runs every FAILED job again that fits, oldest first.
   * @returns the ids of those jobs
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used
   */
  async retryAll(filter: RedriveFilter = {}, options: ProgressOptions = {}): Promise<string[]> {
    assertOptions('filter', filter, REDRIVE_FILTER);
    assertOptions('options', options, PROGRESS_OPTIONS);
    return this.use((broker) => redriveJobs(broker, filter, this.#teller(options)));
  }

  /**
   * Runs a job of a definition once more that has ended: a FAILED one as itself, a COMPLETED one as a new job.
   * @returns the id of the job that runs
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, also when the id names a job of another type; ConflictError when it has not
   *   ended
   */
  async rerun(job: JobDefinition, id: string): Promise<string> {
    assertDefinition(job);
    assertJobId(id);
    return this.use((broker) => rerunJob(broker, job.type, id));
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
   * Forgets a durable consumer of events: its place, and its dead letters. A later subscription under its name begins from its own options.
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError while somebody listens, unless `force`
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be a name
   */
  async deleteEventConsumer(name: string, options: DeleteConsumerOptions = {}): Promise<void> {
    assertOptions('options', options, DELETE_CONSUMER);
    await this.use((broker) => deleteEventConsumer(broker, name, options));
  }

  /**
   * Transitions in order, to read along: nothing is acknowledged, so one that is missed is not redelivered.
   * @param options.fromSeq where in EVENTS to begin. Defaults to what comes from now on
   */
  async feed(options: { filter?: EventFilter; fromSeq?: number } = {}): Promise<EventFeed> {
    assertOptions('options', options, FEED_OPTIONS);
    return (await this.broker()).feed(options);
  }

  /** For whoever shows jobs: one that waits has the settings of its handler. */
  async #showing(): Promise<Broker> {
    const broker = await this.broker();
    await broker.handlers.know();
    return broker;
  }

  #teller({ onProgress }: ProgressOptions): (done: number) => void {
    return (done) => onProgress && this.userCode.run('onProgress', () => onProgress(done));
  }
}
