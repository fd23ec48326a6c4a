import { AddOptions, RunDefaults, JobTypes, JobDefinition, TypedRecord, JobQueueOptions } from './jetfleet.js';
import { JobErrorInfo } from './jetfleet.js';
import { JobRecord } from './jetfleet.js';
import { JobPriority, JobStatus, JobState } from './jetfleet.js';
import { AnyActorLogic } from 'xstate';
import { EmbeddedServer } from './embedded.js';
import { JobQueueService, JobWorkerOptions, JobWorkerService, Handled, WorkerExtension, TypedHandler } from './jetfleet.js';
import '@standard-schema/spec';
import './shared/shown-limit.js';
import './shared/logger.js';
import '@nats-io/transport-node';
import './shared/commit-options.js';
import './shared/tracing.js';
import './shared/orphans.js';
import './shared/provider.js';
import './shared/worker-lifecycle.js';
import 'zod';
import '@nats-io/jetstream';

/**
 * Time that jumps. Timers are the broker's, which has a clock of its own: so the clock of the queue is put ahead to the time at which the
 * next timer is due, and its message is stored on its target as the broker would store it. What is due later is later still.
 */

interface DrainOptions {
    /** How long it may take in real time, in ms. Defaults to 30000. */
    timeoutMs?: number;
}
/** What draining has done. */
interface Drained {
    /** By how much the clock was put ahead, in ms. */
    skippedMs: number;
    /** Timers that were fired. */
    fired: number;
    /** Ids of jobs that wait for a signal or a child. `advance` lets the time of such a wait run out. */
    waiting: string[];
}

/** A queue for tests: on a nats-server of its own, with workers, and with time that jumps. */

interface TestQueueOptions extends Pick<JobQueueOptions, 'jobs' | 'logger' | 'eventsMaxAgeMs'> {
    /** A server that several test queues share; each has a namespace of its own. Defaults to one that is started, and stopped by `close`. */
    server?: EmbeddedServer;
}
interface RunOptions extends AddOptions, DrainOptions {
    /** When it resolves: once the job has ended, after all its retries, or after its first attempt. Defaults to `end`. */
    until?: 'end' | 'attempt';
    /** How its type runs, where this differs from its definition. */
    run?: RunDefaults;
}
/**
 * Starts a queue for tests. One for each test file, with `reset` before each test, takes about 0.2 s for the server and 0.1 s a test.
 *
 * @example
 * const test = await startTestQueue();
 * await test.work(handled(sendReceipt, send));
 * await test.queue.add(sendReceipt, { order: 42 }, { delayMs: 3_600_000 });
 * await test.drain();
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; as {@link startEmbeddedServer}
 */
declare function startTestQueue(options?: TestQueueOptions): Promise<TestQueue>;
/** Made by {@link startTestQueue}. */
declare class TestQueue implements AsyncDisposable {
    #private;
    readonly server: EmbeddedServer;
    /** Another one after each `reset`. */
    get queue(): JobQueueService;
    /** The time of the queue: that of the broker, and what was skipped. */
    now(): Date;
    /** A worker that is shut down by `reset` and `close`. It does not run yet, and does not sweep. */
    worker(options?: JobWorkerOptions): JobWorkerService;
    /**
     * A worker that runs already.
     * @param parts `handled(job, run)` of your job types, and extensions, such as `gpuInstances` and `webhooks`
     */
    work(...parts: (Handled | WorkerExtension)[]): Promise<JobWorkerService>;
    /**
     * Adds one job, runs it by `run` in a worker of its own, with its retries and naps in virtual time, and gives its record.
     * @throws as `queue.add`; JetfleetError `JETFLEET_WAIT_TIMEOUT`
     */
    runJob<T extends JobTypes>(job: JobDefinition<T>, run: TypedHandler<T> | AnyActorLogic, payload: T['input'], { until, run: defaults, timeoutMs, ...options }?: RunOptions): Promise<TypedRecord<T>>;
    /**
     * Runs until nothing is left: no job waits, runs, or has a timer. Delays, retries and naps take no time. Recurring schedules are not
     * waited for: `advance` fires them.
     * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT` with what is left: when the time is over, or no worker takes what is queued
     */
    drain(options?: DrainOptions): Promise<Drained>;
    /**
     * Lets so much time pass. Delayed jobs, retries, naps and ticks of recurring schedules run as they become due, in their order.
     * What is queued and has no worker stays.
     * @returns how many timers have fired
     * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT`
     */
    advance(ms: number, options?: DrainOptions): Promise<number>;
    /** Every job that was added since the last `reset`, as it stands. Those that wait for their time come last. */
    jobs(): Promise<JobRecord[]>;
    /** Begins anew: workers are shut down, and `queue` is a new and empty one at the time that it is. */
    reset(): Promise<void>;
    /** Ends the workers, the queue, and the server unless it was given. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

/** Which job is meant. What is left out fits every job. */
interface JobQuery {
    id?: string;
    /** The name of a type, or its definition. */
    type?: string | JobDefinition;
    /** What the payload has at least. */
    payload?: unknown;
    priority?: JobPriority;
    status?: JobStatus;
    state?: JobState;
    /** The job that it follows from. */
    parentId?: string;
}
/** What is expected of a time: a Date or an ISO 8601 text, or so many ms from now. A second more or less fits. */
interface ExpectedTime {
    at?: Date | string;
    inMs?: number;
}
/**
 * Expects something of the one job that an id or a query names.
 *
 * @example
 * await expectJob(test, id).toComplete({ pages: 3 });
 * await expectJob(test, { type: sendReceipt, payload: { order: 42 } }).toBeQueued();
 */
declare function expectJob(test: TestQueue, which: string | JobQuery): JobExpectation;
/** Each gives the record, or throws an AssertionError. */
declare class JobExpectation {
    #private;
    /** There is exactly one. @param record what its record has at least */
    toExist(record?: Partial<JobRecord>): Promise<JobRecord>;
    /** There are so many. */
    toExistTimes(count: number): Promise<JobRecord[]>;
    /** There is none. */
    toBeAbsent(): Promise<void>;
    /** It waits for a worker. */
    toBeQueued(record?: Partial<JobRecord>): Promise<JobRecord>;
    /** It waits for its time: delayed, for its next attempt, or asleep. */
    toBeScheduled(time?: ExpectedTime): Promise<JobRecord>;
    /** It COMPLETED. @param result what its result has at least */
    toComplete(result?: unknown): Promise<JobRecord>;
    /** It FAILED. @param error what its error has at least; a regular expression fits a text */
    toFail(error?: {
        [K in keyof JobErrorInfo]?: JobErrorInfo[K] | RegExp;
    }): Promise<JobRecord>;
    /** Its record has at least this. */
    toMatch(record: Record<string, unknown>): Promise<JobRecord>;
}

export { JobExpectation, TestQueue, expectJob, startTestQueue };
export type { DrainOptions, Drained, ExpectedTime, JobQuery, RunOptions, TestQueueOptions };
