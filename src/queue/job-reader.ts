import type { Broker } from '../broker/broker.js';
import type { EventHandler, EventSubscription } from '../broker/consume/event-consumer.js';
import type { EventFeed } from '../broker/consume/event-feed.js';
import type { EventFilter, EventOptions } from '../broker/consume/event-options.js';
import {
  assertDefinition,
  checkedResult,
  type JobDefinition,
  type JobTypes,
  type TypedRecord,
} from '../jobs/define-job.js';
import { invalidOption, JobFailedError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { JobFamily } from '../jobs/family.js';
import { assertJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { assertOptions } from '../jobs/options.js';
import type { FlowStatus } from '../jobs/shown-flow.js';
import type { StatsHistory } from '../jobs/stats-history.js';
import type { ObjectField } from '../jobs/stored-object.js';
import type { Pause } from '../wire/pauses.js';
import { FOLLOW_OPTIONS, type FollowOptions } from './activity/follow.js';
import { withProgress, withProgressOfAll } from './activity/live-progress.js';
import { type JobLog, LOG_OPTIONS, type LogLine, type LogOptions, readLog } from './activity/read-log.js';
import { type JobSteps, readSteps } from './activity/read-steps.js';
import {
  followLog,
  followProgress,
  type ReportedProgress,
  type StreamedChunk,
  streamChunks,
} from './activity/streams.js';
import { readFamily } from './family/read-family.js';
import { readFlow } from './flows/flow-status.js';
import { type RecordedTransition, readHistory } from './job-history.js';
import { findJob, findVersion, type JobVersion, noSuchJob } from './job-lookup.js';
import { endOf, WAIT_OPTIONS, type WaitOptions } from './job-wait.js';
import { JOB_FILTER, type JobFilter, type JobPage } from './list/job-filter.js';
import { KnownIds } from './list/known-ids.js';
import { listJobs } from './list/list-jobs.js';
import { readPauses } from './pause/pause-jobs.js';
import { QueueConnection } from './queue-connection.js';
import { type EventConsumerLag, readEventLag } from './stats/event-lag.js';
import { FailedStates } from './stats/failed-states.js';
import type { JobQueueStats } from './stats/job-stats.js';
import { CountReader, type QueueCounts } from './stats/queue-counts.js';
import { type BrokerHealth, readBrokerHealth } from './stats/stream-health.js';
import { checkedRange, type StatsHistoryOptions } from './stats-history/history-options.js';
import { readStatsHistory } from './stats-history/read-history.js';

const FEED_OPTIONS = { filter: true, fromSeq: true } as const;

/** What can be read of jobs: one, pages of them, their history, counts, and what becomes of them. */
export abstract class JobReader extends QueueConnection {
  readonly #knownIds = new KnownIds();
  readonly #counts = new CountReader(() => this.broker());

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
    const broker = await this.#showing();
    const job = await findJob(broker, id);
    return job && withProgress(broker, job);
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
    const { objects } = (await this.broker()).extra;
    return checkedResult(job, await objects.resolve(record, record.result));
  }

  /**
   * The payload or the result of a job, also where its record holds a reference to it: a payload over 512 KiB, a result over 128 KiB.
   * @returns undefined for a result that is not there
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED`
   */
  async load(id: string, field: ObjectField): Promise<unknown> {
    assertJobId(id);
    if (field !== 'payload' && field !== 'result')
      throw invalidOption(`field ${quoted(field)} must be payload or result`);
    const broker = await this.#showing();
    const job = await findJob(broker, id);
    if (!job) throw noSuchJob(id);
    return broker.extra.objects.resolve(job, job[field]);
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

  /** How far a flow is, and each of its jobs; undefined where the id names none. */
  async getFlow(id: string): Promise<FlowStatus | undefined> {
    assertJobId(id);
    return readFlow(await this.#showing(), id);
  }

  /**
   * The jobs that a job came of, and those that came of them: its parents, what each waits for, and what followed from their ends. At most
   * 300 of them, and of a flow the first 100 jobs. Undefined where the id names no job.
   */
  async getFamily(id: string): Promise<JobFamily | undefined> {
    assertJobId(id);
    return readFamily(await this.#showing(), this.#knownIds, id);
  }

  /** One job and its version: the sequence of its last record in EVENTS, 0 while no worker has touched it. */
  async getVersion(id: string): Promise<JobVersion | undefined> {
    assertJobId(id);
    const broker = await this.#showing();
    const version = await findVersion(broker, id);
    return version && { ...version, job: await withProgress(broker, version.job) };
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
   * What the handlers of a job have logged with `job.log`, also after its end: the last 10,000 lines, and of these at most 1 MiB.
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ValidationError `JETFLEET_OPTION_INVALID`
   */
  async logs(id: string, options: LogOptions = {}): Promise<JobLog> {
    assertJobId(id);
    assertOptions('options', options, LOG_OPTIONS);
    return readLog(await this.broker(), id, options);
  }

  /**
   * What the state machines of a job did, oldest first: the first and the last of them, at most 200. Workers keep them of jobs whose
   * attempts failed or that somebody watched; see `inspect.keep` of the worker. They go with the record of the job.
   * @throws JetfleetError `JETFLEET_NOT_FOUND`
   */
  async steps(id: string): Promise<JobSteps> {
    assertJobId(id);
    return readSteps(await this.broker(), id);
  }

  /**
   * The lines that are kept of a job's log, then those that come, until the job has ended. It can be begun at any time, also after the
   * end. An outage of the broker does not end it.
   * @example for await (const { line } of queue.followLogs(id)) console.log(line)
   * @throws as {@link stream} does
   */
  followLogs(id: string, options: FollowOptions = {}): AsyncGenerator<LogLine> {
    return followLog(() => this.broker(), id, this.#following(id, options));
  }

  /**
   * How far a job is, as its handler reports it with `job.progress`, until the job has ended: the last value that is known, then those
   * that come.
   * @throws as {@link stream} does
   */
  followProgress(id: string, options: FollowOptions = {}): AsyncGenerator<ReportedProgress> {
    return followProgress(() => this.broker(), id, this.#following(id, options));
  }

  /**
   * What the handler of a job emits with `job.emit`, as it comes, until the job has ended. It can be joined at any time, also after the end: it
   * begins with the first chunk that is kept of the job's newest attempt, the last 8 MiB. With another attempt the chunks begin again,
   * with a higher `attempt`. An outage of the broker does not end it.
   * @example for await (const { chunk } of queue.stream(summarize, id)) process.stdout.write(chunk)
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_CLOSED`; the reason of `signal`
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  stream<K = unknown>(id: string, options?: FollowOptions): AsyncGenerator<StreamedChunk<K>>;
  stream<T extends JobTypes>(
    job: JobDefinition<T>,
    id: string,
    options?: FollowOptions,
  ): AsyncGenerator<StreamedChunk<T['chunk']>>;
  stream(
    job: JobDefinition | string,
    second?: string | FollowOptions,
    third?: FollowOptions,
  ): AsyncGenerator<StreamedChunk> {
    const isTyped = typeof job !== 'string';
    if (isTyped) assertDefinition(job);
    const [id, options = {}] = isTyped
      ? [second as string, third]
      : [job, second as FollowOptions | undefined];
    return streamChunks(() => this.broker(), id, this.#following(id, options));
  }

  #following(id: string, options: FollowOptions): FollowOptions & { closed: AbortSignal } {
    assertJobId(id);
    assertOptions('options', options, FOLLOW_OPTIONS);
    return { ...options, closed: this.closed };
  }

  /**
   * A page of jobs: those that run, then waiting ones by priority and age, then finished ones, oldest first. A page may
   * hold fewer than `limit` and still have a cursor: follow it to the end.
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
   */
  async getJobs(filter: JobFilter = {}): Promise<JobPage> {
    return this.#page(filter);
  }

  /**
   * As {@link getJobs}, for a page of a screen: it searches for so long at most, and says by a cursor where to go on.
   * @internal
   */
  async getJobsWithin(filter: JobFilter, withinMs: number): Promise<JobPage> {
    return this.#page(filter, withinMs);
  }

  async #page(filter: JobFilter, withinMs?: number): Promise<JobPage> {
    assertOptions('filter', filter, JOB_FILTER);
    const broker = await this.#showing();
    const page = await listJobs(broker, this.#knownIds, filter, withinMs);
    return { ...page, jobs: await withProgressOfAll(broker, page.jobs) };
  }

  /**
   * Counts by type, priority and status, as the broker's consumers count: a job that was just added may be missing for
   * some milliseconds, and one that has just ended may be counted as processing as well. The cost does not grow with the
   * jobs, save at the first call of a process. A type that nobody handles, and that waits in the middle of very many other
   * jobs, is named some seconds later.
   */
  async getStats(): Promise<JobQueueStats> {
    return this.#counts.stats();
  }

  /** @internal The same, and since when jobs wait, as of one moment. */
  async getCounts(): Promise<QueueCounts> {
    return this.#counts.all();
  }

  /**
   * How many jobs are in each state within `failed`.
   * @internal
   */
  readonly failedStates = new FailedStates(() => this.broker());

  /**
   * When the oldest queued job was enqueued, ISO 8601, among those that somebody handles and that are not paused; undefined when
   * none waits.
   */
  async oldestPendingAt(): Promise<string | undefined> {
    return this.#counts.oldestPendingAt();
  }

  /** When the oldest job was enqueued of a type that no worker has ever registered, ISO 8601; undefined when none waits. */
  async oldestUnhandledAt(): Promise<string | undefined> {
    return this.#counts.oldestUnhandledAt();
  }

  /**
   * Rates, errors and times of jobs over the last 24 hours: of all, or of one type, priority, worker or tag. An HTTP server keeps them up to
   * date; without one, the call counts the events of that time itself, up to 200,000 of them.
   * @example await queue.getStatsHistory({ from: new Date(Date.now() - 3_600_000), type: 'report' })
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async getStatsHistory(options: StatsHistoryOptions = {}): Promise<StatsHistory> {
    const range = checkedRange(options, this.now());
    return readStatsHistory(await this.broker(), range);
  }

  /**
   * As {@link getStatsHistory}, for a page of a screen: it counts for so long at most, and `countedUntil` says how far it came.
   * @internal
   */
  async getStatsHistoryWithin(options: StatsHistoryOptions, withinMs: number): Promise<StatsHistory> {
    const range = checkedRange(options, this.now());
    return readStatsHistory(await this.broker(), range, withinMs);
  }

  /** The pauses that hold now, oldest first: what is paused, until when, why, and by whom. */
  async paused(): Promise<Pause[]> {
    return readPauses(await this.broker());
  }

  /** The broker, its streams and their consumers, in whatever state they are. */
  async health(): Promise<BrokerHealth> {
    return readBrokerHealth(await this.brokerAsItIs());
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
}
