/** The two sides of a PostgreSQL client that the outbox uses, and the driver behind its own connections. */
import { BrokerError, JetfleetError } from '../jobs/errors.js';
import { maskText } from '../jobs/mask-text.js';
import { assertFunction, checkText, type OptionNames } from '../jobs/options.js';

/**
 * Whatever runs a statement with numbered parameters: a client, a pool or a client of a pool of `pg`. Of other libraries one line
 * makes it; see docs/guides/outbox.md.
 */
export interface OutboxClient {
  query(text: string, values: unknown[]): PromiseLike<unknown>;
}

/** A connection of a relay's own: a client of `pg`, or what behaves like it. */
export interface OutboxConnection {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  on(event: 'notification', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  end(): Promise<void>;
}

/** How to reach the database. */
export interface DatabaseOptions {
  /**
   * `postgres://user:password@host:5432/database`. Defaults to DATABASE_URL, else to what PGHOST and its like say. It must lead to
   * PostgreSQL itself, or to a pooler that keeps a session together: transaction pooling has neither LISTEN nor locks of a session.
   */
  databaseUrl?: string | undefined;
  /** Opens a connection instead. It needs no package `pg` then. */
  connect?: () => Promise<OutboxConnection>;
}

/** Which outbox, and how to reach its database. */
export interface OutboxAddress extends DatabaseOptions {
  /** `table` or `schema.table`. Defaults to `jetfleet_outbox`. */
  table?: string;
}

export const ADDRESS: OptionNames<Required<OutboxAddress>> = {
  databaseUrl: true,
  connect: true,
  table: true,
};

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkDatabase({ databaseUrl, connect }: DatabaseOptions): void {
  checkText('databaseUrl', databaseUrl);
  if (connect !== undefined) assertFunction('connect', connect);
}

interface Driver {
  Client: new (options: object) => OutboxConnection & { connect(): Promise<void> };
}

/** How long a connection may take to be made. */
const CONNECT_MS = 10_000;
/** How long one may take to be closed: its other end may not answer any more. */
export const CLOSE_MS = 1_000;

/**
 * Opens a connection.
 * @param name shown in pg_stat_activity
 * @throws JetfleetError `JETFLEET_OUTBOX_DRIVER`; BrokerError `JETFLEET_OUTBOX_UNREACHABLE`
 */
export async function openConnection(options: DatabaseOptions, name: string): Promise<OutboxConnection> {
  const open = options.connect ?? (() => openByDriver(options.databaseUrl ?? process.env.DATABASE_URL, name));
  try {
    return await open();
  } catch (error) {
    if (JetfleetError.is(error)) throw error;
    throw unreachable(error);
  }
}

async function openByDriver(url: string | undefined, name: string): Promise<OutboxConnection> {
  const { Client } = await loadDriver();
  const client = new Client({
    ...(url && { connectionString: url }),
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
  });
  // What breaks it is heard of by whoever waits for an answer.
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function loadDriver(): Promise<Driver> {
  // A variable, so that no compiler asks for what is optional.
  const name = 'pg';
  try {
    const loaded = (await import(name)) as Driver & { default?: Driver };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new JetfleetError(
      'JETFLEET_OUTBOX_DRIVER',
      'the package pg is not installed; run "npm install pg", or give the option connect',
      { cause },
    );
  }
}

/** Those of PostgreSQL that say that the table is not as it should be, or that the user may not use it. */
const TABLE_FAULTS: ReadonlySet<unknown> = new Set(['42P01', '42703', '3F000', '42501', '42883', '42809']);

/** What a failed statement says, in the words of the outbox. */
export function databaseError(error: unknown, table: string): JetfleetError {
  if (JetfleetError.is(error)) return error;
  const { code, message } = error as { code?: unknown; message?: string };
  if (!TABLE_FAULTS.has(code)) return unreachable(error);
  const way = code === '42501' ? 'grant its user the rights' : 'run "jetfleet outbox setup"';
  return new JetfleetError(
    'JETFLEET_OUTBOX_TABLE',
    `the outbox ${table} cannot be used: ${message}; ${way}`,
    {
      cause: error,
    },
  );
}

function unreachable(error: unknown): BrokerError {
  const { message, code } = error as { message?: string; code?: string };
  const why = maskText(message || code || String(error));
  return new BrokerError('JETFLEET_OUTBOX_UNREACHABLE', `PostgreSQL does not answer the outbox: ${why}`, {
    retryable: true,
    cause: error,
  });
}
