import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { defined } from '../jobs/defined.js';
import { ValidationError } from '../jobs/errors.js';
import { decodeUtf8, parseExactJson } from '../jobs/exact-json.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { Flow } from '../queue/flows/flow-add.js';
import type { FlowStatus } from '../queue/flows/flow-status.js';
import { noSuchJob } from '../queue/job-lookup.js';
import { ExitCode, usageError } from './exit-code.js';
import {
  durationOption,
  type GlobalOptions,
  openExisting,
  openQueue,
  parseId,
  parsePriority,
  withExamples,
} from './options.js';
import { print, printJson, table } from './output.js';

interface AddOptions extends GlobalOptions {
  data?: string;
  dataFile?: string;
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
    .option('--webhook-url <url>', 'where the webhook of its end goes')
    .addOption(
      durationOption('--wait [duration]', 'wait for the end and print the flow; exits with 1 when it failed'),
    )
    .action(async () => {
      const options = command.optsWithGlobals<AddOptions>();
      const flowData = await readFlow(options);
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
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const found = await queue.getFlow(id);
      if (!found) throw noSuchJob(id);
      printFlow(found, options);
    });
  withExamples(command, 'flow get report-7', 'flow get report-7 --json | jq .completed');
}

function printFlow(flow: FlowStatus, { json }: GlobalOptions): void {
  if (json) {
    printJson(flow);
    return;
  }
  const { id, state, total, completed, failed, error } = flow;
  print(
    `${id}  ${state}  ${completed} of ${total} completed, ${failed} failed${error ? `  ${error.code}` : ''}`,
  );
  const rows = flow.jobs.map((job) => [
    job.key,
    job.state,
    job.type,
    job.after.join(', '),
    job.error?.code ?? '',
  ]);
  if (rows.length > 0) print(table([['KEY', 'STATE', 'TYPE', 'AFTER', 'ERROR'], ...rows]));
}

async function readFlow({ data, dataFile }: AddOptions): Promise<unknown> {
  if ((data === undefined) === (dataFile === undefined))
    throw usageError(`a flow comes from --data '<json>' or --data-file <file>`);
  const bytes = await (dataFile === undefined
    ? data === '-'
      ? buffer(process.stdin)
      : Buffer.from(data ?? '')
    : readFile(dataFile).catch((error: Error) => {
        throw usageError(`the flow cannot be read: ${error.message}`);
      }));
  try {
    return parseExactJson(decodeUtf8(bytes));
  } catch (error) {
    if (error instanceof ValidationError) throw error;
    throw usageError(`the flow is not valid JSON: ${(error as Error).message}`, 'JETFLEET_BODY_NOT_JSON');
  }
}
