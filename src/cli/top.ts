import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { listWorkers, type WorkerInfo } from '../inspect/index.js';
import type { JobQueueService } from '../jetfleet.js';
import { BrokerError } from '../jobs/errors.js';
import { clipTo } from '../jobs/excerpt.js';
import type { JobRecord } from '../jobs/job-record.js';
import { ImpliedRuns } from '../queue/implied-runs.js';
import type { JobQueueStats } from '../queue/stats/job-stats.js';
import { cliLogger, durationOption, type GlobalOptions, openExisting, withExamples } from './options.js';
import { fitTo, hasRoom, note, paint, plain, print, printJson, table } from './output.js';
import { shutdownSignal } from './signals.js';
import { statsText } from './stats.js';

interface Rates {
  started: number;
  completed: number;
  failed: number;
  retried: number;
}

interface TopSnapshot {
  at: string;
  stats: JobQueueStats;
  /** Null for the first look, which has nothing to compare with. */
  rates: Rates | null;
  workers: WorkerInfo[];
}

interface TopOptions extends GlobalOptions {
  interval: number;
  once?: boolean;
}

export function topCommand(program: Command): void {
  const command = program
    .command('top')
    .description('counts, rates and what each worker runs, until Ctrl-C; refreshed in place on a terminal')
    .addOption(
      durationOption('--interval <duration>', 'pause between two refreshes, at least 100ms', {
        byDefault: '1s',
        minMs: 100,
      }),
    )
    .addOption(new Option('--once', 'show it once and end'))
    .action(() => top(command.optsWithGlobals<TopOptions>()));
  withExamples(command, 'top', 'top --once', 'top --interval 5s --json | jq -c .stats.byType');
}

async function top(options: TopOptions): Promise<void> {
  const interrupted = shutdownSignal();
  await using queue = openExisting(options, cliLogger('error'));
  if (options.once) {
    show(await lookAt(queue, undefined), options);
    return;
  }
  const counter = new EventCounter();
  const events = await queue.events({}, (record) => counter.count(record));
  const isOver = Promise.race([interrupted, events.closed]).then(() => true);
  const screen = process.stdout.isTTY && !options.json ? new Screen() : undefined;
  try {
    for (let ended = false; !ended; ) {
      await look(queue, counter, options, screen);
      ended = await Promise.race([isOver, delay(options.interval, false)]);
    }
  } finally {
    screen?.close();
    await events.close();
  }
}

async function look(
  queue: JobQueueService,
  counter: EventCounter,
  options: TopOptions,
  screen: Screen | undefined,
): Promise<void> {
  try {
    const snapshot = await lookAt(queue, counter.rates());
    if (screen) screen.draw(topText(snapshot, process.stdout.columns, process.stdout.rows));
    else show(snapshot, options);
  } catch (error) {
    // A broker that is away for a while comes back; what cannot be helped ends the command.
    if (!(error instanceof BrokerError)) throw error;
    if (screen) screen.draw(`waiting for the broker: ${error.message}`);
    else note(`waiting for the broker: ${error.message}`);
  }
}

async function lookAt(queue: JobQueueService, rates: Rates | undefined): Promise<TopSnapshot> {
  const [stats, workers] = await Promise.all([queue.getStats(), listWorkers(queue)]);
  return { at: new Date(queue.now()).toISOString(), stats, rates: rates ?? null, workers };
}

function show(snapshot: TopSnapshot, { json, once }: TopOptions): void {
  if (!hasRoom()) return;
  if (json) printJson(snapshot);
  else print(once ? topText(snapshot) : `${topText(snapshot)}\n`);
}

const NOTHING: Rates = { started: 0, completed: 0, failed: 0, retried: 0 };

class EventCounter {
  #counts = { ...NOTHING };
  #sinceMs: number | undefined;
  readonly #runs = new ImpliedRuns();

  count(record: JobRecord): void {
    const { state, status } = record;
    const isImplied = this.#runs.before(record) !== undefined;
    if (isImplied || state === 'running') this.#counts.started++;
    if (state === 'retrying') this.#counts.retried++;
    else if (status === 'completed' || status === 'failed') this.#counts[status]++;
  }

  /** Jobs a second since the last call; undefined for the first, which has seen nothing yet. */
  rates(): Rates | undefined {
    const now = performance.now();
    const seconds = (now - (this.#sinceMs ?? now)) / 1_000;
    const rates = { ...this.#counts };
    for (const name of Object.keys(rates) as (keyof Rates)[])
      rates[name] = Math.round((rates[name] / seconds) * 10) / 10;
    const isFirst = this.#sinceMs === undefined;
    this.#counts = { ...NOTHING };
    this.#sinceMs = now;
    return isFirst ? undefined : rates;
  }
}

/** The terminal while it shows a page that changes; what stood there before comes back at the end. */
class Screen {
  constructor() {
    process.stdout.write('\u001b[?1049h\u001b[?25l');
  }

  draw(page: string): void {
    const lines = page.split('\n').map((line) => `${line}\u001b[K`);
    process.stdout.write(`\u001b[H${lines.join('\n')}\u001b[J`);
  }

  close(): void {
    process.stdout.write('\u001b[?25h\u001b[?1049l');
  }
}

/** The page of one moment, cut to `columns` and `rows` where they are given. */
function topText({ at, stats, rates, workers }: TopSnapshot, columns?: number, rows?: number): string {
  const head = [
    `${paint('bold', 'jetfleet top')}  ${at.slice(11, 19)} UTC`,
    rates
      ? `per second: started ${rates.started}, completed ${rates.completed}, failed ${rates.failed}, retried ${rates.retried}`
      : 'per second: counting',
  ].join('  ');
  const page = [head, statsText(stats), workers.length === 0 ? 'no workers' : workersText(workers, at)].join(
    '\n\n',
  );
  const lines = page.split('\n');
  const kept = rows === undefined || lines.length < rows ? lines : [...lines.slice(0, rows - 2), '…'];
  return columns === undefined ? kept.join('\n') : kept.map((line) => fitTo(line, columns)).join('\n');
}

function workersText(workers: readonly WorkerInfo[], at: string): string {
  const heading = ['WORKER', 'STATE', 'RUNS', 'SLOTS', 'TYPES'];
  const rows = workers.map(({ name, state, runningCount, lanes }) => [
    clipTo(plain(name), 40),
    plain(state),
    runningCount,
    lanes.reduce((sum, { concurrency }) => sum + concurrency, 0),
    lanes.map(({ type, running, concurrency }) => `${plain(type)} ${running}/${concurrency}`).join(', '),
  ]);
  const jobRow = (job: { id: string; type: string; attempt: number }, since: string, worker: string) => [
    clipTo(plain(job.id), 40),
    plain(job.type),
    job.attempt,
    age(since, at),
    clipTo(plain(worker), 40),
  ];
  const jobs = workers.flatMap(({ name, running }) => running.map((job) => jobRow(job, job.startedAt, name)));
  const abandoned = workers.flatMap((worker) =>
    worker.abandoned.map((job) => jobRow(job, job.signalledAt, worker.name)),
  );
  const parts = [table([heading, ...rows])];
  if (jobs.length > 0) parts.push(table([['RUNNING', 'TYPE', 'ATTEMPT', 'FOR', 'WORKER'], ...jobs]));
  if (abandoned.length > 0)
    parts.push(table([['ABANDONED', 'TYPE', 'ATTEMPT', 'SINCE', 'WORKER'], ...abandoned]));
  return parts.join('\n\n');
}

function age(since: string, at: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(at) - Date.parse(since)) / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}
