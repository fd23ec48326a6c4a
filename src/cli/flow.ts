import type { Command } from 'commander';
import { flowToSvg } from '../inspect/index.js';
import { defined } from '../jobs/defined.js';
import { type FlowStatus, shownFlow } from '../jobs/shown-flow.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { Flow } from '../queue/flows/flow-add.js';
import { noSuchJob } from '../queue/job-lookup.js';
import { ExitCode, usageError } from './exit-code.js';
import {
  durationOption,
  type GlobalOptions,
  openExisting,
  openQueue,
  parseId,
  parsePriority,
  parseWebhookUrl,
  withExamples,
} from './options.js';
import { plain, print, printJson, table } from './output.js';
import { type DataFlags, readJson } from './payload.js';

interface AddOptions extends GlobalOptions, DataFlags {
  id?: string;
  priority: JobPriority;
  webhookUrl?: string;
  wait?: number | true;
}

export function flowCommand(program: Command): void {
  const flow = program.command('flow').description('add and show flows: jobs that run after one another');
  withExamples(flow, 'flow add --data-file report.json', 'flow get report-7');
  addCommand(flow);
  getCommand(flow);
}

function addCommand(flow: Command): void {
  const command = flow
    .command('add')
    .description('add a flow and print its id; "job cancel <id>" ends all of it')
    .option('--data <json>', 'the flow: {"jobs": {...}}, or a job with children; "-" reads it from stdin')
    .option('--data-file <file>', 'a file with the flow')
    .option('--id <id>', 'the same id twice is one flow (default: a new ULID)')
    .option('--priority <priority>', 'of the jobs that do not say', parsePriority, 'normal')
    .option('--webhook-url <url>', 'where the webhook of its end goes', parseWebhookUrl)
    .addOption(
      durationOption(
        '--wait [duration]',
        'wait for the end and print the flow; exits with 1 when it failed, with 124 when the time is over',
      ),
    )
    .action(async () => {
      const options = command.optsWithGlobals<AddOptions>();
      const flowData = await readJson(options, 'flow');
      await using queue = openQueue(options);
      const { id, priority, webhookUrl, wait } = options;
      const added = await queue.addFlow(flowData as Flow, defined({ id, priority, webhookUrl }));
      if (wait === undefined) {
        if (options.json) printJson(added);
        else print(added.id);
        return;
      }
      const ended = await queue.ended(added.id, wait === true ? {} : { timeoutMs: wait });
      printFlow((await queue.getFlow(added.id)) as FlowStatus, options);
      if (ended.status === 'failed') process.exitCode = ExitCode.FAILURE;
    });
  withExamples(command, 'flow add --data-file report.json --id report-7 --wait 10m');
}

function getCommand(flow: Command): void {
  const command = flow
    .command('get')
    .description('show a flow and how far its jobs are; ends with 3 when there is none')
    .argument('<id>', 'the id of the flow', parseId)
    .option('--svg', 'as a graph that stands by itself')
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { svg?: boolean }>();
      if (options.json && options.svg) throw usageError('--json does not go with --svg, which is no JSON');
      await using queue = openExisting(options);
      const found = await queue.getFlow(id);
      if (!found) throw noSuchJob(id);
      if (options.svg) print(await flowToSvg(found));
      else printFlow(found, options);
    });
  withExamples(
    command,
    'flow get report-7',
    'flow get report-7 --json | jq .completed',
    'flow get report-7 --svg > report-7.svg',
  );
}

function printFlow(whole: FlowStatus, { json }: GlobalOptions): void {
  const flow = shownFlow(whole);
  if (json) {
    printJson(flow);
    return;
  }
  const { id, state, total, completed, failed, error } = flow;
  print(
    `${id}  ${state}  ${completed} of ${total} completed, ${failed} failed${error ? `  ${plain(error.code)}` : ''}`,
  );
  const rows = flow.jobs.map((job) =>
    // Who publishes a flow by hand may give a job any type.
    [job.key, job.state, String(job.type), job.after.join(', '), job.error?.code ?? ''].map(plain),
  );
  if (rows.length > 0) print(table([['KEY', 'STATE', 'TYPE', 'AFTER', 'ERROR'], ...rows]));
}
