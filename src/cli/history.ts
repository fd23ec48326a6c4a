import { type Command, Option } from 'commander';
import { defined } from '../jobs/defined.js';
import type { HistoryCounts, StatsHistory } from '../jobs/stats-history.js';
import { DIMENSIONS, type Dimension } from '../jobs/stats-history.js';
import { durationOption, type GlobalOptions, openExisting, parseSince, withExamples } from './options.js';
import { note, paint, plain, print, printJson, table } from './output.js';

interface HistoryFlags extends GlobalOptions {
  since?: Date;
  until?: Date;
  step?: number;
  type?: string;
  priority?: string;
  worker?: string;
  tag?: string;
  by?: Dimension;
}

/** More rows than these are no help on a screen. */
const FEW_ROWS = 24;
const MINUTE_MS = 60_000;
const STEPS_MS = [1, 5, 15, 60].map((minutes) => minutes * MINUTE_MS);
const DAY_MS = 24 * 60 * 60_000;
const COUNTS = ['STARTED', 'COMPLETED', 'FAILED', 'CANCELLED', 'RETRIED'];
const TIMES = ['WAIT P50', 'P95', 'P99', 'RUN P50', 'P95', 'P99'];

const UNITS = [
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** What became of jobs over a day. */
export function historyCommand(program: Command): void {
  const command = program
    .command('history')
    .description('rates, errors and times of jobs over the last 24 hours')
    .option('--since <time>', 'from when on; 2h, or an ISO 8601 time (default: 24h)', parseSince)
    .option('--until <time>', 'until when; 30m, or an ISO 8601 time (default: now)', parseSince)
    .addOption(durationOption('--step <duration>', 'length of a row: 1m, 15m, 1h (default: 24 rows at most)'))
    .option('--type <type>', 'only jobs of this type')
    .option('--priority <priority>', 'only jobs of this priority')
    .option('--worker <name>', 'only jobs of this worker')
    .option('--tag <tag>', 'only jobs with this tag')
    .addOption(new Option('--by <what>', 'one row for each value instead of each step').choices(DIMENSIONS))
    .action(async () => {
      const options = command.optsWithGlobals<HistoryFlags>();
      const { since: from, until: to, type, priority, worker, tag } = options;
      const stepMs = options.step ?? stepFor(from, to);
      await using queue = openExisting(options);
      const history = await queue.getStatsHistory(defined({ from, to, stepMs, type, priority, worker, tag }));
      if (options.json) return printJson(history);
      print(options.by ? groupText(history, options.by) : historyText(history));
      if (history.countedUntil)
        note(`events after ${history.countedUntil} may be missing; a running server counts them`);
    });
  withExamples(
    command,
    'history --since 6h',
    'history --type render_report --step 1h',
    'history --by worker',
  );
}

/** `--since 6h` was a moment ago, so that it is a little more than 6 hours until now: a minute more makes no longer rows. */
export function stepFor(from: Date | undefined, to: Date | undefined, nowMs = Date.now()): number {
  const untilMs = to?.getTime() ?? nowMs;
  const lengthMs = untilMs - (from?.getTime() ?? untilMs - DAY_MS) - MINUTE_MS;
  return STEPS_MS.find((each) => lengthMs / each <= FEW_ROWS) ?? STEPS_MS[STEPS_MS.length - 1] ?? DAY_MS;
}

function historyText({ points, total, errors }: StatsHistory): string {
  const rows = points.map((point) => [point.at, ...cells(point)]);
  const parts = [table([['TIME', ...COUNTS, ...TIMES], ...rows, ['all', ...cells(total)]])];
  const codes = Object.entries(errors);
  if (codes.length > 0) {
    const lines = codes.map(([code, count]) => [code === '' ? 'others' : plain(code), count]);
    parts.push(paint('dim', 'errors of all jobs'), table([['CODE', 'FAILED'], ...lines]));
  }
  return parts.join('\n\n');
}

function groupText({ groups }: StatsHistory, by: Dimension): string {
  const rows = groups[by].map((group) => [
    group.value === null ? 'others' : plain(group.value),
    ...cells(group),
  ]);
  return table([[by.toUpperCase(), ...COUNTS, ...TIMES], ...rows]);
}

function cells({ started, completed, failed, cancelled, retried, waitMs, runMs }: HistoryCounts) {
  const times = [waitMs, runMs].flatMap((each) => [each?.p50, each?.p95, each?.p99]);
  return [started, completed, failed, cancelled, retried, ...times.map(timeText)];
}

/** `340 ms`, `2.1 s`, `4.5 min`, `1.2 h`. */
function timeText(ms: number | undefined): string {
  if (ms === undefined) return '-';
  const [size, unit] = UNITS.find(([each]) => ms >= each) ?? [1, 'ms'];
  return `${size === 1 ? ms : (ms / size).toFixed(1)} ${unit}`;
}
