import { StandardSchemaV1 } from '@standard-schema/spec';
import { JobErrorInfo, JetfleetError } from './errors.js';
import { UniqueOptions, DebounceOptions, JobRecord, NextJob, JobOptions, NewJob } from './job-options.js';
import { LimitSettings, ShownLimit } from './shown-limit.js';
import { JobPriority, WorkKind, OnFailure, JobStatus, JobState } from './vocabulary.js';
import { Logger } from './logger.js';
import { NatsConnection } from '@nats-io/transport-node';
import { CommitLogOptions, ServerSync } from './commit-options.js';
import { Tracing } from './tracing.js';

type NameOf<P> = {
    name(payload: P): string;
}['name'];
type KeyOf<P> = {
    key(payload: P): string | number | boolean | null | undefined;
}['key'];
/** A limit for the jobs of a type, across all workers. */
interface JobLimit<P = unknown> extends LimitSettings {
    /**
     * What shares permits: a field of the payload (`tenant`, `account.region`), or a function of the payload. A job of which it is
     * missing, null or undefined is not limited by this. Exactly one of `key` and `per` is given.
     */
    key?: string | KeyOf<P>;
    /** One key for all jobs of the type, or for those of all types that say so. */
    per?: 'type' | 'queue';
    /**
     * Limits of one name and key share their permits, also those of other types and `job.limit('<name>:<key>', ...)`. 1 to 64 of
     * `[A-Za-z0-9_/-]`. Defaults to `<type>/<field>`, `<type>/<place>` for a function, `<type>` or `queue`. As a function of the payload, each
     * name is a limit of its own, with its own settings.
     */
    name?: string | NameOf<P>;
    /**
     * Whether an error with `retryAfterMs`, such as a provider's 429 with `Retry-After`, closes the key until then. Defaults to true where it is
     * the only limit of the job that has a key. `{ maxMs }` closes it for so long at most; the job itself waits as long as it was asked to.
     */
    retryAfter?: boolean | {
        maxMs: number;
    };
}
/** Whose turn it is among jobs that wait for the same permit with the same priority. */
type Fairness = 'round-robin' | 'fifo' | {
    weights: Readonly<Record<string, number>>;
};
/** A permit that a job needs. */
interface NeededPermit extends LimitSettings {
    name: string;
    key: string;
    heedsMs?: number;
    /** Of which setting it knows, by its sequence; absent where nobody has set the limit. */
    setAt?: number;
}

/**
 * Which of the waiting jobs of a type a free slot gets.
 *
 * - `strict`: the highest priority first, and of one priority the oldest.
 * - `aging`: the same, but a job that has waited for `maxWaitMs` goes before all that came after it. So it waits at most that much
 *   longer than it would in one queue for all priorities.
 * - `weighted`: while all priorities wait, each gets a share of the slots by its weight, from 1 to 1,000. Weights default to 8, 4, 2
 *   and 1 from `critical` down.
 */
type PriorityPolicy = 'strict' | {
    aging: {
        maxWaitMs: number;
    };
} | {
    weighted: Partial<Record<JobPriority, number>>;
};

/** What is kept of the jobs of a type that ended in one way; what either bound lets go, goes. Without both, all are kept. */
interface EndRetention {
    /** A job goes so long after its end, in milliseconds. Defaults to as long as EVENTS keeps records, 7 days. */
    maxAgeMs?: number;
    /** How many stay of a type, those that ended last. Defaults to all. */
    maxCount?: number;
}
/** See {@link EndRetention}. */
interface Retention {
    completed?: EndRetention;
    /** Also of dead letters, and of jobs that were cancelled. */
    failed?: EndRetention;
}

/** How long to wait before the next attempt. */
interface RetryPolicy {
    /** Delay after the first failure; doubles with each further one. Defaults to 1,000. */
    baseMs?: number;
    /** Longest delay. Defaults to 300,000 (5 minutes). */
    maxRetryDelay?: number;
    /**
     * Part of each delay that is drawn at random, so that jobs which failed together do not return together:
     * 1 draws from the whole delay (full jitter), 0 waits exactly. Defaults to 1.
     */
    jitter?: number;
    /** Fixed delays by attempt instead of the formula; the last one repeats. */
    delaysMs?: readonly number[];
}
/**
 * The delay after a failed attempt, in milliseconds: `min(baseMs * 2^(attempt-1), maxRetryDelay)` with jitter.
 * `retryAfterMs`, what a provider or an endpoint asked for, wins over the formula when it is longer.
 * @param attempt the attempt that failed, from 1
 * @param random returns 0 (inclusive) to 1 (exclusive)
 */
declare function retryDelayMs(attempt: number, policy?: RetryPolicy, retryAfterMs?: number, random?: () => number): number;

/** How jobs of a type run, unless the job or the worker says otherwise. */
interface RunDefaults {
    /** Jobs of this type that run at once in one worker. Defaults to 10. */
    concurrency?: number;
    /** Delays between attempts. Defaults to full jitter over 1 s doubling up to 5 minutes. */
    retry?: RetryPolicy;
    /** Attempts when the job does not say. Defaults to 3. */
    maxAttempts?: number;
    /** Limit for one attempt in milliseconds when the job does not say. Defaults to 24 hours. */
    timeoutMs?: number;
    /**
     * When the handler may begin. `early`: at once, if the job is new. Its claim is written when the handler still runs after
     * `claimAfterMs`, or saves a checkpoint; a job that ends sooner writes its outcome alone. A worker that dies before the
     * claim loses no job, but counts no attempt. `durable`: once the claim is on disk. Charts are always `durable`. Defaults
     * to `early`.
     */
    claim?: 'early' | 'durable';
    /** How long an `early` handler runs before its claim is written, in milliseconds from 0 to 1,000. Defaults to 100. */
    claimAfterMs?: number;
    /**
     * How long a function, or a promise of a chart, may go on after its signal has fired, in milliseconds from 0. It keeps its slot until it ends; after this
     * time it is abandoned: the slot goes to another job, and the worker reports the handler. Defaults to 30,000.
     */
    abandonAfterMs?: number;
    /**
     * How long a run keeps its slot, in milliseconds from 1: it goes on without one, and the slot goes to another job. For handlers that wait for
     * others, of which some hang: up to 9 times `concurrency` of one worker's runs go on so. Defaults to as long as it runs.
     */
    slotMs?: number;
    /**
     * Permits that a job needs to run, across all workers: how many may run at once, and start in a time, by a key. A job that gets none
     * waits without a slot. Defaults to none.
     * @example limits: [{ key: 'tenant', concurrency: 3 }, { key: 'account', rate: { max: 100, perMs: 60_000 } }]
     */
    limits?: readonly JobLimit<any>[];
    /**
     * Whose turn it is when a permit is free that jobs of one priority wait for: that of each key of the first limit that has one in turn
     * (`round-robin`), or with `weights` as many turns as each key has, 1 by default; or that of the job which came first (`fifo`). Defaults
     * to `round-robin`.
     */
    fairness?: Fairness;
    /** Which of the waiting jobs a free slot gets: see {@link PriorityPolicy}. Defaults to `strict`. */
    priorities?: PriorityPolicy;
    /**
     * What is kept of the jobs of this type once they have ended: by age, by number, or both. Defaults to what the queue of the worker says.
     * @example retention: { completed: { maxCount: 1_000 }, failed: { maxAgeMs: 30 * 86_400_000 } }
     */
    retention?: Retention;
    /**
     * The version of the handler, from 1. A job that has begun under one version runs on workers of that version until it ends: workers of
     * another one hand it back, unless they can `migrate` it. Defaults to none: any worker runs any job.
     */
    version?: number;
    /**
     * Makes the checkpoint of a job that has begun under an earlier version one of this version. From then on the job is of this version.
     * It may be called several times for one job. If it throws or returns a promise, the job waits for a worker that can take it. Defaults
     * to none.
     * @param from the earlier version, 0 for none
     */
    migrate?(checkpoint: unknown, from: number): unknown;
}

/** A schema of zod, valibot, arktype or any other library that follows Standard Schema 1. */
type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;

/** What a job type says of the tags of its jobs: always the same ones, or those of a payload. */
type TagsOfType<P = unknown> = readonly string[] | ((payload: P) => readonly string[]);

/** The types of a job. */
interface JobTypes {
    /** What its producer gives. */
    input: unknown;
    /** What its handler gets. */
    payload: unknown;
    /** What its handler keeps between its runs. */
    checkpoint: unknown;
    /** What its handler emits while it runs. */
    chunk: unknown;
    /** What its handler returns, and the record keeps. */
    returned: unknown;
    /** What whoever waits for it gets. */
    result: unknown;
}
/** A job that has ended: `after` is given its record. The payload of one that FAILED may be anything: that may be why. */
type EndedJob<Types extends JobTypes = JobTypes> = (JobRecord & {
    status: 'completed';
    payload: Types['input'];
    result: Types['returned'];
}) | (JobRecord & {
    status: 'failed';
    error?: JobErrorInfo;
});
/** How a definition may be checked and run; each part is optional but for its type. */
interface JobDefinitionOptions<P extends Schema, C extends Schema, R extends Schema, K extends Schema = Schema> extends RunDefaults {
    /** 1 to 64 of `[a-z0-9_]`, starting with a letter. */
    type: string;
    /** Checks each payload, when the job is added and before its handler sees it; of a job that follows from another, only then. Defaults to none. */
    payload?: P;
    /**
     * What is stored of a payload: what its producer `given` has, or what the schema has made of it, `parsed`, with its defaults
     * filled in. That takes a schema of zod which answers at once. Defaults to `given`.
     */
    stores?: 'given' | 'parsed';
    /** Keeps jobs of the type to one for each key, unless the call that adds one says otherwise. Defaults to none. */
    unique?: UniqueOptions<StandardSchemaV1.InferInput<P>> | undefined;
    /**
     * Tags of every job of this type: a list, or a pure function of the payload, for example `({ tenant }) => ['tenant:' + tenant]`.
     * They are added to those that are given with a job. Defaults to none.
     */
    tags?: TagsOfType<StandardSchemaV1.InferInput<P>>;
    /** Makes one job of many calls, unless the call says otherwise. Defaults to none. */
    debounce?: DebounceOptions<StandardSchemaV1.InferInput<P>> | undefined;
    /** Of what the handler keeps between its runs. For its types alone. */
    checkpoint?: C;
    /** Of what the handler emits while it runs. For its types alone. */
    chunk?: K;
    /** Checks the result when somebody waits for it. Defaults to none. */
    result?: R;
    /** See {@link RunDefaults.limits}; `key` is of the payload as its handler gets it. */
    limits?: readonly JobLimit<StandardSchemaV1.InferOutput<P>>[];
    /**
     * Which jobs follow when one has ended, however it ended: COMPLETED, exhausted, timed out or cancelled. They are written with
     * the end itself. A pure function of the record: whoever ends the job calls it, which may be another process, and once more
     * where the write is repeated. What it throws fails a job that would have completed. Defaults to none.
     */
    after?(job: EndedJob<TypesOf<P, C, R, K>>): readonly NextJob[] | undefined;
}
/** What a caller may say about a job of a definition besides its payload. */
type AddOptions = JobOptions & {
    priority?: JobPriority;
};
/** A job type as one value: its name, its types, and how it runs. Made by {@link defineJob}. */
interface JobDefinition<Types extends JobTypes = JobTypes> extends RunDefaults {
    readonly type: string;
    readonly payload?: Schema<unknown, Types['payload']>;
    readonly stores?: 'given' | 'parsed';
    readonly tags?: TagsOfType<never>;
    readonly result?: Schema<unknown, Types['result']>;
    readonly unique?: UniqueOptions | undefined;
    readonly debounce?: DebounceOptions | undefined;
    after?(job: EndedJob<Types>): readonly NextJob[] | undefined;
    /** A job of this type, for `addJobs`. */
    of(payload: Types['input'], options?: AddOptions): NewJob;
    /** A job of this type that follows from another, for `complete`. */
    next(payload: Types['input'], options: Omit<NextJob, 'type' | 'payload'>): NextJob;
    /** There for the compiler alone. */
    readonly '~types'?: Types;
}
/** A record of a definition's job: its payload as its producer gave it, its result as its handler returned it. */
type TypedRecord<Types extends JobTypes> = JobRecord & {
    payload: Types['input'];
    result?: Types['returned'];
};
type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>;
type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>;
type TypesOf<P extends Schema, C extends Schema, R extends Schema, K extends Schema = Schema> = {
    input: InputOf<P>;
    payload: OutputOf<P>;
    checkpoint: InputOf<C>;
    chunk: InputOf<K>;
    returned: InputOf<R>;
    result: OutputOf<R>;
};
/**
 * Names a job type, with schemas for what goes in and comes out.
 *
 * @example const resize = defineJob({ type: 'resize', payload: z.object({ url: z.url(), width: z.number() }), result: z.string() })
 * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
 */
declare function defineJob<P extends Schema = Schema, C extends Schema = Schema, R extends Schema = Schema, K extends Schema = Schema>(options: JobDefinitionOptions<P, C, R, K>): JobDefinition<TypesOf<P, C, R, K>>;

/** What follows from the end of a job, as `after` of a definition says it. */
type After = (job: EndedJob) => readonly NextJob[] | undefined;
/** The job types that this process knows. What follows from the end of a job is known only with its type. */
declare class KnownJobs {
    #private;
    /** Of two definitions of a type the one that came last wins. */
    add(job: JobDefinition): void;
    /** From here on this process knows the definition that has made a job. @returns it, if there is one */
    addMakerOf(job: Pick<NewJob, 'type'>): JobDefinition | undefined;
    /** Every process that adds or runs jobs of the type must say the same. */
    setStream(type: string, stream: WorkKind): void;
    addNamed(type: string): void;
    /** Asked at the end of every job, whatever its type. */
    addAfterEach(after: After): void;
    get(type: string): JobDefinition | undefined;
    streamOf(type: string): WorkKind;
    knows(type: string): boolean;
    /** What to ask at the end of a job of a type: first its definition, then whoever listens to all. */
    afterOf(type: string): After[];
}

/** What is encoded. */
type CodecField = 'payload' | 'result' | 'checkpoint' | 'progress' | 'signal' | 'report';
/** What belongs to an encoding without being part of it: what was encoded for one place cannot be decoded for another. */
interface CodecContext {
    /** The job type; empty for signals and reports, which are read without knowing it. */
    type: string;
    field: CodecField;
    /** Most bytes that may come out of decoding, where that is more than a message holds: of an object. */
    maxBytes?: number;
}
/**
 * A step on the way from JSON to what the broker keeps, and back. Both directions are synchronous, since they are part of each
 * write: fetch keys before.
 */
interface Codec {
    /** Stands beside what is encoded, in the clear: 1 to 32 of `a-z 0-9 -`. */
    name: string;
    /** @returns undefined to leave it as it is */
    encode(data: Uint8Array, context: CodecContext): Uint8Array | undefined;
    /** Throws for what it cannot decode. */
    decode(data: Uint8Array, context: CodecContext): Uint8Array;
}
/** The names of the codecs, in the order in which they encoded it, and what they made of it, in base64. */
interface SealedValue {
    'jetfleet:sealed': string;
    data: string;
}
declare function isSealed(value: unknown): value is SealedValue;

/** What payloads, results and the like are between a process and the broker: the codecs of a queue, applied and taken back. */

/**
 * Seals and opens single values. A sealed value is JSON, so that it goes through records, timers and schedules as any other, also in
 * processes that cannot open it: they store it again as it is.
 */
declare class Sealer {
    #private;
    constructor(codecs: readonly Codec[]);
    /** Whether anything is sealed at all. */
    get seals(): boolean;
    /** @throws JetfleetError `JETFLEET_CODEC_FAILED` */
    seal(value: unknown, context: CodecContext): unknown;
    /**
     * The same of JSON text.
     * @throws ValidationError `JETFLEET_PAYLOAD_TOO_LARGE` for a payload that is too large once it is sealed; JetfleetError `JETFLEET_CODEC_FAILED`
     */
    sealText(text: string, context: CodecContext): string;
    /** A value that is stored as an object. @throws JetfleetError `JETFLEET_CODEC_FAILED` */
    sealObject(text: string, context: CodecContext): string;
    /** The body of a job's message. @throws as {@link sealText} */
    payloadText(text: string, type: string): string;
    /** @throws ValidationError `JETFLEET_SEALED` for a sealed value that cannot be opened here */
    open(value: unknown, context: CodecContext): unknown;
    /** The same of what {@link sealObject} has made. */
    openObject(value: unknown, context: CodecContext): unknown;
    /** The same; what cannot be opened stays sealed. */
    openIfCan(value: unknown, context: CodecContext): unknown;
    /**
     * A record as it is stored.
     * @param again of a write that may be stored already, which must be the same to be recognised
     */
    sealRecord(record: JobRecord, again?: boolean): JobRecord;
    openRecord(record: JobRecord): JobRecord;
    /** @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` where what a handler leaves is too large once it is sealed */
    assertFits({ type, checkpoint, result }: JobRecord): void;
}

/**
 * One setting that differs. `danger` ones can lose or repeat jobs, so a worker does not start on them;
 * `advice` ones only change how well it runs.
 */
interface Drift {
    /** `stream JOBS` or `consumer create_instance-high`. */
    target: string;
    field: string;
    have: unknown;
    want: unknown;
    severity: 'danger' | 'advice';
}
/** The drift as a diff, one setting on three lines. */
declare function formatDrift(drift: readonly Drift[]): string;

interface TopologyReport {
    /** Names of what was missing and has been made. */
    created: string[];
    /** Names of what was there and fits. */
    unchanged: string[];
    /** Names of what is missing still; only `Topology.inspect` leaves any. */
    missing: string[];
    drift: Drift[];
    /** Names of streams with one copy in a cluster, where nobody has said how many. */
    singleCopies: string[];
    /** Types without all of their consumers, because the server or the account allows no more. Their jobs wait. */
    refusedTypes: string[];
}

/** The streams and consumers that Jetfleet needs, as the server should have them. */

interface TopologyOptions {
    /** Copies of each stream: 1, or 3 or 5 in a cluster. Defaults to 1 for a stream that is made; one that exists keeps its own. */
    replicas?: number;
    /** How long records are kept, in milliseconds. Defaults to 7 days. */
    eventsMaxAgeMs?: number;
    /** How long a delivered job stays with a silent worker, in milliseconds. Defaults to 15,000. */
    ackWaitMs?: number;
}

/** Which jobs a pause covers: those of a type, of a priority, of both, or, without either, all. */
interface PauseScope {
    type?: string;
    priority?: JobPriority;
}
/** Jobs that do not start for a while. Times are ISO 8601. */
interface Pause extends PauseScope {
    since: string;
    /** When it ends by itself; absent for one that somebody has to end. */
    until?: string;
    reason?: string;
    /** Who has paused, where that is known. */
    by?: string;
}
/** What somebody has done, kept beside what it led to. */
interface PauseChange extends PauseScope {
    action: 'pause' | 'resume';
    at: string;
    by?: string;
    reason?: string;
}
/** Every pause, in the order in which they began, also those whose time is over. */
interface PauseList {
    v: 1;
    pauses: Pause[];
    change?: PauseChange;
}

interface LoginOptions {
    /** A user of the server. Defaults to NATS_USER. */
    user?: string;
    /** The password of `user`. Defaults to NATS_PASSWORD. */
    password?: string;
    /** One token in place of a user. Defaults to NATS_TOKEN. */
    token?: string;
    /** The seed of an nkey (`SU...`), or the path of a file that holds one. Defaults to NATS_NKEY. */
    nkey?: string;
    /** The path of a `.creds` file (JWT and seed). Defaults to NATS_CREDS. */
    credsFile?: string;
}

interface TlsFiles {
    /** Certificates of the authorities to trust, PEM. Defaults to NATS_TLS_CA, else those of the system. */
    caFile?: string;
    /** The client's certificate, PEM; goes with `keyFile`. Defaults to NATS_TLS_CERT, else none. */
    certFile?: string;
    /** The key of the client's certificate, PEM. Defaults to NATS_TLS_KEY, else none. */
    keyFile?: string;
}
/**
 * How to reach NATS. Files of credentials and certificates are read again at each reconnect, so that they can be renewed.
 * Credentials in the options win over those in a URL, and these over the environment.
 */
interface ConnectOptions extends LoginOptions {
    /**
     * URLs of the cluster, or one, or several with commas: `nats://[<user>:<password>@|<token>@]<host>[:<port>]`, or
     * `tls://` to refuse servers without TLS. Defaults to NATS_URL, else `nats://127.0.0.1:4222`.
     */
    servers?: string | string[];
    /** With any of these files a server without TLS is refused. */
    tls?: TlsFiles;
    /** What the subjects of answers begin with, where the user may not subscribe to `_INBOX.>`. Defaults to
     * NATS_INBOX_PREFIX, else `_INBOX`. */
    inboxPrefix?: string;
    /** Shown in the server's connection list. Defaults to `jetfleet`. */
    name?: string;
    /** Defaults to 5,000. */
    connectTimeoutMs?: number;
    /** Where the defaults of the options above, and the namespace, are read. Defaults to `process.env`. */
    env?: NodeJS.ProcessEnv;
}

interface BrokerOptions extends ConnectOptions, TopologyOptions {
    /** An open connection to use instead of opening one; it is left open on close. */
    connection?: NatsConnection;
    /** Prefix of every subject and stream. Defaults to JETFLEET_NAMESPACE, else none. */
    namespace?: string;
    commit?: CommitLogOptions;
    /**
     * When the server flushes: `always` before it confirms a write (`sync_interval: always`), or `periodic`. Writes to a single server
     * that flushes periodically go one by one instead of in batches, as long as they are few hundreds. No client can ask
     * the server; `jetfleet doctor --monitor-url` compares. Defaults to JETFLEET_SYNC, else `always`.
     */
    sync?: ServerSync;
    /**
     * Largest payload or result in bytes of JSON, at most 64 MiB, that is kept as an object where it is too large for a message: payloads over
     * 512 KiB, results over 128 KiB. Of workers it says so for results. Defaults to JETFLEET_MAX_OBJECT_BYTES, else 0: these are refused.
     */
    maxObjectBytes?: number;
    /** Only look whether the streams are there. Defaults to false: missing ones are made. */
    lookOnly?: boolean;
    /** The job types that this process knows; it may grow. */
    known: KnownJobs;
    logger: Logger;
    /** Seals what jobs carry, and opens it. Defaults to one that only opens what is compressed. */
    sealer?: Sealer;
}

/** A flow: jobs that run after one another, as one value. Checking one is pure, and so is what is to be done next. */

/** One job of a flow. Its id is derived from the flow's. */
interface FlowJob extends Omit<NewJob, 'id' | 'runAt' | 'traceparent' | 'tracestate' | 'unique' | 'debounce'> {
    /** The keys of the jobs that must have ended before this one starts. Defaults to none. */
    after?: readonly string[];
    /** Defaults to `fail`. */
    onFailure?: OnFailure;
}
/** The jobs of a flow by their keys. */
type FlowJobs = Readonly<Record<string, FlowJob>>;
/** How a child has ended, as its parent and the jobs after it are told. */
interface ChildEnd<Result = unknown> {
    id: string;
    type: string;
    status: 'completed' | 'failed';
    result?: Result;
    error?: Pick<JobErrorInfo, 'code' | 'message'>;
}

/** What may be kept as an object. */
type ObjectField = 'payload' | 'result';
/** Where a value is kept that is over the limits. Only the job that holds the reference has the object. */
interface ObjectReference {
    /** `<field>.<token>`, unique among the objects of its job. */
    'jetfleet:object': string;
    /** Of what is stored. */
    bytes: number;
    /** SHA-256 of that, in base64url. */
    digest: string;
}

/** Bodies of the messages between processes that are not stored. Anybody may send them, so each is verified before it is acted on. */

/** `jetfleet.swept`: a worker begins a sweep. */
interface SweptNotice {
    /** What is looked at besides the jobs, such as `instances`: a worker without a provider cannot. */
    resources: string[];
}
/** A job that a worker runs, as `jetfleet.workers` shows it. */
interface RunningJob {
    id: string;
    type: string;
    /** Missing in answers of earlier versions. */
    priority?: JobPriority;
    attempt: number;
    /** ISO 8601. */
    startedAt: string;
}

/** Which events to see; what is left out matches everything. */
interface EventFilter {
    type?: string | string[];
    status?: JobStatus | JobStatus[];
    id?: string;
}
interface EventOptions {
    filter?: EventFilter;
    /**
     * A name under which the broker remembers how far this consumer has come, over restarts; processes that use the
     * same name share the events. Without one, the position is forgotten when the consumer closes.
     */
    durable?: string;
    /** Where a new consumer begins: `new` (default), `all` that is kept, a time, or a sequence. */
    from?: 'new' | 'all' | Date | {
        seq: number;
    };
    /**
     * How often an event is delivered before it becomes a dead letter: 1 to 10,000. The pauses between deliveries grow from
     * one second to 30. Defaults to 20, which takes some 8 minutes.
     */
    maxDeliver?: number;
    /** Events handled at once. Defaults to 1, which keeps the order even when one is delivered again. */
    concurrency?: number;
}

/** What is known of an event besides its record. */
interface EventMeta {
    /** Sequence in EVENTS: grows with time, gaps allowed. */
    seq: number;
    subject: string;
    /** How often it was delivered, from 1. */
    deliveryCount: number;
}
type EventHandler = (record: JobRecord, meta: EventMeta) => void | Promise<void>;
/** A running event consumer. */
interface EventSubscription extends AsyncDisposable {
    /**
     * Stops and waits for the handlers that still run, for at most `timeoutMs`: their events come again. Called by a handler,
     * it waits for none.
     * @param timeoutMs defaults to 30,000, at most 24 days
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    close(timeoutMs?: number): Promise<void>;
    /**
     * Resolves when the consumer has ended, rejects when it ended by an error: BrokerError `JETFLEET_NO_STREAM` when
     * somebody deleted the consumer or its stream, `JETFLEET_BROKER_FORBIDDEN` when the user may not read from it.
     */
    readonly closed: Promise<void>;
}

/** An event as its stream holds it. */
interface FedEvent {
    /** Sequence in EVENTS. */
    seq: number;
    record: JobRecord;
}
/** Events to look at: nothing is acknowledged, and the place is kept over a restart of the broker. */
interface EventFeed extends AsyncIterable<FedEvent>, AsyncDisposable {
    /** Ends the iteration. */
    close(): Promise<void>;
}

/** When a schedule fires: by a cron expression, or at an interval. */
interface ScheduleTiming {
    /** In six fields, seconds first, or a name such as `@daily`. */
    cron?: string;
    /** Of `cron`. Defaults to UTC. */
    timeZone?: string;
    everyMs?: number;
}

/** What becomes of a tick while the last run of its schedule has not ended. */
declare const OVERLAPS: readonly ['skip', 'allow', 'cancel'];
type Overlap = (typeof OVERLAPS)[number];
/** What a caller may say about a recurring job: `cron` or `everyMs`, and options of each job. */
interface ScheduleOptions extends Pick<JobOptions, 'maxAttempts' | 'timeoutMs' | 'webhookUrl' | 'traceparent' | 'tracestate'> {
    /** Five fields, six with seconds first, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
    cron?: string;
    /** IANA name, for `cron`. Defaults to UTC. */
    timeZone?: string;
    /** Instead of `cron`: whole seconds in milliseconds, from 1,000 to 366 days. */
    everyMs?: number;
    /**
     * What becomes of a tick while the last run has not ended: `skip` ends the tick, `allow` runs both, `cancel` cancels the last run.
     * With `skip` and `cancel` ticks that waited for a worker together run once. Defaults to `skip`.
     */
    overlap?: Overlap;
    /** Each run begins a random time later, up to this many milliseconds, at most 24 hours. Defaults to 0. */
    jitterMs?: number;
    /** The schedule ends at this time. Defaults to never. */
    until?: Date | string;
    /** Defaults to `normal`. */
    priority?: JobPriority;
}
/** What is changed of a schedule; all else stays as it is. `null` takes an option back. */
interface ScheduleChange {
    /** The type of its jobs. */
    type?: string;
    payload?: unknown;
    /** In place of `everyMs`, if it has that. */
    cron?: string;
    timeZone?: string | null;
    /** In place of `cron` and `timeZone`, if it has these. */
    everyMs?: number;
    overlap?: Overlap;
    jitterMs?: number | null;
    until?: Date | string | null;
    priority?: JobPriority;
    maxAttempts?: number | null;
    timeoutMs?: number | null;
    webhookUrl?: string | null;
}
/** The last run of a schedule. */
interface ScheduleRun {
    /** Of its job. */
    id: string;
    /** When a worker took the tick. */
    at: string;
    /** As the job stands; absent once its record has expired. */
    state?: JobState;
    error?: JobErrorInfo;
}
/** A recurring job, by whomever it was published. Times are ISO 8601. */
interface Schedule extends ScheduleTiming {
    name: string;
    /** Where it is stored in TIMERS. */
    subject: string;
    type: string;
    priority: JobPriority;
    payload: unknown;
    maxAttempts?: number;
    timeoutMs?: number;
    webhookUrl?: string;
    overlap: Overlap;
    jitterMs?: number;
    until?: string;
    /** Since when it is paused; absent while it fires. */
    pausedAt?: string;
    /** When it was set, changed, paused or resumed last. */
    changedAt: string;
    /** Absent while it is paused, and where only the server understands the expression. */
    nextRunAt?: string;
    lastRun?: ScheduleRun;
    /** The last tick that was ended by its overlap policy, and why. */
    lastSkip?: {
        at: string;
        reason: string;
    };
    /** Ticks that ran, and that did not by their policy. */
    runs: number;
    skips: number;
    /** Why it does not do what it looks like. */
    fault?: string;
}

/** Which of the dead letters to take: of FAILED jobs all but those that somebody cancelled. What is left out fits each. */
interface DeadLetterFilter {
    type?: string;
    /** Only those that failed at this time or later. */
    since?: Date | string;
    /** Only those that failed at this time or earlier. */
    until?: Date | string;
    /** Only those whose error has this code. */
    errorCode?: string;
    /** Only those of one cause, by its id: see `deadLetters.causes`. */
    cause?: string;
    /** Only those that have all of these tags. */
    tags?: readonly string[];
}

/** Why jobs have failed, as a queue tells it. */
interface Cause {
    /** Ten hexadecimal digits; the same for the same code and message, in every process. */
    id: string;
    code: string;
    /** Numbers, ids, times, URLs and quoted texts stand as `<n>`, `<id>`, `<time>`, `<url>` and `<text>`. */
    message: string;
}
/** Dead letters that failed alike. */
interface DeadLetterCause extends Cause {
    /** How many there are. */
    count: number;
    /** Their types, at most 20. */
    types: string[];
    /** The workers on which they failed, at most 20. */
    workers: string[];
    /** How many failed in each part of {@link DeadLetterCauses.trend}, oldest first. */
    trend: number[];
    /** When the first and the last one of them failed, ISO 8601. */
    firstAt: string;
    lastAt: string;
    /** The last one of them: its id, and its message as it is. */
    sample: {
        id: string;
        message: string;
    };
}
interface DeadLetterCauses {
    /** The most frequent one comes first. */
    causes: DeadLetterCause[];
    /** The time of the trends: 24 parts up to now, or to the end of the filter, which begin a day before, or where the filter does. */
    trend: {
        since: string;
        stepMs: number;
    };
    /** Dead letters that fit the filter. */
    total: number;
    /** Those of them that belong to none of `causes`: the first 1,000 causes that are met are told apart. */
    others: number;
}

/** For calls that may go over many jobs. */
interface ProgressOptions {
    /** Called now and then with the number of jobs that are done. What it throws is logged and goes no further. */
    onProgress?: (done: number) => void;
}

/** How many dead letters are run again, and how fast. */
interface RetryAllOptions extends ProgressOptions {
    /**
     * How many jobs a second, 0.001 to 10,000: each gets a timer of the broker's, so that nobody has to wait for them. Defaults to
     * all at once.
     */
    rate?: number;
}
/**
 * Jobs that have FAILED by nobody's wish: exhausted, rejected or timed out. One that was cancelled is none. Each method throws
 * ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used.
 */
declare class DeadLetters {
    #private;
    /** Why they have failed: those of one error code and one message, but for its numbers and ids, are one cause. */
    causes(filter?: DeadLetterFilter): Promise<DeadLetterCauses>;
    /**
     * Runs those again that fit, oldest first, at a pace where one is given.
     * @returns the ids of those jobs
     */
    retry(filter?: DeadLetterFilter, options?: RetryAllOptions): Promise<string[]>;
    /**
     * Removes those that fit, with all that is stored of them. One stays that may still own an instance.
     * @returns how many were removed
     */
    delete(filter: DeadLetterFilter, options?: ProgressOptions): Promise<number>;
}

/** How a job is stored so that it exists once, under its own id, or the caller hears that it does not. */

/** What `add` has done. */
interface Added {
    /** The job that was added, or the one that was there already. */
    id: string;
    /** Whether this call has added it. */
    created: boolean;
    /** The job that was cancelled for it. */
    replaced?: string;
}

/** How a flow is added: checked as a whole, and stored by one write. */

/** What a flow says of all its jobs, or decides for each. */
type OfFlow = 'id' | 'runAt' | 'traceparent' | 'tracestate' | 'unique' | 'debounce';
/** A job with the jobs that must have ended before it starts. */
interface FlowTree extends Omit<NewJob, OfFlow> {
    /** Names it among the results of the jobs after it, and stands in its id. Defaults to its place, such as `1-2`, and `root`. */
    key?: string;
    onFailure?: OnFailure;
    children?: readonly FlowTree[];
}
/** A graph: jobs by their keys, each with the keys of those that it runs after. */
interface FlowGraph {
    jobs: FlowJobs;
}
/** A flow as the caller gives it. */
type Flow = FlowGraph | FlowTree;
/** What a caller may say of a flow as a whole. Its webhook reports its end. */
interface FlowOptions extends Pick<JobOptions, 'id' | 'delayMs' | 'runAt' | 'webhookUrl' | 'traceparent' | 'tracestate'> {
    /** Of the flow, and of its jobs that do not say. Defaults to `normal`. */
    priority?: JobPriority;
}
/** Jobs that run side by side, with one that runs when all have ended. */
interface BatchOptions extends FlowOptions {
    /** Runs after all jobs of the batch, whatever became of them. `job.results()` gives it their ends. */
    onComplete?: Omit<NewJob, OfFlow>;
}
/** A flow that was added. */
interface AddedFlow {
    /** The job that stands for the whole: wait for it, cancel it, retry it. */
    id: string;
    created: boolean;
    /** The ids of its jobs, by key. A job exists once it may start. */
    jobs: Record<string, string>;
}

/** A job as it stands, and what that is called. */
interface JobVersion {
    job: JobRecord;
    /** Sequence of its last record in EVENTS; 0 for a job that no worker has touched. */
    seq: number;
}
/** For changes to the version of a job that the caller has seen, and to no later one. */
interface VersionOptions {
    /** The sequence of a {@link JobVersion}. Defaults to any. */
    ifSeq?: number;
}

/** How one job is run again. */
interface RetryOptions extends VersionOptions {
    /** In the place of its payload. It is checked by the schema of the type, where this process knows its definition. */
    payload?: unknown;
    /** How long it waits before it runs, in milliseconds, at most 366 days. Defaults to not at all. */
    delayMs?: number;
}

/** Who did what, as the audit trail tells it. */
/** An action that somebody has taken over HTTP or on the dashboard. */
interface AuditAction {
    /** The name of the token, or `local` where none is needed. */
    by: string;
    /** The name that the caller gave. */
    caller?: string;
    role: string;
    /** The path of the route: `jobs/{id}/cancel`. */
    action: string;
    /** What the path named: `{ id: 'order-42' }`. */
    target?: Record<string, string>;
    /** What was asked for, without payloads and secrets. */
    asked?: Record<string, unknown>;
    /** What became of the jobs of an action over many. */
    jobs?: {
        done: number;
        failed: number;
        ids: string[];
    };
    /** The code of the error with which it ended half way. */
    error?: string;
    /** The same for the parts of one action over many jobs. */
    operation?: string;
}
interface AuditEntry extends AuditAction {
    /** Its sequence in AUDIT. */
    seq: number;
    /** ISO 8601, by the broker's clock. */
    at: string;
}
/** A page of the trail, newest first. */
interface AuditPage {
    entries: AuditEntry[];
    /** Pass it on for the next page; absent on the last one. */
    cursor?: string;
}

/** Which actions to list. What is left out fits each. */
interface AuditFilter {
    /** Only those of this token, by its name. */
    by?: string;
    /** Only those of this kind: `jobs/{id}/cancel`. */
    action?: string;
    /** Only those at this time or later. */
    since?: Date | string;
    /** Most entries on a page, 1 to 1,000. Defaults to 100. */
    limit?: number;
    /** Where the page before ended. */
    cursor?: string;
}
/** `queue.audit`: who did what, as far as it was done over HTTP, where tokens say who it was. */
declare class AuditTrail {
    #private;
    /**
     * The last actions, newest first: those of 90 days, and 100,000 at most.
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    list(filter?: AuditFilter): Promise<AuditPage>;
}

interface ChangeOptions extends VersionOptions {
    /** Who changes it: kept on the record. */
    by?: string;
}
interface RescheduleOptions extends ChangeOptions {
    /** How long from now, in milliseconds: up to 366 days. */
    delayMs?: number;
    /** When, at most 366 days away: instead of `delayMs`. */
    runAt?: Date | string;
}

/** One job of a flow as it stands. */
interface FlowJobStatus {
    key: string;
    id: string;
    type: string;
    /** `blocked` while jobs that it runs after have not ended; `queued` also of one that no worker has touched; `dropped` where it never ran. */
    state: JobState | 'blocked' | 'dropped';
    after: readonly string[];
    onFailure: OnFailure;
    error?: {
        code: string;
        message: string;
    };
}
/** A flow as it stands. */
interface FlowStatus {
    id: string;
    status: JobStatus;
    state: JobState;
    total: number;
    completed: number;
    failed: number;
    jobs: FlowJobStatus[];
    error?: {
        code: string;
        message: string;
    };
}

/** The jobs that came of one another, as they are shown: what a job followed from, what it waits for, and what followed from it. */

/** A job of a family: what a list, a graph and a time axis show of it. Times are ISO 8601. */
interface FamilyJob extends Pick<JobRecord, 'id' | 'type' | 'status' | 'state' | 'createdAt' | 'startedAt' | 'finishedAt' | 'nextRunAt'> {
    /** The job of the family that it came of; absent for the first one. */
    parentId?: string;
    /** Of one with a parent: `child` where that waits for it, `follow-up` where it was added at the end of that. */
    relation?: 'child' | 'follow-up';
    error?: {
        code: string;
        message: string;
    };
}
/** The jobs around a job, each after the one that it came of. */
interface JobFamily {
    /** The job that was asked for. */
    id: string;
    jobs: FamilyJob[];
    /** There are more. */
    isCut?: true;
}

/** As it is stored and sent: bucket and count in turn, in the order of the buckets, those without a count left out. */
type SparseCounts = number[];
interface DurationPercentiles {
    p50: number;
    p95: number;
    p99: number;
}

/** Rates, errors and times of jobs over a day, as they are shown. */

/** By what jobs are told apart. */
declare const DIMENSIONS: readonly ['type', 'priority', 'worker', 'tag'];
type Dimension = (typeof DIMENSIONS)[number];
/** What waits and runs, at some moment of a minute. */
interface Depth {
    pending: number;
    processing: number;
    /** How long the oldest queued job had waited; absent where none did. */
    oldestMs?: number;
    /** The same of types that nobody handles. */
    unhandledMs?: number;
}
/** What became of jobs in some time. Percentiles are null where no job tells. */
interface HistoryCounts {
    /** Jobs whose first attempt began. */
    started: number;
    completed: number;
    /** Jobs that ended FAILED, those that were cancelled left out. */
    failed: number;
    cancelled: number;
    /** Attempts that failed, with another one to come. */
    retried: number;
    /** From when a job could start to when it did, of first and later attempts. */
    waitMs: DurationPercentiles | null;
    /** From its first start to its end. */
    runMs: DurationPercentiles | null;
}
interface HistoryPoint extends HistoryCounts {
    /** When the step begins, ISO 8601. */
    at: string;
    /** Bucket and count in turn: bucket 0 is below 1 ms, bucket n from 2^((n-1)/4) to 2^(n/4) ms. */
    waitBuckets: SparseCounts;
    runBuckets: SparseCounts;
    /** Failures by error code; of all jobs only. */
    errors?: Record<string, number>;
    /** What waited and ran at the last sample of the step; of all jobs only, and absent where no server sampled. */
    depth?: Depth;
}
interface HistoryGroup extends HistoryCounts {
    /** Null for all values that had no room of their own. */
    value: string | null;
}
interface StatsHistory {
    from: string;
    /** Not included. */
    to: string;
    stepMs: number;
    /** Events after this time may be missing; absent when all are counted. */
    countedUntil?: string;
    /** How far each percentile may be off, as a part of it. */
    percentileError: number;
    points: HistoryPoint[];
    /** The whole range: of the jobs that were asked for. */
    total: HistoryCounts;
    /** The whole range of all jobs by type, priority, worker and tag, the one with most jobs first. */
    groups: Record<Dimension, HistoryGroup[]>;
    /** Failures of all jobs by error code, most first; those without room have the code `''`. */
    errors: Record<string, number>;
}

/**
 * Reads along with what a handler reports, until its job has ended. Nothing is made in the broker for it: each write is heard as the core
 * NATS message that it is, which is a hint to read the stream on, and so is the transition that ends the job.
 */

interface FollowOptions {
    /** Ends the stream, and not the job. */
    signal?: AbortSignal;
}

/** One line of a job's log. */
interface LogLine {
    /** From 0, over all attempts of the job. */
    index: number;
    /** When it was logged, ISO 8601. */
    at: string;
    attempt: number;
    line: string;
}
/** The log of a job. */
interface JobLog {
    /** Oldest first. */
    lines: LogLine[];
    /** How many lines the job has logged so far. */
    total: number;
    /** How many of them are not kept any more, or were never stored. */
    dropped: number;
}
interface LogOptions {
    /** Only so many of the last lines. Defaults to all that are kept. */
    last?: number;
}

/** How one JSON value becomes another, in the words of JSON Patch (RFC 6902): `add`, `replace` and `remove` alone. */
interface JsonChange {
    op: 'add' | 'replace' | 'remove';
    /** A JSON Pointer (RFC 6901); empty for the whole value. */
    path: string;
    /** Absent for `remove`. */
    value?: unknown;
}

/** What watchers hear on `inspect.<worker>.<job id>`, and what workers say of themselves. Nothing of it is stored. */

/** An arrow that a machine took, by the ids of its states: `pending.queued`. */
interface TakenEdge {
    from: string;
    to: string;
    event: string;
    guard?: string;
}
/** One step of one actor. Unknown kinds are to be passed over. */
interface InspectionRecord {
    v: 1;
    /** Grows by one with each record of a worker: a gap is a record that was lost. */
    seq: number;
    /** ISO 8601. */
    at: string;
    worker: string;
    /** Absent for the worker's own machine. */
    jobId?: string;
    /** Its number among the steps of this run of the job, from 0; absent for the worker's own machine. */
    step?: number;
    /** `job`, `worker_lifecycle`, the id of an invoked chart, or the name of any other invoked actor. */
    actor: string;
    /** The actor that made it; absent for the outermost ones, `job` and `worker_lifecycle`. */
    parent?: string;
    /** The chart that the actor runs; absent for one that runs none. */
    machine?: string;
    machineVersion?: string;
    /**
     * - `actor`: it was made
     * - `event`: it was sent `event`, by `sentBy`
     * - `transition`: it took `edges`
     * - `snapshot`: where it stood when it began, or when somebody began to watch
     * - `done`: it ended, with `status`
     */
    kind: 'actor' | 'event' | 'transition' | 'snapshot' | 'done';
    event?: string;
    /** What came with the event, with secrets masked and long values cut. */
    data?: unknown;
    sentBy?: string;
    edges?: TakenEdge[];
    /** Ids of the innermost states that it is in afterwards. */
    active?: string[];
    status?: 'active' | 'done' | 'error' | 'stopped';
    /** What it knows, with secrets masked and long values cut. */
    context?: unknown;
}
/** A handler that went on after its signal had fired, until its worker gave its slot away. */
interface AbandonedHandler {
    id: string;
    type: string;
    attempt: number;
    /** When its signal fired, ISO 8601. */
    signalledAt: string;
}
/** A worker, as it answers on `jetfleet.workers`. Times are ISO 8601. */
interface WorkerInfo {
    name: string;
    /** A state of the `worker_lifecycle` chart. */
    state: string;
    startedAt: string;
    host: string;
    pid: number;
    version: string;
    /** Its job types, each with its slots. */
    lanes: {
        type: string;
        concurrency: number;
        running: number;
    }[];
    /** The jobs that it runs, at most 100; their priorities are missing in answers of earlier versions. */
    running: RunningJob[];
    /** How many it runs. */
    runningCount: number;
    /** Abandoned handlers that have not ended, at most 100. */
    abandoned: AbandonedHandler[];
    /** How many handlers it has abandoned since it started. */
    abandonedCount: number;
    /** Names of the streams that do not answer its writes, although the server is there. */
    stalled: string[];
}

/** What the state machines of a job did, as readers see it: the steps, each with how it changed the context of its actor. */

/** One step of one actor, as it is kept. */
interface JobStep extends Omit<InspectionRecord, 'v' | 'seq' | 'jobId' | 'step' | 'context'> {
    /** Its number among the steps of the job, from 0. Those that are not kept have numbers too. */
    index: number;
    attempt: number;
    /** How the context of its actor differs from the one that was told last of it, as JSON Patch; at first from nothing. */
    changes?: JsonChange[];
    /** The context was too large to be kept: the next change says what both steps have changed. */
    contextCut?: true;
}

/** What is kept of the steps of a job's state machines. */
interface JobSteps {
    /** Oldest first: the first and the last ones, at most 200. */
    steps: JobStep[];
    /** How many steps were told. */
    total: number;
    /** How many of them are not kept. */
    dropped: number;
}

/** A part of a result that a handler has emitted. */
interface StreamedChunk<K = unknown> {
    chunk: K;
    /** From 0 in each attempt. More than one above the last: the chunks between are not kept any more, or were never stored. */
    index: number;
    /** Another attempt begins its result anew. */
    attempt: number;
    /** When it was stored, ISO 8601. */
    at: string;
}
/** How far a job is. */
interface ReportedProgress {
    progress: unknown;
    attempt: number;
    /** When it was stored, ISO 8601. */
    at: string;
}

/** One transition of a job: the whole record after it. */
interface RecordedTransition {
    /** Sequence in EVENTS; of an implied transition, that of the record that implies it. */
    seq: number;
    record: JobRecord;
    /** When the server has stored the record, ISO 8601; absent for an implied one. A claim holds from then on. */
    storedAt?: string;
    /** Nobody wrote it down: a new job that ends at once writes only how, and the outcome says since when it ran. */
    implied?: true;
}

/** Waiting for the end of a job. */

interface WaitOptions {
    /** How long to wait, in milliseconds from 0 to 24 days. Defaults to until the job ends. */
    timeoutMs?: number;
    /** Ends the wait, and not the job. */
    signal?: AbortSignal;
}

/** Which jobs to list, and how. What is left out fits every job. */
interface JobFilter {
    type?: string;
    status?: JobStatus;
    priority?: JobPriority;
    /** One of the nested states: `retrying`. */
    state?: JobState;
    /**
     * An id, or the beginning of one. Of six characters and more of a generated id, jobs that changed within a minute after it was made come
     * first: a search finds them at once among any number of others.
     */
    id?: string;
    /** Only jobs that have all of these tags. */
    tags?: readonly string[];
    /** Only jobs whose last record this worker has written: that it runs, or that it ran last. */
    worker?: string;
    /** Only FAILED jobs whose error has this code: `JETFLEET_TIMEOUT`, or one of a handler's own. */
    errorCode?: string;
    /** Only FAILED jobs of one cause, by its id: see `deadLetters.causes`. */
    cause?: string;
    /** Only FAILED jobs that nobody has cancelled. */
    deadLetters?: boolean;
    /** Only jobs that changed (`updatedAt`) at this time or later. */
    since?: Date | string;
    /** Only jobs that changed (`updatedAt`) at this time or earlier. */
    until?: Date | string;
    /**
     * By the time of the last change, all statuses together. Defaults to `oldest` with `state`, `id`, `tags`, `errorCode`, `since` or `until`,
     * else to processing, pending in the order in which they will start, completed, failed.
     */
    order?: 'oldest' | 'newest';
    /** Most jobs on a page, 1 to 1,000. Defaults to 100. */
    limit?: number;
    /** Where the page before ended. */
    cursor?: string;
}
interface JobPage {
    jobs: JobRecord[];
    /** Pass it on for the next page, also after one that is not full; absent on the last one. */
    cursor?: string;
}

/** How to reach the broker; everything is optional. */
interface JobQueueOptions extends Omit<BrokerOptions, 'logger' | 'lookOnly' | 'known' | 'sealer'> {
    /**
     * Whether the queue creates missing streams on its first use. With `false` it refuses to work instead, until somebody has run
     * `setup`: a wrong namespace is noticed. Workers on it create what they need in any case. Defaults to true.
     */
    createStreams?: boolean;
    /**
     * The definitions of your job types. Whoever cancels a job, or ends it otherwise, adds what follows from it by `after` of its
     * type. A definition that is given to `add`, `addJobs` or a worker on this queue is known from then on. Those of
     * instances and webhooks are known already.
     */
    jobs?: readonly JobDefinition[];
    /**
     * How payloads, results, checkpoints, progress, signals and reports are stored: by one codec, or by several in their order, such as
     * `[compression(), encryption({ keys, current })]`. Every process that adds, runs or reads jobs of the queue needs those that
     * encrypt. Defaults to plain JSON.
     */
    codec?: Codec | readonly Codec[];
    /**
     * What workers on this queue keep of the ended jobs of their types, where these do not say so themselves. Applied by workers and by
     * `jetfleet server`, every few minutes. Defaults to all records, as long as EVENTS keeps them.
     * @example retention: { completed: { maxAgeMs: 3_600_000, maxCount: 10_000 }, failed: { maxAgeMs: 7 * 86_400_000 } }
     */
    retention?: Retention;
    /**
     * Traces and measures the jobs that this queue adds and that workers on it run: `openTelemetry()` of `jetfleet/opentelemetry`. Defaults
     * to none.
     */
    tracing?: Tracing;
    /** A pino logger, or anything of its shape. Defaults to silence. */
    logger?: Logger;
}

/** What a queue is besides what it does with jobs. */
declare abstract class QueueConnection implements AsyncDisposable {
    #private;
    /** Prefix of subjects and streams; empty for none. */
    readonly namespace: string;
    /** The logger that the queue was given, made such that its methods never throw. */
    readonly logger: Logger;
    /** How this queue creates its streams and consumers; workers on it go by the same. */
    get topology(): TopologyOptions;
    /** Whether the broker is there now; undefined before the first use. */
    get isConnected(): boolean | undefined;
    /**
     * How often callbacks of yours have failed, by name: `logger`, `event handler`, `watch callback`, `inspect`,
     * `abort listener`, `onProgress`, `hook onClaim`, `hook around`, `hook onSettled`. What they throw is logged and goes no further. Those of workers on this queue are counted here too.
     */
    get callbackFailures(): Record<string, number>;
    /** The broker's time in ms since the epoch, by which jobs are due; that of this process until the queue is connected. */
    now(): number;
    /** Connects now instead of on first use, and creates the streams where they are missing, unless `createStreams` is false. */
    connect(): Promise<void>;
    /** Compares the streams, and the consumers of `types`, with what is needed, and creates what is missing. */
    setup(types?: readonly string[]): Promise<TopologyReport>;
    protected get options(): JobQueueOptions;
    /** Fires when the queue is closed, for what only waits. */
    protected get closed(): AbortSignal;
    /**
     * Sends what is under way, for at most 5 seconds, and closes the connection, unless it was lent. Calls that come later
     * are refused. A second call waits for the first. Workers on it must be shut down before.
     */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

/** An event that a durable consumer has given up, since its handler failed each time. */
interface EventDeadLetter {
    /** Its sequence in EVENTS, where it stays until it expires. */
    seq: number;
    jobId: string;
    /** ISO 8601. */
    at: string;
    deliveries: number;
    /** What the handler threw last, at most 200 characters. */
    error: string;
}

/** A durable consumer of events, as the broker keeps it. */
interface EventConsumerLag {
    name: string;
    /** What it sees of EVENTS. */
    subjects: string[];
    /** Events that were not delivered yet. */
    pending: number;
    /** Events that were delivered, and are not acknowledged. */
    ackPending: number;
    /** Of these, how many were delivered before. */
    redelivered: number;
    /** Every event up to this sequence is acknowledged; 0 before the first. */
    ackedSeq: number;
    /** When it delivered last, ISO 8601; absent before the first. */
    lastDeliveredAt?: string;
    /** Requests for events that wait: 0 while nobody listens. */
    waiting: number;
    /** How many events it has given up. */
    deadLetters: number;
    /** The latest 100 of them, oldest first. */
    latestDeadLetters: EventDeadLetter[];
}
interface DeleteConsumerOptions {
    /** Also while somebody listens, who then hears that it is gone. Defaults to false. */
    force?: boolean;
}

type StatusCounts = Record<JobStatus, number>;
/** How many jobs there are. COMPLETED and FAILED count what EVENTS still keeps. */
interface JobQueueStats {
    totalJobs: number;
    pendingJobs: number;
    processingJobs: number;
    completedJobs: number;
    failedJobs: number;
    /** Jobs of each type, whatever their status. */
    jobsByType: Record<string, number>;
    byType: Record<string, StatusCounts>;
    /** Unfinished jobs only: a finished job's subject does not carry its priority. */
    byPriority: Record<JobPriority, {
        pending: number;
        processing: number;
    }>;
    /** Part of `pendingJobs`: behind a producer's timer. */
    scheduledJobs: number;
    /** Part of `pendingJobs`: behind the timer of their next attempt. */
    retryingJobs: number;
    /** Part of `pendingJobs`, or of `processingJobs` where they go on after a pause: in line for a permit of a limit. */
    limitedJobs: number;
    /** Part of `processingJobs`: hibernating until a timer. */
    waitingJobs: number;
    /** Types that wait while no worker takes them: none has ever registered them, or all that did are gone or paused. */
    unhandledTypes: string[];
    /** What is paused, oldest first; jobs that a pause holds do not count as unhandled. */
    paused: Pause[];
}

/** A stream as it is, and how it differs from what it should be. */
interface StreamHealth {
    name: string;
    messages: number;
    bytes: number;
    replicas: number;
    leader?: string;
    /** Whether it is there, keeps jobs safe, and answers the writes of this process. */
    ok: boolean;
    drift: string[];
    /** What is wrong where it answers no writes. */
    stalled?: string;
}
/** A consumer of a work stream. */
interface ConsumerHealth {
    name: string;
    /** Messages that it has not handed out yet. */
    pending: number;
    /** Messages that workers hold. */
    ackPending: number;
    redelivered: number;
    /** Pulls that wait for messages. */
    waiting: number;
    /** Whether it hands out nothing for now: see `queue.pause`. */
    paused: boolean;
}
interface BrokerHealth {
    broker: {
        connected: boolean;
        url: string;
        version: string;
    };
    streams: StreamHealth[];
    consumers: ConsumerHealth[];
}

/** Which part of the history, and of which jobs: all, or those of one type, priority, worker or tag. */
interface StatsHistoryOptions {
    /** Defaults to 24 hours before `to`. What is older than 25 hours is not kept. */
    from?: Date | string;
    /** Defaults to now. */
    to?: Date | string;
    /** Length of a step in milliseconds: whole minutes, at most 1,500 steps. Defaults to the shortest with at most 300 steps. */
    stepMs?: number;
    type?: string;
    priority?: string;
    worker?: string;
    tag?: string;
}

/** What can be read of jobs: one, pages of them, their history, counts, and what becomes of them. */
declare abstract class JobReader extends QueueConnection {
    #private;
    /** One job by id, or undefined when there is none, or its record has expired (7 days after its last transition). */
    getJob(id: string): Promise<JobRecord | undefined>;
    /** The same of a definition, with its types; undefined as well when the id names a job of another type. */
    getJob<T extends JobTypes>(job: JobDefinition<T>, id: string): Promise<TypedRecord<T> | undefined>;
    /**
     * The result of a job of a definition, once it has ended. Any number of processes may wait for it, also after its end.
     * @throws JobFailedError with code and message of the job's error when it FAILED
     * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT`, `JETFLEET_NOT_FOUND`, also when the id names a job of another type; the
     *   reason of `signal`
     * @throws ValidationError `JETFLEET_RESULT_INVALID` when the definition's schema refuses the result
     */
    result<T extends JobTypes>(job: JobDefinition<T>, id: string, options?: WaitOptions): Promise<T['result']>;
    /**
     * The payload or the result of a job, also where its record holds a reference to it: a payload over 512 KiB, a result over 128 KiB.
     * @returns undefined for a result that is not there
     * @throws JetfleetError `JETFLEET_NOT_FOUND`; ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED`
     */
    load(id: string, field: ObjectField): Promise<unknown>;
    /**
     * The last record of a job, once it has ended: COMPLETED or FAILED.
     * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT`, `JETFLEET_NOT_FOUND`; the reason of `signal`
     */
    ended(id: string, options?: WaitOptions): Promise<JobRecord>;
    /** How far a flow is, and each of its jobs; undefined where the id names none. */
    getFlow(id: string): Promise<FlowStatus | undefined>;
    /**
     * The jobs that a job came of, and those that came of them: its parents, what each waits for, and what followed from their ends. At most
     * 300 of them, and of a flow the first 100 jobs. Undefined where the id names no job.
     */
    getFamily(id: string): Promise<JobFamily | undefined>;
    /** One job and its version: the sequence of its last record in EVENTS, 0 while no worker has touched it. */
    getVersion(id: string): Promise<JobVersion | undefined>;
    /**
     * Every record of a job that EVENTS still keeps, oldest first, each with its sequence there. Empty for a job that no
     * worker has touched yet, whose message is its only record.
     */
    history(id: string): Promise<RecordedTransition[]>;
    /**
     * What the handlers of a job have logged with `job.log`, also after its end: the last 10,000 lines, and of these at most 1 MiB.
     * @throws JetfleetError `JETFLEET_NOT_FOUND`; ValidationError `JETFLEET_OPTION_INVALID`
     */
    logs(id: string, options?: LogOptions): Promise<JobLog>;
    /**
     * What the state machines of a job did, oldest first: the first and the last of them, at most 200. Workers keep them of jobs whose
     * attempts failed or that somebody watched; see `inspect.keep` of the worker. They go with the record of the job.
     * @throws JetfleetError `JETFLEET_NOT_FOUND`
     */
    steps(id: string): Promise<JobSteps>;
    /**
     * The lines that are kept of a job's log, then those that come, until the job has ended. It can be begun at any time, also after the
     * end. An outage of the broker does not end it.
     * @example for await (const { line } of queue.followLogs(id)) console.log(line)
     * @throws as {@link stream} does
     */
    followLogs(id: string, options?: FollowOptions): AsyncGenerator<LogLine>;
    /**
     * How far a job is, as its handler reports it with `job.progress`, until the job has ended: the last value that is known, then those
     * that come.
     * @throws as {@link stream} does
     */
    followProgress(id: string, options?: FollowOptions): AsyncGenerator<ReportedProgress>;
    /**
     * What the handler of a job emits with `job.emit`, as it comes, until the job has ended. It can be joined at any time, also after the end: it
     * begins with the first chunk that is kept of the job's newest attempt, the last 8 MiB. With another attempt the chunks begin again,
     * with a higher `attempt`. An outage of the broker does not end it.
     * @example for await (const { chunk } of queue.stream(summarize, id)) process.stdout.write(chunk)
     * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_CLOSED`; the reason of `signal`
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    stream<K = unknown>(id: string, options?: FollowOptions): AsyncGenerator<StreamedChunk<K>>;
    stream<T extends JobTypes>(job: JobDefinition<T>, id: string, options?: FollowOptions): AsyncGenerator<StreamedChunk<T['chunk']>>;
    /**
     * A page of jobs: those that run, then waiting ones by priority and age, then finished ones, oldest first. A page may
     * hold fewer than `limit` and still have a cursor: follow it to the end.
     * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
     */
    getJobs(filter?: JobFilter): Promise<JobPage>;
    /**
     * Counts by type, priority and status, as the broker's consumers count: a job that was just added may be missing for
     * some milliseconds, and one that has just ended may be counted as processing as well. The cost does not grow with the
     * jobs, save at the first call of a process. A type that nobody handles, and that waits in the middle of very many other
     * jobs, is named some seconds later.
     */
    getStats(): Promise<JobQueueStats>;
    /**
     * When the oldest queued job was enqueued, ISO 8601, among those that somebody handles and that are not paused; undefined when
     * none waits.
     */
    oldestPendingAt(): Promise<string | undefined>;
    /** When the oldest job was enqueued of a type that no worker has ever registered, ISO 8601; undefined when none waits. */
    oldestUnhandledAt(): Promise<string | undefined>;
    /**
     * Rates, errors and times of jobs over the last 24 hours: of all, or of one type, priority, worker or tag. An HTTP server keeps them up to
     * date; without one, the call counts the events of that time itself, up to 200,000 of them.
     * @example await queue.getStatsHistory({ from: new Date(Date.now() - 3_600_000), type: 'report' })
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    getStatsHistory(options?: StatsHistoryOptions): Promise<StatsHistory>;
    /** The pauses that hold now, oldest first: what is paused, until when, why, and by whom. */
    paused(): Promise<Pause[]>;
    /** The broker, its streams and their consumers, in whatever state they are. */
    health(): Promise<BrokerHealth>;
    /**
     * Follows the transitions of jobs: each is the whole record after it. Delivered at least once, in order. An event whose
     * handler fails comes again, and becomes a dead letter after `maxDeliver` deliveries: see {@link eventConsumers}.
     * @example await queue.events({filter: {type: 'create_instance', status: 'completed'}, durable: 'billing'}, bill)
     * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used
     * @throws JetfleetError `JETFLEET_STREAM_DRIFT` when `durable` exists with another filter
     */
    events(options: EventOptions, handler: EventHandler): Promise<EventSubscription>;
    /** The durable consumers of events: how far each has come, and the events that it has given up. */
    eventConsumers(): Promise<EventConsumerLag[]>;
    /**
     * Transitions in order, to read along: nothing is acknowledged, so one that is missed is not redelivered.
     * @param options.fromSeq where in EVENTS to begin. Defaults to what comes from now on
     */
    feed(options?: {
        filter?: EventFilter;
        fromSeq?: number;
    }): Promise<EventFeed>;
}

/** The part of the queue that changes when, or in which order, a job that waits will run. */
declare class JobChanger extends JobReader {
    /** Who did what over HTTP and on the dashboard: `list`. */
    readonly audit: AuditTrail;
    /**
     * Gives a job that waits another priority; it stands last among the jobs of that. A delayed or retrying job keeps its time.
     * @returns the record afterwards
     * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job runs or may have begun, has
     *   ended, or waits for a signal or other jobs
     * @throws ValidationError `JETFLEET_PRIORITY_INVALID`, `JETFLEET_OPTION_INVALID`
     */
    setPriority(id: string, priority: JobPriority, options?: ChangeOptions): Promise<JobRecord>;
    /**
     * Has a job run now that is scheduled, retrying or asleep, as far as its priority and a pause allow. One that is queued stays as it is.
     * @returns the record afterwards
     * @throws as {@link setPriority} does
     */
    promote(id: string, options?: ChangeOptions): Promise<JobRecord>;
    /**
     * Moves a job that waits to another time, sooner or later; also one that is queued, which leaves the queue until then.
     * @example await queue.reschedule('order-42', {delayMs: 60_000})
     * @returns the record afterwards
     * @throws as {@link setPriority} does
     * @throws ValidationError `JETFLEET_OPTION_INVALID`, also for a time that is past
     */
    reschedule(id: string, options: RescheduleOptions): Promise<JobRecord>;
}

/** The ends of jobs. */
type EndStatus = (typeof JobStatus)['COMPLETED' | 'FAILED'];
/** Which jobs a cleanup removes. */
interface CleanupOptions extends ProgressOptions {
    /** Only jobs of this type. Defaults to all. */
    type?: string;
    /** Only jobs that ended so: `completed` or `failed`. Defaults to both. */
    status?: EndStatus;
    /** How many of the type stay that ended last, of each status; those that are young enough stay in any case. Defaults to none. */
    keep?: number;
    /** Removes no more than so many, of each status oldest first, such as those that a `dryRun` has counted. Defaults to no limit. */
    atMost?: number;
    /** Counts the jobs, and removes none. Defaults to false. */
    dryRun?: boolean;
}

/** Removes single jobs that have ended. */

/** What became of each job that was to be removed. */
interface DeletedJobs {
    deleted: string[];
    /** Those that stay, and why. */
    kept: {
        id: string;
        error: JetfleetError;
    }[];
}

/** The part of the queue that removes jobs which have ended. */
declare class JobRemover extends JobChanger {
    /**
     * Removes the records of jobs that finished more than `olderThanMs` ago. Takes 9 s more where a cancelled job is among them: a worker may
     * have its message this moment.
     * @param olderThanMs defaults to 24 hours
     * @param options of which type and status, and how many of these stay; see {@link CleanupOptions}
     * @returns how many jobs were removed, or with `dryRun` would be
     */
    cleanup(olderThanMs?: number, options?: CleanupOptions): Promise<number>;
    /**
     * Removes jobs that have ended, with all that is stored of them, at most 1,000 at once. One stays that may still own an instance.
     * @returns those that are gone, and of each other one why it stays
     * @throws ValidationError `JETFLEET_ID_INVALID`, `JETFLEET_OPTION_INVALID`
     */
    deleteJobs(ids: readonly string[]): Promise<DeletedJobs>;
    /**
     * Removes the ended jobs that the `retention` of their types lets go. Workers and `jetfleet server` do so by themselves every few
     * minutes, so there is no need to call it.
     * @returns how many jobs were removed
     */
    applyRetention(): Promise<number>;
    protected teller({ onProgress }: ProgressOptions): (done: number) => void;
}

/** What a call under a limit is given. */
interface PermitContext {
    /** Fires when the job is stopped, and when the permit was lost because this process was too slow to renew it. */
    signal: AbortSignal;
    limit: string;
    key: string;
}

interface LimitFilter {
    /** The name of a limit. */
    limit?: string;
    key?: string;
}
/** `queue.limits`: what is held and waits, and how many permits there are. */
declare class JobLimits {
    #private;
    /**
     * Every key that has permits held, starts that count, or jobs in line. A key that nobody uses is not kept.
     * @throws ValidationError `JETFLEET_OPTION_INVALID`
     */
    list(filter?: LimitFilter): Promise<ShownLimit[]>;
    /** What was set with {@link set}, by the name of the limit. */
    settings(): Promise<Record<string, LimitSettings>>;
    /**
     * Sets how many permits each key of a limit has, for all workers and at once, in place of what their handlers say. Permits that are held
     * stay; a lower number holds for those that come.
     * @throws ValidationError `JETFLEET_LIMIT_INVALID`
     */
    set(limit: string, settings: LimitSettings): Promise<void>;
    /** From now on a limit is again what handlers and workers say. */
    reset(limit: string): Promise<void>;
    /**
     * Runs a call once there is a permit, as `job.limit` does inside a handler.
     * @param text `<limit>:<key>`
     * @param settings where nothing was set with {@link set}, which comes first
     * @throws what the call throws; JetfleetError `JETFLEET_LIMIT_UNKNOWN`; ValidationError `JETFLEET_LIMIT_INVALID`
     */
    run<T>(text: string, call: (permit: PermitContext) => T | Promise<T>, settings?: LimitSettings): Promise<T>;
}

interface DrainOptions extends PauseScope, WaitOptions {
}

/** Pausing and resuming jobs by type, by priority, or all. */

interface PauseOptions extends PauseScope {
    /** How long, in milliseconds: 1 to 366 days. Defaults to until somebody resumes. */
    forMs?: number;
    /** Until when, at most 366 days away: instead of `forMs`. */
    until?: Date | string;
    /** Why, up to 200 characters: shown wherever the pause is. */
    reason?: string;
    /** Who pauses: a name for people to read. */
    by?: string;
}
interface ResumeOptions extends PauseScope {
    /** Who resumes. */
    by?: string;
}
/** What {@link resumeJobs} has done. */
interface Resumed {
    /** The pauses that it has ended. */
    resumed: Pause[];
    /** Wider pauses, which still hold some of these jobs. */
    stillPaused: Pause[];
}

/** For `runNow`. */
interface RunNowOptions {
    /** In the place of the policy of the schedule. */
    overlap?: Overlap;
}
/**
 * The recurring jobs of a queue, also those that somebody has published with a bare NATS client. Each method but `list` throws
 * JetfleetError `JETFLEET_NOT_FOUND` for a name that no schedule has, and ValidationError `JETFLEET_OPTION_INVALID` for what cannot
 * be one.
 */
declare class Schedules {
    #private;
    /** All of them by name, with their next and last runs. Of those that stand beside delayed jobs, among the first 10,000 of these. */
    list(): Promise<Schedule[]>;
    get(name: string): Promise<Schedule>;
    /**
     * Changes what is given, and leaves all else as it is; `null` takes an option back. One that is paused stays so.
     * @throws ValidationError as `queue.schedule` does; ConflictError for one that starts no job. Nothing is stored then
     */
    update(name: string, change: ScheduleChange): Promise<Schedule>;
    /** Stops it from firing, until it is resumed. It keeps all that it is, and what it has started goes on. */
    pause(name: string): Promise<Schedule>;
    /** Has it fire again from its next time on; what it would have fired meanwhile is not made up for. */
    resume(name: string): Promise<Schedule>;
    /**
     * Runs it once, now, whether it is paused or not.
     * @returns the id of the job
     * @throws ConflictError while its last run goes on, unless `overlap` is `allow` or `cancel`
     */
    runNow(name: string, options?: RunNowOptions): Promise<string>;
    /** Removes it. Jobs that it has started stay. */
    delete(name: string): Promise<void>;
}

/** How a signal is sent. */
interface SendSignalOptions {
    /** The same key for the same job and name within two minutes is one signal. Defaults to a new one. */
    key?: string;
}
/** What became of a signal. */
interface SentSignal {
    /** Whether there is a job of this id yet. A signal that comes first is kept for it. */
    isKnown: boolean;
    /** Whether a signal of the same `key` was there already. */
    isRepeated: boolean;
}

/**
 * The queue: adds jobs, finds, lists and counts them, and follows what becomes of them. It connects on its first use. Any number
 * of processes may have one.
 *
 * Every method can throw BrokerError `JETFLEET_BROKER_UNREACHABLE` (no server), `JETFLEET_NO_LEADER`, `JETFLEET_SERVER_TOO_OLD`,
 * `JETFLEET_STREAM_DRIFT`, `JETFLEET_NO_STREAM` (with `createStreams: false`) and JetfleetError `JETFLEET_CLOSED`.
 */
declare class EngineQueue extends JobRemover {
    #private;
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
    addJob(type: string, payload: unknown, priority?: JobPriority, options?: JobOptions): Promise<string>;
    /**
     * Adds a job of a definition. Its payload is checked by the definition's schema before it is sent. As with {@link addJob},
     * the call can be repeated with an id of your own.
     * @returns the id of the job, once it is durable, and whether this call has created it: where another job has its unique key, that
     *   of the other one
     * @throws as {@link addJob} does
     */
    add<T extends JobTypes>(job: JobDefinition<T>, payload: T['input'], options?: AddOptions): Promise<Added>;
    /**
     * Adds many jobs at once, in few round trips. All are checked before the first is sent. When the broker fails in
     * between, some are stored: with ids of your own, the call can be repeated.
     * @returns the ids, in the order of the jobs
     * @throws as {@link addJob} does; the message of an invalid job begins with its place
     */
    addJobs(jobs: readonly NewJob[]): Promise<string[]>;
    /** The recurring jobs: `list`, `get`, `pause`, `resume`, `runNow`, `delete`. */
    readonly schedules: Schedules;
    /** Jobs that have failed by nobody's wish: their causes; retried or deleted by filter. */
    readonly deadLetters: DeadLetters;
    /** Permits of limits: what is held and waits, and how many there are. */
    readonly limits: JobLimits;
    /**
     * Has a job run again and again, by a schedule that the broker keeps and fires. Each run is a job of its own. A second call with the
     * same name changes the schedule; one that is paused stays so.
     *
     * @example await queue.schedule('nightly', report, { full: true }, { cron: '0 3 * * *', timeZone: 'Europe/Berlin' })
     * @param job a definition, or the name of a type
     * @throws ValidationError `JETFLEET_CRON_INVALID`, `JETFLEET_TIME_ZONE_UNKNOWN`, `JETFLEET_OPTION_INVALID`, or as {@link add}
     *   does; nothing is stored then
     */
    schedule<T extends JobTypes>(name: string, job: JobDefinition<T> | string, payload: T['input'], options: ScheduleOptions): Promise<Schedule>;
    /**
     * Cancels a job that is queued, scheduled, retrying, waiting, or running in any process: its handler's AbortSignal
     * fires with the reason `cancelled`, and what an instance job has rented is deleted.
     * @param reason shown in the job's error
     * @returns the FAILED record
     * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`, `JETFLEET_TYPE_UNKNOWN`; ConflictError when the
     *   job has ended already
     */
    cancel(id: string, reason?: string, options?: VersionOptions): Promise<JobRecord>;
    /**
     * Pauses the jobs of a type, of a priority, of both, or, without either, all: none of them starts until the pause ends, on whatever
     * worker, also across restarts of workers and broker, and for types that nobody handles yet. Jobs that run go on: see {@link drain}.
     * A second pause of the same jobs replaces the first.
     * @example await queue.pause({type: 'create_instance', forMs: 600_000, reason: 'deploy'})
     * @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_TYPE_INVALID`, `JETFLEET_PRIORITY_INVALID`
     */
    pause(options?: PauseOptions): Promise<Pause>;
    /**
     * Ends the pause of some jobs and of parts of them: without a type and a priority every pause.
     * @returns what was resumed, and the wider pauses that still hold these jobs
     * @throws as {@link pause} does
     */
    resume(options?: ResumeOptions): Promise<Resumed>;
    /**
     * Waits until none of some paused jobs runs any more. A job whose worker has died counts until its lease is over.
     * @throws ConflictError unless they are paused; JetfleetError `JETFLEET_WAIT_TIMEOUT`; the reason of `signal`
     */
    drain(options?: DrainOptions): Promise<void>;
    /**
     * Adds a flow: a graph of jobs, `{ jobs }`, or a tree, a job with `children`. It is one job of type `run_flow`, stored by one
     * write. Each of its jobs is added when those that it names have ended, and gets their results from `job.results()`.
     * With an id of your own the call can be repeated.
     * @example await queue.addFlow({ jobs: { a: fetch.of({ n: 1 }), b: { ...merge.of({}), after: ['a'] } } })
     * @returns the id of the whole, for `ended`, `getFlow`, `cancel` and `retry`, and those of its jobs
     * @throws ValidationError `JETFLEET_FLOW_INVALID` for a circle or an unknown key, and as {@link addJob} does, with the key of the job;
     *   nothing is stored then
     */
    addFlow(flow: Flow, options?: FlowOptions): Promise<AddedFlow>;
    /**
     * Adds jobs that run side by side, and one that runs when all have ended, whatever became of them: a flow, see {@link addFlow}.
     * @throws as {@link addFlow} does
     */
    addBatch(jobs: readonly NewJob[], options?: BatchOptions): Promise<AddedFlow>;
    /**
     * Sends a signal to a job, for its `job.waitForSignal(name)`. It is stored first, and kept for a job that does not wait yet, or does
     * not exist yet. Other languages publish on `signals.<job id>.<name>`.
     * @param data any JSON, at most 130 KiB; null for none
     * @returns whether the job exists, once the signal is durable
     * @throws ValidationError `JETFLEET_SIGNAL_INVALID`, `JETFLEET_ID_INVALID`, `JETFLEET_OPTION_INVALID`
     * @throws ConflictError when the job has ended
     */
    signal(id: string, name: string, data?: unknown, options?: SendSignalOptions): Promise<SentSignal>;
    /**
     * Runs a FAILED job again, with its attempts counted from 1. Its record keeps what went wrong before in `failures`.
     * @returns the PENDING record
     * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError when the job is not FAILED, or
     *   its body could not be read and there is no new payload
     * @throws ValidationError `JETFLEET_PAYLOAD_*` for a new payload that does not fit; the job stays as it is then
     */
    retry(id: string, options?: RetryOptions): Promise<JobRecord>;
    /** As `deadLetters.retry`: runs every FAILED job again that fits and was not cancelled, oldest first. */
    retryAll(filter?: DeadLetterFilter, options?: RetryAllOptions): Promise<string[]>;
    /**
     * Runs a job of a definition once more that has ended: a FAILED one as itself, a COMPLETED one as a new job.
     * @returns the id of the job that runs
     * @throws JetfleetError `JETFLEET_NOT_FOUND`, also when the id names a job of another type; ConflictError when it has not
     *   ended
     */
    rerun(job: JobDefinition, id: string): Promise<string>;
    /**
     * Forgets a durable consumer of events: its place, and its dead letters. A later subscription under its name begins from its own options.
     * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError while somebody listens, unless `force`
     * @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be a name
     */
    deleteEventConsumer(name: string, options?: DeleteConsumerOptions): Promise<void>;
}

export { DeadLetters, EngineQueue, JobLimits, KnownJobs, Schedules, Sealer, defineJob, formatDrift, isSealed, retryDelayMs };
export type { AbandonedHandler, AddOptions, Added, AddedFlow, AuditAction, AuditEntry, AuditFilter, AuditPage, BatchOptions, BrokerOptions, ChangeOptions, ChildEnd, CleanupOptions, Codec, CodecContext, CodecField, DeadLetterCause, DeadLetterCauses, DeadLetterFilter, DeleteConsumerOptions, DrainOptions, Drift, EndRetention, EndedJob, EventConsumerLag, EventDeadLetter, EventFeed, EventFilter, EventHandler, EventMeta, EventOptions, EventSubscription, Fairness, FamilyJob, Flow, FlowGraph, FlowJob, FlowJobStatus, FlowJobs, FlowOptions, FlowStatus, FlowTree, FollowOptions, HistoryCounts, HistoryGroup, HistoryPoint, InspectionRecord, JobDefinition, JobDefinitionOptions, JobFamily, JobFilter, JobLimit, JobLog, JobPage, JobQueueOptions, JobQueueStats, JobStep, JobSteps, JobTypes, JsonChange, LimitFilter, LogLine, LogOptions, NeededPermit, ObjectField, ObjectReference, Overlap, Pause, PauseList, PauseOptions, PauseScope, PermitContext, PriorityPolicy, ProgressOptions, ReportedProgress, RescheduleOptions, ResumeOptions, Resumed, Retention, RetryAllOptions, RetryOptions, RetryPolicy, RunDefaults, RunNowOptions, Schedule, ScheduleChange, ScheduleOptions, ScheduleRun, Schema, SealedValue, SendSignalOptions, SentSignal, StatsHistory, StatsHistoryOptions, StatusCounts, StreamedChunk, SweptNotice, TakenEdge, TopologyOptions, TopologyReport, TypedRecord, WaitOptions, WorkerInfo };
