/** What a relay asks of PostgreSQL, over one connection of its own. */
import type { OutboxConnection } from './client.js';
import { COLUMNS, type OutboxTable } from './table.js';

/** A row that is to become a job. */
export interface OutboxRow {
  /** As text: a bigint of PostgreSQL. */
  seq: string;
  id: string;
  type: string;
  payload: string;
  priority: string;
  jobId: string | null;
  /** The options as JSON text. */
  options: string | null;
  /** How long it is to wait, by the database's clock; null for not at all. */
  delayMs: number | null;
  /** Which attempt to publish it this is, from 1. */
  attempt: number;
}

/** A row that can never become a job, and why. */
export interface Refusal {
  seq: string;
  code: string;
  message: string;
}

/** What is claimed at once, at most. */
export interface ClaimLimits {
  rows: number;
  bytes: number;
}

/**
 * What holds for the session. PostgreSQL ends one that is silent in its transaction, or whose other end is gone, so that its rows
 * and its turn are free again: a relay may freeze, and its machine vanish. That a row was claimed must be durable before it is
 * published.
 */
const SETTINGS = `SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '60s';
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET client_min_messages = warning`;

export class RelaySession {
  readonly #connection: OutboxConnection;
  readonly #table: OutboxTable;
  /** The key of the advisory lock that says whose turn it is: `jf` and the id of the table. */
  readonly #turn: string;

  constructor(connection: OutboxConnection, table: OutboxTable) {
    this.#connection = connection;
    this.#table = table;
    this.#turn = `((27238::bigint << 32) | '${table.quoted}'::regclass::oid::bigint)`;
  }

  /** @returns whether inserts notify */
  async begin(): Promise<boolean> {
    const { quoted, bare, channel } = this.#table;
    await this.#connection.query(SETTINGS);
    await this.#connection.query(`SELECT ${COLUMNS.join(', ')} FROM ${quoted} LIMIT 0`);
    await this.#connection.query(`LISTEN "${channel}"`);
    const { rows } = await this.#connection.query(
      `SELECT FROM pg_trigger WHERE tgrelid = '${quoted}'::regclass AND tgname = '${bare}_notify' AND tgenabled <> 'D'`,
    );
    return rows.length > 0;
  }

  /** Waits for the turn to publish, which others may have for as long as they go on. */
  async takeTurn(): Promise<void> {
    await this.#connection.query(`SELECT pg_advisory_lock(${this.#turn})`);
  }

  /**
   * Claims the next rows for whoever has the turn: each is marked as tried, durably, before anybody publishes it. So a
   * row that was never tried is surely not published.
   * @returns the rows, locked, in their order; undefined when nothing waits, and then the turn is over
   */
  async claim({ rows: limit, bytes }: ClaimLimits): Promise<OutboxRow[] | undefined> {
    const { quoted } = this.#table;
    const { rows } = await this.#connection.query(
      `WITH next AS MATERIALIZED (
         SELECT seq, rank, octet_length(payload::text) AS bytes FROM ${quoted} WHERE failed_at IS NULL
         ORDER BY rank, seq LIMIT $1 FOR UPDATE SKIP LOCKED),
       sized AS (SELECT seq, sum(bytes) OVER (ORDER BY rank, seq) - bytes AS before FROM next)
       UPDATE ${quoted} AS o SET attempts = attempts + 1 FROM sized WHERE o.seq = sized.seq AND sized.before < $2
       RETURNING o.seq::text`,
      [limit, bytes],
    );
    if (rows.length === 0) {
      await this.#endTurn();
      return undefined;
    }
    await this.#connection.query('BEGIN');
    // Who has deleted a row meanwhile does not want it published.
    const held = await this.#connection.query(
      `SELECT seq::text, id::text, type, payload::text, priority, job_id AS "jobId", options::text, attempts AS attempt,
         ceil(extract(epoch FROM run_at - clock_timestamp()) * 1000)::float8 AS "delayMs"
       FROM ${quoted} AS o WHERE seq = ANY($1::bigint[]) AND failed_at IS NULL
       ORDER BY o.rank, o.seq FOR UPDATE SKIP LOCKED`,
      [rows.map(({ seq }) => seq)],
    );
    return held.rows as unknown as OutboxRow[];
  }

  /** Removes what is published, sets aside what never will be, and lets the next one have its turn while that is committed. */
  async settle(published: readonly string[], refused: readonly Refusal[]): Promise<void> {
    const { quoted } = this.#table;
    if (published.length > 0)
      await this.#connection.query(`DELETE FROM ${quoted} WHERE seq = ANY($1::bigint[])`, [published]);
    if (refused.length > 0) {
      await this.#connection.query(
        `UPDATE ${quoted} AS o SET failed_at = clock_timestamp(), error_code = f.code, error = f.message
         FROM json_to_recordset($1::json) AS f(seq bigint, code text, message text) WHERE o.seq = f.seq`,
        [JSON.stringify(refused.map(storable))],
      );
    }
    await this.#endTurn();
    await this.#connection.query('COMMIT');
  }

  async #endTurn(): Promise<void> {
    await this.#connection.query(`SELECT pg_advisory_unlock(${this.#turn})`);
  }
}

/** PostgreSQL keeps no NUL in a text, and no half of a character. */
function storable({ seq, code, message }: Refusal): Refusal {
  const clean = (text: string) => text.replaceAll('\0', '').toWellFormed();
  return { seq, code: clean(code), message: clean(message) };
}
