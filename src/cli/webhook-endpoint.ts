import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { defined } from '../jobs/defined.js';
import type { RateLimit } from '../jobs/limit.js';
import { MAX_CONCURRENCY } from '../jobs/limit.js';
import {
  ENDPOINT_ID,
  type EndpointChange,
  type EndpointFormat,
  FORMATS,
  isEndpointId,
  type NewEndpoint,
} from '../webhooks/endpoints/endpoint.js';
import { MAX_KEEP_COUNT } from '../webhooks/endpoints/keep-limits.js';
import type { ShownEndpoint } from '../webhooks/endpoints/webhook-endpoints.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { parseRateLimit } from './limits.js';
import {
  collect,
  durationOption,
  type GlobalOptions,
  integer,
  openExisting,
  openQueue,
  parseDuration,
  parseWebhookUrl,
  withExamples,
} from './options.js';
import { note, print, printJson, table } from './output.js';
import { endpointRow, printAdded, printEndpoint } from './webhook-endpoint-text.js';

interface SettingFlags extends GlobalOptions {
  description?: string;
  event?: string[];
  header?: string[];
  concurrency?: number;
  rate?: RateLimit;
  ordered?: boolean;
  format?: EndpointFormat;
  keepFor?: number;
  keepCount?: number;
}

/** `jetfleet webhook endpoint`: where webhooks go besides the addresses of jobs. */
export function webhookEndpointCommand(webhook: Command): void {
  const endpoint = webhook
    .command('endpoint')
    .description('endpoints that are sent the webhooks of all jobs');
  withExamples(
    endpoint,
    "webhook endpoint add https://example.com/hooks --id billing --event 'job.*'",
    'webhook endpoint list',
  );
  addCommand(endpoint);
  listCommand(endpoint);
  getCommand(endpoint);
  updateCommand(endpoint);
  rotateCommand(endpoint);
  enableCommand(endpoint);
  disableCommand(endpoint);
  testCommand(endpoint);
  removeCommand(endpoint);
  resealCommand(endpoint);
}

function withSettings(command: Command): Command {
  return command
    .option('--description <text>', 'what it is for')
    .option(
      '--event <pattern>',
      'job.failed, instance.*, or *; may be given several times (default: *)',
      collect,
    )
    .option('--header <line>', '"name: value", sent along; may be given several times', collect)
    .option('--concurrency <n>', 'webhooks at once (default: 5)', integer(1, MAX_CONCURRENCY))
    .option('--rate <max/duration>', 'webhooks in a time: 100/1m', parseRateLimit)
    .option('--ordered', 'the webhooks of an instance one after the other')
    .option('--no-ordered', 'all at once again')
    .addOption(new Option('--format <name>', 'the shape of a webhook (default: standard)').choices(FORMATS))
    .option(
      '--keep-for <duration>',
      'how long webhooks wait while it is disabled (default: 7d)',
      parseDuration,
    )
    .option('--keep-count <n>', 'how many do (default: 10000)', integer(0, MAX_KEEP_COUNT));
}

function settingsOf(flags: SettingFlags): Omit<NewEndpoint, 'url'> {
  const {
    description,
    event: events,
    header,
    concurrency,
    rate,
    ordered,
    format,
    keepFor,
    keepCount,
  } = flags;
  const keep = defined({ maxAgeMs: keepFor, maxCount: keepCount });
  return defined({
    description,
    events,
    headers: header && Object.fromEntries(header.map(headerOf)),
    concurrency,
    rate,
    ordered,
    format,
    keep: Object.keys(keep).length > 0 ? keep : undefined,
  });
}

function headerOf(line: string): [string, string] {
  const at = line.indexOf(':');
  // The line is not repeated: it may be a secret.
  if (at < 1) throw new InvalidArgumentError('A header must read "name: value".');
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

function addCommand(endpoint: Command): void {
  const command = withSettings(
    endpoint
      .command('add <url>')
      .description('add an endpoint; prints its secret, this one time')
      .option('--id <id>', ENDPOINT_ID, parseEndpointId)
      .option('--secret-stdin', 'read its secret from stdin, in place of a new one'),
  ).action(async (url: string) => {
    const options = command.optsWithGlobals<SettingFlags & { id?: string; secretStdin?: boolean }>();
    const secret = await secretOf(options);
    await using queue = openQueue(options);
    const settings = { ...settingsOf(options), ...defined({ id: options.id, secret }) };
    printAdded(await queue.webhookEndpoints.add({ url: parseWebhookUrl(url), ...settings }), options);
  });
  withExamples(
    command,
    "webhook endpoint add https://example.com/hooks --id billing --event 'job.*' --concurrency 10",
  );
}

async function secretOf({ secretStdin }: { secretStdin?: boolean }): Promise<string | undefined> {
  return secretStdin ? (await text(process.stdin)).trim() : undefined;
}

function listCommand(endpoint: Command): void {
  const command = endpoint
    .command('list')
    .description('all endpoints, and how they fare')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const endpoints = await queue.webhookEndpoints.list();
      if (options.json) return printJson({ endpoints });
      if (endpoints.length === 0) return note('no endpoints');
      print(
        table([['ID', 'URL', 'EVENTS', 'STATE', 'FAILURES', 'KEPT', 'ERROR'], ...endpoints.map(endpointRow)]),
      );
    });
  withExamples(command, 'webhook endpoint list', 'webhook endpoint list --json');
}

function getCommand(endpoint: Command): void {
  changeCommand(endpoint, 'get', 'show one endpoint; ends with 3 when there is none', (endpoints, id) =>
    endpoints.get(id),
  );
}

function updateCommand(endpoint: Command): void {
  const command = withSettings(
    endpoint
      .command('update')
      .description('change what is given of an endpoint')
      .argument('<id>', 'the id of the endpoint', parseEndpointId)
      .option('--url <url>', 'where it is', parseWebhookUrl)
      .option('--no-rate', 'take its rate back')
      .option('--no-headers', 'take its headers back'),
  ).action(async (id: string) => {
    const options = command.optsWithGlobals<
      Omit<SettingFlags, 'rate'> & { url?: string; rate?: RateLimit | boolean; headers?: boolean }
    >();
    const { rate, headers, url, ...flags } = options;
    const change: EndpointChange = {
      ...settingsOf(flags),
      ...defined({ url }),
      ...(rate === false && { rate: null }),
      ...(typeof rate === 'object' && { rate }),
      ...(headers === false && { headers: null }),
    };
    await using queue = openExisting(options);
    printEndpoint(await queue.webhookEndpoints.update(id, change), options);
  });
  withExamples(
    command,
    'webhook endpoint update billing --rate 100/1m',
    'webhook endpoint update billing --no-rate',
  );
}

function rotateCommand(endpoint: Command): void {
  const command = endpoint
    .command('rotate-secret')
    .description('sign with a new secret; the old ones sign beside it for a while')
    .argument('<id>', 'the id of the endpoint', parseEndpointId)
    .option('--secret-stdin', 'read the secret from stdin, in place of a new one')
    .addOption(
      durationOption('--keep-old <duration>', 'how long the old ones sign', {
        byDefault: '24h',
        isTimer: false,
      }),
    )
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { secretStdin?: boolean; keepOld: number }>();
      const secret = await secretOf(options);
      await using queue = openExisting(options);
      const rotated = await queue.webhookEndpoints.rotateSecret(id, {
        keepOldForMs: options.keepOld,
        ...defined({ secret }),
      });
      printAdded(rotated, options);
    });
  withExamples(command, 'webhook endpoint rotate-secret billing --keep-old 2d');
}

function enableCommand(endpoint: Command): void {
  changeCommand(endpoint, 'enable', 'send what it was kept, in order, and what comes', (endpoints, id) =>
    endpoints.enable(id),
  );
}

function disableCommand(endpoint: Command): void {
  const command = endpoint
    .command('disable')
    .description('keep its webhooks from now on, until it is enabled')
    .argument('<id>', 'the id of the endpoint', parseEndpointId)
    .option('--reason <text>', 'why')
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { reason?: string }>();
      await using queue = openExisting(options);
      printEndpoint(await queue.webhookEndpoints.disable(id, options.reason), options);
    });
  withExamples(command, "webhook endpoint disable billing --reason 'moves to another host'");
}

function testCommand(endpoint: Command): void {
  const command = endpoint
    .command('test')
    .description('send it a webhook of the type webhook.test, once')
    .argument('<id>', 'the id of the endpoint', parseEndpointId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const job = await queue.webhookEndpoints.test(id);
      if (options.json) printJson({ id: job });
      else print(`${job} delivers it; see: jetfleet webhook get ${job}`);
    });
  withExamples(command, 'webhook endpoint test billing');
}

function removeCommand(endpoint: Command): void {
  const command = endpoint
    .command('remove')
    .description('remove it; webhooks that are still to be delivered to it fail')
    .argument('<id>', 'the id of the endpoint', parseEndpointId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & ConfirmFlags>();
      await using queue = openExisting(options);
      const question = async () => {
        const { kept } = await queue.webhookEndpoints.get(id);
        return `Remove the endpoint ${id}, and fail the ${counted(kept.count, 'webhook')} that it keeps?`;
      };
      const hint = `"webhook endpoint get ${id}" shows the webhooks that would fail`;
      await confirm(options, question, { unasked: 'refuse', hint });
      await queue.webhookEndpoints.remove(id);
      if (options.json) printJson({ id });
      else print(`${id} is removed`);
    });
  withYes(command);
  withExamples(command, 'webhook endpoint remove billing', 'webhook endpoint remove billing --yes');
}

function resealCommand(endpoint: Command): void {
  const command = endpoint
    .command('reseal')
    .description('encrypt the secrets of all endpoints with the first key of JETFLEET_WEBHOOK_KEYS')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const count = await queue.webhookEndpoints.reseal();
      if (options.json) printJson({ count });
      else print(`the secrets of ${count} endpoints are encrypted with the first key`);
    });
  withExamples(command, 'webhook endpoint reseal');
}

type Endpoints = ReturnType<typeof openExisting>['webhookEndpoints'];

function changeCommand(
  endpoint: Command,
  verb: string,
  description: string,
  change: (endpoints: Endpoints, id: string) => Promise<ShownEndpoint>,
): void {
  const command = endpoint
    .command(verb)
    .description(description)
    .argument('<id>', 'the id of the endpoint', parseEndpointId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      printEndpoint(await change(queue.webhookEndpoints, id), options);
    });
  withExamples(command, `webhook endpoint ${verb} billing`);
}

function parseEndpointId(id: string): string {
  if (isEndpointId(id)) return id;
  throw new InvalidArgumentError(`It must be ${ENDPOINT_ID}.`);
}
