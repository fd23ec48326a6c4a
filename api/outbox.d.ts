import { EngineQueue } from './shared/job-queue-service.js';
import { JobTypes, JobDefinition, AddOptions } from './jetfleet.js';
import { JobOptions, NewJob } from './jetfleet.js';
import { JobPriority } from './jetfleet.js';
import { Logger } from './jetfleet.js';
import '@standard-schema/spec';
import './shared/errors.js';
import './shared/shown-limit.js';
import '@nats-io/transport-node';
import './shared/commit-options.js';
import './shared/tracing.js';

/** The two sides of a PostgreSQL client that the outbox uses, and the driver behind its own connections. */

/**
 * Whatever runs a statement with numbered parameters: a client, a pool or a client of a pool of `pg`. Of other libraries one line
 * makes it; see docs/guides/outbox.md.
 */
interface OutboxClient {
    query(text: string, values: unknown[]): PromiseLike<unknown>;
}
/** A connection of a relay's own: a client of `pg`, or what behaves like it. */
interface OutboxConnection {
    query(text: string, values?: unknown[]): Promise<{
        rows: Record<string, unknown>[];
    }>;
    on(event: 'notification', listener: () => void): unknown;
    on(event: 'error', listener: (error: Error) => void): unknown;
    on(event: 'end', listener: () => void): unknown;
    end(): Promise<void>;
}
/** How to reach the database. */
interface DatabaseOptions {
    /**
     * `postgres://user:password@host:5432/database`. Defaults to DATABASE_URL, else to what PGHOST and its like say. It must lead to
     * PostgreSQL itself, or to a pooler that keeps a session together: transaction pooling has neither LISTEN nor locks of a session.
     */
    databaseUrl?: string | undefined;
    /** Opens a connection instead. It needs no package `pg` then. */
    connect?: () => Promise<OutboxConnection>;
}
/** Which outbox, and how to reach its database. */
interface OutboxAddress extends DatabaseOptions {
    /** `table` or `schema.table`. Defaults to `jetfleet_outbox`. */
    table?: string;
}

interface OutboxSqlOptions {
    /** `table` or `schema.table`. Defaults to `jetfleet_outbox`. */
    table?: string;
    /**
     * Whether an insert tells the relays by NOTIFY. Without it they look every `fallbackMs`, and commits of inserts do not wait for
     * one another, as PostgreSQL has those do that notify. Defaults to true.
     */
    notify?: boolean;
}
/**
 * The statements that create the outbox; each can be run again. For a tool that keeps migrations; `setupOutbox` and
 * `jetfleet outbox setup` run them.
 */
declare function outboxSql({ table, notify }?: OutboxSqlOptions): string;

type OutboxSetup = OutboxAddress & OutboxSqlOptions;
/** A row that a relay could not publish, and why. */
interface SetAsideRow {
    seq: string;
    /** The id that its job would have. */
    id: string;
    type: string;
    /** ISO 8601. */
    createdAt: string;
    failedAt: string;
    code: string;
    error: string;
}
interface OutboxStatus {
    /** Rows that wait to be published. */
    waiting: number;
    /** How long the oldest of them has waited, in ms by the database's clock; null when none waits. */
    oldestMs: number | null;
    /** How many rows were set aside. */
    setAside: number;
    /** The first 100 of them. */
    setAsideRows: SetAsideRow[];
    /** Connected relays, in whatever process. */
    relays: number;
    /** Whether inserts notify. */
    notifies: boolean;
}
/**
 * Creates the table, its index and its trigger, where they are missing.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_OUTBOX_DRIVER`, `JETFLEET_OUTBOX_TABLE`; BrokerError
 *   `JETFLEET_OUTBOX_UNREACHABLE`
 */
declare function setupOutbox(options?: OutboxSetup): Promise<void>;
/** How the outbox stands. @throws as {@link setupOutbox} */
declare function readOutbox(options?: OutboxAddress): Promise<OutboxStatus>;
/**
 * Has rows published that were set aside, once what was wrong with them is corrected.
 * @param seqs of these rows, or `all`
 * @returns how many
 */
declare function retryOutboxRows(seqs: readonly string[] | 'all', options?: OutboxAddress): Promise<number>;

interface OutboxOptions {
    /** `table` or `schema.table`. Defaults to `jetfleet_outbox`. */
    table?: string;
}
/** A statement for a client that this package does not know; it has one parameter. */
interface OutboxStatement {
    text: string;
    values: [string];
    /** The ids of the jobs, in their order. */
    ids: string[];
}
/**
 * Adds jobs to the outbox in a transaction of yours: they exist if it commits, and leave no trace if it does not. A relay publishes
 * them afterwards. Each job is checked as `queue.add` checks it, before anything is sent to the database.
 *
 * @example
 * await client.query('BEGIN');
 * await client.query('INSERT INTO orders (id) VALUES ($1)', [42]);
 * await outbox.add(client, sendReceipt, { order: 42 });
 * await client.query('COMMIT');
 */
declare class Outbox {
    #private;
    /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
    constructor(options?: OutboxOptions);
    /**
     * Adds a job of a definition; its schema checks the payload.
     * @returns the id that the job will have
     * @throws ValidationError when the payload or an option is invalid, or JSON would change it; what the client throws
     */
    add<T extends JobTypes>(client: OutboxClient, job: JobDefinition<T>, payload: T['input'], options?: AddOptions): Promise<string>;
    /** Adds a job by the name of its type; as {@link add}. */
    addJob(client: OutboxClient, type: string, payload: unknown, priority?: JobPriority, options?: JobOptions): Promise<string>;
    /** Adds many jobs by one statement. @returns their ids, in their order */
    addJobs(client: OutboxClient, jobs: readonly NewJob[]): Promise<string[]>;
    /** The statement that adds jobs, for a client of another shape. */
    statement(jobs: readonly NewJob[]): Promise<OutboxStatement>;
}

/** The relay: rows of the outbox become jobs. */

interface RelayOptions extends OutboxAddress {
    /** Rows that are published together. Defaults to 1000. */
    batchSize?: number;
    /** How long it waits for a notice of an insert before it looks itself: a notice may be lost. Defaults to 5000. */
    fallbackMs?: number;
    /** Defaults to the queue's. */
    logger?: Logger;
}
interface RelayStats {
    /** Rows that this relay has published and removed. */
    published: number;
    /** Those among them whose job was there already, as after the death of a relay. */
    alreadyThere: number;
    /** Rows that it has set aside. */
    setAside: number;
    /** The last failure of the database or the broker; undefined once it works again. */
    lastError: Error | undefined;
}
/**
 * Publishes the rows of the outbox as jobs, and removes them. Any number of relays may run at once, in any process.
 *
 * What carries it: NOTIFY wakes it, and `fallbackMs` is the one timer beside it, for a notice that was lost. An advisory lock of
 * PostgreSQL says whose turn it is, so that the order of the rows is kept; PostgreSQL frees it with the session of a relay that dies.
 * The row's id is the job's id, so that JetStream and the records of jobs know what was published before.
 */
declare class OutboxRelay implements AsyncDisposable {
    #private;
    /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
    constructor(queue: EngineQueue, options?: RelayOptions);
    /** What it has done since it was made. */
    get stats(): Readonly<RelayStats>;
    /**
     * Connects to both sides and begins. From then on it survives outages of either.
     * @throws JetfleetError `JETFLEET_OUTBOX_DRIVER`, `JETFLEET_OUTBOX_TABLE`, `JETFLEET_CLOSED`; BrokerError
     *   `JETFLEET_OUTBOX_UNREACHABLE`, and what {@link JobQueueService.connect} throws
     */
    start(): Promise<void>;
    /**
     * Ends once the rows under way are published and removed, at most `timeoutMs` later. What is left then is published by another
     * relay, or by the next one.
     */
    stop(timeoutMs?: number): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export { Outbox, OutboxRelay, outboxSql, readOutbox, retryOutboxRows, setupOutbox };
export type { DatabaseOptions, OutboxAddress, OutboxClient, OutboxConnection, OutboxOptions, OutboxSetup, OutboxSqlOptions, OutboxStatement, OutboxStatus, RelayOptions, RelayStats, SetAsideRow };
