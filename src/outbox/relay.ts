/** The relay: rows of the outbox become jobs. */

import { Changes } from '../jobs/changes.js';
import { atMost } from '../jobs/deadline.js';
import { BrokerError, JetfleetError } from '../jobs/errors.js';
import { toJobError } from '../jobs/job-error.js';
import { checkInteger, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertOptions, type OptionNames } from '../jobs/options.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { assertQueue } from '../queue/queue-connection.js';
import type { Logger } from '../telemetry/logger.js';
import { relayName } from './admin.js';
import {
  ADDRESS,
  CLOSE_MS,
  checkDatabase,
  databaseError,
  type OutboxAddress,
  type OutboxConnection,
  openConnection,
} from './client.js';
import { isOfRow, jobOfRow } from './row-job.js';
import { type OutboxRow, type Refusal, RelaySession } from './session.js';
import { type OutboxTable, outboxTable } from './table.js';

export interface RelayOptions extends OutboxAddress {
  /** Rows that are published together. Defaults to 1000. */
  batchSize?: number;
  /** How long it waits for a notice of an insert before it looks itself: a notice may be lost. Defaults to 5000. */
  fallbackMs?: number;
  /** Defaults to the queue's. */
  logger?: Logger;
}

const OPTIONS: OptionNames<Required<RelayOptions>> = {
  ...ADDRESS,
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
  /** Whatever is worth a look at the table, or at the connection. */
  readonly #news = new Changes();
  /** What may end an outage, or everything. An insert does not. */
  readonly #turns = new Changes();
  readonly #stats: RelayStats = { published: 0, alreadyThere: 0, setAside: 0, lastError: undefined };
  #connection: OutboxConnection | undefined;
  #isStopping = false;
  #hasTurn = false;
  #running: Promise<void> | undefined;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(queue: JobQueueService, options: RelayOptions = {}) {
    assertQueue(queue);
    assertOptions('options', options, OPTIONS);
    checkDatabase(options);
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
      if (change === 'back') this.#turn();
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
    this.#turn();
    const running = this.#running ?? Promise.resolve();
    // One that waits for its turn may do so for as long as others go on.
    if (this.#hasTurn) await atMost(timeoutMs, running);
    await this.#close();
    await atMost(CLOSE_MS, running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #open(): Promise<RelaySession> {
    const connection = await openConnection(this.#options, relayName(this.#table));
    this.#connection = connection;
    connection.on('notification', () => this.#news.note());
    connection.on('error', () => this.#news.note());
    connection.on('end', () => this.#news.note());
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
    if (connection) await atMost(CLOSE_MS, connection.end());
  }

  async #run(first: RelaySession): Promise<void> {
    let session: RelaySession | undefined = first;
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#isStopping) {
      const news = this.#news.count;
      const turns = this.#turns.count;
      let round: Round;
      try {
        session ??= await this.#open();
        round = await this.#publishNext(session);
      } catch (error) {
        session = undefined;
        round = { isEmpty: false, failure: error };
      }
      const { isEmpty, failure } = round;
      if (failure === undefined) {
        pauseMs = FIRST_PAUSE_MS;
        this.#stats.lastError = undefined;
        if (isEmpty) await this.#news.after(news, this.#options.fallbackMs ?? DEFAULT_FALLBACK_MS);
        continue;
      }
      if (this.#isStopping) break;
      this.#note(failure);
      // Nobody opens the queue again.
      if (JetfleetError.is(failure, 'JETFLEET_CLOSED')) break;
      // Whatever a lost session held is free with its end.
      if (!session) await this.#close();
      await this.#turns.after(turns, pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
    await this.#close();
  }

  #turn(): void {
    this.#turns.note();
    this.#news.note();
  }

  /** @throws what the database says: its session is lost then. What the broker says is in the round, and leaves the session as it is. */
  async #publishNext(session: RelaySession): Promise<Round> {
    // What is claimed while the broker is away is tried, and is looked for before it is tried again.
    if (this.#queue.isConnected === false) return { isEmpty: false, failure: brokerAway() };
    const { batchSize = DEFAULT_BATCH } = this.#options;
    try {
      await session.takeTurn();
      // The end of the session gives it back.
      if (this.#isStopping) return { isEmpty: true };
      this.#hasTurn = true;
      const rows = await session.claim({ rows: batchSize, bytes: MAX_BATCH_BYTES });
      if (!rows) return { isEmpty: true };
      const { published, refused, failure } = await this.#publish(rows);
      await session.settle(published, refused);
      this.#count(published, refused);
      return { isEmpty: false, failure };
    } catch (error) {
      throw databaseError(error, this.#table.name);
    } finally {
      this.#hasTurn = false;
    }
  }

  #count(published: readonly string[], refused: readonly Refusal[]): void {
    this.#stats.published += published.length;
    this.#stats.setAside += refused.length;
    for (const { seq, code, message } of refused)
      this.#logger.error(
        { seq, code, reason: message, table: this.#table.name },
        'a row of the outbox was set aside',
      );
  }

  /** Never fails as a whole: what hinders all rows is a failure of the broker. */
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
    const outcomes = await this.#queue.addEach(good.map(({ sourced }) => sourced)).catch((error: unknown) => {
      result.failure = error;
      return [];
    });
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

/** What became of one look at the table. */
interface Round {
  /** There was nothing to publish. */
  isEmpty: boolean;
  /** Why rows are left. */
  failure?: unknown;
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
