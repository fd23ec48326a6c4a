/** The relay: rows of the outbox become jobs. */

import { atMost } from '../jobs/deadline.js';
import { BrokerError, JetfleetError } from '../jobs/errors.js';
import { toJobError } from '../jobs/job-error.js';
import { checkInteger, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertFunction, assertOptions, checkText, type OptionNames } from '../jobs/options.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { assertQueue } from '../queue/queue-connection.js';
import type { Logger } from '../telemetry/logger.js';
import { relayName } from './admin.js';
import { type DatabaseOptions, databaseError, type OutboxConnection, openConnection } from './client.js';
import { isOfRow, jobOfRow } from './row-job.js';
import { type OutboxRow, type Refusal, RelaySession } from './session.js';
import { type OutboxTable, outboxTable } from './table.js';
import { Wakes } from './wakes.js';

export interface RelayOptions extends DatabaseOptions {
  /** `table` or `schema.table`. Defaults to `jetfleet_outbox`. */
  table?: string;
  /** Rows that are published together. Defaults to 1000. */
  batchSize?: number;
  /** How long it waits for a notice of an insert before it looks itself: a notice may be lost. Defaults to 5000. */
  fallbackMs?: number;
  /** Defaults to the queue's. */
  logger?: Logger;
}

const OPTIONS: OptionNames<Required<RelayOptions>> = {
  databaseUrl: true,
  connect: true,
  table: true,
  batchSize: true,
  fallbackMs: true,
  logger: true,
};

export interface RelayStats {
  /** Rows that this relay has published and removed. */
  published: number;
  /** Those among them whose job was there already, as after the death of a relay. */
  alreadyThere: number;
  /** Rows that it has set aside. */
  setAside: number;
  /** The last failure of the database or the broker; undefined once it works again. */
  lastError: Error | undefined;
}

/** The payloads that are in memory at once; one row more may be over it. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const DEFAULT_STOP_MS = 30_000;
const CLOSE_MS = 1_000;
const DEFAULT_BATCH = 1_000;
const DEFAULT_FALLBACK_MS = 5_000;

/**
 * Publishes the rows of the outbox as jobs, and removes them. Any number of relays may run at once, in any process.
 *
 * What carries it: NOTIFY wakes it, and `fallbackMs` is the one timer beside it, for a notice that was lost. An advisory lock of
 * PostgreSQL says whose turn it is, so that the order of the rows is kept; PostgreSQL frees it with the session of a relay that dies.
 * The row's id is the job's id, so that JetStream and the records of jobs know what was published before.
 */
export class OutboxRelay implements AsyncDisposable {
  readonly #queue: JobQueueService;
  readonly #options: RelayOptions;
  readonly #table: OutboxTable;
  readonly #logger: Logger;
  readonly #wakes = new Wakes();
  readonly #stats: RelayStats = { published: 0, alreadyThere: 0, setAside: 0, lastError: undefined };
  #connection: OutboxConnection | undefined;
  #isStopping = false;
  #holdsRows = false;
  #running: Promise<void> | undefined;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(queue: JobQueueService, options: RelayOptions = {}) {
    assertQueue(queue);
    assertOptions('options', options, OPTIONS);
    checkText('databaseUrl', options.databaseUrl);
    if (options.connect !== undefined) assertFunction('connect', options.connect);
    checkInteger('batchSize', options.batchSize, 1, 5_000);
    checkInteger('fallbackMs', options.fallbackMs, 100, MAX_TIMER_MS);
    this.#queue = queue;
    this.#options = options;
    this.#table = outboxTable(options.table);
    const { logger } = options;
    this.#logger = logger === undefined ? queue.logger : queue.userCode.guard(logger);
  }

  /** What it has done since it was made. */
  get stats(): Readonly<RelayStats> {
    return { ...this.#stats };
  }

  /**
   * Connects to both sides and begins. From then on it survives outages of either.
   * @throws JetfleetError `JETFLEET_OUTBOX_DRIVER`, `JETFLEET_OUTBOX_TABLE`, `JETFLEET_CLOSED`; BrokerError
   *   `JETFLEET_OUTBOX_UNREACHABLE`, and what {@link JobQueueService.connect} throws
   */
  async start(): Promise<void> {
    if (this.#running)
      throw new JetfleetError('JETFLEET_CLOSED', 'the relay was started already; make a new one');
    const broker = await this.#queue.broker();
    const session = await this.#open();
    // Whoever waits for the broker need not wait any longer.
    const detach = broker.onConnection((change) => {
      if (change === 'back') this.#wakes.wake();
    });
    this.#running = this.#run(session).finally(detach);
  }

  /**
   * Ends once the rows under way are published and removed, at most `timeoutMs` later. What is left then is published by another
   * relay, or by the next one.
   */
  async stop(timeoutMs: number = DEFAULT_STOP_MS): Promise<void> {
    checkInteger('timeoutMs', timeoutMs, 0, MAX_TIMER_MS);
    this.#isStopping = true;
    this.#wakes.wake();
    const running = this.#running ?? Promise.resolve();
    // One that has no rows in hand may wait for its turn, for as long as others go on.
    if (this.#holdsRows) await atMost(timeoutMs, running);
    await this.#close();
    await atMost(CLOSE_MS, running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #open(): Promise<RelaySession> {
    const connection = await openConnection(this.#options, relayName(this.#table));
    this.#connection = connection;
    connection.on('notification', () => this.#wakes.wake());
    connection.on('error', () => this.#wakes.wake());
    connection.on('end', () => this.#wakes.wake());
    const session = new RelaySession(connection, this.#table);
    try {
      const notifies = await session.begin();
      const { fallbackMs = DEFAULT_FALLBACK_MS } = this.#options;
      if (!notifies)
        this.#logger.warn({ fallbackMs }, 'inserts do not notify: the relay looks by its timer alone');
      return session;
    } catch (error) {
      await this.#close();
      throw databaseError(error, this.#table.name);
    }
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end().catch(() => {});
  }

  async #run(first: RelaySession): Promise<void> {
    let session: RelaySession | undefined = first;
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#isStopping) {
      const since = this.#wakes.count;
      try {
        session ??= await this.#open();
        const isEmpty = await this.#publishNext(session);
        pauseMs = FIRST_PAUSE_MS;
        this.#stats.lastError = undefined;
        if (isEmpty) await this.#wakes.after(since, this.#options.fallbackMs ?? DEFAULT_FALLBACK_MS);
      } catch (error) {
        if (this.#isStopping) break;
        this.#note(error);
        // Nobody opens the queue again.
        if (JetfleetError.is(error, 'JETFLEET_CLOSED')) break;
        // Whatever the session held is free with its end.
        await this.#close();
        session = undefined;
        await this.#wakes.after(this.#wakes.count, pauseMs);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
    await this.#close();
  }

  /** @returns whether there was nothing to publish */
  async #publishNext(session: RelaySession): Promise<boolean> {
    // What is claimed while the broker is away is tried, and is looked for before it is tried again.
    if (this.#queue.isConnected === false) throw brokerAway();
    const { batchSize = DEFAULT_BATCH } = this.#options;
    let rows: OutboxRow[] | undefined;
    try {
      rows = await session.claim({ rows: batchSize, bytes: MAX_BATCH_BYTES });
    } catch (error) {
      throw databaseError(error, this.#table.name);
    }
    if (!rows) return true;
    this.#holdsRows = true;
    const { published, refused, failure } = await this.#publish(rows);
    try {
      await session.settle(published, refused);
    } catch (error) {
      throw databaseError(error, this.#table.name);
    } finally {
      this.#holdsRows = false;
    }
    this.#stats.published += published.length;
    this.#stats.setAside += refused.length;
    for (const { seq, code, message } of refused)
      this.#logger.error(
        { seq, code, reason: message, table: this.#table.name },
        'a row of the outbox was set aside',
      );
    if (failure !== undefined) throw failure;
    return false;
  }

  async #publish(rows: readonly OutboxRow[]): Promise<Published> {
    const result: Published = { published: [], refused: [], failure: undefined };
    const refuse = ({ seq }: OutboxRow, error: unknown) => {
      const { code, message } = toJobError(error);
      result.refused.push({ seq, code, message });
    };
    const good = rows.flatMap((row) => {
      try {
        return [{ row, sourced: jobOfRow(row) }];
      } catch (error) {
        refuse(row, error);
        return [];
      }
    });
    const outcomes = await this.#queue.addEach(good.map(({ sourced }) => sourced));
    for (const [index, outcome] of outcomes.entries()) {
      const { row } = good[index] as (typeof good)[number];
      if (!('error' in outcome)) {
        result.published.push(row.seq);
        if (!outcome.created) this.#stats.alreadyThere++;
      } else if (isOfRow(outcome.error)) refuse(row, outcome.error);
      else result.failure ??= outcome.error;
    }
    return result;
  }

  #note(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (this.#stats.lastError?.message !== failure.message)
      this.#logger.warn(
        { err: failure, table: this.#table.name },
        'the outbox stands still; the relay tries again',
      );
    this.#stats.lastError = failure;
  }
}

interface Published {
  published: string[];
  refused: Refusal[];
  /** Why some rows stay for the next attempt. */
  failure: unknown;
}

function brokerAway(): BrokerError {
  return new BrokerError('JETFLEET_BROKER_UNREACHABLE', 'the connection to the broker is lost', {
    retryable: true,
  });
}
