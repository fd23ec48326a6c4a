import { stripVTControlCharacters } from 'node:util';
import type { WorkerInfo } from '../inspect/index.js';
import { clipTo } from '../jobs/excerpt.js';
import type { JobQueueStats } from '../queue/stats/job-stats.js';
import { plain } from './machine-text.js';
import { paint, table } from './output.js';
import { statsText } from './stats.js';

/** Jobs a second. */
export interface Rates {
  started: number;
  completed: number;
  failed: number;
  retried: number;
}

/** What `jetfleet top` shows at one moment. */
export interface TopSnapshot {
  at: string;
  stats: JobQueueStats;
  /** Null for the first look, which has nothing to compare with. */
  rates: Rates | null;
  workers: WorkerInfo[];
}

/** The page of one moment, cut to `columns` and `rows` where they are given. */
export function topText({ at, stats, rates, workers }: TopSnapshot, columns?: number, rows?: number): string {
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
  return columns === undefined ? kept.join('\n') : kept.map((line) => clipStyled(line, columns)).join('\n');
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
  const jobs = workers.flatMap(({ name, running }) =>
    running.map(({ id, type, attempt, startedAt }) => [
      clipTo(plain(id), 40),
      plain(type),
      attempt,
      age(startedAt, at),
      clipTo(plain(name), 40),
    ]),
  );
  const abandoned = workers.flatMap(({ name, abandoned }) =>
    abandoned.map(({ id, type, attempt, signalledAt }) => [
      clipTo(plain(id), 40),
      plain(type),
      attempt,
      age(signalledAt, at),
      clipTo(plain(name), 40),
    ]),
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

/** A styled line is only cut where it is too long, and loses its colours then. */
function clipStyled(line: string, columns: number): string {
  const bare = stripVTControlCharacters(line);
  return bare.length <= columns ? line : clipTo(bare, columns);
}
