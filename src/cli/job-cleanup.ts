import type { Command } from 'commander';
import { durationOption, type GlobalOptions, openExisting, withExamples } from './options.js';
import { noteProgress, print, printJson } from './output.js';

/** `jetfleet job cleanup`. */
export function jobCleanupCommand(job: Command): void {
  const command = job
    .command('cleanup')
    .description('remove the records of jobs that ended long ago, which also go by themselves after 7 days')
    .addOption(durationOption('--older-than <duration>', 'how long ago they ended', '24h'))
    .action(async () => {
      const { olderThan, ...options } = command.optsWithGlobals<GlobalOptions & { olderThan: number }>();
      await using queue = openExisting(options);
      const removed = await queue.cleanup(olderThan, { onProgress: noteProgress('jobs removed') });
      if (options.json) printJson({ removed });
      else print(`${removed} jobs removed`);
    });
  withExamples(command, 'job cleanup', 'job cleanup --older-than 2h');
}
