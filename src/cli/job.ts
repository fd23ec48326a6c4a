import type { Command } from 'commander';
import { shownJob } from '../jobs/shown-job.js';
import type { JobPriority, JobStatus } from '../jobs/vocabulary.js';
import { noSuchJob } from '../queue/job-lookup.js';
import { jobAddCommand } from './job-add.js';
import { jobCancelCommand } from './job-cancel.js';
import { jobCleanupCommand } from './job-cleanup.js';
import { jobRetryCommand } from './job-retry.js';
import { jobBlock, LIST_HEADING, listRow } from './job-text.js';
import { jobWatchCommand } from './job-watch.js';
import {
  type GlobalOptions,
  integer,
  openExisting,
  parseId,
  parsePriority,
  parseStatus,
  parseType,
  withExamples,
} from './options.js';
import { note, print, printJson, table } from './output.js';

/** `jetfleet job`: add, get, list, watch, cancel, retry and cleanup. */
export function jobCommand(program: Command): void {
  const job = program.command('job').description('add jobs, look at them, cancel and retry them');
  withExamples(job, 'job get order-42', 'job list --status failed');
  jobAddCommand(job);
  getCommand(job);
  listCommand(job);
  jobWatchCommand(job);
  jobCancelCommand(job);
  jobRetryCommand(job);
  jobCleanupCommand(job);
}

function getCommand(job: Command): void {
  const command = job
    .command('get')
    .description('show one job; ends with 3 when there is none')
    .argument('<id>', 'the id of the job', parseId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const record = await queue.getJob(id);
      if (!record) throw noSuchJob(id);
      const shown = shownJob(record);
      if (options.json) printJson(shown);
      else print(jobBlock(shown));
    });
  withExamples(command, 'job get order-42', 'job get order-42 --json | jq .status');
}

interface ListOptions extends GlobalOptions {
  type?: string;
  status?: JobStatus;
  priority?: JobPriority;
  limit: number;
  cursor?: string;
}

function listCommand(job: Command): void {
  const command = job
    .command('list')
    .description('list jobs: those that run, then waiting, completed and failed ones')
    .option('--type <type>', 'only this job type', parseType)
    .option('--status <status>', 'only pending, processing, completed or failed', parseStatus)
    .option('--priority <priority>', 'only critical, high, normal or low', parsePriority)
    .option('--limit <n>', 'most jobs on a page', integer(1, 1_000), 100)
    .option('--cursor <cursor>', 'go on where the page before ended; with the same filter')
    .action(async () => {
      const { json, type, status, priority, limit, cursor, ...rest } = command.optsWithGlobals<ListOptions>();
      await using queue = openExisting(rest);
      const page = await queue.getJobs({
        limit,
        ...(type && { type }),
        ...(status && { status }),
        ...(priority && { priority }),
        ...(cursor && { cursor }),
      });
      if (json) return printJson({ ...page, jobs: page.jobs.map(shownJob) });
      if (page.jobs.length > 0) print(table([LIST_HEADING, ...page.jobs.map(listRow)]));
      else note('no jobs');
      if (page.cursor) note(`there are more: add --cursor ${page.cursor}`);
    });
  withExamples(command, 'job list --status failed --limit 20', 'job list --json | jq -r ".jobs[].id"');
}
