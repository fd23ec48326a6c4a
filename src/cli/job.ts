import { type Command, Option } from 'commander';
import { mayCost } from '../instances/instance-costs.js';
import { defined } from '../jobs/defined.js';
import type { JobRecord } from '../jobs/job-record.js';
import { maskSecrets } from '../jobs/mask.js';
import type { JobPriority, JobStatus } from '../jobs/vocabulary.js';
import { noSuchJob } from '../queue/job-lookup.js';
import { type CleanupOptions, END_STATUSES } from '../queue/retention/cleanup-filter.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { confirmRetry } from './dead-letters.js';
import { usageError } from './exit-code.js';
import { jobAddCommand } from './job-add.js';
import { jobChangeCommands } from './job-change.js';
import { jobFamilyCommand } from './job-family.js';
import { jobLogsCommand, jobStreamCommand } from './job-reports.js';
import { jobShareCommand } from './job-share.js';
import { jobSignalCommand } from './job-signal.js';
import { jobStepsCommand } from './job-steps.js';
import { printJob, printJobWithCost, printPage, printRetried, stateOf } from './job-text.js';
import { jobWatchCommand } from './job-watch.js';
import {
  collect,
  durationOption,
  type GlobalOptions,
  integer,
  openExisting,
  parseId,
  parsePriority,
  parseSince,
  parseStatus,
  parseType,
  withExamples,
} from './options.js';
import { print, printJson } from './output.js';
import { type DataFlags, readJson } from './payload.js';
import { type ProgressFlags, showProgress, withProgress } from './progress.js';

export function jobCommand(program: Command): void {
  const job = program.command('job').description('add, show, change, cancel and retry jobs');
  withExamples(job, 'job get order-42', 'job list --status failed');
  jobAddCommand(job);
  getCommand(job);
  listCommand(job);
  jobWatchCommand(job);
  jobLogsCommand(job);
  jobStreamCommand(job);
  jobStepsCommand(job);
  jobFamilyCommand(job);
  jobShareCommand(job);
  jobSignalCommand(job);
  jobChangeCommands(job);
  cancelCommand(job);
  retryCommand(job);
  cleanupCommand(job);
}

function getCommand(job: Command): void {
  const command = job
    .command('get')
    .description('show one job; ends with 3 when there is none')
    .argument('<id>', 'the id of the job', parseId)
    .addOption(
      new Option('--whole <field>', 'print this alone, as JSON, however large it is').choices([
        'payload',
        'result',
      ]),
    )
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { whole?: 'payload' | 'result' }>();
      await using queue = openExisting(options);
      if (options.whole) {
        printJson(maskSecrets((await queue.load(id, options.whole)) ?? null));
        return;
      }
      const record = await queue.getJob(id);
      if (!record) throw noSuchJob(id);
      const cost = mayCost(record) ? await queue.instances.cost(id) : undefined;
      printJobWithCost(record, cost, options);
    });
  withExamples(
    command,
    'job get order-42',
    'job get order-42 --json | jq .status',
    'job get order-42 --whole result > result.json',
  );
}

interface ListOptions extends GlobalOptions {
  type?: string;
  status?: JobStatus;
  priority?: JobPriority;
  tag?: string[];
  worker?: string;
  errorCode?: string;
  order?: 'newest' | 'oldest';
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
    .option('--tag <tag>', 'only jobs with this tag; given several times, with all of them', collect)
    .option('--worker <name>', 'only jobs that this worker runs, or ran last')
    .option('--error-code <code>', 'only FAILED jobs whose error has this code')
    .addOption(new Option('--order <order>', 'by the time of the last change').choices(['newest', 'oldest']))
    .option('--limit <n>', 'most jobs on a page', integer(1, 1_000), 100)
    .option('--cursor <cursor>', 'go on where the page before ended; with the same filter')
    .action(async () => {
      const options = command.optsWithGlobals<ListOptions>();
      const { type, status, priority, tag: tags, worker, errorCode, order, limit, cursor } = options;
      await using queue = openExisting(options);
      const page = await queue.getJobs(
        defined({ limit, type, status, priority, tags, worker, errorCode, order, cursor }),
      );
      printPage(page, options, 'no jobs');
    });
  withExamples(
    command,
    'job list --status failed --limit 20',
    'job list --tag tenant:acme --order newest',
    'job list --json | jq -r ".jobs[].id"',
  );
}

function cancelCommand(job: Command): void {
  const command = job
    .command('cancel')
    .description('cancel a job, also one that runs elsewhere; ends with 4 when it has ended already')
    .argument('<id>', 'the id of the job', parseId)
    .option('--reason <text>', "why; shown in the job's error")
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { reason?: string }>();
      await using queue = openExisting(options);
      printJob(await queue.cancel(id, options.reason), options, stateLine);
    });
  withExamples(command, 'job cancel order-42', 'job cancel order-42 --reason "ordered by mistake"');
}

interface CleanupFlags
  extends GlobalOptions,
    ConfirmFlags,
    ProgressFlags,
    Pick<CleanupOptions, 'type' | 'status' | 'keep' | 'dryRun'> {
  olderThan: number;
}

function cleanupCommand(job: Command): void {
  const command = job
    .command('cleanup')
    .description('remove the records of jobs that ended long ago, which also go by themselves after 7 days')
    .addOption(
      durationOption('--older-than <duration>', 'how long ago they ended', {
        byDefault: '24h',
        isTimer: false,
      }),
    )
    .option('--type <type>', 'only jobs of this type', parseType)
    .addOption(new Option('--status <status>', 'only jobs that ended so').choices(END_STATUSES))
    .option('--keep <count>', 'so many of the type stay that ended last, of each status', integer(0, 1e9))
    .option('--dry-run', 'count them, and remove none')
    .action(async () => {
      const options = command.optsWithGlobals<CleanupFlags>();
      const { olderThan, type, status, keep, dryRun = false } = options;
      await using queue = openExisting(options);
      const startedMs = performance.now();
      // What ends while the question stands was not counted, and stays.
      const age = () => olderThan + Math.ceil(performance.now() - startedMs);
      const clean = (isCount: boolean) =>
        showProgress(isCount ? 'jobs counted' : 'jobs removed', options, (onProgress) =>
          queue.cleanup(age(), { ...defined({ type, status, keep }), dryRun: isCount, onProgress }),
        );
      if (!dryRun) await confirm(options, async () => removal(await clean(true)), REMOVAL);
      const removed = await clean(dryRun);
      if (options.json) printJson(dryRun ? { removed: 0, wouldRemove: removed } : { removed });
      else print(dryRun ? `${removed} jobs would be removed` : `${removed} jobs removed`);
    });
  withProgress(withYes(command));
  withExamples(
    command,
    'job cleanup --dry-run',
    'job cleanup --older-than 2h --status completed',
    'job cleanup --older-than 0 --type report --keep 1000 --yes',
  );
}

const REMOVAL = { unasked: 'refuse', hint: '--dry-run counts the jobs' } as const;

function removal(count: number): string | undefined {
  return count === 0 ? undefined : `Remove ${counted(count, 'job')} for good?`;
}

interface RetryOptions extends GlobalOptions, DataFlags, ConfirmFlags, ProgressFlags {
  all?: boolean;
  type?: string;
  since?: Date;
}

function retryCommand(job: Command): void {
  const command = job
    .command('retry')
    .description('run a FAILED job again, with a fresh count of attempts; or all of them')
    .argument('[id]', 'the id of the job', parseId)
    .option('--data <json>', 'run it with this payload instead')
    .option('--data-file <file>', 'as --data, from a file')
    .option(
      '--all',
      'every FAILED job that the filters let through, but cancelled ones; see also dead-letters',
    )
    .option('--type <type>', 'with --all: only this job type', parseType)
    .option('--since <time>', 'with --all: only those that failed since; 2h, or an ISO 8601 time', parseSince)
    .action(async (id: string | undefined) => {
      const options = command.optsWithGlobals<RetryOptions>();
      checkUse(id, options);
      await using queue = openExisting(options);
      if (id !== undefined) {
        const payload = hasPayload(options) ? await readJson(options) : undefined;
        return printJob(await queue.retry(id, defined({ payload })), options, stateLine);
      }
      const filter = defined({ type: options.type, since: options.since });
      await confirmRetry(queue, filter, options);
      const ids = await showProgress('jobs run again', options, (onProgress) =>
        queue.retryAll(filter, { onProgress }),
      );
      printRetried(ids, options);
    });
  withProgress(withYes(command));
  withExamples(
    command,
    'job retry order-42',
    'job retry order-42 --data-file mended.json',
    'job retry --all --type create_instance --since 2h',
  );
}

function stateLine(record: JobRecord): string {
  return `${record.id}  ${stateOf(record)}`;
}

function hasPayload({ data, dataFile }: RetryOptions): boolean {
  return data !== undefined || dataFile !== undefined;
}

function checkUse(id: string | undefined, options: RetryOptions): void {
  const { all, type, since } = options;
  if (id === undefined && hasPayload(options))
    throw usageError('--data and --data-file need the id of one job');
  if (id === undefined && !all) throw usageError('name the job to retry, or --all');
  if (id !== undefined && (all || type || since)) {
    throw usageError('--all, --type and --since do not go with the id of one job');
  }
}
