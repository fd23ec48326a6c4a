import { type Command, Option } from 'commander';
import { defined } from '../jobs/defined.js';
import type { JobRecord } from '../jobs/job-record.js';
import { shownJob } from '../jobs/shown-job.js';
import { isTerminal, type JobStatus } from '../jobs/vocabulary.js';
import { ImpliedRuns } from '../queue/implied-runs.js';
import { noSuchJob } from '../queue/job-lookup.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { progressLine, transitionLine } from './job-text.js';
import {
  cliLogger,
  type GlobalOptions,
  openExisting,
  parseId,
  parseStatus,
  parseType,
  withExamples,
} from './options.js';
import { print, printJson, room } from './output.js';
import { shutdownSignal } from './signals.js';

interface WatchOptions extends GlobalOptions {
  type?: string;
  status?: JobStatus;
  from?: 'new' | 'all';
}

export function jobWatchCommand(job: Command): void {
  const command = job
    .command('watch')
    .description(
      'print each transition as it happens, until Ctrl-C; of one job, until it ends, with its progress',
    )
    .argument('[id]', 'only this job, its history included', parseId)
    .option('--type <type>', 'only this job type', parseType)
    .option('--status <status>', 'only transitions to this status', parseStatus)
    .addOption(
      new Option(
        '--from <start>',
        'begin now, or with all that is kept (default: new; of one job all)',
      ).choices(['new', 'all']),
    )
    .action((id: string | undefined) => watch(id, command.optsWithGlobals<WatchOptions>()));
  withExamples(
    command,
    'job watch',
    'job watch order-42',
    'job watch --type create_instance --status failed --json',
  );
}

/** Between the transitions of one job, how far it is. @returns how to stop */
function showProgress(queue: JobQueueService, { id, type, maxAttempts }: JobRecord): AbortController {
  const stopped = new AbortController();
  const follow = async () => {
    for await (const { progress, attempt, at } of queue.followProgress(id, { signal: stopped.signal }))
      print(progressLine({ id, type, attempt, maxAttempts, at, progress }));
  };
  // What ends it is the end of the watch, or of the job.
  follow().catch(() => {});
  return stopped;
}

async function watch(id: string | undefined, options: WatchOptions): Promise<void> {
  const interrupted = shutdownSignal();
  const { type, status, json } = options;
  const show = (record: JobRecord) => (json ? printJson(shownJob(record)) : print(transitionLine(record)));
  await using queue = openExisting(options, cliLogger('warn'));
  const job = id === undefined ? undefined : await queue.getJob(id);
  if (id !== undefined && !job) throw noSuchJob(id);
  // The state of a job that nobody has claimed is its message, which is no event.
  if (job && ['queued', 'scheduled'].includes(job.state)) show(job);
  let onEnd: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve;
  });
  // Every event of the one job, whatever is shown of it: its end must not be missed. How a short job ended tells that it ran.
  const ofStatus = id === undefined && status !== 'processing' ? status : undefined;
  const filter = defined({ id, type, status: ofStatus });
  const from = options.from ?? (id ? 'all' : 'new');
  const runs = new ImpliedRuns();
  const events = await queue.events({ filter, from }, async (record) => {
    for (const each of [runs.before(record), record])
      if (each && (!status || each.status === status)) show(each);
    await room();
    if (id && isTerminal(record.status)) onEnd();
  });
  const isLive = job !== undefined && !json && !status && !isTerminal(job.status);
  const reported = isLive ? showProgress(queue, job) : undefined;
  try {
    if (job && from === 'new' && isTerminal(job.status)) onEnd();
    await Promise.race([ended, interrupted, events.closed]);
  } finally {
    reported?.abort();
    await events.close();
  }
}
