import { JobErrorInfo } from './errors.js';
import { JobPriority, JobStatus, JobState } from './vocabulary.js';

type AnyPayload = any;
/** A text, or what makes one of a payload. Never asynchronous. */
type KeyOf<P = AnyPayload> = string | ((payload: P) => string);
/**
 * What happens when another job has the key:
 *
 * - `existing`: nothing is added, and the answer is the id of that job
 * - `reject`: nothing is added, and the call fails with `JETFLEET_UNIQUE_TAKEN`
 * - `replace`: that job is cancelled if it has not begun, and this one is added; one that runs stays, as with `existing`
 * - `cancel-running`: that job is cancelled, also while it runs, and this one is added
 */
declare const ON_CONFLICT: readonly ['existing', 'replace', 'reject', 'cancel-running'];
type OnConflict = (typeof ON_CONFLICT)[number];
/** One job of a type for each key. */
interface UniqueOptions<P = AnyPayload> {
    /** 1 to 200 characters, or a function that makes them of the payload. */
    key: KeyOf<P>;
    /**
     * For how long the key is taken. `active`: until the job has ended. A number: for so many milliseconds from when the job was
     * added, at least 1,000 and at most 366 days, whatever becomes of it. Defaults to `active`.
     */
    for?: 'active' | number;
    /** Defaults to `existing`. */
    onConflict?: OnConflict;
}
/** One job for many calls: each call has it wait again, with the payload and options of that call. */
interface DebounceOptions<P = AnyPayload> {
    /** 1 to 200 characters, or a function that makes them of the payload. */
    key: KeyOf<P>;
    /** The job starts once so many milliseconds have gone by without another call. At most 366 days. */
    delayMs: number;
    /** The job starts no later than this after its first call, however many follow. Defaults to no limit. */
    maxDelayMs?: number;
}
/** Until when a job holds its key: its end, the end of a period, or its start. */
declare const UNIQUE_SCOPES: readonly ['active', 'period', 'waiting'];
type UniqueScope = (typeof UNIQUE_SCOPES)[number];
/** The key of a job, as its record has it. */
interface UniqueKey {
    key: string;
    scope: UniqueScope;
}

/** A signal that a job waits for: one of the name that is stored after the sequence `after`. */
interface AwaitedSignal {
    name: string;
    after: number;
}
/** Children that a job waits for: all of a group, or, with `failFast`, the first of them that fails. */
interface AwaitedGroup {
    id: string;
    of: number;
    failFast?: true;
}
/** What wakes a waiting job before it is due. */
interface WaitsFor {
    signals?: AwaitedSignal[];
    groups?: AwaitedGroup[];
}

/** A job that a finished job asks for; its id is derived, so publishing it twice makes one job. */
interface FollowUp {
    type: string;
    id: string;
    payload: unknown;
    priority: JobPriority;
    maxAttempts?: number;
    timeoutMs?: number;
    webhookUrl?: string;
    tags?: readonly string[];
}
/** How a job ended before it was taken out of the dead letters. */
interface PastFailure {
    state: JobState;
    /** Attempts that it had used. */
    attempt: number;
    finishedAt?: string;
    code?: string;
    message?: string;
    /** It was given another payload after that. */
    edited?: true;
}
/** What somebody has changed of a job while it waited. */
interface JobChange {
    what: 'promoted' | 'rescheduled' | 'priority';
    at: string;
    /** Who, where that is known. */
    by?: string;
}
/**
 * The whole state of a job. Each transition appends one of these to EVENTS on
 * `events.<type>.<status>.<id>`; the last one for an id is the job, all of them are its history.
 * Times are ISO 8601 strings in UTC, durations milliseconds.
 */
interface JobRecord<P = unknown, R = unknown> {
    /** Version of this layout. */
    v: 1;
    id: string;
    type: string;
    priority: JobPriority;
    status: JobStatus;
    state: JobState;
    /** What the producer sent; null when it could not be read. */
    payload: P;
    /** The attempt that runs, or ran last; 0 before the first. */
    attempt: number;
    maxAttempts: number;
    /** Limit for one attempt. */
    timeoutMs?: number;
    /** How long the job may wait for its first attempt, from when it may start. */
    expiresInMs?: number;
    /** When that is over; of a scheduled job, counted from its time. */
    expiresAt?: string;
    webhookUrl?: string;
    /** By what it is found again; none where there are none. */
    tags?: readonly string[];
    createdAt: string;
    updatedAt: string;
    /** When the first attempt began. */
    startedAt?: string;
    /** When the job became COMPLETED or FAILED. */
    finishedAt?: string;
    /** When the next attempt or poll is due: of a scheduled, retrying or waiting job. */
    nextRunAt?: string;
    /** Of a job that waits for a permit: of which limit and key, and since when. */
    limited?: {
        limit: string;
        key: string;
        since: string;
    };
    /** The last change that somebody made while the job waited. */
    change?: JobChange;
    /** Priorities that it had before, under which a message of it may still be stored. */
    earlierPriorities?: JobPriority[];
    /** Of a recurring schedule: its expression. Each run is a job of its own. */
    schedule?: string;
    /** Of a run of a recurring schedule: the name of the schedule. */
    scheduledBy?: string;
    /** The worker that wrote this record. */
    worker?: string;
    /** Sequence of the work message that owns the job while it is processing. */
    workSeq?: number;
    /** What the handler left for later attempts. */
    checkpoint?: unknown;
    result?: R;
    /** What the handler reported last of how far it is: any JSON, by custom a percentage or `{ done, total, message }`. */
    progress?: unknown;
    /** When it did. */
    progressAt?: string;
    /** How many lines the handlers of the job have logged, and how many chunks that of the last attempt has emitted; on the record of its end. */
    logLines?: number;
    chunks?: number;
    /** Of a failed job, and of a retrying one: why the last attempt failed. */
    error?: JobErrorInfo;
    /** Jobs that follow from this one. */
    next?: FollowUp[];
    /** The job that this one followed from. */
    parentId?: string;
    /** The key that no other job of its type has meanwhile. */
    unique?: UniqueKey;
    /** How often the job was taken back out of the dead letters; each time its attempts count from 1 again. */
    redrives?: number;
    /** How its earlier lives ended, oldest first; the last 10. */
    failures?: PastFailure[];
    /** W3C trace context of the producer. */
    traceparent?: string;
    tracestate?: string;
    /** The group of its parent's children in which the end of this one counts. */
    awaited?: string;
    /** Of a waiting job: what wakes it before `nextRunAt`. */
    waitsFor?: WaitsFor;
    /** Of a job that has waited for signals or children: when each of its waits with a timeout ends, by name and number. */
    waits?: Record<string, string>;
    /** The version of the handler that the job has begun with, where its type has versions. */
    handlerVersion?: number;
    /** The chart that made the transition. */
    machine: {
        id: string;
        version: number;
    };
}
/** What a queue knows of a job that no worker has touched yet: its message is the record. */
interface JobRequest {
    id: string;
    /** The id was made for this message, so that no other one carries it. */
    isNew?: true;
    type: string;
    priority: JobPriority;
    payload: unknown;
    maxAttempts?: number;
    timeoutMs?: number;
    expiresInMs?: number;
    expiresAt?: string;
    webhookUrl?: string;
    tags?: readonly string[];
    parentId?: string;
    awaited?: string;
    scheduledBy?: string;
    unique?: UniqueKey;
    traceparent?: string;
    tracestate?: string;
    createdAt: string;
    change?: JobChange;
}

/** What a caller may say about a job besides its payload. */
interface JobOptions {
    /** 1 to 100 of `[A-Za-z0-9_-]`; the same id twice is one job. Defaults to a new ULID. */
    id?: string;
    /** Start no earlier than this many milliseconds from now, at most 366 days. */
    delayMs?: number;
    /** Start no earlier than this time: instead of `delayMs`. */
    runAt?: Date | string;
    /** 1 to 100. Defaults to its type's, else to 3. */
    maxAttempts?: number;
    /** Limit for one attempt in milliseconds, at most 24 hours. Defaults to its type's, else to 24 hours. */
    timeoutMs?: number;
    /**
     * How long the job may wait for its first attempt, in milliseconds from when it may start: 1 to 366 days. A job that is claimed later
     * fails as `expired` instead of running. Defaults to for ever.
     */
    expiresInMs?: number;
    /**
     * Where a webhook goes when the job has ended. Instance operations report `instance.*` as a whole, and the `webhookUrl` of
     * their payloads comes first; jobs of every other type report `job.completed`, `job.failed` or `job.timeout`.
     */
    webhookUrl?: string;
    /**
     * By what the job is found again: `tenant:acme`, `nightly`. At most 10, with those of its type, each 1 to 64 of
     * `[A-Za-z0-9_.:/@+#=-]`. See `getJobs({ tags })`.
     */
    tags?: readonly string[];
    /** W3C trace context, kept on every record of the job. */
    traceparent?: string;
    tracestate?: string;
    /** One job of the type for each key; `false` for none. Defaults to its type's, else to none. */
    unique?: UniqueOptions | false;
    /** One job for many calls, once no more come; instead of `id`, `delayMs`, `runAt` and `unique`. Defaults to its type's, else to none. */
    debounce?: DebounceOptions | false;
}
/** One job of `addJobs`. */
interface NewJob extends JobOptions {
    type: string;
    payload: unknown;
    /** Defaults to `normal`. */
    priority?: JobPriority;
}
/** A follow-up as a handler names it; the worker derives the id and fills in the job's own priority. */
type NextJob = Omit<FollowUp, 'id' | 'priority'> & {
    /** Appended to this job's id: `order-42` and `monitor` make `order-42-monitor`. */
    idSuffix: string;
    priority?: FollowUp['priority'];
};

export type { DebounceOptions, FollowUp, JobChange, JobOptions, JobRecord, JobRequest, KeyOf, NewJob, NextJob, OnConflict, PastFailure, UniqueKey, UniqueOptions, UniqueScope, WaitsFor };
