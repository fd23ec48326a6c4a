import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { ValidationError } from '../jobs/errors.js';
import { parseExactJson } from '../jobs/exact-json.js';
import { generateJobId } from '../jobs/job-id.js';
import type { JobOptions } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_TIMER_MS } from '../jobs/numbers.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { WaitOptions } from '../queue/job-wait.js';
import { ExitCode, usageError } from './exit-code.js';
import { jobBlock } from './job-text.js';
import {
  type GlobalOptions,
  integer,
  openQueue,
  parseDuration,
  parsePriority,
  withExamples,
} from './options.js';
import { print, printJson } from './output.js';

interface AddOptions extends GlobalOptions {
  data?: string;
  dataFile?: string;
  priority: JobPriority;
  id?: string;
  delay?: number;
  runAt?: string;
  maxAttempts?: number;
  timeout?: number;
  webhookUrl?: string;
  /** `true` waits for as long as it takes. */
  wait?: number | true;
}

const PAYLOAD = `{"url":"http://127.0.0.1:3000","payload":{"hello":"world"}}`;

/** `jetfleet job add`. */
export function jobAddCommand(job: Command): void {
  const command = job
    .command('add')
    .description('add a job and print its id')
    .argument('<type>', 'create_instance, monitor_instance, send_webhook, or a type of your own')
    .argument('[source]', '"-" reads the payload from stdin', parseSource)
    .option('--data <json>', 'the payload; "-" reads it from stdin')
    .option('--data-file <file>', 'a file with the payload')
    .option('--priority <priority>', 'critical, high, normal or low', parsePriority, 'normal')
    .option('--id <id>', '1 to 100 of A-Z a-z 0-9 _ -; the same id twice is one job (default: a new ULID)')
    .option('--delay <duration>', 'start no earlier: 30s, 5m, or milliseconds', parseDuration)
    .option('--run-at <time>', 'start no earlier than this ISO 8601 time')
    .option('--max-attempts <n>', 'attempts in all (default: 3, of a webhook 10)', integer(1, 100))
    .option('--timeout <duration>', 'limit for one attempt', parseDuration)
    .option('--webhook-url <url>', 'where lifecycle webhooks go')
    .option(
      '--wait [duration]',
      'wait for the end and print the job; exits with 1 when it failed, with 124 when the time is over',
      parseWait,
    )
    .action(async (type: string, source: '-' | undefined) => {
      const options = command.optsWithGlobals<AddOptions>();
      const payload = parseJson(
        await readPayload(source ? { ...options, data: addSource(options) } : options),
      );
      await using queue = openQueue(options);
      const id = options.id ?? generateJobId();
      await queue.addJob(type, payload, options.priority, { id, ...jobOptions(options) });
      if (options.wait !== undefined)
        return printEnd(await queue.ended(id, waitOptions(options.wait)), options);
      if (options.json) printJson({ id });
      else print(id);
    });
  withExamples(
    command,
    `job add send_webhook --data '${PAYLOAD}'`,
    'job add create_instance --data-file instance.json --priority high --id order-42 --wait 10m',
    'job add nightly_report - --delay 30s < report.json',
  );
}

/** What a timer can wait; it is refused before the job is added. */
function parseWait(text: string): number {
  const ms = parseDuration(text);
  if (ms > MAX_TIMER_MS) throw new InvalidArgumentError('It must be at most 24 days.');
  return ms;
}

function parseSource(value: string): string {
  if (value === '-') return value;
  throw new InvalidArgumentError('It can only be "-", for stdin. Pass JSON with --data.');
}

function addSource({ data }: AddOptions): string {
  if (data === undefined) return '-';
  throw usageError('the payload can come from "-" or from --data, not from both');
}

async function readPayload({ data, dataFile }: AddOptions): Promise<string> {
  if (data !== undefined && dataFile !== undefined) {
    throw usageError('the payload can come from --data or from --data-file, not from both');
  }
  if (data === '-' || dataFile === '-') return text(process.stdin);
  if (data !== undefined) return data;
  if (dataFile === undefined) {
    throw usageError(`a job needs a payload: --data '<json>', --data-file <file>, or - for stdin`);
  }
  return readFile(dataFile, 'utf8').catch((error: Error) => {
    throw usageError(`the payload cannot be read: ${error.message}`);
  });
}

function parseJson(payload: string): unknown {
  try {
    return parseExactJson(payload);
  } catch (error) {
    if (error instanceof ValidationError) throw error;
    throw usageError(`the payload is not valid JSON: ${(error as Error).message}`, 'JETFLEET_BODY_NOT_JSON');
  }
}

function jobOptions({ delay, runAt, maxAttempts, timeout, webhookUrl }: AddOptions): JobOptions {
  return {
    ...(delay !== undefined && { delayMs: delay }),
    ...(runAt !== undefined && { runAt }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(webhookUrl !== undefined && { webhookUrl }),
  };
}

function waitOptions(wait: number | true): WaitOptions {
  return wait === true ? {} : { timeoutMs: wait };
}

function printEnd(record: JobRecord, { json }: AddOptions): void {
  if (json) printJson(record);
  else print(jobBlock(record));
  if (record.status === 'failed') process.exitCode = ExitCode.FAILURE;
}
