/**
 * What it costs a plain job that workers could show what they do, while nobody watches. Two workers in processes of their own, one as it is by
 * default and one with `inspect: { keep: [] }`, take turns: each turn is as many jobs of their type, and the order changes with each pair, so
 * that what the machine does besides meets both. The CPU time of the worker for each job is compared pair by pair, once for functions
 * and once for a statechart of three states.
 *
 *     npm run build && npx tsx bench/unwatched.ts [jobs a turn] [pairs]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type HandlerOptions, JobQueueService, JobWorkerService } from 'jetfleet';
import { fromPromise, setup } from 'xstate';
import { thisMachine } from './machine.js';
import { ask, endChild, nextMessage, serveParent } from './measures/child-process.js';
import { startNats } from './servers/nats.js';
import { median, percentile } from './statistics.js';

const [JOBS, PAIRS, SERVER, KEEPS] = [
  Number(process.argv[2] ?? 10_000),
  Number(process.argv[3] ?? 20),
  process.argv[4],
  process.argv[5],
];
/** Turns of each before those that count: by then the code is compiled. */
const WARM_UP = 3;
const KINDS = ['function', 'chart'] as const;
const CONCURRENCY = 64;

const chart = setup({
  types: { output: {} as { kind: 'completed' } },
  actors: { work: fromPromise(async () => 'done') },
}).createMachine({
  id: 'measured',
  initial: 'begun',
  output: { kind: 'completed' },
  states: {
    begun: { always: 'working' },
    working: { invoke: { src: 'work', onDone: 'over' } },
    over: { type: 'final' },
  },
});

if (SERVER) await work(SERVER, KEEPS === 'usual');
else await measure();

/** @param isUsual whether steps are kept as they are by default */
async function work(servers: string, isUsual: boolean): Promise<void> {
  const queue = new JobQueueService({ servers });
  const worker = new JobWorkerService(queue, isUsual ? {} : { inspect: { keep: [] } });
  const suffix = isUsual ? 'usual' : 'bare';
  worker.registerHandler(`function_${suffix}`, { handler: () => 'done', concurrency: CONCURRENCY });
  worker.registerHandler(`chart_${suffix}`, { chart, concurrency: CONCURRENCY } as unknown as HandlerOptions);
  await worker.start();
  const cpuMicros = () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  serveParent(cpuMicros, async () => {
    await worker.shutdown(1_000);
    await queue.close();
  });
}

async function measure(): Promise<void> {
  const nats = await startNats('periodic');
  const queue = new JobQueueService({ servers: nats.url });
  const workers = { usual: await startWorker(nats.url, 'usual'), bare: await startWorker(nats.url, 'bare') };
  const done = new Map<string, number>();
  /** Microseconds of CPU time a job. */
  const turn = async (kind: string, of: keyof typeof workers): Promise<number> => {
    const type = `${kind}_${of}`;
    const expected = (done.get(type) ?? 0) + JOBS;
    done.set(type, expected);
    const before = await ask<number>(workers[of], 'cpu');
    await queue.addJobs(Array.from({ length: JOBS }, () => ({ type, payload: null })));
    while (((await queue.getStats()).byType[type]?.completed ?? 0) < expected) await delay(20);
    return ((await ask<number>(workers[of], 'cpu')) - before) / JOBS;
  };
  const figures: Record<string, object> = {};
  for (const kind of KINDS) {
    const pairs: { usual: number; bare: number }[] = [];
    for (let pair = 0; pair < WARM_UP + PAIRS; pair++) {
      const order = pair % 2 === 0 ? (['usual', 'bare'] as const) : (['bare', 'usual'] as const);
      const took = { usual: 0, bare: 0 };
      for (const of of order) took[of] = await turn(kind, of);
      if (pair >= WARM_UP) pairs.push(took);
    }
    const more = pairs.map(({ usual, bare }) => 100 * (usual / bare - 1));
    figures[kind] = {
      usualUsPerJob: rounded(median(pairs.map(({ usual }) => usual))),
      bareUsPerJob: rounded(median(pairs.map(({ bare }) => bare))),
      moreMedianPercent: rounded(median(more)),
      moreP25Percent: rounded(percentile(more, 25)),
      moreP75Percent: rounded(percentile(more, 75)),
    };
  }
  process.stdout.write(
    `${JSON.stringify({ machine: thisMachine(), jobs: JOBS, pairs: PAIRS, ...figures }, null, 2)}\n`,
  );
  for (const each of Object.values(workers)) await endChild(each);
  await queue.close();
  await nats[Symbol.asyncDispose]();
}

async function startWorker(url: string, keeps: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url), [String(JOBS), String(PAIRS), url, keeps]);
  await nextMessage(child, 'a worker');
  return child;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
