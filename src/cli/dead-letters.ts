import type { Command } from 'commander';
import { defined } from '../jobs/defined.js';
import { shownCauses } from '../jobs/shown-causes.js';
import type { DeadLetterFilter } from '../queue/dead-letters/dead-letter-filter.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { usageError } from './exit-code.js';
import { printPage, printRetried } from './job-text.js';
import {
  collect,
  type GlobalOptions,
  integer,
  openExisting,
  parseRate,
  parseSince,
  parseType,
  withExamples,
} from './options.js';
import { note, plain, print, printJson, table } from './output.js';
import { type ProgressFlags, showProgress, withProgress } from './progress.js';

interface FilterFlags extends GlobalOptions {
  type?: string;
  since?: Date;
  until?: Date;
  errorCode?: string;
  cause?: string;
  tag?: string[];
}

/** Jobs that have failed by nobody's wish. */
export function deadLettersCommand(program: Command): void {
  const group = program
    .command('dead-letters')
    .description('jobs that have FAILED and were not cancelled: why, run again at a pace, delete');
  withExamples(group, 'dead-letters causes', 'dead-letters retry --cause 3f9a2c71b0 --rate 5');
  causesCommand(group);
  listCommand(group);
  retryCommand(group);
  deleteCommand(group);
}

function withFilter(command: Command): Command {
  return command
    .option('--type <type>', 'only this job type', parseType)
    .option('--since <time>', 'only those that failed since; 2h, or an ISO 8601 time', parseSince)
    .option('--until <time>', 'only those that failed until; 2h, or an ISO 8601 time', parseSince)
    .option('--error-code <code>', 'only those whose error has this code')
    .option('--cause <id>', 'only those of this cause: see dead-letters causes')
    .option('--tag <tag>', 'only those with this tag; given several times, with all of them', collect);
}

function filterOf({ type, since, until, errorCode, cause, tag: tags }: FilterFlags): DeadLetterFilter {
  return defined({ type, since, until, errorCode, cause, tags });
}

function causesCommand(group: Command): void {
  const command = withFilter(
    group.command('causes').description('why jobs have failed, and how many for each reason'),
  ).action(async () => {
    const options = command.optsWithGlobals<FilterFlags>();
    await using queue = openExisting(options);
    const found = shownCauses(await queue.deadLetters.causes(filterOf(options)));
    if (options.json) return printJson(found);
    const heading = ['CAUSE', 'JOBS', 'TYPES', 'LAST', 'SAMPLE', 'ERROR'];
    const rows = found.causes.map(({ id, count, types, lastAt, sample, code, message }) =>
      [id, String(count), types.join(' '), lastAt, sample.id, `${code}: ${message}`].map(plain),
    );
    if (rows.length > 0) print(table([heading, ...rows]));
    note(found.total === 0 ? 'no dead letters' : `${found.total} dead letters`);
  });
  withExamples(
    command,
    'dead-letters causes --since 2h',
    'dead-letters causes --type create_instance --json',
  );
}

function listCommand(group: Command): void {
  const command = withFilter(group.command('list').description('dead letters, those that failed last first'))
    .option('--limit <n>', 'most jobs on a page', integer(1, 1_000), 100)
    .option('--cursor <cursor>', 'go on where the page before ended; with the same filter')
    .action(async () => {
      const options = command.optsWithGlobals<FilterFlags & { limit: number; cursor?: string }>();
      const { limit, cursor } = options;
      await using queue = openExisting(options);
      const page = await queue.getJobs({
        ...filterOf(options),
        ...defined({ limit, cursor }),
        deadLetters: true,
        order: 'newest',
      });
      printPage(page, options, 'no dead letters');
    });
  withExamples(command, 'dead-letters list --cause 3f9a2c71b0');
}

/** What one command does with many dead letters. */
interface BulkFlags extends FilterFlags, ConfirmFlags, ProgressFlags {
  all?: boolean;
}

function retryCommand(group: Command): void {
  const command = withFilter(
    group.command('retry').description('run them again, with a fresh count of attempts'),
  )
    .option('--rate <n>', 'so many jobs a second; the broker keeps the pace', parseRate)
    .option('--all', 'without any filter: all of them')
    .action(async () => {
      const options = command.optsWithGlobals<BulkFlags & { rate?: number }>();
      const filter = checkedFilter(options, 'retry');
      await using queue = openExisting(options);
      await confirmRetry(queue, filter, options);
      const ids = await showProgress('jobs run again', options, (onProgress) =>
        queue.deadLetters.retry(filter, { ...defined({ rate: options.rate }), onProgress }),
      );
      printRetried(ids, options);
    });
  withProgress(withYes(command));
  withExamples(command, 'dead-letters retry --cause 3f9a2c71b0 --rate 5', 'dead-letters retry --all');
}

function deleteCommand(group: Command): void {
  const command = withFilter(
    group
      .command('delete')
      .description('remove them with all that is stored of them; nothing brings them back'),
  )
    .option('--all', 'without any filter: all of them')
    .action(async () => {
      const options = command.optsWithGlobals<BulkFlags>();
      // What fails while the question stands was not counted, and stays.
      const filter = { until: new Date(), ...checkedFilter(options, 'delete') };
      await using queue = openExisting(options);
      const hint = '"dead-letters causes" with the same filter counts them';
      const question = () => ask(queue, filter, (jobs) => `Remove ${jobs} for good?`);
      await confirm(options, question, { unasked: 'refuse', hint });
      const removed = await showProgress('jobs removed', options, (onProgress) =>
        queue.deadLetters.delete(filter, { onProgress }),
      );
      if (options.json) printJson({ removed });
      else print(`${removed} jobs removed`);
    });
  withProgress(withYes(command));
  withExamples(
    command,
    'dead-letters delete --error-code JETFLEET_PAYLOAD_INVALID',
    'dead-letters delete --until 2d --yes',
  );
}

/** Asks on a terminal whether as many jobs as fit are to run again, which may cost something; elsewhere they do. */
export function confirmRetry(
  queue: JobQueueService,
  filter: DeadLetterFilter,
  options: ConfirmFlags,
): Promise<void> {
  return confirm(options, () => ask(queue, filter, (jobs) => `Run ${jobs} again?`), { unasked: 'do it' });
}

async function ask(
  queue: JobQueueService,
  filter: DeadLetterFilter,
  question: (jobs: string) => string,
): Promise<string | undefined> {
  const { total } = await queue.deadLetters.causes(filter);
  return total === 0 ? undefined : question(counted(total, 'job'));
}

/** Nobody should take all of them by leaving a filter out. */
function checkedFilter(options: BulkFlags, verb: string): DeadLetterFilter {
  const filter = filterOf(options);
  const isNarrow = Object.keys(filter).length > 0;
  if (!isNarrow && !options.all) throw usageError(`say which dead letters to ${verb}, or --all`);
  if (isNarrow && options.all) throw usageError('--all does not go with a filter');
  return filter;
}
