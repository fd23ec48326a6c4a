/** What an operator does with the outbox: creates it, looks at it, and has rows tried again that were set aside. */
import { atMost } from '../jobs/deadline.js';
import { defined } from '../jobs/defined.js';
import { invalidOption } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import { assertArray, assertOptions, checkBoolean, type OptionNames } from '../jobs/options.js';
import {
  ADDRESS,
  CLOSE_MS,
  checkDatabase,
  databaseError,
  type OutboxAddress,
  type OutboxConnection,
  openConnection,
} from './client.js';
import { type OutboxSqlOptions, type OutboxTable, outboxSql, outboxTable } from './table.js';

export type OutboxSetup = OutboxAddress & OutboxSqlOptions;

const SETUP: OptionNames<Required<OutboxSetup>> = { ...ADDRESS, notify: true };

/** A row that a relay could not publish, and why. */
export interface SetAsideRow {
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

export interface OutboxStatus {
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
export async function setupOutbox(options: OutboxSetup = {}): Promise<void> {
  assertOptions('options', options, SETUP);
  checkBoolean('notify', options.notify);
  const { table, notify } = options;
  const sql = outboxSql(defined({ table, notify }));
  await withConnection(options, (connection) =>
    connection.query(`SET client_min_messages = warning; ${sql}`),
  );
}

/** How the outbox stands. @throws as {@link setupOutbox} */
export async function readOutbox(options: OutboxAddress = {}): Promise<OutboxStatus> {
  assertOptions('options', options, ADDRESS);
  return withConnection(options, async (connection, table) => {
    const counts = await connection.query(
      `SELECT count(*) FILTER (WHERE failed_at IS NULL)::float8 AS waiting,
         count(failed_at)::float8 AS "setAside",
         (extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE failed_at IS NULL)) * 1000)::float8 AS "oldestMs",
         EXISTS (SELECT FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = $2 AND tgenabled <> 'D') AS notifies,
         (SELECT count(*)::float8 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $3) AS relays
       FROM ${table.quoted}`,
      [table.quoted, `${table.bare}_notify`, relayName(table)],
    );
    const aside = await connection.query(
      `SELECT seq::text, coalesce(job_id, id::text) AS id, type, created_at AS "createdAt", failed_at AS "failedAt",
         error_code AS code, error FROM ${table.quoted} AS o WHERE failed_at IS NOT NULL ORDER BY o.seq LIMIT 100`,
    );
    const setAsideRows = aside.rows.map(({ createdAt, failedAt, ...row }) => ({
      ...row,
      createdAt: new Date(createdAt as string).toISOString(),
      failedAt: new Date(failedAt as string).toISOString(),
    }));
    return { ...counts.rows[0], setAsideRows } as unknown as OutboxStatus;
  });
}

/**
 * Has rows published that were set aside, once what was wrong with them is corrected.
 * @param seqs of these rows, or `all`
 * @returns how many
 */
export async function retryOutboxRows(
  seqs: readonly string[] | 'all',
  options: OutboxAddress = {},
): Promise<number> {
  assertOptions('options', options, ADDRESS);
  if (seqs !== 'all') assertSeqs(seqs);
  return withConnection(options, async (connection, table) => {
    const which = seqs === 'all' ? '' : 'AND seq = ANY($1::bigint[])';
    const { rows } = await connection.query(
      `UPDATE ${table.quoted} SET failed_at = NULL, error_code = NULL, error = NULL
       WHERE failed_at IS NOT NULL ${which} RETURNING seq`,
      seqs === 'all' ? [] : [seqs],
    );
    await connection.query(`NOTIFY "${table.channel}"`);
    return rows.length;
  });
}

/** How a relay is called in pg_stat_activity, which keeps 63 bytes. */
export function relayName({ name }: OutboxTable): string {
  return `jetfleet outbox ${name}`.slice(0, 63);
}

function assertSeqs(seqs: readonly unknown[]): void {
  assertArray('seqs', seqs);
  const wrong = seqs.find((seq) => typeof seq !== 'string' || !/^\d{1,18}$/.test(seq));
  if (wrong !== undefined)
    throw invalidOption(`each of seqs must be the digits of a row's seq, got ${quoted(wrong)}`);
}

async function withConnection<T>(
  options: OutboxAddress,
  work: (connection: OutboxConnection, table: OutboxTable) => Promise<T>,
): Promise<T> {
  checkDatabase(options);
  const table = outboxTable(options.table);
  const connection = await openConnection(options, 'jetfleet outbox');
  try {
    return await work(connection, table);
  } catch (error) {
    throw databaseError(error, table.name);
  } finally {
    await atMost(CLOSE_MS, connection.end());
  }
}
