/** A database whose transactions add jobs, and what became of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { type PostgresServer, startPostgres } from '../../bench/servers/postgres.js';
import { Outbox, type OutboxStatus, readOutbox, setupOutbox } from '../../src/outbox/index.js';
import type { PlannedOutbox, TaskStep } from './plan.js';

interface Client {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  release(broken?: boolean): void;
}

interface Pool {
  connect(): Promise<Client>;
  on(event: 'error' | 'connect', listener: (client: NodeJS.EventEmitter) => void): unknown;
  end(): Promise<void>;
}

/** Typed by what is used here, as the package itself has it. */
const DRIVER = 'pg';
const PAUSE_MS = 20;
/** How long the relays may take for what is left, on a busy machine. */
const EMPTY_WITHIN_MS = 60_000;
const LOOK_MS = 100;

export class OutboxDesk implements AsyncDisposable {
  readonly #postgres: PostgresServer;
  readonly #pool: Pool;
  #crashes: Promise<void> | undefined;
  /** Ids of all jobs of transactions, whether they have committed or not. */
  readonly #asked = new Set<string>();
  /** Those of transactions that have committed. */
  committed: string[] = [];
  /** What the relays have left, once all is over. */
  left: OutboxStatus | undefined;

  private constructor(postgres: PostgresServer, pool: Pool) {
    this.#postgres = postgres;
    this.#pool = pool;
    // The database ends all sessions when it is killed; whoever uses one notices.
    pool.on('error', () => {});
    pool.on('connect', (client) => void client.on('error', () => {}));
  }

  static async open(): Promise<OutboxDesk> {
    const postgres = await startPostgres();
    await setupOutbox({ databaseUrl: postgres.url });
    const { Pool } = ((await import(DRIVER)) as { default: { Pool: new (options: object) => Pool } }).default;
    const desk = new OutboxDesk(postgres, new Pool({ connectionString: postgres.url, max: 8 }));
    await desk.#once((client) => client.query('CREATE TABLE orders (id text PRIMARY KEY)'));
    return desk;
  }

  get databaseUrl(): string {
    return this.#postgres.url;
  }

  /** Ids of jobs that must not exist. */
  get rolledBack(): ReadonlySet<string> {
    const committed = new Set(this.committed);
    return new Set([...this.#asked].filter((id) => !committed.has(id)));
  }

  /** Commits orders with their jobs until the time is over; every fifth transaction is rolled back. */
  async produce({ forMs, producers, priority }: PlannedOutbox): Promise<void> {
    const outbox = new Outbox();
    const untilMs = Date.now() + forMs;
    const produceOn = async (producer: number) => {
      for (let serial = 0; Date.now() < untilMs; serial++) {
        const end = serial % 5 === 4 ? 'ROLLBACK' : 'COMMIT';
        const jobs = Array.from({ length: 1 + (serial % 6) }, (_, n) => ({
          type: 'task',
          payload: { steps: [{ ms: n, end: 'ok' }] satisfies TaskStep[] },
          priority,
          ...(n % 3 === 2 && { id: `order-${producer}-${serial}-${n}` }),
        }));
        // An error says that the database is away. Whether a transaction has committed is read from it in the end.
        await this.#once(async (client) => {
          await client.query('BEGIN');
          const ids = await outbox.addJobs(client, jobs);
          for (const id of ids) this.#asked.add(id);
          await client.query('INSERT INTO orders SELECT unnest($1::text[])', [ids]);
          await client.query(end);
        }).catch(() => delay(PAUSE_MS));
        await delay(PAUSE_MS);
      }
    };
    await Promise.all(Array.from({ length: producers }, (_, producer) => produceOn(producer)));
  }

  /** Ends the database as a crash does, and starts it again. */
  async crash(forMs: number): Promise<void> {
    const before = this.#crashes;
    this.#crashes = (async () => {
      // On a busy machine the crash before may not be over.
      await before;
      await this.#postgres.kill();
      await delay(forMs);
      await this.#postgres.start();
    })();
    await this.#crashes;
  }

  /** Waits until the relays have published all rows, and reads which transactions have committed. */
  async settle(): Promise<void> {
    const { databaseUrl } = this;
    for (const end = Date.now() + EMPTY_WITHIN_MS; ; await delay(LOOK_MS)) {
      try {
        if (this.left === undefined) {
          const { rows } = await this.#once((client) => client.query('SELECT id FROM orders'));
          this.committed = rows.map(({ id }) => String(id));
        }
        this.left = await readOutbox({ databaseUrl });
        if (this.left.waiting === 0 || Date.now() > end) return;
      } catch (error) {
        // A session of before a crash has not noticed it yet.
        if (Date.now() > end) throw error;
      }
    }
  }

  async #once<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let isBroken = true;
    try {
      const result = await call(client);
      isBroken = false;
      return result;
    } finally {
      client.release(isBroken);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
    await this.#postgres[Symbol.asyncDispose]();
  }
}
