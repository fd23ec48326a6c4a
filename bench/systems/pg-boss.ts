import { importPeer } from '../peers/import-peer.js';
import { openAll } from './connection-pool.js';
import { type BenchPayload, chunksOf, type Purpose, rankOf, type Session } from './system.js';

interface PgBossModule {
  PgBoss: new (options: object) => Boss;
}
interface Boss {
  on(event: 'error', on: () => void): void;
  start(): Promise<unknown>;
  createQueue(name: string, options: object): Promise<void>;
  send(name: string, data: unknown, options: object): Promise<string | null>;
  insert(name: string, jobs: object[]): Promise<unknown>;
  work(
    name: string,
    options: object,
    handler: (jobs: { data: BenchPayload }[]) => Promise<void>,
  ): Promise<string>;
  offWork(name: string, options: { wait: boolean }): Promise<void>;
  getDb(): { executeSql(sql: string): Promise<{ rows: { count: number }[] }> };
  stop(options: { graceful: boolean }): Promise<void>;
}

const QUEUE = 'bench';
const CHUNK = 1_000;
const POOL = 50;
/** Loops that fetch, run and complete a batch each. */
const WORKERS = 4;
const SHORTEST_POLL_SECONDS = 0.5;

export async function openPgBoss(url: string, purpose: Purpose): Promise<Session> {
  const { PgBoss } = await importPeer<PgBossModule>('pg-boss');
  const boss = new PgBoss({ connectionString: url, max: POOL, useListenNotify: true, schedule: false });
  boss.on('error', () => {});
  await boss.start();
  await openAll(POOL, (sql) => boss.getDb().executeSql(sql));
  // Each NOTIFY makes its commit wait for the others: it halves the adds, but without it a job waits for the next poll,
  // 240 ms in the middle.
  await boss.createQueue(QUEUE, { notify: purpose === 'latency', retryLimit: 3 });
  return {
    async add({ payload, priority }) {
      await boss.send(QUEUE, payload, { priority: -rankOf(priority), retryLimit: 3 });
    },
    async addBulk(jobs) {
      for (const chunk of chunksOf(jobs, CHUNK)) {
        await boss.insert(
          QUEUE,
          chunk.map(({ payload, priority }) => ({
            data: payload,
            priority: -rankOf(priority),
            retryLimit: 3,
          })),
        );
      }
    },
    async startWorker(concurrency, handler) {
      const options = {
        localConcurrency: WORKERS,
        batchSize: Math.ceil(concurrency / WORKERS),
        burstWhenBatchFull: true,
        pollingIntervalSeconds: SHORTEST_POLL_SECONDS,
      };
      await boss.work(QUEUE, options, async (jobs) => {
        await Promise.all(jobs.map(({ data }) => handler(data)));
      });
      return { stop: () => boss.offWork(QUEUE, { wait: true }) };
    },
    async unfinished() {
      const sql = `select count(*)::int as count from pgboss.job where name = '${QUEUE}' and state <> 'completed'`;
      return Number((await boss.getDb().executeSql(sql)).rows[0]?.count);
    },
    close: () => boss.stop({ graceful: false }),
  };
}
