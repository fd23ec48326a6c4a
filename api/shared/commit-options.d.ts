/** The headers of the wire contract. The first group is for producers in any language. */
declare const Header: {
    readonly MSG_ID: 'Nats-Msg-Id';
    readonly MAX_ATTEMPTS: 'Jetfleet-Max-Attempts';
    readonly TIMEOUT_MS: 'Jetfleet-Timeout-Ms';
    readonly EXPIRES_IN_MS: 'Jetfleet-Expires-In-Ms';
    readonly WEBHOOK_URL: 'Jetfleet-Webhook-Url';
    /** Up to 10 tags, parted by commas: `tenant:acme,nightly`. */
    readonly TAGS: 'Jetfleet-Tags';
    readonly TRACEPARENT: 'traceparent';
    readonly TRACESTATE: 'tracestate';
    /** ISO 8601: when the job was first asked for. Set by Jetfleet; believed only of a message that comes from TIMERS. */
    readonly CREATED_AT: 'Jetfleet-Created-At';
    /** What somebody has changed of a delayed job, as JSON. Set by Jetfleet; believed only of a message that comes from TIMERS. */
    readonly CHANGE: 'Jetfleet-Change';
    /** The job that this one follows from. Set by Jetfleet; only a job whose id is derived from that job's may have it. */
    readonly PARENT_ID: 'Jetfleet-Parent-Id';
    /** The group of its parent's children in which the end of this one counts. Set by Jetfleet, beside the parent's id. */
    readonly AWAITED: 'Jetfleet-Awaited';
    /** `<scope> <key in percent encoding>`: the unique key that the job has. Says nothing where UNIQUE does not give it to the job. */
    readonly UNIQUE: 'Jetfleet-Unique';
    /** Of a job in line for a permit, as JSON: all permits that it needs. Set by Jetfleet. */
    readonly LIMITS: 'Jetfleet-Limits';
    /** On a message from TIMERS: what the job waits for has come, so that it need not wait until it is due. */
    readonly WOKEN: 'Jetfleet-Woken';
    /** `@at <RFC 3339>`, a cron expression or `@every <duration>` (nats-server ADR-51). */
    readonly SCHEDULE: 'Nats-Schedule';
    readonly SCHEDULE_TARGET: 'Nats-Schedule-Target';
    readonly SCHEDULE_TIME_ZONE: 'Nats-Schedule-Time-Zone';
    /**
     * Set by the server on what a recurring schedule has started: the subject of the schedule, and when it fires next. With `purge` in the
     * place of that, a message removes the schedule as it is stored.
     */
    readonly SCHEDULER: 'Nats-Scheduler';
    readonly SCHEDULE_NEXT: 'Nats-Schedule-Next';
    readonly ROLLUP: 'Nats-Rollup';
    /** Of a recurring schedule: `skip`, `allow` or `cancel`. One that lacks it is of `allow`. */
    readonly OVERLAP: 'Jetfleet-Overlap';
    readonly JITTER_MS: 'Jetfleet-Jitter-Ms';
    /** ISO 8601: when it ends. */
    readonly UNTIL: 'Jetfleet-Until';
    /** Of a paused schedule: what its `Nats-Schedule` and `Nats-Schedule-Time-Zone` were, and since when; ISO 8601. */
    readonly PAUSED_SCHEDULE: 'Jetfleet-Paused-Schedule';
    readonly PAUSED_TIME_ZONE: 'Jetfleet-Paused-Time-Zone';
    readonly PAUSED_AT: 'Jetfleet-Paused-At';
    /** Of a run that somebody asked for, or that makes up for a missed tick. Set by Jetfleet; believed only of what comes from TIMERS. */
    readonly SCHEDULED_BY: 'Jetfleet-Scheduled-By';
    /** ISO 8601: of a run that makes up for a missed tick, when the next one is due. */
    readonly NEXT_TICK: 'Jetfleet-Next-Tick';
    /** After how long the server removes a message, as `30s` (ADR-43). */
    readonly TTL: 'Nats-TTL';
    /** Set by the server on what a work stream has taken from TIMERS; it refuses the header of anybody else. */
    readonly STREAM_SOURCE: 'Nats-Stream-Source';
    /** Set by the server on a stored message that it hands to a reader (ADR-31). */
    readonly READ_FROM: 'Nats-Stream';
};
type Header = (typeof Header)[keyof typeof Header];
/** Headers as name and value; the order is kept on the wire. */
type HeaderList = readonly (readonly [name: string, value: string])[];
/** How a decoder reads headers: an empty string for one that is missing. */
interface HeaderReader {
    get(name: string): string;
}

/** One message to be stored. */
interface Append {
    subject: string;
    /** Text is stored as UTF-8. */
    data: string | Uint8Array;
    /** As a list, or as the lines that `headerLines` makes of one. */
    headers?: HeaderList | string;
    /** Store it only while the last message on `filter` has the sequence `lastSeq`; 0 for none at all. */
    expect?: {
        filter: string;
        lastSeq: number;
    };
    /** It was sent before, and may be stored already: a conflict may be with itself. */
    maybeStored?: boolean;
}
interface Appended {
    /** Sequence in the stream. */
    seq: number;
    /** The stream held a message of the same `Nats-Msg-Id` already. */
    duplicate: boolean;
}
/** The last message on a filter: after a lost answer it shows whether a write is stored. */
type ReadLast = (filter: string) => Promise<{
    seq: number;
    data: Uint8Array;
} | undefined>;
interface CommitLogOptions {
    /** From how many waiting writes on they go as one batch; fewer go one by one. Defaults to 16. */
    batchFrom?: number;
    /**
     * Most messages in a batch. Defaults to 5,000, which a server takes that is set to it (`jetstream { limits { batch { max_msgs:
     * 5000 } } }`); another one refuses the first that is larger than 1,000, and they have 1,000 from then on.
     */
    maxBatch?: number;
    /** Most bytes in a batch. Defaults to 4 MiB. */
    maxBatchBytes?: number;
    /** Batches, or groups of fewer single writes than `batchFrom`, that wait for their answers at once. Defaults to 4. */
    maxInFlight?: number;
    /**
     * While one answer is awaited, writes gather until they are so many, or the answer comes; while several are, until
     * they fill a batch. Defaults to 128.
     */
    gather?: number;
    /** Writes that may be without an answer; one more is refused. Defaults to 20,000. */
    maxWaiting?: number;
    /** Bytes that may be without an answer; more are refused. Defaults to 64 MiB. */
    maxWaitingBytes?: number;
    /** How long the broker has to confirm a write before it is sent again. Defaults to 2,000. */
    confirmTimeoutMs?: number;
    /** When to give up on a write that nobody confirms. Defaults to 30,000. */
    giveUpMs?: number;
}
/** When the server flushes a write to disk: before it confirms it, or every so often. */
type ServerSync = 'always' | 'periodic';

export { Header };
export type { Append, Appended, CommitLogOptions, HeaderList, HeaderReader, ReadLast, ServerSync };
