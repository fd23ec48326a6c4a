import type { Broker } from '../broker/broker.js';
import {
  type AddOptions,
  assertDefinition,
  assertPayloadOf,
  type JobDefinition,
  type JobTypes,
} from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { assertJobId } from '../jobs/job-id.js';
import type { JobOptions, NewJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_DELAY_MS } from '../jobs/limits.js';
import { checkInteger } from '../jobs/numbers.js';
import { assertObject, assertOptions, checkText } from '../jobs/options.js';
import type { Schedule, ScheduleOptions } from '../jobs/schedule.js';
import { JobPriority } from '../jobs/vocabulary.js';
import type { Pause } from '../wire/pauses.js';
import type { DeadLetterFilter } from './dead-letters/dead-letter-filter.js';
import { DeadLetters, type RetryAllOptions } from './dead-letters/dead-letters.js';
import {
  type AddedFlow,
  addFlow,
  type BatchOptions,
  batchOf,
  checkFlow,
  type Flow,
  type FlowOptions,
} from './flows/flow-add.js';
import type { Added, AddedJob } from './job-add.js';
import { addChecked } from './job-add-checked.js';
import { addEach, checkEach, type SourcedJob, type SourcedOutcome } from './job-add-each.js';
import { addMany, checkJobs, checkPayloads } from './job-add-many.js';
import { cancelJob } from './job-cancel.js';

import { VERSION_OPTIONS, type VersionOptions } from './job-lookup.js';
import { RETRY_OPTIONS, type RetryOptions, redriveJob, rerunJob } from './job-redrive.js';
import { JobRemover } from './job-remover.js';
import { checkJob, setTimes } from './job-request.js';
import { JobLimits } from './limits/job-limits.js';
import { checkDrain, type DrainOptions, drainJobs } from './pause/drain-jobs.js';
import {
  checkPause,
  checkResume,
  type PauseOptions,
  pauseJobs,
  type Resumed,
  type ResumeOptions,
  resumeJobs,
} from './pause/pause-jobs.js';
import { setSchedule } from './schedules/change-schedule.js';
import { checkSchedule } from './schedules/schedule-request.js';
import { Schedules } from './schedules/schedules.js';
import { getSchedule } from './schedules/shown-schedule.js';
import { DELETE_CONSUMER, type DeleteConsumerOptions, deleteEventConsumer } from './stats/event-lag.js';
import { isWithoutTrace, tracedJobs } from './traced-jobs.js';
import { checkSignal, type SendSignalOptions, type SentSignal, sendSignal } from './waiting/send-signal.js';

/**
 * The queue: adds jobs, finds, lists and counts them, and follows what becomes of them. It connects on its first use. Any number
 * of processes may have one.
 *
 * Every method can throw BrokerError `JETFLEET_BROKER_UNREACHABLE` (no server), `JETFLEET_NO_LEADER`, `JETFLEET_SERVER_TOO_OLD`,
 * `JETFLEET_STREAM_DRIFT`, `JETFLEET_NO_STREAM` (with `createStreams: false`) and JetfleetError `JETFLEET_CLOSED`.
 */
class EngineQueue extends JobRemover {
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
   * @returns the id of the job, once it is durable, and whether this call has created it: where another job has its unique key, that
   *   of the other one
   * @throws as {@link addJob} does
   */
  async add<T extends JobTypes>(
    job: JobDefinition<T>,
    payload: T['input'],
    options: AddOptions = {},
  ): Promise<Added> {
    assertDefinition(job);
    assertObject('options', options);
    this.known.add(job);
    const { priority = JobPriority.NORMAL, ...jobOptions } = options;
    const { id, created, replaced } = await this.addOrFind(job.type, payload, priority, jobOptions, job);
    return { id, created, ...defined({ replaced }) };
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
    if (!this.tracing) return this.#addOrFind(type, payload, priority, options, definition);
    const { id, traceparent, tracestate } = Object(options) as JobOptions;
    const jobs = tracedJobs(this.known, [{ type, priority }]);
    const traced = { jobs, id, ...defined({ traceparent, tracestate }) };
    return this.tracing.adding(traced, (context) =>
      this.#addOrFind(type, payload, priority, { ...options, ...context }, definition),
    );
  }

  async #addOrFind(
    type: string,
    payload: unknown,
    priority: JobPriority,
    options: JobOptions,
    definition?: JobDefinition,
  ): Promise<AddedJob> {
    const job = checkJob(this.known, type, payload, priority, options, this.now(), this.maxObjectBytes);
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
    if (!this.tracing || !Array.isArray(jobs) || jobs.length === 0) return this.#addJobs(jobs);
    return this.tracing.adding({ jobs: tracedJobs(this.known, jobs) }, (context) =>
      this.#addJobs(jobs.map((job) => (isWithoutTrace(job) ? { ...job, ...context } : job))),
    );
  }

  async #addJobs(jobs: readonly NewJob[]): Promise<string[]> {
    const checked = checkJobs(this.known, jobs, this.now(), this.maxObjectBytes);
    const early = this.isConnected === undefined ? jobs.map((job) => ({ ...job })) : [];
    const add = (broker: Broker) => addMany(broker, checked, early);
    return this.use(add, () => checkPayloads(jobs, checked));
  }

  /** The recurring jobs: `list`, `get`, `pause`, `resume`, `runNow`, `delete`. */
  readonly schedules = new Schedules((work) => this.use(work), this.known);
  /** Jobs that have failed by nobody's wish: their causes; retried or deleted by filter. */
  readonly deadLetters = new DeadLetters({
    use: (work) => this.use(work),
    ownersToKeep: this.ownersToKeep,
    teller: (options) => this.teller(options),
  });
  /** Permits of limits: what is held and waits, and how many there are. */
  readonly limits = new JobLimits(
    (work) => this.use(work),
    (broker) => this.limiter(broker),
    (broker) => this.liveLimits(broker),
  );

  /**
   * Has a job run again and again, by a schedule that the broker keeps and fires. Each run is a job of its own. A second call with the
   * same name changes the schedule; one that is paused stays so.
   *
   * @example await queue.schedule('nightly', report, { full: true }, { cron: '0 3 * * *', timeZone: 'Europe/Berlin' })
   * @param job a definition, or the name of a type
   * @throws ValidationError `JETFLEET_CRON_INVALID`, `JETFLEET_TIME_ZONE_UNKNOWN`, `JETFLEET_OPTION_INVALID`, or as {@link add}
   *   does; nothing is stored then
   */
  async schedule<T extends JobTypes>(
    name: string,
    job: JobDefinition<T> | string,
    payload: T['input'],
    options: ScheduleOptions,
  ): Promise<Schedule> {
    const checked = checkSchedule(this.known, name, job, payload, options, this.now());
    return this.use(
      async (broker) => {
        await setSchedule(broker, name, checked);
        return getSchedule(broker, name);
      },
      typeof job === 'string' ? undefined : () => assertPayloadOf(job, checked.body),
    );
  }

  /**
   * As {@link addJobs}, of jobs that come from elsewhere with their ids: what is wrong with one fails no other.
   * @returns the outcomes, in the order of the jobs
   * @internal
   */
  async addEach(jobs: readonly SourcedJob[]): Promise<SourcedOutcome[]> {
    return this.use(async (broker) => addEach(broker, await checkEach(this.known, jobs, broker.clock.now())));
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
   * Pauses the jobs of a type, of a priority, of both, or, without either, all: none of them starts until the pause ends, on whatever
   * worker, also across restarts of workers and broker, and for types that nobody handles yet. Jobs that run go on: see {@link drain}.
   * A second pause of the same jobs replaces the first.
   * @example await queue.pause({type: 'create_instance', forMs: 600_000, reason: 'deploy'})
   * @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_TYPE_INVALID`, `JETFLEET_PRIORITY_INVALID`
   */
  async pause(options: PauseOptions = {}): Promise<Pause> {
    checkPause(options);
    return this.use((broker) => pauseJobs(broker, options));
  }

  /**
   * Ends the pause of some jobs and of parts of them: without a type and a priority every pause.
   * @returns what was resumed, and the wider pauses that still hold these jobs
   * @throws as {@link pause} does
   */
  async resume(options: ResumeOptions = {}): Promise<Resumed> {
    checkResume(options);
    return this.use((broker) => resumeJobs(broker, options));
  }

  /**
   * Waits until none of some paused jobs runs any more. A job whose worker has died counts until its lease is over.
   * @throws ConflictError unless they are paused; JetfleetError `JETFLEET_WAIT_TIMEOUT`; the reason of `signal`
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    checkDrain(options);
    await drainJobs(await this.broker(), options, this.closed);
  }

  /**
   * Adds a flow: a graph of jobs, `{ jobs }`, or a tree, a job with `children`. It is one job of type `run_flow`, stored by one
   * write. Each of its jobs is added when those that it names have ended, and gets their results from `job.results()`.
   * With an id of your own the call can be repeated.
   * @example await queue.addFlow({ jobs: { a: fetch.of({ n: 1 }), b: { ...merge.of({}), after: ['a'] } } })
   * @returns the id of the whole, for `ended`, `getFlow`, `cancel` and `retry`, and those of its jobs
   * @throws ValidationError `JETFLEET_FLOW_INVALID` for a circle or an unknown key, and as {@link addJob} does, with the key of the job;
   *   nothing is stored then
   */
  async addFlow(flow: Flow, options: FlowOptions = {}): Promise<AddedFlow> {
    return addFlow(this, checkFlow(this.known, flow, options));
  }

  /**
   * Adds jobs that run side by side, and one that runs when all have ended, whatever became of them: a flow, see {@link addFlow}.
   * @throws as {@link addFlow} does
   */
  async addBatch(jobs: readonly NewJob[], options: BatchOptions = {}): Promise<AddedFlow> {
    const batch = batchOf(jobs, options);
    return addFlow(this, checkFlow(this.known, batch.flow, batch.options));
  }

  /**
   * Sends a signal to a job, for its `job.waitForSignal(name)`. It is stored first, and kept for a job that does not wait yet, or does
   * not exist yet. Other languages publish on `signals.<job id>.<name>`.
   * @param data any JSON, at most 130 KiB; null for none
   * @returns whether the job exists, once the signal is durable
   * @throws ValidationError `JETFLEET_SIGNAL_INVALID`, `JETFLEET_ID_INVALID`, `JETFLEET_OPTION_INVALID`
   * @throws ConflictError when the job has ended
   */
  async signal(
    id: string,
    name: string,
    data?: unknown,
    options: SendSignalOptions = {},
  ): Promise<SentSignal> {
    const signal = checkSignal(id, name, data, options);
    return this.use((broker) => sendSignal(broker, signal));
  }

  /**
   * Runs a FAILED job again, with its attempts counted from 1. Its record keeps what went wrong before in `failures`.
   * @returns the PENDING record
   * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job is not FAILED, or
   *   its body could not be read and there is no new payload
   * @throws ValidationError `JETFLEET_PAYLOAD_*` for a new payload that does not fit; the job stays as it is then
   */
  async retry(id: string, options: RetryOptions = {}): Promise<JobRecord> {
    assertJobId(id);
    assertOptions('options', options, RETRY_OPTIONS);
    checkInteger('delayMs', options.delayMs, 0, MAX_DELAY_MS);
    return this.use((broker) => redriveJob(broker, id, options));
  }

  /** As `deadLetters.retry`: runs every FAILED job again that fits and was not cancelled, oldest first. */
  async retryAll(filter: DeadLetterFilter = {}, options: RetryAllOptions = {}): Promise<string[]> {
    return this.deadLetters.retry(filter, options);
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
   * Forgets a durable consumer of events: its place, and its dead letters. A later subscription under its name begins from its own options.
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError while somebody listens, unless `force`
   * @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be a name
   */
  async deleteEventConsumer(name: string, options: DeleteConsumerOptions = {}): Promise<void> {
    assertOptions('options', options, DELETE_CONSUMER);
    await this.use((broker) => deleteEventConsumer(broker, name, options));
  }
}

// The product's queue has the name of the package's class (src/jetfleet.ts): in a bundle only one can have it.
export { EngineQueue as JobQueueService };
