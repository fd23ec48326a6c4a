import type { Command } from 'commander';
import { defined } from '../jobs/defined.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { usageError } from './exit-code.js';
import { printJob, stateOf } from './job-text.js';
import {
  type GlobalOptions,
  openExisting,
  parseDuration,
  parseId,
  parsePriority,
  withExamples,
} from './options.js';
import { whoAmI } from './pause.js';

/** `job priority`, `job promote` and `job reschedule`: what can be changed of a job that waits. */
export function jobChangeCommands(job: Command): void {
  priorityCommand(job);
  promoteCommand(job);
  rescheduleCommand(job);
}

function priorityCommand(job: Command): void {
  const command = job
    .command('priority')
    .description('change the priority of a job that waits; ends with 4 when it runs or has ended')
    .argument('<id>', 'the id of the job', parseId)
    .argument('<priority>', 'critical, high, normal or low', parsePriority)
    .action((id: string, priority: JobPriority) =>
      change(command, (queue, by) => queue.setPriority(id, priority, defined({ by }))),
    );
  withExamples(command, 'job priority order-42 critical');
}

function promoteCommand(job: Command): void {
  const command = job
    .command('promote')
    .description('run a scheduled, retrying or sleeping job now')
    .argument('<id>', 'the id of the job', parseId)
    .action((id: string) => change(command, (queue, by) => queue.promote(id, defined({ by }))));
  withExamples(command, 'job promote order-42');
}

function rescheduleCommand(job: Command): void {
  const command = job
    .command('reschedule')
    .description('move a job that waits to another time')
    .argument('<id>', 'the id of the job', parseId)
    .option('--delay <duration>', 'so long from now: 30s, 5m, or milliseconds', parseDuration)
    .option('--run-at <time>', 'at this ISO 8601 time')
    .action((id: string) => {
      const { delay, runAt } = command.opts<{ delay?: number; runAt?: string }>();
      if ((delay === undefined) === (runAt === undefined))
        throw usageError('give one of --delay and --run-at');
      return change(command, (queue, by) => queue.reschedule(id, defined({ delayMs: delay, runAt, by })));
    });
  withExamples(command, 'job reschedule order-42 --delay 10m');
}

async function change(
  command: Command,
  make: (queue: JobQueueService, by: string | undefined) => Promise<JobRecord>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  await using queue = openExisting(options);
  printJob(await make(queue, whoAmI()), options, lineOf);
}

function lineOf(record: JobRecord): string {
  const due = record.nextRunAt === undefined ? '' : `, due at ${record.nextRunAt}`;
  return `${record.id}  ${stateOf(record)}, ${record.priority}${due}`;
}
