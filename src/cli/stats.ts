import type { Command } from 'commander';
import { ALL_REGIONS, type ShownProvider } from '../instances/provider-health.js';
import { PRIORITIES, STATUSES } from '../jobs/vocabulary.js';
import type { JobQueueStats } from '../queue/stats/job-stats.js';
import { type GlobalOptions, openExisting, withExamples } from './options.js';
import { paint, plain, print, printJson, table } from './output.js';
import { lineOf } from './pause.js';

export function statsCommand(program: Command): void {
  const command = program
    .command('stats')
    .description('count jobs by type, status and priority')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const stats = await queue.getStats();
      if (options.json) return printJson(stats);
      const resting = (await queue.providers()).filter(({ state }) => state !== 'closed');
      print([statsText(stats), ...resting.map(restingLine)].join('\n\n'));
    });
  withExamples(command, 'stats', 'stats --json | jq .pendingJobs');
}

function restingLine({ provider, region, openUntil, error }: ShownProvider): string {
  const place = region === ALL_REGIONS ? provider : `${provider} ${region}`;
  return paint(
    'yellow',
    `${plain(place)} does not answer, and rests until ${openUntil}: ${plain(error ?? '')}`,
  );
}

export function statsText(stats: JobQueueStats): string {
  const { byType, byPriority, unhandledTypes } = stats;
  const total = [stats.pendingJobs, stats.processingJobs, stats.completedJobs, stats.failedJobs];
  const types = Object.entries(byType).map(([type, counts]) => [
    plain(type),
    ...STATUSES.map((status) => counts[status]),
  ]);
  const priorities = PRIORITIES.map((name) => [name, byPriority[name].pending, byPriority[name].processing]);
  const parts = [
    table([['TYPE', ...STATUSES.map((status) => status.toUpperCase())], ...types, ['all', ...total]]),
    table([['PRIORITY', 'PENDING', 'PROCESSING'], ...priorities]),
    `scheduled ${stats.scheduledJobs}, retrying ${stats.retryingJobs}, in line for a permit ${stats.limitedJobs} (pending); waiting ${stats.waitingJobs} (processing)`,
  ];
  if (unhandledTypes.length > 0) {
    const names = unhandledTypes.map(plain).join(', ');
    parts.push(
      paint('yellow', `Nobody handles ${names}: these jobs stay pending until a worker for them starts.`),
    );
  }
  if (stats.paused.length > 0)
    parts.push(stats.paused.map((pause) => paint('yellow', lineOf(pause))).join('\n'));
  return parts.join('\n\n');
}
