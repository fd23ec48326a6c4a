import { importPeer } from '../peers/import-peer.js';
import { openAll } from './connection-pool.js';
import { type BenchPayload, chunksOf, rankOf, type Session } from './system.js';

interface GraphileWorker {
  Logger: new (scope: () => () => void) => object;
  makeWorkerUtils(options: object): Promise<WorkerUtils>;
  run(options: object): Promise<{ stop(): Promise<void> }>;
}
interface WorkerUtils {
  migrate(): Promise<void>;
  addJob(task: string, payload: unknown, spec: object): Promise<unknown>;
  addJobs(jobs: object[]): Promise<unknown>;
}
interface Pg {
  default: { Pool: new (options: { connectionString: string; max: number }) => PgPool };
}
interface PgPool {
  query(sql: string): Promise<{ rows: { count: number }[] }>;
  on(event: 'error', on: () => void): void;
  on(event: 'connect', on: (client: { on(event: 'error', on: () => void): void }) => void): void;
  end(): Promise<void>;
}

const TASK = 'noop';
const CHUNK = 1_000;
const POOL = 50;
/** Jobs that are locked in one query and handed out from memory: the setting for throughput. */
const LOCAL_QUEUE = 500;

export async function openGraphileWorker(url: string): Promise<Session> {
  const [{ Logger, makeWorkerUtils, run }, pg] = await Promise.all([
    importPeer<GraphileWorker>('graphile-worker'),
    importPeer<Pg>('pg'),
  ]);
  const pgPool = new pg.default.Pool({ connectionString: url, max: POOL });
  // It asks for both in a pool that it is lent.
  pgPool.on('error', () => {});
  pgPool.on('connect', (client) => client.on('error', () => {}));
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  await openAll(POOL, (sql) => pgPool.query(sql));
  const count = async (sql: string) => Number((await pgPool.query(sql)).rows[0]?.count);
  return {
    async add({ payload, priority }) {
      await utils.addJob(TASK, payload, { priority: rankOf(priority), maxAttempts: 3 });
    },
    async addBulk(jobs) {
      for (const chunk of chunksOf(jobs, CHUNK)) {
        await utils.addJobs(
          chunk.map(({ payload, priority }) => ({
            identifier: TASK,
            payload,
            priority: rankOf(priority),
            maxAttempts: 3,
          })),
        );
      }
    },
    async startWorker(concurrency, handler) {
      const runner = await run({
        pgPool,
        logger,
        noHandleSignals: true,
        taskList: { [TASK]: (payload: BenchPayload) => handler(payload) },
        crontab: '',
        preset: {
          worker: {
            concurrentJobs: concurrency,
            localQueue: { size: LOCAL_QUEUE },
            // As many as complete in one turn of the event loop go in one query.
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      });
      return { stop: () => runner.stop() };
    },
    unfinished: () => count('select count(*)::int as count from graphile_worker.jobs'),
    close: () => pgPool.end(),
  };
}
