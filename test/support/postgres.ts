/** A PostgreSQL of the test's own, and its clients. */
import { onTestFinished } from 'vitest';
import { type PostgresServer, startPostgres } from '../../bench/servers/postgres.js';
import type { OutboxConnection } from '../../src/outbox/index.js';

export { type PostgresServer, startPostgres };

export interface TestClient extends OutboxConnection {
  connect(): Promise<void>;
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
}

export interface TestPool extends Pick<TestClient, 'query' | 'end'> {
  connect(): Promise<TestClient & { release(broken?: boolean): void }>;
  on(event: 'error', listener: () => void): unknown;
  on(event: 'connect', listener: (client: TestClient) => void): unknown;
}

interface Driver {
  default: {
    Client: new (options: object) => TestClient;
    Pool: new (options: object) => TestPool;
  };
}

/** Typed by what the tests use, as the package itself has it. */
async function driver(): Promise<Driver['default']> {
  const name = 'pg';
  return ((await import(name)) as Driver).default;
}

/** A client that is closed when the test ends. */
export async function connectTo(url: string): Promise<TestClient> {
  const { Client } = await driver();
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A pool that is closed when the test ends. */
export async function poolOf(url: string, max: number): Promise<TestPool> {
  const { Pool } = await driver();
  const pool = new Pool({ connectionString: url, max });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  onTestFinished(() => pool.end());
  return pool;
}
