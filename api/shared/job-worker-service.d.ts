import { KnownJobs, TopologyReport, TopologyOptions, Pause, PauseList, Drift, Sealer, ObjectField, ObjectReference, ChildEnd, SweptNotice, Overlap, Retention, BrokerOptions, EventOptions, EventHandler, EventSubscription, EventFilter, EventFeed, NeededPermit, JobDefinition, RunDefaults, Schema, PermitContext, PriorityPolicy, RetryPolicy, JobTypes, AddOptions, Added, EngineQueue, JobQueueOptions, AbandonedHandler } from './job-queue-service.js';
import { OrphanOptions, OrphanReport, DeleteOrphansOptions, DeletedOrphan } from './orphans.js';
import { GpuProvider } from './provider.js';
import { OUTCOME, CompletedWith, Snoozed, AutoStopPayload, CheckInstancePayload, ExtendLeasePayload, OrderInstancePayload, MigrateInstancePayload, WatchInstancePayload, BreakerState, BreakerFacts, WorkerLifecycleState } from './worker-lifecycle.js';
import { UniqueScope, JobRecord, JobRequest, UniqueKey, NewJob, JobOptions } from './job-options.js';
import { WorkKind, JobPriority, JobStatus, JobState, OnFailure } from './vocabulary.js';
import * as z from 'zod';
import { LimitSettings, RateLimit } from './shown-limit.js';
import { AnyActorLogic, InspectionEvent } from 'xstate';
import { Logger } from './logger.js';
import { errors, NatsConnection, Msg } from '@nats-io/transport-node';
import { BrokerError, JetfleetError, JobErrorInfo } from './errors.js';
import { Appended, ReadLast, CommitLogOptions, ServerSync, Append, HeaderReader, HeaderList } from './commit-options.js';
import { JetStreamManager, JetStreamClient, ConsumerConfig, ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { Tracing } from './tracing.js';

/**
 * Calls functions that were handed to Jetfleet: callbacks, listeners, hooks. What they throw, or their promises reject
 * with, is logged and counted here, and goes no further.
 */
declare class UserCode {
    #private;
    /** The logger that it was made with, whose methods now never throw. */
    readonly logger: Logger;
    constructor(logger: Logger);
    /** How often each callback has failed, by its name. */
    get failures(): Record<string, number>;
    /** A logger whose methods never throw; what they throw is counted as failures of `logger`. */
    guard(logger: Logger): Logger;
    /** Runs a callback and does not wait for its promise. It never throws. */
    run(name: string, callback: () => unknown): void;
    /**
     * Counts a failure of the callback `name`, and logs it unless one was logged in the last second.
     * @param facts more for the log
     */
    note(name: string, err: unknown, facts?: object): void;
}

/** In the place of a token of a subject: any. It is no text, so that nothing from outside can be it. */
declare const ANY: unique symbol;
type Any = typeof ANY;

/** What is published between workers and watchers over core NATS, and stored nowhere. */
declare class NoticeSubjects {
    #private;
    /** @param prefix of the namespace: `''` or `'acme.'` */
    constructor(prefix: string);
    /** `jetfleet.cancelled`: tells workers of a cancelled job. */
    cancelled(): string;
    /** `jetfleet.swept`: tells workers that one of them has swept. */
    swept(): string;
    /** `jetfleet.workers`: asks every worker what it does. */
    workersAsked(): string;
    /** `jetfleet.settled`: asks every worker which messages of some consumers it has settled, before they are removed. */
    settledAsked(): string;
    /** `jetfleet.charts`: asks every worker for the charts that its handlers run. */
    chartsAsked(): string;
    /** `jetfleet.drain`: tells one worker, by its name in the body, to take no more jobs, or to take them again. */
    drainOrdered(): string;
    /** `jetfleet.watch`: somebody watches a job, or all, and goes on saying so. */
    watched(): string;
    /** `inspect.<worker>.<job id>`: what a state machine does, while somebody watches; each may be {@link ANY}. */
    inspection(worker: string | Any, jobId: string | Any): string;
}

/** All streams of a namespace. Timers have one of their own: whoever may publish there can empty it. */
declare const STREAM_KINDS: readonly ["timers", "jobs", "webhooks", "events"];
type StreamKind = (typeof STREAM_KINDS)[number];
/** Streams that are made when they are first used. */
declare const EXTRA_KINDS: readonly ['unique', 'tags', 'limits', 'activity', 'steps', 'signals', 'control', 'audit', 'objects', 'history', 'endpoints', 'providers', 'ledger'];
type ExtraKind = (typeof EXTRA_KINDS)[number];
/**
 * Why Jetfleet set a timer: the next attempt of a retrying job, the next look of a waiting one, or a permit that a job waits for,
 * which is mostly woken before.
 */
type TimerReason = 'retrying' | 'waiting' | 'limited';
/** What a work subject says. Without an id the stream's sequence names the job. */
interface WorkAddress {
    kind: WorkKind;
    priority: JobPriority;
    type: string;
    id?: string;
}
interface TimerAddress {
    kind: WorkKind | Any;
    priority: JobPriority | Any;
    type: string | Any;
    id: string | Any;
}
interface EventAddress {
    type: string;
    status: JobStatus;
    id: string;
}
/**
 * A consumer and its subjects. A purge makes the server forget what was handed back to each consumer whose filter it
 * covers, or which covers it. So `removal` removes the consumer's messages, and neither covers the other: each has a
 * wildcard where the other has none (decision 29).
 */
interface ConsumerSubjects {
    name: string;
    /** What the consumer filters on; it also reads and counts its messages. */
    filter: string;
    /** What removes its messages. */
    removal: string;
}
/** Subjects, streams and consumers of one namespace: `acme` makes `acme.jobs.>` and `ACME_JOBS`. */
declare class Subjects {
    #private;
    /** `''` or `'acme.'`. */
    readonly prefix: string;
    readonly namespace: string;
    readonly notices: NoticeSubjects;
    /**
     * @param namespace lower case, 1 to 32 of `[a-z0-9_]`, starting with a letter; empty (default) for none
     * @param jobs says which types have a stream of their own. Defaults to none
     * @throws JetfleetError `JETFLEET_OPTION_INVALID`
     */
    constructor(namespace?: string, jobs?: KnownJobs);
    /** The work stream that a type's jobs go to. */
    workKindOf(type: string): WorkKind;
    /**
     * The work streams that a worker of a type listens on. `jobs` is always among them, so that a producer who publishes
     * `jobs.<priority>.send_webhook` by hand is served too.
     */
    workKindsFor(type: string): WorkKind[];
    /** STANDBY is a stream of a standby site alone. */
    streamName(kind: StreamKind | ExtraKind | 'standby'): string;
    /** `jobs.<priority>.<type>.<id>`; without an id the three-token form, in which it is published. */
    work(address: WorkAddress): string;
    /** The one filter that fences the message of a job with an id: of whatever type and priority it is. */
    workOf(kind: WorkKind, id: string): string;
    /** What is stored of one type and priority. */
    workFilter(kind: WorkKind, priority: JobPriority | Any, type: string | Any): string;
    /** All jobs of a type. Not `*` at the end: the server does not match that with an id of `>`, which any producer may send. */
    allWorkOf(kind: WorkKind, type: string): string;
    /** How a work stream stores what was published without an id. */
    bareWork(address: Omit<WorkAddress, 'id'>): string;
    /** What is published of one priority: without an id, and with one. */
    publishedWork(kind: WorkKind, priority: JobPriority): string[];
    /** How a work stream stores what was published without an id. */
    idTransform(kind: WorkKind): {
        src: string;
        dest: string;
    };
    /** `due.jobs.<priority>.<type>.<id>`: where a timer puts its job in TIMERS, from which JOBS takes it. */
    due(address: WorkAddress): string;
    /** Every due job of one priority or type: without an id, and with one. */
    dueFilters(kind: WorkKind, priority: JobPriority | Any, type?: string | Any): string[];
    /** `due.jobs.>`: all that a work stream takes from TIMERS. */
    dueOfAll(kind: WorkKind): string;
    /** `schedules.jobs.<id>`: the timer of a job that a producer delayed. */
    schedule(kind: WorkKind | Any, id: string | Any): string;
    /** `schedules.jobs.<reason>.<priority>.<type>.<id>`: a timer that Jetfleet set itself, countable by what it is for. */
    timer(reason: TimerReason, address: TimerAddress): string;
    /** `events.<type>.<status>.<id>`; each part may be {@link ANY}. */
    event(type: string | Any, status: JobStatus | Any, id: string | Any): string;
    /** The one filter that fences a job's transitions. Always this string: the server compares filters by their text. */
    eventsOf(id: string): string;
    /** `control.pauses`: the list of what is paused. */
    pauses(): string;
    /** `audit.actions`: who did what. */
    audit(): string;
    /** `unique.<type>.<scope>.<token>`: who has a unique key; see `keyToken`. */
    uniqueKey(type: string | Any, scope: UniqueScope, keyToken: string | Any): string;
    consumerName(type: string, priority: JobPriority): string;
    /** The consumer that hands out the jobs of one type and priority. */
    consumerFor(kind: WorkKind, priority: JobPriority, type: string): ConsumerSubjects;
    /** What the name of a consumer says, or undefined for a stranger's. */
    parseConsumer(name: string): {
        type: string;
        priority: JobPriority;
    } | undefined;
    /** The parts of a work subject, as published or as stored, or undefined when it is none. */
    parseWork(subject: string): WorkAddress | undefined;
    /** The job that a timer with this target brings, or undefined when it is no `due` subject. */
    parseDue(subject: string): WorkAddress | undefined;
    /** The work subject that a due one leads to, as it was published; undefined for any other. */
    workOfDue(subject: string): string | undefined;
    /** The subject of a job of any type and priority that is due now. */
    dueOf(kind: WorkKind | Any, id: string): string;
    /** The subjects of a producer's timer by the id that it is listed under: `cron-<name>` also names `cron.<name>`. */
    schedulesOf(kind: WorkKind | Any, id: string): string[];
    /** Of all timers of producers. */
    scheduleFilters(kind: WorkKind): string[];
    /** The id that a producer's timer is listed under, or undefined for a timer of Jetfleet's own. */
    scheduleId(subject: string): string | undefined;
    isSchedule(subject: string): boolean;
    /** The parts of an event subject, or undefined when it is none. */
    parseEvent(subject: string): EventAddress | undefined;
    /** The tokens of a subject of this namespace; none for any other. */
    tokensOf(subject: string): string[];
}

/** What a handler reports while it runs: the subjects and the messages of ACTIVITY. */

/** `progress` keeps how far the job is, `log` its lines, `chunk` the parts of its result. */
declare const ACTIVITY_KINDS: readonly ['progress', 'log', 'chunk'];
type ActivityKind = (typeof ACTIVITY_KINDS)[number];

/** What a user of the server may not do, joined to the call that asked for it. */

type Violation = InstanceType<typeof errors.PermissionViolationError>;

/** An answer; why the request or its answer cannot be passed on; undefined when none came in time, or it was lost by a reconnect. */
type Reply = Msg | Error | undefined;
type OnReply = (reply: Reply) => void;
/** The subject of a request, or whether it is among those of a batch. */
type Asked = string | ((subject: string) => boolean);
interface OpenRequest {
    readonly reply: string;
    /** Begins the time without an answer anew. */
    extend(): void;
    end(): void;
}
/**
 * Answers to many requests over one subscription, without an Error object for each request as `request()` builds.
 * One sweep watches every deadline, so a request costs no timer.
 */
declare class ReplyInbox {
    #private;
    constructor(connection: NatsConnection, logger?: Logger);
    /** A subject to be answered on; `onReply` runs once. */
    expect(timeoutMs: number, asked: Asked, onReply: OnReply): string;
    /** The same for many answers, until its end. What is no message comes once, and is the last. */
    open(timeoutMs: number, asked: Asked, onReply: OnReply): OpenRequest;
    /** Hears when the server refuses what is sent on a subject and answered elsewhere; returns how to stop. */
    watch(subject: string, onDenied: (error: BrokerError) => void): () => void;
    /** Ends the waiting of everybody who sent what the server refused; returns whether anybody waited. */
    deny(violation: Violation): boolean;
    get isClosed(): boolean;
    close(): void;
    /** Ends the waiting of everybody, as after a reconnect: their answers went to a connection that is gone. */
    giveUp(): void;
}

/** What is known of the streams after a subject had nobody who answers for it. */
type StreamState = 'there' | 'missing' | 'no leader';
/** Creates streams again that were deleted under a running process, and says what stands in the way. */
declare class MissingStreams {
    #private;
    /**
     * @param ensure creates what is missing, where the process may do that; else it only looks
     * @param isAsked whether the streams are known to have been there. Defaults to true
     */
    constructor(ensure: () => Promise<TopologyReport>, logger: Logger, isAsked?: boolean);
    /**
     * Before the streams are used for the first time: whether they are there, or undefined later. That nobody answers for a subject is said
     * by the server only while nobody at all listens to it, as who follows `>` does.
     */
    ready(): Promise<StreamState> | undefined;
    /** Creates the streams. Until it is known whether they are there, they count as without a leader. Never throws. */
    make(): Promise<StreamState>;
    /**
     * Why it should not be tried again; undefined where the next try may succeed.
     * @param missing makes the error which says that nobody answers for a subject
     * @param state of the streams, as `make` found it, and `before` as it did before the last try
     */
    reasonToGiveUp(missing: () => JetfleetError, state: StreamState, before: StreamState | undefined): JetfleetError | undefined;
}
type StreamMaker = Pick<MissingStreams, 'ready' | 'make' | 'reasonToGiveUp'>;

/**
 * What Jetfleet takes from private fields of the NATS client, each with the public way beside it: a version of the client without the
 * field is used that way. A test holds both ways to the same result. The gain of each is in decision 40.
 */

interface OutgoingMessage {
    subject: string;
    /** Where it is answered. Defaults to nowhere. */
    reply?: string | undefined;
    /** Lines of headers, each with its end; without any the message has none. */
    lines?: string;
    /** Text goes out as UTF-8. */
    data: string | Uint8Array;
}
/** A message with its header lines, if any. */
type LinedMessage = Required<Omit<OutgoingMessage, 'reply'>>;

/**
 * Many writes of one caller, none with an expectation. Each message is made when it is sent: thousands that are kept are much
 * work for the collector.
 */
interface Bulk {
    readonly size: number;
    messageAt(index: number): LinedMessage;
    /** Of its body. */
    bytesAt(index: number): number;
}
/** What became of a write of a bulk that was not just stored: it was refused, or the stream held its message already. */
interface BulkException {
    index: number;
    outcome: Appended | Error;
}

/**
 * Since when a stream has answered no write. nats-server gives no answer once a write to the disk has failed, as on a full
 * one, and says that all is well (measured with 2.15.1).
 */
declare class UnansweredWrites {
    #private;
    /**
     * @param onStalled told once, when the stream stores nothing
     * @param isConnected a server that is away answers nothing, whatever its streams do
     */
    constructor(onStalled: () => void, isConnected: () => boolean);
    /** A write was sent `agoMs` ago and has no answer. */
    silent(agoMs: number): void;
    /** The stream answers, or is about to: the connection has just come back. */
    reset(): void;
    get isStalled(): boolean;
    /** Why a write has no answer, as far as that is known. */
    get reason(): string | undefined;
}

/**
 * Group commit into one stream: what waits together goes as one atomic batch, few go as plain publishes, and to a server that
 * flushes periodically hundreds do. While sends wait for their answer, further writes gather (decision 3).
 *
 * Each caller gets its own answer: a rejected batch is sent again in halves. What gets no answer is sent again until it has
 * one, for at most `giveUpMs` from its append on.
 */
declare class CommitLog {
    #private;
    readonly unanswered: UnansweredWrites;
    constructor(connection: NatsConnection, inbox: ReplyInbox, readLast: ReadLast, options: CommitLogOptions & {
        sync?: ServerSync;
    }, streams: StreamMaker, unanswered: UnansweredWrites);
    /**
     * Resolves once the message is durable.
     * @throws ConflictError when the expectation does not hold
     * @throws BrokerError `JETFLEET_BACKPRESSURE`, `JETFLEET_NO_STREAM`, `JETFLEET_PUBLISH_REFUSED`,
     *   `JETFLEET_MESSAGE_TOO_LARGE`, `JETFLEET_PUBLISH_TIMEOUT`
     * @throws ValidationError `JETFLEET_HEADER_INVALID` for headers that cannot be sent
     * @throws JetfleetError `JETFLEET_CLOSED`
     */
    append(append: Append): Promise<Appended>;
    /**
     * Many writes, each as `append` makes it. A promise for each would cost more than anything else.
     * @returns those that were not just stored, with what `append` resolves to or rejects with, once all have their answer
     */
    appendBulk(bulk: Bulk): Promise<BulkException[]>;
    /** Writes that are stored together or not at all, whatever their number; see `appendTogether`. @returns their sequences */
    appendTogether(appends: readonly Append[]): Promise<number[]>;
    /** Refuses new writes, and waits until each of the others has its answer, or for `limitMs`. */
    drain(limitMs: number): Promise<void>;
    /** Refuses new writes, and those that were not sent; others still get their answer while the connection lives. */
    close(): void;
}

/** Headers of a message that was read, or of the status in its place. */
interface StoredHeaders extends HeaderReader {
    /** 0 for a message. */
    readonly code: number;
    readonly description: string;
    has(name: string): boolean;
    /** The last value of a name, or an empty string. */
    last(name: string): string;
    [Symbol.iterator](): Iterator<[name: string, values: string[]]>;
}

/** Requests to a stream's store, without a consumer (nats-server ADR-31). */

/** A message as its stream holds it. */
interface StoredMessage {
    subject: string;
    seq: number;
    data: Uint8Array;
    headers: StoredHeaders;
    /** Set when some lines of its headers cannot be read, and are left out of `headers`. */
    headersUnreadable?: boolean;
    /** When it was stored, milliseconds since the epoch. */
    timeMs: number;
}

/** Reads straight from a stream's store, without a consumer (nats-server ADR-31). */

declare class DirectRead {
    #private;
    constructor(connection: NatsConnection, inbox: ReplyInbox, streams: StreamMaker);
    last(stream: string, filter: string): Promise<StoredMessage | undefined>;
    /**
     * As {@link last}, in one request with all that are asked for at the same moment. For calls that come in great numbers.
     * @param filter may have `*` in every token but its last
     */
    lastTogether(stream: string, filter: string): Promise<StoredMessage | undefined>;
    /** The last message on each subject of a filter, oldest first; as {@link lastTogether}. */
    eachTogether(stream: string, filter: string): Promise<StoredMessage[]>;
    bySequence(stream: string, seq: number): Promise<StoredMessage | undefined>;
    /** Those of some sequences, both ends included, that are there, oldest first: asked for at once. Nothing is counted before. */
    bySequences(stream: string, first: number, last: number): Promise<StoredMessage[]>;
    /** The first message from `seq` on that a filter matches: unlike a page of one, it does not have the rest counted. */
    next(stream: string, filter: string, seq?: number): Promise<StoredMessage | undefined>;
    /** How many messages from `seq` on a filter matches, without reading them: the first one says how many follow. */
    count(stream: string, filter: string, seq?: number): Promise<number>;
    /** How many messages from `seq` on a filter matches, and the sequence of the first one, as of one moment. */
    extent(stream: string, filter: string, seq?: number): Promise<{
        count: number;
        firstSeq: number;
    }>;
    /**
     * How many subjects have messages that a filter matches, and as of which sequence: a replica may be behind. The server counts
     * up to 1,024 of them.
     */
    countSubjects(stream: string, filter: string): Promise<{
        count: number;
        asOf: number;
    }>;
    /** All messages on a filter from `seq` on, oldest first, read in pages of `pageSize`. */
    walk(stream: string, filter: string, seq: number, pageSize: number): AsyncGenerator<StoredMessage>;
    /**
     * As {@link walk}, page by page; none of them is empty.
     * @param upTo the last sequence that is read. Defaults to the end of the stream
     */
    pages(stream: string, filter: string, seq: number, pageSize: number, upTo?: number): AsyncGenerator<StoredMessage[]>;
    /**
     * As {@link pages}, but for large messages: the server ends each page early by its bytes, and no other one is held meanwhile.
     * @param limit of the messages of a page
     */
    batches(stream: string, filter: string, seq: number, limit: number, upTo?: number): AsyncGenerator<StoredMessage[]>;
    /**
     * Up to `limit` messages on a filter from `seq` on, oldest first. Fewer only when there are no more: the server ends
     * a batch early by its bytes, and then the rest is asked for.
     */
    page(stream: string, filter: string, seq: number, limit: number): Promise<StoredMessage[]>;
    /**
     * Up to `limit` messages on a filter from `seq` down to `first`, newest first. Fewer only when there are no more. What
     * lies between is not read: the server reads upwards alone, and counts tell how far back to begin.
     * @param seq may be infinite, for the last message
     */
    pageBefore(stream: string, filter: string, seq: number, limit: number, first?: number): Promise<StoredMessage[]>;
    /** The sequence of the first message that was stored at a time or later; infinite when none was. */
    sequenceAt(stream: string, timeMs: number): Promise<number>;
    /**
     * The last message on each subject of each filter, in no particular order.
     * @param fromSeq leaves out subjects whose last message is before it
     */
    lastOfEach(stream: string, filters: readonly string[], fromSeq?: number): Promise<StoredMessage[]>;
}

interface ExtraStreamOptions {
    name: string;
    /** Creates the stream where it is missing. */
    read: DirectRead;
    /** Creates nothing. */
    look: DirectRead;
    log: CommitLog;
    /** Makes the stream, where this process may; else it only looks. */
    ensure: () => Promise<TopologyReport>;
}
declare class ExtraStream {
    #private;
    readonly name: string;
    /** Creates the stream where it is missing. */
    readonly read: DirectRead;
    readonly log: CommitLog;
    constructor({ name, read, look, log, ensure }: ExtraStreamOptions);
    /**
     * Makes sure of the stream: once, and again after {@link doubt}.
     * @throws BrokerError `JETFLEET_NO_STREAM` where this process may create none; `JETFLEET_STREAM_DRIFT`
     */
    open(): Promise<void>;
    /** The stream may be gone. */
    doubt(): void;
    /** Hears when this process has come to use the stream; returns how to stop. */
    onOpened(listener: () => void): () => void;
    /**
     * What `look` finds, or `none` while there is no such stream. Nothing is created, but for a stream that this process has used and
     * somebody has deleted.
     * @throws BrokerError `JETFLEET_NO_LEADER`
     */
    find<T>(none: T, look: (read: DirectRead, stream: string) => Promise<T>): Promise<T>;
    /**
     * One write, before which the stream is made sure of: a write cannot find out that it is missing where somebody listens on its subject.
     * @throws ConflictError as the expectation of the write says; what {@link open} throws
     */
    append(append: Append): Promise<Appended>;
    /** One write, or several that are stored together or not at all. @returns their sequences */
    commit(appends: readonly Append[]): Promise<number[]>;
}

/** The copy of a timer at a standby site. It is wrapped: a message with the headers of a timer would be one. */

interface StandbyTimer {
    /** Where the timer is at its origin, and is set again. */
    subject: string;
    /** Its sequence there. */
    seq: number;
    headers: [name: string, value: string][];
    /** In base64. */
    data: string;
}

/** The streams of a standby site: mirrors of those of another site, copies of its timers, and how they become streams of their own. */

interface MirrorState {
    stream: string;
    /** The last message that it has. */
    lastSeq: number;
    /** Messages that the origin has and the mirror has not, as it has heard. */
    lag: number;
    /** How long ago the mirror has heard of its origin, in milliseconds; undefined where it never has. */
    silentMs?: number;
}
declare class StandbyStreams {
    #private;
    constructor(connection: NatsConnection, jsm: JetStreamManager, subjects: Subjects, options: TopologyOptions);
    /**
     * Makes the mirrors that are missing, of the streams that the origin has, and the stream of the copies.
     * @param domain of JetStream at the origin
     * @throws BrokerError `JETFLEET_STREAM_DRIFT` where a stream of the name is no mirror of it: this site has jobs of its own;
     *   `JETFLEET_BROKER_UNREACHABLE` where no leaf node leads to the domain
     */
    make(domain: string, atOrigin: (name: string) => boolean): Promise<void>;
    states(): Promise<MirrorState[]>;
    /** Removes from a mirror what the origin has removed. */
    purge(stream: string, filter: string, upTo: number): Promise<void>;
    /** Every copy of a timer, as the leader has it. */
    copies(): AsyncGenerator<StandbyTimer>;
    /** Writes copies, each in place of the one before of its timer. */
    copy(timers: readonly StandbyTimer[]): Promise<void>;
    forget(subjects: readonly string[]): Promise<void>;
    /** Makes the mirrors streams of their own. A work stream takes from TIMERS, which must be there. */
    release(): Promise<void>;
    /** Sets the timers of the copies, and forgets these. @returns how many */
    setTimers(): Promise<number>;
}

/** The client's JetStream interfaces, with a coded error where a call fails. */

/** JetStream as the client offers it; one for each connection. */
interface JetStream {
    manager: JetStreamManager;
    client: JetStreamClient;
}

/** A consumer that is paused, or not, against the list. */
interface PauseDrift {
    /** `consumer create_instance-low of JOBS`. */
    target: string;
    isPaused: boolean;
}
/** The pauses as they are stored; `seq` fences the next change. */
interface StoredPauses {
    seq: number;
    pauses: Pause[];
}
/**
 * Pauses of consumers. The broker holds them: `pause_until` stands in the configuration of a consumer, so it holds for all workers, and over
 * restarts of the server and of workers (ADR-43 of NATS); its own timer ends it. The list of pauses, by which consumers that are created
 * later are paused from the start, is one message of the stream CONTROL, changed by compare-and-set. Whoever has changed a consumer reads the list
 * once more, so that of changes at the same time the last one holds.
 */
declare class Pauses {
    #private;
    /** @param makeStream makes CONTROL where it is missing */
    constructor({ manager, client }: JetStream, subjects: Subjects, makeStream: () => Promise<unknown>);
    /** As the stream's leader has them, those whose time is over included. */
    read(): Promise<StoredPauses>;
    /** As {@link read}; none for a user who may not know them. */
    readIfAllowed(): Promise<StoredPauses>;
    /** @throws ConflictError when somebody else has changed them since they were read */
    write(list: PauseList, lastSeq: number): Promise<void>;
    /** Pauses and resumes every consumer as the list says, until the list is the same before and after. */
    hold(): Promise<void>;
    /** The consumers that are not as the list says, also when they are read once more: a change may be under way. */
    compare(): Promise<{
        isListed: boolean;
        drifted: PauseDrift[];
    }>;
}

/** What the server's consumers and streams have, which others may have configured. */
interface EffectiveTimes {
    ackWaitMs: number;
    eventsMaxAgeMs: number;
}
declare class Topology {
    #private;
    readonly pauses: Pauses;
    constructor(jetstream: JetStream, subjects: Subjects, options: TopologyOptions);
    /** Creates the streams and the consumers of `types` where they are missing. Safe to run from many processes at once. */
    ensure(types?: readonly string[]): Promise<TopologyReport>;
    /** What `ensure` would find, without making anything. */
    inspect(types?: readonly string[]): Promise<TopologyReport>;
    /** As {@link ensure}, of streams that are made when they are first used; without `creates`, as {@link inspect}. */
    extra(kinds: readonly ExtraKind[], creates: boolean): Promise<TopologyReport>;
    hasStream(kind: StreamKind | ExtraKind): Promise<boolean>;
    /** Creates the consumer by which one worker hears of the first jobs of some types. */
    addFirstJobsConsumer(name: string, types: readonly string[]): Promise<void>;
    /** Creates a consumer where it is missing. */
    ensureConsumer(kind: StreamKind | ExtraKind, config: Partial<ConsumerConfig> & {
        durable_name: string;
    }): Promise<void>;
    /**
     * Gives a stream or consumer the setting that it lacks.
     * @throws BrokerError `JETFLEET_STREAM_DRIFT` when the server does not let it be changed
     */
    apply({ target, field, want }: Drift): Promise<void>;
    /** The streams as a standby site has them. */
    standby(connection: NatsConnection): StandbyStreams;
    /** The consumers of every type that somebody handles. */
    consumers(kind: 'jobs' | 'webhooks' | 'events'): Promise<ConsumerInfo[]>;
    consumer(kind: 'jobs' | 'webhooks' | 'events', name: string): Promise<ConsumerInfo | undefined>;
    /** Notes something about a consumer that the server only keeps. */
    describeConsumer(kind: WorkKind, name: string, facts: Record<string, string>): Promise<void>;
    /** Removes a consumer; what it has not seen acknowledged is handed out again by one that is made anew. */
    deleteConsumer(kind: 'jobs' | 'webhooks' | 'events', name: string): Promise<void>;
    /**
     * What the server really does, whatever was asked for: the shortest lease among the consumers, and how long records
     * are kept (infinite without a limit). Milliseconds.
     */
    effective(): Promise<EffectiveTimes>;
    /** How long records are kept, in milliseconds; infinite without a limit. */
    eventsMaxAgeMs(): Promise<number>;
    streamInfo(kind: StreamKind | ExtraKind, subjectsFilter?: string): Promise<StreamInfo>;
    /** The state of a stream by its name. */
    infoOf(stream: string): Promise<StreamInfo>;
    /** The time at the leader of EVENTS, in ms since the epoch; NaN where it does not say. */
    readClock(): Promise<number>;
    /** Removes every message of the subject, at most up to the sequence `upTo`; returns how many. */
    purge(kind: StreamKind | ExtraKind, filter: string, upTo?: number): Promise<number>;
    /**
     * The sequence of the last message on a filter, 0 for none, as the stream's leader has it: a direct read may be answered
     * by a replica that is behind.
     */
    lastSequence(kind: StreamKind, filter: string): Promise<number>;
    /** The last message on a filter, as the leader has it. */
    lastMessage(kind: StreamKind | ExtraKind, filter: string): Promise<{
        subject: string;
        seq: number;
        data: Uint8Array;
    } | undefined>;
    /** Removes one message; one that is gone already is a success. */
    deleteMessage(kind: StreamKind | ExtraKind, seq: number): Promise<void>;
    /** Asks for the removal of a message that no stream will ever hold. @throws BrokerError `JETFLEET_BROKER_FORBIDDEN` */
    assertMayDelete(kind: StreamKind): Promise<void>;
}

/**
 * ACTIVITY: what handlers report while they run. The broker bounds it: by age, and by messages of a subject, of which it drops the
 * oldest. Workers keep it below that. A write is fenced by the expected last sequence of its subject.
 */

declare class ActivityStore {
    #private;
    /** Seals what reports hold. */
    readonly sealer: Sealer;
    constructor(stream: ExtraStream, options: {
        connection: NatsConnection;
        topology: Topology;
        subjects: Subjects;
        logger: Logger;
        sealer: Sealer;
    });
    /**
     * Stores a message behind the one with the sequence `lastSeq`, 0 for the first of its subject. @returns its sequence
     * @throws ConflictError when another worker has written meanwhile
     */
    append(kind: ActivityKind, id: string, data: string, lastSeq: number): Promise<number>;
    last(kind: ActivityKind, id: string): Promise<StoredMessage | undefined>;
    /** The last message of each of many jobs, with the job's id. */
    lastOfEach(kind: ActivityKind, ids: readonly string[]): Promise<[id: string, StoredMessage][]>;
    /** Up to `limit` messages from the sequence `from` on, oldest first. */
    page(kind: ActivityKind, id: string, from: number, limit: number): Promise<StoredMessage[]>;
    /** Hears that something is being stored for a job; a hint. @returns how to stop */
    onReport(kind: ActivityKind, id: string, listener: () => void): () => void;
    /** Removes what is stored on a subject up to a sequence. */
    trim(kind: ActivityKind, id: string, upTo: number): Promise<void>;
    /** Removes all that jobs have reported so far. */
    forget(ids: readonly string[]): Promise<void>;
}

/** Signals: what somebody outside says to a job. */

/** How a job waits for a signal. */
interface SignalOptions {
    /** How long to wait, in milliseconds from the first time on that the job comes to this wait; at most 366 days. Defaults to without end. */
    timeoutMs?: number;
}

interface SignalAddress {
    jobId: string;
    name: string;
}
interface EndAddress {
    parentId: string;
    group: string;
    status: 'done' | 'failed';
    childId: string;
}

/** The job that has a value. */
interface ObjectOwner {
    id: string;
    type: string;
}
declare class ObjectStore {
    #private;
    /** Largest value that this process stores so, as JSON; 0 for none. What others have stored it reads in any case. */
    readonly maxBytes: number;
    constructor(stream: ExtraStream, options: {
        subjects: Subjects;
        topology: Topology;
        sealer: Sealer;
        maxObjectBytes: number;
    });
    /** Whether a value of so many bytes of JSON is stored so: one over the limit of a message, or perhaps over it once it is sealed. */
    takes(bytes: number, limit: number): boolean;
    /**
     * Stores a value for a job that is about to be written.
     * @param text the value as JSON
     * @returns what stands in its place
     * @throws JetfleetError `JETFLEET_CODEC_FAILED`; BrokerError as of any write
     */
    put({ id, type }: ObjectOwner, field: ObjectField, text: string): Promise<ObjectReference>;
    /** The value, whether it stands where it is, or is referred to. @throws ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED` */
    resolve({ id, type }: ObjectOwner, value: unknown): Promise<unknown>;
    /** What another job is to have as well: a reference is to an object of its own job alone. */
    copy(id: string, value: unknown, toId: string): Promise<unknown>;
    /** Removes an object. */
    remove(id: string, name: string): Promise<void>;
    /** Removes what jobs held whose records are gone. One that lives again keeps it. */
    forget(jobs: readonly JobRecord[]): Promise<void>;
    /** Every object, with the job that it is of. Nothing of what they hold is read. */
    list(): Promise<{
        id: string;
        name: string;
    }[]>;
    /** When an object was stored, ms since the epoch; undefined for one that is gone. */
    storedAt(id: string, name: string): Promise<number | undefined>;
}

declare class SignalStore {
    #private;
    readonly stream: ExtraStream;
    constructor(stream: ExtraStream, subjects: Subjects, topology: Topology);
    exists(): Promise<boolean>;
    /** Makes sure of the stream, and of the consumer by which workers hear of signals. */
    openConsumer(): Promise<void>;
    /** Stores a signal. @param key makes a repetition within two minutes one signal */
    send(address: SignalAddress, body: string, key: string): Promise<Appended>;
    /** @throws as an append does */
    write(append: Append): Promise<Appended>;
    /** The signals of a name that a job was sent, oldest first, as a replica has them. */
    signalsOf(address: SignalAddress): Promise<StoredMessage[]>;
    /** The sequence of the last signal of a name, 0 for none, as the leader has it. */
    lastSignal(address: SignalAddress): Promise<number>;
    /** The sequence of the last message, as the leader has it. */
    lastSequence(): Promise<number>;
    /** Removes what was stored for a job up to a sequence. */
    forget(jobId: string, upTo: number): Promise<void>;
    remove(seq: number): Promise<void>;
}

/** What SIGNALS holds of children: which ones a parent has, and how each has ended. */

declare class ChildStore {
    #private;
    constructor(signals: SignalStore, subjects: Subjects, topology: Topology, sealer: Sealer, objects: () => ObjectStore);
    /**
     * Stores how a child has ended, once: the first end counts.
     * @throws ConflictError when it is stored already
     */
    storeEnd(address: EndAddress, end: ChildEnd): Promise<Appended>;
    /** How many children of a group have ended, and as of which sequence: a replica may be behind. */
    count(parentId: string, group: string): Promise<{
        count: number;
        asOf: number;
    }>;
    /** Where the ends of all children of a parent are stored, as the leader has it. */
    ended(parentId: string): Promise<EndAddress[]>;
    /** The children of a parent that have failed, and where that is stored. */
    failures(parentId: string): Promise<{
        childId: string;
        seq: number;
    }[]>;
    /** The ends of all children of a parent, by id; results that are objects are left as references. */
    ends(parentId: string): Promise<Map<string, ChildEnd>>;
    /** The ends of some children of a parent, by id. */
    endsOf(parentId: string, childIds: readonly string[]): Promise<Map<string, ChildEnd>>;
    /** Ends with their results where these are objects. @throws ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED` */
    whole(ends: Map<string, ChildEnd>): Promise<Map<string, ChildEnd>>;
    /**
     * Notes which children a parent is about to add, so that whoever ends the parent can end them.
     * @throws ConflictError when there is such a list already
     */
    note(parentId: string, name: string, childIds: readonly string[]): Promise<void>;
    /** The children of a parent, by the names of the lists. */
    noted(parentId: string): Promise<Map<string, string[]>>;
}

/**
 * The time as the broker has it: the broker fires timers and dates messages, so that its clock decides what is due. It
 * advances by the monotonic clock of the process. A local clock that is wrong or is set does not matter.
 */
declare class BrokerClock {
    #private;
    /** @param ask reads the broker's clock, in ms since the epoch */
    constructor(ask: () => Promise<number>, logger: Logger);
    now(): number;
    /** By how much a test has put it ahead; else 0. */
    get aheadMs(): number;
    /** Puts the clock of this process ahead of the broker's by so much more, as `jetfleet/testing` does. The broker's own stays. */
    skip(ms: number): void;
    /** The same, and never before a time that the broker itself has named: what is known of its clock is a guess. */
    notBefore(brokerMs: number): number;
    /** How far the local clock is ahead of the broker's, in ms; below 0 where it is behind. */
    get localOffsetMs(): number;
    stop(): void;
    /**
     * Sets the clock by the broker's, now and again every minute; where that cannot be read, it goes on as it was. Never rejects.
     */
    measure(): Promise<void>;
}

/** What happens to a connection that reconnects by itself. */
type ConnectionChange = 'lost' | 'back';

/** What a notice says; bytes that are no JSON object say nothing. */
type NoticeBody = Record<string, unknown>;
/**
 * Messages between processes that are not stored: whoever does not listen at that moment misses them. Anybody who may
 * publish can send them, so they are hints: who hears one verifies it before acting on it.
 */
declare class Notices {
    #private;
    constructor(connection: NatsConnection, subjects: Subjects, logger: Logger);
    get isClosed(): boolean;
    /**
     * Hears that a transition of a job is being written; returns how to stop. It may be refused yet, and one that is written while
     * the connection is lost is not heard.
     */
    onTransition(id: string, listener: () => void): () => void;
    /** The same of all jobs of a type. */
    onTransitions(type: string | Any, listener: () => void): () => void;
    /** Tells every worker that a job was cancelled by the event `seq`. One that misses it is refused at its next write. */
    announceCancelled(id: string, seq: number): void;
    /**
     * Tells every worker that somebody has changed a job while it waited, by the event `seq`: its handler begins only once its claim is
     * written. Said as of a cancellation, since a worker does the same for both.
     */
    announceChanged(id: string, seq: number): void;
    /** Hears what is said of cancelled and of changed jobs, which anybody may say; returns how to stop. */
    onCancelled(listener: (id: string, seq: number) => void): () => void;
    /** Tells the other workers that this one sweeps, so that they need not for a while. */
    announceSwept(notice: SweptNotice): void;
    /** Hears when a worker says that it sweeps, this one included; returns how to stop. */
    onSwept(listener: (notice: SweptNotice) => void): () => void;
    /** Sends a notice, unless the connection is closed: then nobody is there to send it to. */
    tell(subject: string, body: object): void;
    /** Listens on a subject, also to this process, and drops messages over `maxBytes`; returns how to stop. */
    hear(subject: string, listener: (body: NoticeBody) => void, maxBytes?: number): () => void;
    /** Answers those who {@link ask}, in their inboxes alone, unless `respond` has nothing to say; returns how to stop. */
    answer(subject: string, respond: (body: NoticeBody) => object | undefined, perSecond?: number): () => void;
    /** Every answer that comes within `withinMs`; sooner when no more come, and at once when nobody listens. */
    ask(subject: string, body: object, withinMs: number): Promise<NoticeBody[]>;
}

/**
 * What a worker answers to its deliveries. The answers of one turn of the event loop leave together: each would be a
 * write to the socket of its own otherwise, which is most of what an acknowledgement costs.
 */
declare class Replies {
    #private;
    constructor(connection: NatsConnection);
    /** Sends `body` at the end of this turn; answers leave in their order. */
    send(subject: string, body: string): void;
    /**
     * Sends what waits now. The deliveries whose answers a closed or drained connection no longer takes come again.
     * @returns whether anything waited
     */
    flush(): boolean;
}

/** A job as a work message: what a producer in any language publishes. */

interface WorkMessage {
    subject: string;
    headers: HeaderReader;
    data: Uint8Array;
    /** Sequence in its stream. */
    seq: number;
    /** When the stream stored it, milliseconds since the epoch. */
    timeMs: number;
    /** The headers break the protocol, so that `headers` is empty. */
    headersUnreadable?: boolean;
    /** It was read from its stream, so the server has added headers to it. Defaults to false: a consumer delivered it. */
    wasRead?: boolean;
}
/** What started a run of a recurring schedule. */
interface Tick {
    /** See schedule-subjects.ts. */
    place: string;
    /** When the schedule fires next. Absent of a run that somebody asked for. */
    nextMs?: number;
    /** Whether it makes up for a tick that the server has missed. */
    isMakeUp?: true;
    /** In the place of the policy of the schedule. */
    overlap?: Overlap;
}

/** A message that a consumer handed out; it comes again unless it is acknowledged in time. */
declare class Delivery implements WorkMessage {
    #private;
    readonly seq: number;
    readonly timeMs: number;
    /** How often the stream has handed it out, from 1. */
    readonly deliveryCount: number;
    /** How many deliveries its consumer had made with this one; a consumer that was made anew counts anew. */
    readonly consumerSeq: number;
    /** Messages that the consumer had yet to hand out after this one. */
    readonly pending: number;
    readonly headers: HeaderReader;
    readonly headersUnreadable: boolean;
    /**
     * @param msg with a reply for its acknowledgement; see {@link parseAckSubject}
     * @param askedMs when its request was sent, or an earlier one, ms of `performance.now()`
     */
    constructor(msg: Msg, askedMs: number, replies: Replies, acknowledged: AcknowledgedSequences);
    get subject(): string;
    get data(): Uint8Array;
    /**
     * Whether it was handed out a moment ago. A process that stood still, or a connection that did, may come to a message long
     * after that, when others have run its job and its record is removed.
     */
    get isFresh(): boolean;
    /** The message does not come again, and is removed later. */
    ack(): void;
    /** Hands the message back, to be delivered again at once or after `delayMs`. */
    nak(delayMs?: number): void;
    /** Hands the message back for a while, longer each time that it comes. */
    nakLater(): void;
    /**
     * Keeps the message for `ms` from now on, however long `ack_wait` is: for the server a delayed negative acknowledgement only says when
     * it may hand the message out again, and an acknowledgement that comes before still counts.
     */
    keepFor(ms: number): void;
    /** Restarts the time that the message may stay unacknowledged. */
    working(): void;
}
/** Which messages of one consumer this worker has acknowledged, as long as they may still be stored. */
declare class AcknowledgedSequences {
    #private;
    get size(): number;
    /** The last one that its stream has taken from TIMERS, stored or not; 0 for none. */
    get lastTaken(): number;
    add(seq: number, isFromTimers: boolean): void;
    known(): ReadonlySet<number>;
    /** Takes out the first `count`, in the order in which they were acknowledged. */
    shift(count: number): number[];
    /** Those up to `last` are stored no more. */
    forget(last: number): void;
}

interface PullSourceOptions {
    connection: NatsConnection;
    replies: Replies;
    logger: Logger;
    stream: string;
    consumer: string;
    onDelivery: (delivery: Delivery) => void;
    /** The request that waited has ended: it was served, expired or got lost. */
    onWaitEnd: () => void;
    /** The consumer has gone back: it was made anew, or came back from a crash without its last deliveries. */
    onRewound: () => void;
    onMissing: (reason: string) => void;
    /** Of a source that seldom has a message, and may hear later that its consumer is gone. */
    pace?: WaitPace;
}
/** How long a request waits at the server, and how often the server says meanwhile that it does. */
interface WaitPace {
    expiresMs: number;
    idleHeartbeatMs: number;
}
/**
 * Pulls of one consumer. `take` asks for what is there now; `wait` leaves one request at the server for the next
 * message, and `withdraw` takes it back. Nothing is ever fetched ahead: a message that no free slot waits for stays in the
 * stream.
 */
declare class PullSource {
    #private;
    /** What this source has acknowledged and may still be stored. */
    readonly acknowledged: AcknowledgedSequences;
    constructor(options: PullSourceOptions);
    /** True while a request waits at the server: then its consumer has nothing to hand out, or hands it to this source. */
    get isWaiting(): boolean;
    /** False when the consumer had nothing more to hand out: then it is no use to `take`. */
    get mayHaveMore(): boolean;
    /** How many messages the consumer had yet to hand out, as of the last one. */
    get pending(): number;
    doubt(): void;
    /** Takes up to `batch` messages that are there now; resolves to how many came. */
    take(batch: number): Promise<number>;
    /** Leaves a request for one message at the server, unless one waits already. */
    wait(): void;
    /**
     * Takes back the request that waits. What the server has sent meanwhile is still handed on, so that it can go back. In a
     * cluster the request stays until it is served or expires: a message on its way between two servers would be lost for the
     * time of a lease.
     */
    withdraw(): void;
    /** Resolves when nothing more comes for what was withdrawn. Gives up after a second. */
    quiet(): Promise<void>;
    /** Forgets the request that waits, as after a reconnect, when the server has forgotten it too. */
    reset(): void;
    /** Ends the pulls. What the server has sent meanwhile is still handed on, so that it can go back. */
    close(): Promise<void>;
}

declare class StepStore {
    #private;
    constructor(stream: ExtraStream, subjects: Subjects, topology: Topology);
    /** What is kept of a job. */
    last(id: string): Promise<StoredMessage | undefined>;
    /**
     * Stores what is kept of a job in the place of the message with the sequence `lastSeq`, 0 for none.
     * @throws ConflictError when somebody has written meanwhile
     */
    put(id: string, data: string, lastSeq: number): Promise<void>;
    /** Removes what is kept of jobs. */
    forget(ids: readonly string[]): Promise<void>;
}

/** A job that is about to be stored: whoever meets the claim can store it, should its adder have died. */
interface ClaimedJob {
    request: JobRequest;
    /** When it may start at the earliest, in ms since the epoch. */
    runAtMs?: number;
}
interface Claim {
    /** The job that has the key. */
    id: string;
    key: string;
    /** When the job was added, by the broker's clock, in ms since the epoch. */
    sinceMs: number;
    /** Until the job is stored. */
    job?: ClaimedJob;
    /** Its id was chosen by its caller. */
    isNamed?: true;
    /** The job runs again, after it ended with this event: while that is its last, nothing has come of it. */
    afterSeq?: number;
    /** How often it was run again then, as its record says it. */
    redrives?: number;
}

/** Who has a key, as of one version of it. */
interface KeyVersion {
    /** Absent where nobody has it. */
    claim?: Claim;
    /** Sequence in UNIQUE: the fence of the next claim. 0 for none. */
    seq: number;
}
/**
 * Which job has which unique key. The mechanism of the broker is a compare-and-set: a claim is stored only while the last
 * message on the subject of its key is the one that was read (`Nats-Expected-Last-Subject-Sequence`). Of any number of
 * processes one wins. Claims for a period leave by `Nats-TTL`.
 */
declare class UniqueKeys {
    #private;
    constructor(stream: ExtraStream, subjects: Subjects, topology: Topology);
    /** Claims from a sequence on, which may be of strangers; none while no job has had a key. */
    page(fromSeq: number, limit: number): Promise<StoredMessage[]>;
    read(type: string, unique: UniqueKey): Promise<KeyVersion>;
    /**
     * @param keepMs how long the server keeps the claim. Defaults to until it is replaced or removed
     * @returns its sequence
     * @throws ConflictError when somebody else wrote after `lastSeq`
     */
    claim(type: string, unique: UniqueKey, claim: Claim, lastSeq: number, keepMs?: number): Promise<number>;
    /** Removes a claim, unless another one has replaced it. */
    remove(seq: number): Promise<void>;
}

/** The streams of features that few use: each is made, and asked for, when it is first used. */

interface LogOptions {
    connection: NatsConnection;
    inbox: ReplyInbox;
    subjects: Subjects;
    commit: CommitLogOptions & {
        sync?: ServerSync;
    };
    logger: Logger;
    isConnected: () => boolean;
}
interface ExtraStreamsOptions extends LogOptions {
    topology: Topology;
    sealer: Sealer;
    maxObjectBytes: number;
    /** Whether this process makes streams that are missing. */
    creates: () => boolean;
}
declare class ExtraStreams {
    #private;
    constructor(options: ExtraStreamsOptions);
    of(kind: ExtraKind): ExtraStream;
    /** What handlers report. */
    get activity(): ActivityStore;
    /** What state machines did. */
    get steps(): StepStore;
    get unique(): UniqueKeys;
    get signals(): SignalStore;
    get children(): ChildStore;
    get objects(): ObjectStore;
    /** The logs of those that were used. */
    get logs(): CommitLog[];
}

/** A job's last event: its record, and the sequence that fences the next transition. */
interface LastEvent {
    /** Absent when a stranger wrote on the job's subjects and nobody else did. */
    record?: JobRecord;
    seq: number;
}

/** The subjects of limits: permits and settings in LIMITS, and the jobs in line for a permit in TIMERS. */

/** A job in the line for a permit; each part may be `ANY`. */
interface LineAddress extends TimerAddress {
    /** The limit and its key. */
    limit: string | Any;
    key: string | Any;
    /** Whose turn it takes. */
    turn: string | Any;
}

type Tagged = Pick<JobRecord, 'id' | 'type' | 'tags'>;
declare class TagIndex {
    #private;
    constructor(stream: ExtraStream, subjects: Subjects, topology: Topology);
    /**
     * Entries of a filter from a sequence on, downwards or upwards.
     * @param from the first one that may be among them; infinite for the newest
     */
    page(filter: string, direction: 'oldest' | 'newest', from: number, limit: number): Promise<StoredMessage[]>;
    /** How many entries each filter has. */
    counts(filters: readonly string[]): Promise<number[]>;
    /** Notes the tags of jobs that are about to be stored, or go on. Of a job without tags nothing is written. */
    open(jobs: readonly Tagged[]): Promise<void>;
    /** Notes that a job has ended, and with which status: its entries go with its record. */
    settle(job: JobRecord): Promise<void>;
    /** Takes out jobs whose records are gone: together, by entries that the broker removes by itself. */
    forget(jobs: readonly Tagged[]): Promise<void>;
}

/** A job that starts at once, whose id was made for it. */
interface NewJobMessage {
    request: JobRequest;
    /** The payload as JSON. */
    body: string;
}
/** A job that was refused, or whose message the stream held already. */
interface NotJustStored<Job> {
    job: Job;
    outcome: Appended | Error;
}
/** Publishes the messages and the timers of jobs. */
declare class JobMessages {
    #private;
    constructor(subjects: Subjects, logs: Readonly<Record<StreamKind, CommitLog>>, read: DirectRead, tags: TagIndex, sealer: Sealer);
    /**
     * Makes a job durable: one message, for `runAtMs` behind a broker timer. One whose id was made for it has a message id,
     * and is stored without a question. Any other is stored only while no message and no timer carries its id.
     * Its tags are noted first, so that a job that exists is found by them.
     * @param body the payload as JSON
     * @returns its sequence, and whether the broker knew the message id already
     * @throws ConflictError when a message or a timer carries the id
     */
    enqueue(request: JobRequest, runAtMs?: number, body?: string): Promise<Appended>;
    /**
     * Sets the timer of a job that a producer delays.
     * @param lastSeq of the timer that it replaces; 0 for none
     * @throws ConflictError when that is not the timer that the job has
     */
    delay(request: JobRequest, runAtMs: number, body: string, lastSeq: number): Promise<Appended>;
    /**
     * Makes jobs durable that start at once and whose ids were made for them; see {@link enqueue}.
     * @returns those that were not just stored, with what that resolves to or rejects with, once all have their answer
     */
    enqueueNew<Job extends NewJobMessage>(jobs: readonly Job[]): Promise<NotJustStored<Job>[]>;
    /** Whether the message `seq` carries the job: a `duplicate` alone may stand for somebody else's message. */
    isStored({ type, priority, id }: JobRequest, seq: number): Promise<boolean>;
    /**
     * Publishes once more the message of a job that has a record already, or of one whose parent its id does not show. It goes by
     * way of TIMERS, from which alone a worker believes that it is the job's. Workers drop a second one. It has no message id: a
     * producer that publishes the same one on the work stream first would make the server drop it.
     */
    enqueueAgain(request: JobRequest): Promise<void>;
    /**
     * Puts a job in the line for a permit: a timer, which brings it back at the latest at `runAtMs`.
     * @param needs the permits that it needs, as a header carries them
     */
    enterLine(job: JobRequest, line: Pick<LineAddress, 'limit' | 'key' | 'turn'>, needs: string, runAtMs: number): Promise<void>;
    /** Has a job in line go to its work stream now: one message, which removes the timer as it is stored (nats-server ADR-51). */
    callFromLine(timer: StoredMessage): Promise<void>;
    /** Replaces a timer by another, in one write. @throws ConflictError when it has fired, or somebody else has replaced it */
    replaceTimer({ subject, seq, request, data, runAtMs, target }: NewTimer): Promise<void>;
    /**
     * Has a timer fire now, as the server does when it is due.
     * @throws ConflictError when it was set anew, removed or fired meanwhile
     */
    fireTimer(timer: StoredMessage): Promise<void>;
    /**
     * Sets the timer that brings a job's message back. Setting it again replaces it.
     * @returns its sequence in TIMERS
     */
    setTimer(kind: WorkKind, job: JobRequest & {
        state: JobState;
    }, runAtMs: number): Promise<number>;
    /**
     * Brings the message of a waiting job back now, since what it waits for has come. The same write removes its timer
     * (`Nats-Schedule-Next: purge`).
     * @param timer its sequence in TIMERS
     * @throws ConflictError when that timer is gone: it has fired, or somebody else has woken the job
     */
    wake(kind: WorkKind, job: JobRequest, timer: number): Promise<void>;
}
/** The timer of a job that no worker has touched, by which it is to be replaced. */
interface NewTimer {
    /** Its subject, and the sequence of the timer there. */
    subject: string;
    seq: number;
    request: JobRequest;
    data: Uint8Array;
    runAtMs: number;
    /** The `due` subject. */
    target: string;
}

/**
 * Where recurring schedules are. A place is what follows `schedules.<kind>.` in the subject: `cron.<name>`, and `<name>` of one that
 * somebody has put beside the delayed jobs.
 */

interface SchedulePlace {
    kind: WorkKind;
    place: string;
}

/** What became of the last ticks of a schedule, as a message of TIMERS. Workers write it, each fenced by the one before. */
/** A tick that a worker has decided about. */
interface TickNote {
    /** The job, its message in the work stream, and when that was stored. */
    id: string;
    seq: number;
    storedMs: number;
    /** When the schedule fires next after this tick, as the server said with it. */
    nextMs?: number;
    outcome: 'run' | 'skip';
}
/** A run of a schedule: its job, and its message in the work stream. */
interface TickRun {
    id: string;
    seq: number;
}
interface TicksRecord {
    v: 1;
    /** The last ones, newest first. */
    ticks: TickNote[];
    /** The last run, and when a worker took its tick. */
    last?: TickRun & {
        atMs: number;
    };
    lastSkip?: {
        atMs: number;
        reason: string;
    };
    /**
     * What the last run cancels: the runs before it that had not ended. Whoever meets the tick again does it again; the next run cancels
     * what is left of it.
     */
    cancels?: TickRun[];
    runs: number;
    skips: number;
}

/** Stores recurring schedules, and what became of their ticks. Both are kept by TIMERS; the server fires the former. */
declare class ScheduleMessages {
    #private;
    constructor(subjects: Subjects, timers: CommitLog);
    /**
     * Sets a schedule in the place of the one that has the sequence `lastSeq`, 0 for none. The broker keeps one for each subject.
     * @throws ConflictError when somebody else has changed it meanwhile
     * @throws ValidationError `JETFLEET_CRON_INVALID`, `JETFLEET_TIME_ZONE_UNKNOWN` as the server says it
     */
    put(at: SchedulePlace, message: {
        data: string | Uint8Array;
        headers: HeaderList;
    }, lastSeq: number): Promise<void>;
    /** Writes what became of the ticks after what has the sequence `lastSeq`. @throws ConflictError when somebody else has */
    putTicks(at: SchedulePlace, record: TicksRecord, lastSeq: number): Promise<void>;
    /**
     * Starts a run of a schedule at a time, as a timer of the run's own: what comes from TIMERS is believed to be the schedule's.
     * @throws ConflictError where the timer is set already
     */
    startRun({ kind, place }: SchedulePlace, request: JobRequest, data: Uint8Array, atMs: number, { nextMs, overlap }: Pick<Tick, 'nextMs' | 'overlap'>): Promise<void>;
    /**
     * Whether the server has a database of time zones. It is asked for a schedule whose zone it checks first, and whose target is nowhere,
     * so that it refuses it in any case, and stores nothing.
     */
    knowsTimeZones(): Promise<boolean>;
}

/** As much of a stream's state as says what was removed from it. */
interface StreamExtent {
    created: string;
    state: {
        last_seq: number;
        messages: number;
    };
}
/**
 * How many messages filters match. A small number is counted each time. Of a large one only what has come since is. As long as nothing is
 * removed from the stream, it is not counted again; what was removed shows some seconds later.
 */
declare class RememberedCounts {
    #private;
    constructor(read: Pick<DirectRead, 'count'>, extentOf: (stream: string) => Promise<StreamExtent>);
    of(stream: string, filter: string): Promise<number>;
}

interface HandlerSetting {
    /** How often a job is attempted that does not say so itself. */
    maxAttempts: number;
    /** Whether other jobs follow from the end of one, by its type. */
    hasAfter: boolean;
    /** Whether a job needs permits to run. */
    hasLimits: boolean;
    /** What is kept of its ended jobs, see `encodeRetention`. */
    retention?: string;
}
/** Settings of handlers, as their workers left them at the broker. */
declare class HandlerSettings {
    #private;
    constructor(topology: Topology, subjects: Subjects);
    /** How often a job of a type is attempted that does not say so itself; undefined for a type that no worker has told. */
    maxAttempts(type: string): number | undefined;
    /** Whether other jobs follow from the end of one, as the workers of its type say now. */
    hasAfter(type: string): Promise<boolean>;
    /**
     * Reads them, unless that was done a moment ago. Settings of the last minute are given meanwhile. Who may not read them gets none.
     * Never rejects.
     */
    know(): Promise<void>;
    /** What is kept of the ended jobs of each type that says so, as its workers say now. */
    retention(): Promise<Map<string, Retention>>;
    /** Tells them, where they are not told already. */
    tell(settings: ReadonlyMap<string, HandlerSetting>): Promise<void>;
}

/** Everything Jetfleet asks of NATS. Queue and worker speak to it in jobs and records, never in messages. */
declare class Broker {
    #private;
    readonly subjects: Subjects;
    readonly known: KnownJobs;
    readonly connection: NatsConnection;
    readonly topology: Topology;
    readonly read: DirectRead;
    /** Large numbers of messages, remembered. */
    readonly counts: RememberedCounts;
    readonly handlers: HandlerSettings;
    readonly jobs: JobMessages;
    readonly schedules: ScheduleMessages;
    readonly notices: Notices;
    readonly tags: TagIndex;
    readonly sealer: Sealer;
    readonly sync: ServerSync;
    readonly clock: BrokerClock;
    readonly extra: ExtraStreams;
    private constructor();
    /** @throws BrokerError when the server cannot be reached or cannot hold jobs */
    static open(options: BrokerOptions): Promise<{
        broker: Broker;
        report: TopologyReport;
    }>;
    /**
     * Writes a transition of a job, fenced by the sequence of its last event, 0 when there must be none.
     * @param maybeStored whether the same write was tried before, without an answer
     * @returns its sequence
     * @throws ConflictError when somebody else wrote in the meantime
     */
    appendEvent(record: JobRecord, lastSeq: number, maybeStored?: boolean): Promise<number>;
    /** The last event of a job, or undefined when no worker has touched it. */
    lastEvent(id: string): Promise<LastEvent | undefined>;
    /** The record of an event, or undefined for a stranger's message; a record stands on its own subject only. */
    recordOf({ subject, seq, data }: Pick<StoredMessage, 'subject' | 'seq' | 'data'>): JobRecord | undefined;
    pull(options: Omit<PullSourceOptions, 'connection' | 'replies' | 'logger'>): PullSource;
    events(options: EventOptions, handler: EventHandler, userCode: UserCode): Promise<EventSubscription>;
    feed(options: {
        filter?: EventFilter;
        fromSeq?: number;
    }): Promise<EventFeed>;
    /** What handlers report while they run. Their stream is made by the first report. */
    get activity(): ActivityStore;
    /** Which job has which unique key. Its stream is made when this is first used, as that of signals. */
    get unique(): UniqueKeys;
    /** Signals to jobs. */
    get signals(): SignalStore;
    /** The permits of limits. Their stream is made when this is first used. */
    get limits(): ExtraStream;
    /** The children of jobs, and how they have ended. */
    get children(): ChildStore;
    /** From now on makes streams again that somebody deletes, also where it was opened only to look. */
    keepStreams(): void;
    /** The streams that answer no writes of this process, although the server is there. */
    get stalled(): StreamKind[];
    /** Whether the server is there now, as far as this side knows. */
    get isConnected(): boolean;
    /** Tells `listener` when the broker goes away and comes back; returns how to stop. */
    onConnection(listener: (change: ConnectionChange) => void): () => void;
    /** Sends the acknowledgements of this turn of the event loop now. */
    sendAnswers(): void;
    /** Sends what is buffered, in this very call where the connection is up. Gives up after `limitMs`: a broker that is away must not hold up an ending process. */
    flush(limitMs?: number): Promise<void>;
    /** Sends what is under way, for at most `limitMs`, and closes the connection unless it was lent. */
    close(limitMs?: number): Promise<void>;
}

/** What LIMITS holds of a key: its permits, and who waits for one. One message, so that each change of it is fenced. */

/** A permit that is held, or given to a job on its way to a worker. Times are milliseconds since the epoch, by the broker's clock. */
interface HeldPermit {
    /** Whose it is: a job's id, or that with a number for a call inside its handler. */
    owner: string;
    job: string;
    worker: string;
    /** Of the run that holds it: an older run of the job can give back no permit of a later one. */
    run: string;
    since: number;
    /** It is free again after this time, unless it is renewed. */
    until: number;
    /** It was given, and its job has not yet come for it. With a rate, the job may start at this time. */
    given?: number;
}
/** Jobs in line that take turns as one. */
interface WaitingGroup {
    /** Whose turn it is, in plain text. */
    turn: string;
    /** How many wait, by priority, the highest first. */
    counts: number[];
    /** When it is its turn, in turns given; the lowest comes next. */
    place: number;
    weight: number;
}
/** A handler that waits inside a call of `job.limit`. */
interface LiveWaiter extends Omit<HeldPermit, 'given'> {
    priority: number;
    turn: string;
}
interface Ledger$1 extends LimitSettings {
    v: 1;
    /** Another one for each write, so that a writer without an answer knows its own. */
    write: string;
    name: string;
    key: string;
    held: HeldPermit[];
    /** How many started when, oldest first; of a rate. */
    starts: [atMs: number, count: number][];
    /** Nobody starts until then, as a provider has asked. */
    closedUntil?: number;
    /** One permit at a time, until somebody says that the key may be used again. */
    onTrial?: boolean;
    waiting: WaitingGroup[];
    live: LiveWaiter[];
    /** Turns given so far. */
    turns: number;
    /** How often somebody has left the line: while it stays, whoever was first in line is so. */
    left?: number;
    /** The sequence of the setting that its numbers are of: who knows only an older one says nothing of them. */
    setAt?: number;
}

/** The permits of one key: pure functions that change a draft of its ledger. Times are milliseconds, by the broker's clock. */

/** Who asks for a permit. */
interface Claimant {
    owner: string;
    job: string;
    worker: string;
    run: string;
}

/** How a job takes its permits: a pure function that changes drafts of their ledgers. Times are milliseconds, by the broker's clock. */

/** Permits that were taken, all of those that a job needs. */
interface Permits {
    claimant: Claimant;
    needs: readonly NeededPermit[];
    /** When the job may start. */
    startAtMs: number;
    /** An earlier run of the job holds them, and is perhaps still alive. */
    isShared: boolean;
}
/** Which permit is not free. */
interface Refused {
    at: NeededPermit;
    /** Its ledger at that time. Absent where the job was refused by an earlier delivery of its message. */
    ledger?: Ledger$1;
}

/** A limit and its key. */
interface LimitKey {
    name: string;
    key: string;
}
/** What a change of some ledgers comes to; `isChanged` has them written. */
interface Changed<T> {
    result: T;
    isChanged: boolean;
}
/**
 * The ledgers of LIMITS as this process changes them: each change is a compare-and-set on the sequence of the ledger's message, and
 * changes of several ledgers are one atomic batch. What waits for a ledger meanwhile is done together with the next write, so a key that
 * many ask for costs one write for all of them. A ledger is remembered; whoever else writes it makes the next write here a
 * conflict, after which it is read.
 */
declare class Ledgers {
    #private;
    /** @param onSeen told of each ledger that was written here */
    constructor(broker: Broker, onSeen: (ledger: Ledger$1) => void);
    /**
     * Changes ledgers together, or none of them.
     * @param change of drafts, in the order of `keys`; called again with newer ones where somebody else was faster
     * @throws BrokerError where the broker takes no writes
     */
    update<T>(keys: readonly LimitKey[], change: (drafts: Ledger$1[], nowMs: number) => Changed<T>): Promise<T>;
    /** A ledger as it was last seen here. */
    known({ name, key }: LimitKey): Ledger$1 | undefined;
    /** A ledger as it is stored now. */
    read({ name, key }: LimitKey): Promise<Ledger$1>;
    /** Has a ledger read before it is used next, unless what is known of it shows a permit of this owner. */
    refresh(keys: readonly LimitKey[], owner: string): void;
}

/**
 * Gives free permits to those that wait, by priority, turn and order. It runs in whatever process has changed a ledger with waiters, just after
 * that: with the release of a permit, or with the entry of a job into the line. The compare-and-set on the ledger lets one of several
 * win. A permit that is free by time, of a rate or after a `Retry-After`, is given when it is due by a timer in the processes that know of
 * the line; the jobs in it have their own timers in the broker, should all of these die.
 */
declare class Dispatcher {
    #private;
    /** Told of permits that were given to handlers that wait. */
    onLive: (waiters: readonly LiveWaiter[], at: LimitKey) => void;
    /** The needs of a job in line, under the settings of now. */
    current: (needs: readonly NeededPermit[]) => Promise<readonly NeededPermit[]>;
    constructor(broker: Broker, ledgers: Ledgers, leaseMs: number, logger: Logger);
    /** A ledger as it is now. */
    seen(ledger: Ledger$1): void;
    /** Resolves when nothing is being given of a key. */
    idle({ name, key }: LimitKey): Promise<void>;
    /** Looks at a key whatever is known of it, and calls again what was given a permit and has perhaps not been called. */
    recover(at: LimitKey): Promise<void>;
    /** Calls a job that has a permit, where it is still in line. */
    callAgain(at: LimitKey, id: string): Promise<void>;
    stop(): void;
}

/**
 * What `queue.limits.set` has said of limits, in place of what their workers say: one message of LIMITS for each. A process reads it once, and
 * again when a notice says that it was changed, or after a reconnect. Whoever has missed it is told by the ledgers, which know of which setting they are.
 */
declare class LimitSettingsStore {
    #private;
    constructor(broker: Broker, logger: Logger);
    /** Needs with the settings that hold now. */
    current(needs: readonly NeededPermit[]): Promise<readonly NeededPermit[]>;
    get(name: string): Promise<LimitSettings | undefined>;
    /**
     * @param settings undefined for what its workers say
     * @returns its sequence
     */
    set(name: string, settings: LimitSettings | undefined): Promise<number>;
    /** All that were set. */
    all(): Promise<Map<string, LimitSettings>>;
    stop(): void;
}

/** Whose turn a job takes, and with how many turns to one of others. */
interface Turn {
    turn: string;
    weight: number;
}
/**
 * Permits across all workers. What is held of a key is one message of LIMITS, changed by compare-and-set; leases end by the broker's
 * clock. A job without a permit is a timer in TIMERS. Whoever gives a permit back, or gives it up, calls the next one
 * (see {@link Dispatcher}). No process leads, and none has to live.
 */
declare class Limiter {
    #private;
    readonly ledgers: Ledgers;
    readonly settings: LimitSettingsStore;
    readonly dispatcher: Dispatcher;
    readonly leaseMs: number;
    constructor(broker: Broker, leaseMs: number, logger: Logger);
    /**
     * Takes all permits that a job needs, or none.
     * @param wasCalled whether it may have been given them
     * @param onLost told when its permits were given to others, since this process was too slow to renew them
     */
    acquire(claimant: Claimant, needs: readonly NeededPermit[], wasCalled: boolean, onLost: () => void): Promise<Permits | Refused>;
    /**
     * Waits until a job may start. One that is later than was noted, as on a busy machine, moves its start to a time at which it is ready, and
     * at which its rates have room: whatever was slow, no time of a rate holds more.
     */
    untilStart(permits: Permits, signal?: AbortSignal): Promise<void>;
    /**
     * The claim of this run is written, so that the permits of an earlier one are its own. That one may have given them back meanwhile.
     * @returns false where others have got them
     */
    adopt({ claimant, needs }: Permits): Promise<boolean>;
    /** Gives permits back, and calls those whose turn it is. Resolves once they are called. */
    release({ claimant, needs }: Pick<Permits, 'claimant' | 'needs'>): Promise<void>;
    /** Frees what a job holds that has ended. @param run the only one that it is taken from; defaults to any */
    free(owner: string, keys: readonly LimitKey[], run?: string): Promise<void>;
    /**
     * Puts a job in line for a permit that it was refused. What happens after a crash in between: its message comes again, and all of
     * this is repeated.
     */
    park(job: JobRequest, refused: Refused, needs: readonly NeededPermit[], { turn, weight }: Turn, latestMs: number): Promise<void>;
    /** Nobody starts under a key for so long. */
    close(keys: readonly LimitKey[], forMs: number): Promise<void>;
    /** Nobody starts under a key before that time, and then one at a time, until it is reopened: what waits stays in line. */
    closeOnTrial(key: LimitKey, untilMs: number): Promise<void>;
    /** A key that was closed, or is on trial, starts jobs again. It costs nothing where it is neither. */
    reopen(key: LimitKey): Promise<void>;
    /** Whether a key is on trial, as far as this process has seen. */
    isOnTrial(key: LimitKey): boolean;
    stop(): void;
}

interface SweepOptions {
    /** Least time between two sweeps of the whole fleet, in milliseconds, at most 12 days. Defaults to five minutes. */
    intervalMs?: number;
    /** How much longer than that a worker may wait, as a part of it, 0 to 1. Defaults to 0.5. */
    jitter?: number;
    /**
     * How long something may be overdue, or an instance exist and be reported, before it is mended, in milliseconds.
     * Defaults to one minute for jobs and ten for instances.
     */
    graceMs?: number;
}

/** A job that a handler adds as its child. Its id is derived from its parent's. */
interface ChildJob extends Omit<NewJob, 'id' | 'traceparent' | 'tracestate' | 'unique' | 'debounce'> {
    /** Stands in its id, 1 to 64 of `A-Z a-z 0-9 _ -`. Defaults to its place. */
    key?: string;
}
/** How a handler waits for its children. */
interface ChildrenOptions {
    /** What the failure of one means. Defaults to `fail`. */
    onFailure?: OnFailure;
}

/** What a handler is given. */
interface JobContext<P = unknown, C = unknown, K = unknown> {
    readonly id: string;
    readonly type: string;
    readonly priority: JobPriority;
    readonly payload: P;
    /** From 1. */
    readonly attempt: number;
    readonly maxAttempts: number;
    /** What an earlier run left by `snooze` or `saveCheckpoint`. */
    readonly checkpoint: C | undefined;
    /** The whole record, as the claim writes it. */
    readonly record: JobRecord;
    /** Aborts when the job times out, is cancelled, was lost to another worker, or must be handed back: see `reason`. */
    readonly signal: AbortSignal;
    readonly logger: Logger;
    /**
     * Makes something durable for later runs of this job. Resolves once it is.
     * @throws ConflictError when another worker has taken the job over: stop at once
     * @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB
     */
    saveCheckpoint(value: C): Promise<void>;
    /**
     * Says how far the job is: a percentage, `{ done, total, message }`, or any JSON up to 4 KiB. It may be called as often as you like: at
     * most four values a second are stored, and the last one always is. `getJob` and the API show it. A new attempt
     * begins without.
     * @throws ValidationError `JETFLEET_REPORT_INVALID`
     */
    progress(value: JobProgress): void;
    /** Adds a line to the log of the job. The last 10,000 lines, and of these at most 1 MiB, are kept as long as its record: see `queue.logs`. */
    log(line: string): void;
    /**
     * Gives a part of the result to whoever reads `queue.stream(id)`, any JSON up to 128 KiB. Resolves once it is stored. Nobody has to
     * wait for it, but a handler that does emits no faster than the broker stores.
     * @throws ConflictError when another worker has taken the job over: stop at once
     * @throws ValidationError `JETFLEET_REPORT_INVALID`; BrokerError `JETFLEET_BACKPRESSURE`
     */
    emit(chunk: K): Promise<void>;
    /**
     * Keeps the jobs of this worker from within code that blocks the event loop, such as a long loop: call it at least every few seconds.
     * Calls in between cost nothing. The worker does it by itself while the event loop turns.
     */
    heartbeat(): void;
    /**
     * Keeps the jobs of this worker for `ms` although nothing is heard of it, for a call that blocks the event loop and cannot be interrupted. Resolves
     * once the broker knows. Should the process die meanwhile, its jobs start elsewhere only when the time is over. 0 ends it early.
     * @param ms up to 24 hours
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    extendLease(ms: number): Promise<void>;
    /**
     * Waits for a signal: {@link JobQueueService.signal}, or one publish on `signals.<job id>.<name>` from any language. If it has not come, the
     * job hibernates: this run of the handler ends, the job holds no slot and no memory, and once the signal has come the handler
     * runs again from its beginning, in the same attempt. The call then returns at once what was sent, in this run and in every
     * later one. The second call for a name waits for the second signal of that name. Whatever must not be done again stands
     * behind the wait, or is kept by {@link saveCheckpoint}.
     *
     * Carried by the stream SIGNALS, its one durable consumer that all workers share, and a timer in TIMERS.
     * @returns the data, null for none; undefined when `timeoutMs` have passed since the job first came to this wait
     * @throws JetfleetError `JETFLEET_HIBERNATING` when it hibernates: do not catch it
     * @throws ValidationError `JETFLEET_SIGNAL_INVALID`, `JETFLEET_OPTION_INVALID`
     */
    waitForSignal<T = unknown>(name: string, options?: {
        timeoutMs?: undefined;
    }): Promise<T>;
    waitForSignal<T = unknown>(name: string, options: SignalOptions): Promise<T | undefined>;
    /**
     * Adds jobs as children of this one, each once, and waits until all have ended. The job hibernates meanwhile, as in
     * {@link waitForSignal}: then the handler runs again from its beginning, and the call returns at once. Every run must ask for the same
     * children. They are cancelled with their parent.
     *
     * Carried by the stream SIGNALS: whoever ends the last child wakes the parent by one write to TIMERS.
     * @returns how each has ended, in the order of the list
     * @throws NonRetryableError `JETFLEET_CHILD_FAILED` when one fails, with `onFailure: 'fail'` (the default);
     *   `JETFLEET_CHILDREN_CHANGED`
     * @throws JetfleetError `JETFLEET_HIBERNATING` when it hibernates: do not catch it
     * @throws ValidationError `JETFLEET_FLOW_INVALID`, and as adding the jobs would
     */
    children<R = unknown>(jobs: readonly ChildJob[], options?: ChildrenOptions): Promise<ChildEnd<R>[]>;
    /** How the jobs of its flow have ended that this one runs after, by their keys; empty for a job of no flow. */
    results<R = unknown>(): Promise<Record<string, ChildEnd<R>>>;
    /**
     * Runs a call once all workers together leave a permit for it: a limit around any part of a job. It waits in this worker, with the slot of the job;
     * jobs that need a permit to run at all should have `limits`. An error with `retryAfterMs` closes the key until then.
     * @example await job.limit('novita:account-1', () => fetch(url))
     * @param limit `<name>:<key>`
     * @param settings defaults to those of the worker; what `queue.limits.set` has said comes before both
     * @throws what the call throws; the reason of the job's signal; JetfleetError `JETFLEET_LIMIT_UNKNOWN`
     * @throws ValidationError `JETFLEET_LIMIT_INVALID`
     */
    limit<T>(limit: string, call: (permit: PermitContext) => T | Promise<T>, settings?: LimitSettings): Promise<T>;
}
/** How far a job is. A number is a percentage. */
type JobProgress = number | string | {
    done?: number;
    total?: number;
    message?: string;
    [more: string]: unknown;
};
/**
 * Runs a job. What it returns becomes the job's result, unless it is `snooze(...)` or `complete(...)`. Any error is
 * retried with backoff; `NonRetryableError` and `ValidationError` fail the job at once.
 */
type JobHandler<P = unknown> = (job: JobContext<P>) => unknown | Promise<unknown>;
/** Runs a job of a definition: it gets, leaves and returns what the definition says. */
type TypedHandler<T extends JobTypes> = (job: JobContext<T['payload'], T['checkpoint'], T['chunk']>) => TypedOutcome<T> | Promise<TypedOutcome<T>>;
type TypedOutcome<T extends JobTypes> = Result<T> | CompletedWith<T['returned']> | Snoozed<T['checkpoint']>;
/** Without a schema of the result anything may be returned, but no outcome with another checkpoint than the definition's. */
type Result<T extends JobTypes> = unknown extends T['returned'] ? unknown extends T['checkpoint'] ? unknown : Value : T['returned'];
type Value = string | number | boolean | null | undefined | void | NoOutcome;
type NoOutcome = object & {
    readonly [OUTCOME]?: never;
    readonly then?: never;
};
/** How a worker runs one job type. */
interface HandlerOptions<P = unknown> extends RunDefaults {
    /** Checks each payload before the handler sees it; an invalid one fails the job at once. Defaults to none. */
    payload?: Schema<unknown, P>;
    /** A function. Exactly one of `handler` and `chart` is given. */
    handler?: JobHandler<P>;
    /** XState logic with a `RunInput` as input and a `JobOutcome` as output. */
    chart?: AnyActorLogic;
}
/** A definition with what runs its jobs; made by {@link handled}. */
interface Handled {
    readonly job: JobDefinition;
    readonly options: HandlerOptions;
}
/**
 * Says how the jobs of a definition run; see `handle` of the worker.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function handled<T extends JobTypes>(job: JobDefinition<T>, run: TypedHandler<T> | AnyActorLogic, options?: RunDefaults): Handled;
/** What a worker says of its types, in place of what their handlers say. */
interface HandlerOverrides {
    /** Jobs that run at once, by type; overrides what the handler says. */
    concurrency?: Readonly<Record<string, number>>;
    /** Which of the waiting jobs a free slot gets, by type; overrides what the handler says. */
    priorities?: Readonly<Record<string, PriorityPolicy>>;
    /** Delays between attempts, by type; overrides what the handler says. */
    retry?: Readonly<Record<string, RetryPolicy>>;
}

/** How one attempt ended, once that is stored. */
interface SettledAttempt {
    /**
     * Where the job stands now: `completed`, `retrying`, `exhausted`, `waiting` after a snooze, `queued` where the job was handed back, and
     * so on. `lost`: another worker has the job, or its record could not be written; the job goes on without this attempt.
     */
    readonly state: JobState | 'lost';
    /** The record as this worker wrote it last; of a lost or cancelled job, that of its claim. */
    readonly record: JobRecord;
    /** From the claim until all is written, in milliseconds. */
    readonly durationMs: number;
    /** Why the attempt failed. */
    readonly error: JobErrorInfo | undefined;
}
/** Where an attempt comes from. */
interface ClaimedFrom {
    /** What the job was before: `queued`, `retrying`, `waiting`, ... */
    readonly state: JobState;
    /** Since when it was that. */
    readonly since: Date;
    /** When the worker claimed it. */
    readonly claimedAt: Date;
    /**
     * How long it waited for a worker, in milliseconds: from when it could start until `claimedAt`. Delays, pauses before a retry and snoozes
     * are not part of it. 0 for a job that a signal woke.
     */
    readonly waitedMs: number;
    /** The first token of its subject. */
    readonly stream: WorkKind;
    /** Of its record. To read them here is cheaper than `job.record`, which is a copy. */
    readonly worker: string | undefined;
    readonly parentId: string | undefined;
    readonly traceparent: string | undefined;
    readonly tracestate: string | undefined;
}
/**
 * What a worker calls around each of its jobs, for tracing, tenants and metrics. All three are given the same object as the handler, so a
 * `WeakMap` can hold what belongs to an attempt. What they throw is logged, counted in `callbackFailures` of the queue, and goes no
 * further: no hook fails a job, changes its result or keeps it from running.
 */
interface WorkerHooks {
    /** A later one of this name takes its place. Defaults to none: then it stays. */
    readonly name?: string;
    /** Called before the handler begins, which does not wait for it. Each attempt of a job is a claim. */
    onClaim?(job: JobContext, from: ClaimedFrom): unknown;
    /**
     * Called in place of the handler: `next` begins it, and settles as it does. Whatever runs in `next` sees the `AsyncLocalStorage`
     * that it was called in. Several nest, the first one outermost. A handler that has not begun after 5 seconds, or when `around` has
     * ended, begins without it. What `around` does after `next` keeps nobody waiting. The `next` of a chart resolves once the chart has
     * ended, however it ended.
     *
     * @example around: (job, next) => tenants.run(job.payload.tenant, next)
     */
    around?(job: JobContext, next: () => Promise<unknown>): unknown;
    /** Called once for each `onClaim`, unless the process dies: when the outcome is stored, and what follows from it is published. */
    onSettled?(job: JobContext, settled: SettledAttempt): unknown;
}

/** The job of this id, which the worker runs now. @throws JetfleetError `JETFLEET_LEASE_LOST` */
type HeldJobOf = (jobId: string) => JobContext;
/** What a worker lends to an extension. */
interface WorkerHost {
    /** Of the queue. */
    readonly namespace: string;
    readonly logger: Logger;
    readonly userCode: UserCode;
    /** Of the queue. */
    readonly tracing?: Tracing;
    /** Permits and rates across all workers. */
    limiter(): Promise<Limiter>;
    readonly heldJob: HeldJobOf;
    /**
     * Has a waiting job run in so many milliseconds instead of when it is due. False when that cannot be said yet: the job is
     * still on its way into its wait.
     */
    reschedule(id: string, inMs: number): Promise<boolean>;
    /** About how many jobs of a type are queued, as its consumers said with the last one; 0 before. */
    queued(type: string): number;
    /** Refuses a URL that webhooks of this worker may not go to. A worker that sends none refuses nothing. */
    checkWebhookUrl(url: string, signal: AbortSignal): Promise<void>;
}
/** What an extension brings to one worker. */
interface Installed {
    /** How to run the types that it brings: `handled(job, run)` of each. */
    handlers: Iterable<Handled>;
    checkWebhookUrl?: WorkerHost['checkWebhookUrl'];
    /** Called around each job of the worker, of whatever type. */
    hooks?: WorkerHooks;
    /** Called each time that the worker starts. What it throws fails the start. */
    start?: () => Promise<void>;
    /** Ends what it has open, within so many milliseconds. */
    close?: (withinMs: number) => unknown;
}
/** Job types with what they need, for `worker.use`. It may be used by several workers. */
interface WorkerExtension {
    readonly name: string;
    /** Called once for each worker that uses it. It opens what it needs; what it throws reaches the caller of `use`. */
    install(host: WorkerHost): Installed;
}

/** One rented instance as the ledger holds it: what was seen of it, and what follows from that. */
/** `running`: it is paid for; `stopped`: its provider has stopped or reclaimed it, and it costs nothing but its disk. */
declare const BILLED_STATES: readonly ['running', 'stopped'];
type BilledState = (typeof BILLED_STATES)[number];
/** How an instance ended: by a job of ours, outside of Jetfleet, by its provider as a spot instance, or by the watchdog of its lease. */
declare const LEDGER_ENDS: readonly ['deleted', 'gone', 'reclaimed', 'watchdog'];
type LedgerEnd = (typeof LEDGER_ENDS)[number];
/** What was seen of an instance: each fact once, oldest first. Times are ISO 8601 with milliseconds. */
interface LedgerSeen {
    /** It was there, in this state. */
    states: {
        at: string;
        state: BilledState;
    }[];
    /** Of all its GPUs, in 1/100,000 USD. */
    prices: {
        at: string;
        pricePerHour: number;
    }[];
    /** It was not there from `at` on, as was proven at `provenAt`. */
    ends: {
        at: string;
        provenAt: string;
        end: LedgerEnd;
    }[];
    /** When its provider took it back, or announced to: the last time. */
    interruptedAt?: string;
}
/** What changes before `until`, a midnight, have cost on each UTC day, in place of these changes. */
interface LedgerDays {
    until: string;
    /** 1/100,000 USD for an hour, times milliseconds. */
    days: Record<string, string>;
    /** Milliseconds for which no price was known then: they cost the first one that is. */
    unpricedMs: Record<string, number>;
    /** Since when it runs that runs at `until`: what is billed is rounded from there. */
    runFrom?: string;
}
/** An instance, by the ids of its provider and of its jobs. Times are ISO 8601. */
interface RentedInstance {
    provider: string;
    /** The account of the provider, as limits name it. */
    account: string;
    /** As the provider alone knows it. */
    id: string;
    /** As jobs name it. */
    novitaInstanceId: string;
    /** Its name at the provider. */
    name?: string;
    /** The caller's id of it. */
    instanceId?: string;
    /** The `create_instance` job that rented it. */
    jobId?: string;
    /** The job with which the operation began that `jobId` belongs to. */
    owner?: string;
    tags: string[];
    region?: string;
    productId?: string;
    gpuNum?: number;
    billingMode?: string;
    /** What the provider bills is rounded up to so much time. */
    billedMs: number;
    /** When its create was sent. */
    rentedAt: string;
}
/** An entry as LEDGER has it. */
interface StoredEntry extends RentedInstance {
    v: 1;
    seen: LedgerSeen;
    earlier?: LedgerDays;
    /** As it follows from `seen`, for other readers. */
    endedAt?: string;
    end?: LedgerEnd;
}
/** From a time on. */
interface LedgerChange {
    at: string;
    state: BilledState;
    /** Null where it is not known. */
    pricePerHour: number | null;
}
/** What is known of an instance. `changes`, `endedAt` and `end` follow from `seen`. */
interface LedgerEntry extends StoredEntry {
    /** Oldest first; the first one is of when it was rented, or of `earlier.until`. */
    changes: LedgerChange[];
}

/** Of one account. `running` and `stopped` are now. */
interface AccountSum extends Sum {
    provider: string;
    account: string;
    running: number;
    stopped: number;
}
/** What was spent between two times. Amounts are 1/100,000 USD. */
interface LedgerSums {
    /** ISO 8601. */
    since: string;
    until: string;
    total: number;
    /** For an hour, of all that runs now. */
    ratePerHour: number;
    /** How many instances were there, and how many of them run now. */
    instances: number;
    running: number;
    /** How many of them have cost something of which no price is known: the sums leave that out. */
    unpriced: number;
    byAccount: AccountSum[];
    /** An instance counts for each tag of its job. */
    byTag: {
        tag: string;
        amount: number;
        ratePerHour: number;
        instances: number;
    }[];
    /** UTC days on which something was spent, in order. */
    byDay: {
        day: string;
        amount: number;
    }[];
}
interface Sum {
    amount: number;
    ratePerHour: number;
    instances: number;
}

/** `running` and `stopped` are as the ledger knows it; `open` is both. */
declare const LEDGER_STATUSES: readonly ['running', 'stopped', 'open', 'ended'];
type ShownStatus = (typeof LEDGER_STATUSES)[number];
/** Which entries to list. What is left out fits each. */
interface LedgerFilter {
    /** Only those of this account. */
    account?: string;
    provider?: string;
    /** Only those whose job has this tag. */
    tag?: string;
    status?: ShownStatus;
    /** Only those that were there at this time or later. */
    since?: Date | string;
    /** Most entries on a page, 1 to 1,000. Defaults to 100. */
    limit?: number;
    /** Where the page before ended. */
    cursor?: string;
}
interface LedgerPage {
    entries: LedgerEntry[];
    /** For the next page; absent at the end. */
    cursor?: string;
}
/** Of which sums are made: what was spent from a time until another one. */
interface SpentQuery {
    account?: string;
    provider?: string;
    tag?: string;
    /** Defaults to the beginning of this UTC month. */
    since?: Date | string;
    /** Defaults to now. */
    until?: Date | string;
}
/** `queue.instances.ledger`: everything that was rented, with what it costs. */
declare class Ledger {
    #private;
    /**
     * The entry of an instance, by the provider's id of it.
     * @returns undefined for one that the ledger does not know
     */
    get(novitaInstanceId: string): Promise<LedgerEntry | undefined>;
    /** What a job has rented, oldest first: mostly one instance. */
    ofJob(jobId: string): Promise<LedgerEntry[]>;
    /**
     * Entries, what is still there first; of those the ones that changed last.
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    list(filter?: LedgerFilter): Promise<LedgerPage>;
    /** What an instance has cost until a time, in 1/100,000 USD. @param now defaults to that of this process */
    costOf(entry: LedgerEntry, now?: Date | number): number;
    /**
     * What was spent between two times, by account, tag and UTC day. The sum of an account's days is exactly what its instances have cost.
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    spent(query?: SpentQuery): Promise<LedgerSums>;
}
/** As it is shown: `open` never. */
declare function statusOf({ endedAt, changes }: LedgerEntry): Exclude<ShownStatus, 'open'>;

/** What instances cost, as it is shown: each of them, and all of a job together. */

/** An entry of the ledger with what it comes to now. Amounts are 1/100,000 USD. */
interface InstanceCost extends LedgerEntry {
    status: Exclude<ShownStatus, 'open'>;
    /** So far. */
    cost: number;
    /** As it is now; 0 for one that is stopped or has ended. */
    ratePerHour: number;
    /** Whether nobody has said what a part of its time costs, so that `cost` leaves that out. */
    isUnpriced: boolean;
}
/** What a job has cost so far: every instance that was rented for it. */
interface JobCost {
    jobId: string;
    cost: number;
    ratePerHour: number;
    isUnpriced: boolean;
    instances: InstanceCost[];
}

/** The ledger against what the providers show: where they differ, and what of that can be proven and written. */

interface ReconcileOptions {
    /** The accounts that are compared with the ledger. */
    provider: GpuProvider | readonly GpuProvider[];
    /** Writes into the ledger what is proven. Defaults to false: nothing is changed. */
    fix?: boolean;
    /** Whether instances that no record of this queue knows are left out, such as those of another queue on the account. Defaults to false. */
    ownOnly?: boolean;
    /** How long a provider must not know an instance before it counts as gone, in milliseconds. Defaults to 10,000. */
    settleMs?: number;
}
/**
 * `missing`: it is there, and not in the ledger. `gone`: it runs by the ledger, and is not there. `back`: it has ended by the ledger, and is there.
 * The others: both know it, and say something else.
 */
declare const DIFFERENCES: readonly ['missing', 'gone', 'back', 'state', 'price', 'region'];
interface Difference {
    kind: (typeof DIFFERENCES)[number];
    provider: string;
    account: string;
    novitaInstanceId: string;
    name?: string;
    jobId?: string;
    /** What the ledger says; null where it says nothing. Prices are 1/100,000 USD for an hour. */
    ledger: string | number | null;
    /** What the provider says; null where it says nothing. */
    shown: string | number | null;
    /** What it has cost by the ledger. */
    cost?: number;
    /** Whether the ledger says now what the provider does. */
    fixed: boolean;
    /** Why it cannot be fixed. */
    why?: string;
}
interface Reconciliation {
    /** Whether the ledger says what all of the accounts do, after what was fixed. */
    agrees: boolean;
    accounts: {
        provider: string;
        account: string;
        /** Instances of ours that its list shows, and entries of its that are open. */
        listed: number;
        open: number;
        /** Why it could not be compared. */
        error?: string;
    }[];
    differences: Difference[];
    /** Open entries of accounts that were not asked. */
    unchecked: number;
}

/** An instance, by its ids. */
interface InstanceAddress {
    /** The caller's own. */
    instanceId: string;
    /** The provider's. */
    novitaInstanceId: string;
    /** The job that rented it. */
    createJobId?: string;
}
type About<P> = AddOptions & Omit<P, 'instanceId' | 'novitaInstanceId' | 'createJobId'>;
/** What jobs of an instance take besides it: the options of a job, and those of its payload. */
type OrderOptions = About<OrderInstancePayload>;
type MigrateOptions = About<MigrateInstancePayload>;
type CheckOptions = About<CheckInstancePayload>;
type DeleteOptions = AddOptions;
type WatchOptions = About<WatchInstancePayload>;
type AutoStopOptions = About<AutoStopPayload>;
type ExtendLeaseOptions = About<ExtendLeasePayload>;
/**
 * `queue.instances`: jobs of instances that exist. An instance is named by a job of it, such as the `create_instance` job that rented it, or
 * by its ids. Each method but `find` adds a job, and gives its id.
 * @throws JetfleetError `JETFLEET_NOT_FOUND` for a job that there is not, or that has no instance; ConflictError for one that has not rented
 *   its instance yet, or has failed to; ValidationError, BrokerError as `queue.add` does
 */
declare class Instances {
    #private;
    /** Everything that was rented, and what it costs. */
    readonly ledger: Ledger;
    /** The instance of a job: of a create job the one that its monitor or a later offer has come to, of a migration the new one. */
    find(jobId: string): Promise<InstanceAddress>;
    /** Starts an instance that was stopped. */
    start(of: string | InstanceAddress, options?: OrderOptions): Promise<Added>;
    stop(of: string | InstanceAddress, options?: OrderOptions): Promise<Added>;
    restart(of: string | InstanceAddress, options?: OrderOptions): Promise<Added>;
    /** Moves it to another machine, under its id or as another instance. */
    migrate(of: string | InstanceAddress, options?: MigrateOptions): Promise<Added>;
    /** Deletes it; the job completes once the provider has proven that it is gone. */
    delete(of: string | InstanceAddress, options?: DeleteOptions): Promise<Added>;
    /** Checks whether it runs and its ports answer; the result says so. */
    check(of: string | InstanceAddress, options?: CheckOptions): Promise<Added>;
    /** Watches it from now on; each event ends the job with its result, and another watch follows. */
    watch(of: string | InstanceAddress, options?: WatchOptions): Promise<Added>;
    /**
     * Has a job that waits for its instance look at once: a monitor, a watch, or any other of it. Something may have happened, as a callback of the
     * provider says; what has, the job finds out.
     * @returns whether it was waiting; one that runs looks anyway
     * @throws ConflictError when it has ended; JetfleetError `JETFLEET_NOT_FOUND` for a job of no instance
     */
    wake(jobId: string): Promise<boolean>;
    /**
     * Has it stopped or deleted once it has been idle for `idleMs`, or `until` is over. One job for each instance: where there is one already, the
     * answer is its id.
     */
    autoStop(of: string | InstanceAddress, options: AutoStopOptions): Promise<Added>;
    /** Moves the end of the lease that `autoStop` has begun. */
    extendLease(of: string | InstanceAddress, options: ExtendLeaseOptions): Promise<Added>;
    /**
     * For how long the lease is good that a `keep_lease` job renews, in milliseconds from now: its whole time for as long as the last renewal is not
     * older than that, so that an instance which asks has all of it before it ends.
     * @throws ConflictError for a lease that nobody renews any more; JetfleetError `JETFLEET_NOT_FOUND`
     */
    leaseOf(jobId: string): Promise<number>;
    /**
     * Says that an instance is used, now or at a time, so that `autoStop` leaves it running. Within one minute it is said once, however often this
     * is called.
     * @param autoStopJobId the id that `autoStop` gave
     * @throws ConflictError when that job has ended
     */
    used(autoStopJobId: string, at?: Date | string): Promise<void>;
    /** What was rented for a job, and what it has cost so far, in 1/100,000 USD. @throws JetfleetError `JETFLEET_NOT_FOUND` */
    cost(jobId: string): Promise<JobCost>;
    /** Instances on accounts that cost money for nobody. Changes nothing. @throws ValidationError `JETFLEET_OPTION_INVALID` */
    orphans(options: OrphanOptions): Promise<OrphanReport>;
    /** Has orphans deleted, each by a job of its own; one that is none any more is left alone. */
    deleteOrphans(options: DeleteOrphansOptions): Promise<DeletedOrphan[]>;
    /** Compares the ledger with the lists of accounts, and with `fix` writes into it what is proven. */
    reconcile(options: ReconcileOptions): Promise<Reconciliation>;
}

/** Deletes what a job has rented, until the provider says that it is gone. */
declare const deleteInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId?: string | undefined;
        instanceName?: string | undefined;
        webhookUrl?: string | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId?: string | undefined;
        instanceName?: string | undefined;
        webhookUrl?: string | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        deleted: string[];
    };
    result: {
        deleted: string[];
    };
}>;
/** Rents exactly one instance. Whatever a failed one has rented is deleted. */
declare const createInstance: JobDefinition<{
    input: {
        instanceId: string;
        name: string;
        productName: string;
        templateId: string;
        gpuNum: number;
        rootfsSize: number;
        region: string;
        billingMode?: "on_demand" | "spot" | undefined;
        regions?: string[] | undefined;
        products?: string[] | undefined;
        billingModes?: ("on_demand" | "spot")[] | undefined;
        providers?: string[] | undefined;
        templateIds?: Record<string, string> | undefined;
        placement?: "cheapest" | "fastest" | "ordered" | undefined;
        maxPricePerHour?: number | undefined;
        offerTimeoutMs?: number | undefined;
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        } | undefined;
        lease?: {
            ms: number;
            endUrl?: string | undefined;
        } | undefined;
        avoid?: string[] | undefined;
        deadline?: string | Date | undefined;
        waitForCapacityUntil?: string | Date | undefined;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
    };
    payload: {
        instanceId: string;
        name: string;
        productName: string;
        templateId: string;
        gpuNum: number;
        rootfsSize: number;
        region: string;
        billingMode?: "on_demand" | "spot" | undefined;
        regions?: string[] | undefined;
        products?: string[] | undefined;
        billingModes?: ("on_demand" | "spot")[] | undefined;
        providers?: string[] | undefined;
        templateIds?: Record<string, string> | undefined;
        placement?: "cheapest" | "fastest" | "ordered" | undefined;
        maxPricePerHour?: number | undefined;
        offerTimeoutMs?: number | undefined;
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        } | undefined;
        lease?: {
            ms: number;
            endUrl?: string | undefined;
        } | undefined;
        avoid?: string[] | undefined;
        deadline?: string | undefined;
        waitForCapacityUntil?: string | undefined;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        provider?: string | undefined;
        region?: string | undefined;
        productId?: string | undefined;
        adopted: boolean;
        duplicates?: string[] | undefined;
    };
    result: {
        novitaInstanceId: string;
        provider?: string | undefined;
        region?: string | undefined;
        productId?: string | undefined;
        adopted: boolean;
        duplicates?: string[] | undefined;
    };
}>;
/** Watches an instance until it runs. One that nobody will use is deleted. */
declare const monitorInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        startTime: string | Date;
        maxWaitTime?: number | undefined;
        webhookUrl?: string | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
        offerTimeoutMs?: number | undefined;
        nextOffer?: {
            instanceId: string;
            name: string;
            productName: string;
            templateId: string;
            gpuNum: number;
            rootfsSize: number;
            region: string;
            billingMode?: "on_demand" | "spot" | undefined;
            regions?: string[] | undefined;
            products?: string[] | undefined;
            billingModes?: ("on_demand" | "spot")[] | undefined;
            providers?: string[] | undefined;
            templateIds?: Record<string, string> | undefined;
            placement?: "cheapest" | "fastest" | "ordered" | undefined;
            maxPricePerHour?: number | undefined;
            offerTimeoutMs?: number | undefined;
            watch?: {
                webhookUrl?: string | undefined;
                on?: {
                    deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                } | undefined;
                health?: {
                    ports?: number[] | undefined;
                    path?: string | undefined;
                    expectStatus?: number | undefined;
                    probeTimeoutMs?: number | undefined;
                    failures?: number | undefined;
                } | undefined;
                minIntervalMs?: number | undefined;
                maxIntervalMs?: number | undefined;
                priceIntervalMs?: number | undefined;
                pricePerHour?: number | undefined;
                reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
            } | undefined;
            lease?: {
                ms: number;
                endUrl?: string | undefined;
            } | undefined;
            avoid?: string[] | undefined;
            deadline?: string | Date | undefined;
            waitForCapacityUntil?: string | Date | undefined;
            webhookUrl?: string | undefined;
            maxWaitTime?: number | undefined;
            onTimeout?: "delete" | "keep" | "stop" | undefined;
        } | undefined;
        nextOptions?: {
            maxAttempts?: number | undefined;
            timeoutMs?: number | undefined;
            tags?: string[] | undefined;
        } | undefined;
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
            createJobId?: string | undefined;
        } | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        startTime: string;
        maxWaitTime: number;
        webhookUrl?: string | undefined;
        onTimeout?: "delete" | "keep" | "stop" | undefined;
        offerTimeoutMs?: number | undefined;
        nextOffer?: {
            instanceId: string;
            name: string;
            productName: string;
            templateId: string;
            gpuNum: number;
            rootfsSize: number;
            region: string;
            billingMode?: "on_demand" | "spot" | undefined;
            regions?: string[] | undefined;
            products?: string[] | undefined;
            billingModes?: ("on_demand" | "spot")[] | undefined;
            providers?: string[] | undefined;
            templateIds?: Record<string, string> | undefined;
            placement?: "cheapest" | "fastest" | "ordered" | undefined;
            maxPricePerHour?: number | undefined;
            offerTimeoutMs?: number | undefined;
            watch?: {
                webhookUrl?: string | undefined;
                on?: {
                    deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                    unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                } | undefined;
                health?: {
                    ports?: number[] | undefined;
                    path?: string | undefined;
                    expectStatus?: number | undefined;
                    probeTimeoutMs?: number | undefined;
                    failures?: number | undefined;
                } | undefined;
                minIntervalMs?: number | undefined;
                maxIntervalMs?: number | undefined;
                priceIntervalMs?: number | undefined;
                pricePerHour?: number | undefined;
                reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
            } | undefined;
            lease?: {
                ms: number;
                endUrl?: string | undefined;
            } | undefined;
            avoid?: string[] | undefined;
            deadline?: string | undefined;
            waitForCapacityUntil?: string | undefined;
            webhookUrl?: string | undefined;
            maxWaitTime?: number | undefined;
            onTimeout?: "delete" | "keep" | "stop" | undefined;
        } | undefined;
        nextOptions?: {
            maxAttempts?: number | undefined;
            timeoutMs?: number | undefined;
            tags?: string[] | undefined;
        } | undefined;
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
            createJobId?: string | undefined;
        } | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        status: "replaced" | "running";
        elapsedTime: number;
    };
    result: {
        novitaInstanceId: string;
        status: "replaced" | "running";
        elapsedTime: number;
    };
}>;

/** Starts an instance that was stopped, and completes once it runs and is healthy. */
declare const startInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        status: "running" | "stopped";
        isUnchanged: boolean;
        elapsedTime: number;
    };
    result: {
        novitaInstanceId: string;
        status: "running" | "stopped";
        isUnchanged: boolean;
        elapsedTime: number;
    };
}>;
/** Stops an instance, and completes once it has stopped. */
declare const stopInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        status: "running" | "stopped";
        isUnchanged: boolean;
        elapsedTime: number;
    };
    result: {
        novitaInstanceId: string;
        status: "running" | "stopped";
        isUnchanged: boolean;
        elapsedTime: number;
    };
}>;
/** Restarts an instance, and completes once it runs again. */
declare const restartInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        status: "running" | "stopped";
        isUnchanged: boolean;
        elapsedTime: number;
    };
    result: {
        novitaInstanceId: string;
        status: "running" | "stopped";
        isUnchanged: boolean;
        elapsedTime: number;
    };
}>;
/** Moves an instance to another machine: by its provider, or by another instance, after which the old one is deleted. */
declare const migrateInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        by?: "provider" | "replacement" | undefined;
        createJobId?: string | undefined;
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        } | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        maxWaitTime?: number | undefined;
        by?: "provider" | "replacement" | undefined;
        createJobId?: string | undefined;
        watch?: {
            webhookUrl?: string | undefined;
            on?: {
                deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
                unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            } | undefined;
            health?: {
                ports?: number[] | undefined;
                path?: string | undefined;
                expectStatus?: number | undefined;
                probeTimeoutMs?: number | undefined;
                failures?: number | undefined;
            } | undefined;
            minIntervalMs?: number | undefined;
            maxIntervalMs?: number | undefined;
            priceIntervalMs?: number | undefined;
            pricePerHour?: number | undefined;
            reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        } | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        status: "running";
        isUnchanged: boolean;
        elapsedTime: number;
        replaced?: string | undefined;
        createJobId?: string | undefined;
    };
    result: {
        novitaInstanceId: string;
        status: "running";
        isUnchanged: boolean;
        elapsedTime: number;
        replaced?: string | undefined;
        createJobId?: string | undefined;
    };
}>;
/** Checks whether an instance runs and its ports answer. */
declare const checkInstance: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        ports?: number[] | undefined;
        path?: string | undefined;
        expectStatus?: number | undefined;
        probeTimeoutMs?: number | undefined;
        maxWaitTime?: number | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        ports?: number[] | undefined;
        path?: string | undefined;
        expectStatus?: number | undefined;
        probeTimeoutMs?: number | undefined;
        maxWaitTime?: number | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        isHealthy: boolean;
        status: string;
        reason?: string | undefined;
        ports: {
            port: number;
            protocol: string;
            isHealthy: boolean;
            status?: number | undefined;
            error?: string | undefined;
            durationMs: number;
        }[];
        elapsedTime: number;
    };
    result: {
        novitaInstanceId: string;
        isHealthy: boolean;
        status: string;
        reason?: string | undefined;
        ports: {
            port: number;
            protocol: string;
            isHealthy: boolean;
            status?: number | undefined;
            error?: string | undefined;
            durationMs: number;
        }[];
        elapsedTime: number;
    };
}>;
/**
 * Waits until an instance is idle for too long, or its lease is over, and has it stopped or deleted then. One for each instance. The signal
 * `used` says that it is used, and `extend_lease` moves the end of its lease.
 */
declare const autoStop: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        idleMs?: number | undefined;
        until?: string | Date | undefined;
        action?: "delete" | "stop" | undefined;
        lastUsedAt?: string | Date | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        idleMs?: number | undefined;
        until?: string | undefined;
        action?: "delete" | "stop" | undefined;
        lastUsedAt?: string | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        reason: "ended" | "idle" | "lease_over";
        lastUsedAt: string;
        until?: string | undefined;
    };
    result: {
        novitaInstanceId: string;
        reason: "ended" | "idle" | "lease_over";
        lastUsedAt: string;
        until?: string | undefined;
    };
}>;
/** Moves the end of the lease that an `auto_stop` job keeps. */
declare const extendLease: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        byMs?: number | undefined;
        until?: string | Date | undefined;
        autoStopJobId?: string | undefined;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        webhookUrl?: string | undefined;
        byMs?: number | undefined;
        until?: string | undefined;
        autoStopJobId?: string | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        autoStopJobId: string;
        until: string;
    };
    result: {
        autoStopJobId: string;
        until: string;
    };
}>;
/** Watches an instance that runs, and reports what happens to it. */
declare const watchInstance: JobDefinition<{
    input: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        instanceId: string;
        novitaInstanceId: string;
        createJobId?: string | undefined;
    };
    payload: {
        webhookUrl?: string | undefined;
        on?: {
            deleted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            failed?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            priceChanged?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            spotInterrupted?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            stopped?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
            unhealthy?: "delete" | "ignore" | "migrate" | "notify" | "replace" | undefined;
        } | undefined;
        health?: {
            ports?: number[] | undefined;
            path?: string | undefined;
            expectStatus?: number | undefined;
            probeTimeoutMs?: number | undefined;
            failures?: number | undefined;
        } | undefined;
        minIntervalMs?: number | undefined;
        maxIntervalMs?: number | undefined;
        priceIntervalMs?: number | undefined;
        pricePerHour?: number | undefined;
        reported?: ("deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy")[] | undefined;
        instanceId: string;
        novitaInstanceId: string;
        createJobId?: string | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        event: "deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy";
        policy: "delete" | "ignore" | "migrate" | "notify" | "replace";
        status: string;
        reason?: string | undefined;
        pricePerHour?: number | undefined;
        previousPricePerHour?: number | undefined;
    };
    result: {
        novitaInstanceId: string;
        event: "deleted" | "failed" | "priceChanged" | "spotInterrupted" | "stopped" | "unhealthy";
        policy: "delete" | "ignore" | "migrate" | "notify" | "replace";
        status: string;
        reason?: string | undefined;
        pricePerHour?: number | undefined;
        previousPricePerHour?: number | undefined;
    };
}>;
/** Renews the lease of an instance until that is gone. Each renewal is a record. */
declare const keepLease: JobDefinition<{
    input: {
        instanceId: string;
        novitaInstanceId: string;
        leaseMs: number;
    };
    payload: {
        instanceId: string;
        novitaInstanceId: string;
        leaseMs: number;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        novitaInstanceId: string;
        keptForMs: number;
    };
    result: {
        novitaInstanceId: string;
        keptForMs: number;
    };
}>;

/** How a provider fares, or one of its regions. Times are ISO 8601. */
interface ShownProvider {
    provider: string;
    /** `all` for what all regions share. */
    region: string;
    /** closed: its offers are used; open: it rests; halfOpen: one job tries it. */
    state: 'closed' | 'open' | 'halfOpen';
    /** In a row. */
    failures: number;
    failingSince?: string;
    lastFailureAt?: string;
    error?: string;
    openUntil?: string;
}

/** An endpoint: where webhooks of some events go, and how. */

declare const FORMATS: readonly ['standard', 'cloudevents', 'cloudevents-binary'];
/** The shape of a webhook: that of Standard Webhooks, or CloudEvents 1.0 as structured or binary HTTP messages. */
type EndpointFormat = (typeof FORMATS)[number];
/** What can be said of an endpoint. */
declare const endpointSettings: z.ZodObject<{
    url: z.ZodString;
    description: z.ZodOptional<z.ZodString>;
    events: z.ZodOptional<z.ZodArray<z.ZodString>>;
    headers: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
    concurrency: z.ZodOptional<z.ZodNumber>;
    rate: z.ZodOptional<z.ZodObject<{
        max: z.ZodNumber;
        perMs: z.ZodNumber;
    }, z.core.$strict>>;
    ordered: z.ZodOptional<z.ZodBoolean>;
    format: z.ZodOptional<z.ZodEnum<{
        cloudevents: "cloudevents";
        "cloudevents-binary": "cloudevents-binary";
        standard: "standard";
    }>>;
    keep: z.ZodOptional<z.ZodObject<{
        maxAgeMs: z.ZodOptional<z.ZodNumber>;
        maxCount: z.ZodOptional<z.ZodNumber>;
    }, z.core.$strict>>;
}, z.core.$strict>;
type EndpointSettings = z.input<typeof endpointSettings>;
interface NewEndpoint extends EndpointSettings {
    /** 1 to 40 of `A-Z a-z 0-9 _ -`. Defaults to a new one. */
    id?: string;
    /** `whsec_…` or `whsk_…`. Defaults to a new `whsec_`. */
    secret?: string;
}
/** An endpoint as it is stored. Times are ISO 8601. */
interface StoredEndpoint {
    v: 1;
    id: string;
    url: string;
    description?: string;
    events: string[];
    concurrency: number;
    rate?: RateLimit;
    ordered: boolean;
    format: EndpointFormat;
    keep: {
        maxAgeMs: number;
        maxCount: number;
    };
    /** Its secrets and headers, encrypted. */
    sealed: string;
    createdAt: string;
    updatedAt: string;
}
/** `null` takes back what was said. @throws ValidationError `JETFLEET_ENDPOINT_INVALID` */
declare const endpointChange: z.ZodObject<{
    url: z.ZodOptional<z.ZodString>;
    events: z.ZodOptional<z.ZodOptional<z.ZodArray<z.ZodString>>>;
    concurrency: z.ZodOptional<z.ZodOptional<z.ZodNumber>>;
    ordered: z.ZodOptional<z.ZodOptional<z.ZodBoolean>>;
    format: z.ZodOptional<z.ZodOptional<z.ZodEnum<{
        cloudevents: "cloudevents";
        "cloudevents-binary": "cloudevents-binary";
        standard: "standard";
    }>>>;
    keep: z.ZodOptional<z.ZodOptional<z.ZodObject<{
        maxAgeMs: z.ZodOptional<z.ZodNumber>;
        maxCount: z.ZodOptional<z.ZodNumber>;
    }, z.core.$strict>>>;
    description: z.ZodOptional<z.ZodNullable<z.ZodOptional<z.ZodString>>>;
    rate: z.ZodOptional<z.ZodOptional<z.ZodNullable<z.ZodObject<{
        max: z.ZodNumber;
        perMs: z.ZodNumber;
    }, z.core.$strict>>>>;
    headers: z.ZodOptional<z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodString>>>>;
}, z.core.$strict>;
type EndpointChange = z.input<typeof endpointChange>;

/** An endpoint as it is shown: without its secrets, and without the values of its headers. */
interface ShownEndpoint extends Omit<StoredEndpoint, 'v' | 'sealed'> {
    /** `closed`: webhooks go out. `open`, `halfOpen`: it rests, or is tried. `disabled`: its webhooks are kept. */
    state: BreakerState;
    health: Omit<BreakerFacts, 'openUntilMs' | 'probeUntilMs'> & {
        openUntil?: string;
        probeUntil?: string;
    };
    /** Webhooks that wait for their turn or for the endpoint to be enabled, and since when the oldest of them waits. */
    kept: {
        count: number;
        oldestAt?: string;
    };
    /** Missing where the key that encrypted them is not known here. */
    headerNames?: string[];
    /** Since when its secrets sign, and until when; the newest first, with its public key where it has one. */
    secrets?: {
        since: string;
        until?: string;
        publicKey?: string;
    }[];
}

/** With its secret, which is shown this one time. */
type AddedEndpoint = ShownEndpoint & {
    secret: string;
};
interface RotateSecretOptions {
    /** `whsec_…` or `whsk_…`. Defaults to a new `whsec_`. */
    secret?: string;
    /** How long the old secrets sign beside it. Defaults to 24 hours, at most 30 days. */
    keepOldForMs?: number;
}
/**
 * `queue.webhookEndpoints`: where webhooks go besides the `webhookUrl` of a job. Each method but `list` and `add` throws JetfleetError
 * `JETFLEET_NOT_FOUND` for an id that no endpoint has.
 */
declare class WebhookEndpoints {
    #private;
    /** All endpoints by id. */
    list(): Promise<ShownEndpoint[]>;
    get(id: string): Promise<ShownEndpoint>;
    /**
     * Adds an endpoint. From then on it is sent the webhooks of jobs that end.
     * @throws ValidationError `JETFLEET_ENDPOINT_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`; JetfleetError `JETFLEET_ENDPOINT_SEALED`
     *   without keys; ConflictError for an id that is taken
     */
    add(endpoint: NewEndpoint): Promise<AddedEndpoint>;
    /**
     * Changes what is given; `null` takes a description, headers or a rate back.
     * @throws ValidationError `JETFLEET_ENDPOINT_INVALID`; ConflictError when somebody else has changed it at the same time
     */
    update(id: string, change: EndpointChange): Promise<ShownEndpoint>;
    /**
     * Signs with a new secret from now on. The old ones sign beside it for a while, so that receivers can change over.
     * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_ENDPOINT_SEALED`
     */
    rotateSecret(id: string, options?: RotateSecretOptions): Promise<AddedEndpoint>;
    /** Encrypts the secrets of all endpoints with the first of the keys, so that the others can be taken away. @returns how many there are */
    reseal(): Promise<number>;
    /** Keeps its webhooks from now on. Those that are under way arrive. */
    disable(id: string, reason?: string): Promise<ShownEndpoint>;
    /** Sends what was kept, in order, and what comes. An endpoint that rests is tried at once. */
    enable(id: string): Promise<ShownEndpoint>;
    /** Removes it. Webhooks that are still to be delivered to it fail. */
    remove(id: string): Promise<void>;
    /** Sends it a webhook of the type `webhook.test`. @returns the id of the job that delivers it */
    test(id: string): Promise<string>;
}

/** The retry schedule of webhooks: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h, 24 h, each ±20 %. */
declare const WEBHOOK_RETRY: RetryPolicy;
/** Delivers a webhook, signed, until it is accepted. */
declare const sendWebhook: JobDefinition<{
    input: {
        url?: string | undefined;
        endpoint?: string | undefined;
        order?: {
            key: string;
            sequence: number;
        } | undefined;
        payload: unknown;
        headers?: Record<string, string> | undefined;
    };
    payload: {
        url?: string | undefined;
        endpoint?: string | undefined;
        order?: {
            key: string;
            sequence: number;
        } | undefined;
        payload: unknown;
        headers?: Record<string, string> | undefined;
    };
    checkpoint: unknown;
    chunk: unknown;
    returned: {
        status: number;
        durationMs: number;
        headers?: Record<string, string> | undefined;
        excerpt?: string | undefined;
    };
    result: {
        status: number;
        durationMs: number;
        headers?: Record<string, string> | undefined;
        excerpt?: string | undefined;
    };
}>;

/** The product: the engine's queue, with the job types that Jetfleet is made for. */

/** The job types that Jetfleet handles itself, by the names of the in-memory queue. */
declare const JobType: {
    readonly CREATE_INSTANCE: 'create_instance';
    readonly MONITOR_INSTANCE: 'monitor_instance';
    readonly DELETE_INSTANCE: 'delete_instance';
    readonly START_INSTANCE: 'start_instance';
    readonly STOP_INSTANCE: 'stop_instance';
    readonly RESTART_INSTANCE: 'restart_instance';
    readonly MIGRATE_INSTANCE: 'migrate_instance';
    readonly CHECK_INSTANCE: 'check_instance';
    readonly AUTO_STOP: 'auto_stop';
    readonly EXTEND_LEASE: 'extend_lease';
    readonly WATCH_INSTANCE: 'watch_instance';
    readonly KEEP_LEASE: 'keep_lease';
    readonly SEND_WEBHOOK: 'send_webhook';
};
/** A built-in type or a user's own, snake_case. */
type JobType = keyof BuiltInPayloads | (string & {});
type PayloadFor<D> = D extends JobDefinition<infer Types> ? Types['input'] : never;
/** The payloads of the built-in job types, for typed `addJob` calls. */
interface BuiltInPayloads {
    create_instance: PayloadFor<typeof createInstance>;
    monitor_instance: PayloadFor<typeof monitorInstance>;
    delete_instance: PayloadFor<typeof deleteInstance>;
    start_instance: PayloadFor<typeof startInstance>;
    stop_instance: PayloadFor<typeof stopInstance>;
    restart_instance: PayloadFor<typeof restartInstance>;
    migrate_instance: PayloadFor<typeof migrateInstance>;
    check_instance: PayloadFor<typeof checkInstance>;
    auto_stop: PayloadFor<typeof autoStop>;
    extend_lease: PayloadFor<typeof extendLease>;
    watch_instance: PayloadFor<typeof watchInstance>;
    keep_lease: PayloadFor<typeof keepLease>;
    send_webhook: PayloadFor<typeof sendWebhook>;
}
type PayloadOf<T extends string> = T extends keyof BuiltInPayloads ? BuiltInPayloads[T] : unknown;
/** Jobs of `addJobs`, the payload of each as its type asks for. */
type NewJobs<Types extends readonly string[]> = {
    readonly [Index in keyof Types]: NewJob & {
        type: Types[Index];
        payload: PayloadOf<Types[Index]>;
    };
};
/**
 * The queue: adds jobs and tells about them. It connects on its first use, and holds nothing but the connection, so
 * any number of processes may have one. It knows the types of instances and webhooks.
 */
declare class JobQueueService extends EngineQueue {
    /** Where webhooks go besides the `webhookUrl` of a job. */
    readonly webhookEndpoints: WebhookEndpoints;
    /** Jobs of instances that exist, by the job that rented them. */
    readonly instances: Instances;
    /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
    constructor(options?: JobQueueOptions);
    addJob<T extends JobType>(type: T, payload: PayloadOf<T>, priority?: JobPriority, options?: JobOptions): Promise<string>;
    addJobs<const Types extends readonly string[]>(jobs: NewJobs<Types>): Promise<string[]>;
    /** Providers of instances and their regions that have failed, and whether their offers are used. */
    providers(): Promise<ShownProvider[]>;
    /**
     * Sends a webhook once more: a failed one under its own id, a delivered one under a new one.
     * @returns the id of the job that delivers it
     * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when it is still being delivered
     */
    redeliver(id: string): Promise<string>;
}

/** What a worker is asked to keep of the steps of its jobs' state machines. */

/**
 * - `failed`: of each attempt that failed, also where the job is tried again. Of a function nothing: it has no machine of its own
 * - `watched`: of each attempt during which somebody watched this very job, on its page or by `watchMachines`
 * - `all`: of each attempt, of a function as well, which then takes the longer way through its machine
 */
type KeepSteps = 'failed' | 'watched' | 'all';
/** What the owner of a worker asks for. */
interface InspectOptions {
    /** Of which attempts the steps are stored with the job. Defaults to `['failed', 'watched']`; `[]` for none. */
    keep?: KeepSteps | readonly KeepSteps[];
    /** Sees every step of every state machine (XState's inspection events). What it throws is logged. */
    observe?: (event: InspectionEvent) => void;
}

/** What became of the running jobs in a shutdown. */
interface ShutdownResult {
    /** Jobs that were still running when the time was up, and went back to the queue. */
    released: number;
    /** Handlers that run still, although their signals have fired; absent when there are none. */
    abandoned?: AbandonedHandler[];
    /** What steps of the shutdown threw; all others ran. Absent when there is nothing. */
    errors?: Error[];
}

interface JobWorkerOptions extends HandlerOverrides {
    /** Written on every record. Defaults to `<host>-<pid>-<random>`. */
    name?: string;
    /** Defaults to the queue's logger. */
    logger?: Logger;
    /** Finds stuck jobs and orphaned instances every few minutes, and repairs them; see {@link SweepOptions}. `false`: never. */
    sweep?: SweepOptions | false;
    /**
     * Whether the worker obeys orders to take no more jobs (`drainWorker`, the HTTP API). Anybody who may publish on
     * `jetfleet.drain` can give them. Each ends by itself, after an hour or the time that it names, at most 24 hours. Defaults to true.
     */
    remoteDrain?: boolean;
    /**
     * How many permits each key of the limits has that handlers take with `job.limit`, by name. What `queue.limits.set` has said comes first.
     * @example limits: { novita: { concurrency: 3, rate: { max: 100, perMs: 60_000 } } }
     */
    limits?: Readonly<Record<string, LimitSettings>>;
    /**
     * Of which jobs the steps of state machines are stored, to be read by `queue.steps` and replayed on the page of the job; and who sees
     * them as they happen. A function is the same as `{ observe }`. See {@link InspectOptions} for the defaults.
     */
    inspect?: InspectOptions | ((event: InspectionEvent) => void);
}
/**
 * Runs jobs. It handles the types it has handlers for, each with its own slots, and leaves all others alone.
 *
 * `start` and `stop` may follow each other; after `shutdown` the worker is done. The queue stays open. The way of a job through
 * it stands in docs/architecture.md.
 */
declare class JobWorkerService implements AsyncDisposable {
    #private;
    readonly name: string;
    /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
    constructor(queue: EngineQueue, options?: JobWorkerOptions);
    /** Where the worker is in its life: `idle`, `running`, `paused`, `draining`, ... */
    get state(): WorkerLifecycleState;
    /** Ids of the jobs that run in this worker now. */
    get running(): string[];
    /**
     * Adds the job types of extensions, with what these need, before or after `start`. A second extension of one name takes the place of
     * the first, unless its types run already. Of two handlers for a type the one that came last wins. Also takes hooks, which are called
     * around every job that the worker claims from then on.
     *
     * @example worker.use(gpuInstances({ provider }), webhooks({ secret }))
     * @example worker.use({ around: (job, next) => tenants.run(job.payload.tenant, next) })
     * @throws ValidationError `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_CLOSED`. Then none of them was added
     */
    use(...extensions: (WorkerExtension | WorkerHooks)[]): this;
    /**
     * Says how to run a type by its name, before or after `start`; the last one for a type wins until it starts.
     * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
     */
    registerHandler<P>(type: string, options: HandlerOptions<P>): this;
    /**
     * Says how to run the jobs of a definition: by a function, or by XState logic with a `RunInput` as input and a `JobOutcome`
     * as output. Options come before those of the definition.
     *
     * @example worker.handle(resize, async ({ payload }) => upload(await shrink(payload.url, payload.width)))
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    handle<T extends JobTypes>(job: JobDefinition<T>, run: TypedHandler<T> | AnyActorLogic, options?: RunDefaults): this;
    /**
     * Connects, makes sure of the streams and consumers, and begins to claim. Idempotent.
     * @throws BrokerError, JetfleetError `JETFLEET_STREAM_DRIFT`: see the queue
     * @throws ValidationError `JETFLEET_OPTION_INVALID` when `concurrency` or `retry` names a type without a handler
     */
    start(): Promise<void>;
    /** Claims nothing more. Jobs that run go on; `start` resumes. */
    stop(): Promise<void>;
    /**
     * Claims nothing more, waits for running jobs, and hands back those that still run after `timeoutMs`: they lose no
     * attempt, and another worker can take them at once. Takes at most a second longer than `timeoutMs`, also while the broker
     * is away; a handler that runs still is abandoned then.
     * @param timeoutMs defaults to 30,000, at most 24 days
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    shutdown(timeoutMs?: number): Promise<ShutdownResult>;
    [Symbol.asyncDispose](): Promise<void>;
}

export { ANY, Instances, JobQueueService, JobType, JobWorkerService, Ledger, Subjects, WEBHOOK_RETRY, autoStop, checkInstance, createInstance, deleteInstance, extendLease, handled, keepLease, migrateInstance, monitorInstance, restartInstance, sendWebhook, startInstance, statusOf, stopInstance, watchInstance };
export type { AutoStopOptions, BuiltInPayloads, CheckOptions, ChildJob, ChildrenOptions, ClaimedFrom, DeleteOptions, ExtendLeaseOptions, Handled, HandlerOptions, InspectOptions, Installed, InstanceAddress, JobContext, JobHandler, JobProgress, JobWorkerOptions, KeepSteps, LedgerChange, LedgerDays, LedgerEnd, LedgerEntry, LedgerFilter, LedgerPage, LedgerSeen, LedgerSums, MigrateOptions, OrderOptions, SettledAttempt, ShownProvider, ShutdownResult, SignalOptions, SpentQuery, SweepOptions, TypedHandler, WatchOptions, WorkerExtension, WorkerHooks, WorkerHost };
