import type { Command } from 'commander';
import { shownJob } from '../jobs/shown-job.js';
import { usageError } from './exit-code.js';
import { stateOf } from './job-text.js';
import { type GlobalOptions, openExisting, parseId, parseSince, parseType, withExamples } from './options.js';
import { note, noteProgress, print, printJson } from './output.js';

interface RetryOptions extends GlobalOptions {
  all?: boolean;
  type?: string;
  since?: Date;
}

/** `jetfleet job retry`. */
export function jobRetryCommand(job: Command): void {
  const command = job
    .command('retry')
    .description('run a FAILED job again, with a fresh count of attempts; or all of them')
    .argument('[id]', 'the id of the job', parseId)
    .option('--all', 'every FAILED job that the filters let through')
    .option('--type <type>', 'with --all: only this job type', parseType)
    .option('--since <time>', 'with --all: only those that failed since; 2h, or an ISO 8601 time', parseSince)
    .action(async (id: string | undefined) => {
      const options = command.optsWithGlobals<RetryOptions>();
      checkUse(id, options);
      await using queue = openExisting(options);
      if (id !== undefined) {
        const record = await queue.retry(id);
        if (options.json) printJson(shownJob(record));
        else print(`${id}  ${stateOf(record)}`);
        return;
      }
      const { type, since } = options;
      const filter = { ...(type && { type }), ...(since && { since }) };
      const ids = await queue.retryAll(filter, { onProgress: noteProgress('jobs run again') });
      if (options.json) return printJson({ retried: ids });
      for (const each of ids) print(each);
      note(`${ids.length} jobs run again`);
    });
  withExamples(command, 'job retry order-42', 'job retry --all --type create_instance --since 2h');
}

function checkUse(id: string | undefined, { all, type, since }: RetryOptions): void {
  if (id === undefined && !all) throw usageError('name the job to retry, or --all');
  if (id !== undefined && (all || type || since)) {
    throw usageError('--all, --type and --since do not go with the id of one job');
  }
}
