import type { Command } from 'commander';
import { shownJob } from '../jobs/shown-job.js';
import { stateOf } from './job-text.js';
import { type GlobalOptions, openExisting, parseId, withExamples } from './options.js';
import { print, printJson } from './output.js';

/** `jetfleet job cancel`. */
export function jobCancelCommand(job: Command): void {
  const command = job
    .command('cancel')
    .description('cancel a job, also one that runs elsewhere; ends with 4 when it has ended already')
    .argument('<id>', 'the id of the job', parseId)
    .option('--reason <text>', "why; shown in the job's error")
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { reason?: string }>();
      await using queue = openExisting(options);
      const record = await queue.cancel(id, options.reason);
      if (options.json) printJson(shownJob(record));
      else print(`${id}  ${stateOf(record)}`);
    });
  withExamples(command, 'job cancel order-42', 'job cancel order-42 --reason "ordered by mistake"');
}
