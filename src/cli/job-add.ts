import { type Command, InvalidArgumentError, Option } from 'commander';
import { defined } from '../jobs/defined.js';
import { type KeptToOne, ON_CONFLICT, type OnConflict } from '../jobs/unique-options.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import { ExitCode, usageError } from './exit-code.js';
import { printJob } from './job-text.js';
import {
  collect,
  durationOption,
  type GlobalOptions,
  integer,
  openQueue,
  parseDuration,
  parsePriority,
  parseWebhookUrl,
  withExamples,
} from './options.js';
import { note, print, printJson } from './output.js';
import { type DataFlags, readJson } from './payload.js';

interface AddOptions extends GlobalOptions, DataFlags {
  priority: JobPriority;
  id?: string;
  delay?: number;
  runAt?: string;
  maxAttempts?: number;
  timeout?: number;
  expiresIn?: number;
  webhookUrl?: string;
  tag?: string[];
  unique?: string;
  uniqueFor?: number;
  onConflict?: OnConflict;
  debounce?: string;
  maxDelay?: number;
  /** `true` waits for as long as it takes. */
  wait?: number | true;
}

const PAYLOAD = `{"url":"http://127.0.0.1:3000","payload":{"hello":"world"}}`;

export function jobAddCommand(job: Command): void {
  const command = job
    .command('add')
    .description('add a job and print its id')
    .argument('<type>', 'create_instance, send_webhook, another built-in type, or a type of your own')
    .argument('[source]', '"-" reads the payload from stdin', parseSource)
    .option('--data <json>', 'the payload; "-" reads it from stdin')
    .option('--data-file <file>', 'a file with the payload')
    .option('--priority <priority>', 'critical, high, normal or low', parsePriority, 'normal')
    .option('--id <id>', '1 to 100 of A-Z a-z 0-9 _ -; the same id twice is one job (default: a new ULID)')
    .option('--delay <duration>', 'start no earlier: 30s, 5m, or milliseconds', parseDuration)
    .option('--run-at <time>', 'start no earlier than this ISO 8601 time')
    .option('--max-attempts <n>', 'attempts in all (default: 3, of a webhook 10)', integer(1, 100))
    .option('--timeout <duration>', 'limit for one attempt', parseDuration)
    .option(
      '--expires-in <duration>',
      'fail as expired when it waits longer for its first attempt',
      parseDuration,
    )
    .option('--webhook-url <url>', 'where lifecycle webhooks go', parseWebhookUrl)
    .option('--tag <tag>', 'by what it is found again: tenant:acme; up to 10 times', collect)
    .option('--unique <key>', 'one job of the type for each key, until that has ended')
    .option('--unique-for <duration>', 'the key is taken for so long instead', parseDuration)
    .addOption(
      new Option(
        '--on-conflict <what>',
        'what to do while another job has the key (default: existing)',
      ).choices(ON_CONFLICT),
    )
    .option('--debounce <key>', 'one job for many calls: it starts once none has come for --delay')
    .option(
      '--max-delay <duration>',
      'with --debounce: start no later than this after the first call',
      parseDuration,
    )
    .addOption(
      durationOption(
        '--wait [duration]',
        'wait for the end and print the job; exits with 1 when it failed, with 124 when the time is over',
      ),
    )
    .action(async (type: string, source: '-' | undefined) => {
      const options = command.optsWithGlobals<AddOptions>();
      const payload = await readJson(options, 'payload', source);
      await using queue = openQueue(options);
      const {
        priority,
        delay,
        runAt,
        maxAttempts,
        timeout,
        expiresIn,
        webhookUrl,
        tag: tags,
        wait,
      } = options;
      const kept = keptToOne(options);
      const added = await queue.addOrFind(type, payload, priority, {
        ...defined({
          id: options.id,
          runAt,
          maxAttempts,
          timeoutMs: timeout,
          expiresInMs: expiresIn,
          webhookUrl,
          tags,
        }),
        ...(kept.debounce === undefined && defined({ delayMs: delay })),
        ...kept,
      });
      const { id, created, replaced } = added;
      if (wait !== undefined) {
        const record = await queue.ended(id, wait === true ? {} : { timeoutMs: wait });
        printJob(record, options);
        if (record.status === 'failed') process.exitCode = ExitCode.FAILURE;
      } else if (options.json) printJson({ id, created, ...defined({ replaced }) });
      else print(id);
      if (created || options.json || kept.unique === undefined || id === options.id) return;
      note(`jetfleet: nothing was added: job ${id} has the unique key already`);
    });
  withExamples(
    command,
    `job add send_webhook --data '${PAYLOAD}'`,
    'job add create_instance --data-file instance.json --priority high --id order-42 --wait 10m',
    'job add nightly_report - --delay 30s < report.json',
    'job add sync_account --data \'{"account":"a1"}\' --unique a1 --on-conflict reject',
  );
}

/** @throws ValidationError for options that lack the one which they belong to */
function keptToOne(options: AddOptions): KeptToOne {
  const { unique: key, uniqueFor, onConflict, debounce, delay, maxDelay } = options;
  if (key === undefined && (uniqueFor !== undefined || onConflict !== undefined))
    throw usageError('--unique-for and --on-conflict need --unique <key>');
  if (debounce === undefined && maxDelay !== undefined)
    throw usageError('--max-delay needs --debounce <key>');
  if (debounce !== undefined && delay === undefined)
    throw usageError('--debounce needs --delay <duration>: how long no other call may come');
  return {
    ...(key !== undefined && { unique: { key, ...defined({ for: uniqueFor, onConflict }) } }),
    ...(debounce !== undefined && {
      debounce: { key: debounce, delayMs: delay as number, ...defined({ maxDelayMs: maxDelay }) },
    }),
  };
}

function parseSource(value: string): '-' {
  if (value === '-') return value;
  throw new InvalidArgumentError('It can only be "-", for stdin. Pass JSON with --data.');
}
