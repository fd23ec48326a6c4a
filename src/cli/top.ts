import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { listWorkers } from '../inspect/index.js';
import type { JobQueueService } from '../jetfleet.js';
import { BrokerError } from '../jobs/errors.js';
import { isoTime } from '../jobs/iso-time.js';
import type { JobRecord } from '../jobs/job-record.js';
import { ImpliedRuns } from '../queue/implied-runs.js';
import { cliLogger, durationOption, type GlobalOptions, openExisting, withExamples } from './options.js';
import { hasRoom, note, print, printJson } from './output.js';
import { shutdownSignal } from './signals.js';
import { type Rates, type TopSnapshot, topText } from './top-text.js';

interface TopOptions extends GlobalOptions {
  interval: number;
  once?: boolean;
}

/** `jetfleet top`. */
export function topCommand(program: Command): void {
  const command = program
    .command('top')
    .description('counts, rates and what each worker runs, until Ctrl-C; refreshed in place on a terminal')
    .addOption(durationOption('--interval <duration>', 'pause between two looks', '1s'))
    .addOption(new Option('--once', 'look once and end'))
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
      ended = await Promise.race([isOver, delay(Math.max(options.interval, 100), false)]);
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
  return { at: isoTime(queue.now()), stats, rates: rates ?? null, workers };
}

function show(snapshot: TopSnapshot, { json, once }: TopOptions): void {
  if (!hasRoom()) return;
  if (json) printJson(snapshot);
  else print(once ? topText(snapshot) : `${topText(snapshot)}\n`);
}

/** Counts transitions between two looks. */
class EventCounter {
  #counts = { started: 0, completed: 0, failed: 0, retried: 0 };
  #sinceMs = performance.now();
  #isFirst = true;
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
    const seconds = (now - this.#sinceMs) / 1_000;
    const perSecond = (count: number) => Math.round((count / seconds) * 10) / 10;
    const { started, completed, failed, retried } = this.#counts;
    const rates = {
      started: perSecond(started),
      completed: perSecond(completed),
      failed: perSecond(failed),
      retried: perSecond(retried),
    };
    this.#counts = { started: 0, completed: 0, failed: 0, retried: 0 };
    this.#sinceMs = now;
    if (!this.#isFirst) return rates;
    this.#isFirst = false;
    return undefined;
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
