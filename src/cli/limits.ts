import { type Command, InvalidArgumentError } from 'commander';
import { defined } from '../jobs/defined.js';
import { type LimitSettings, MAX_CONCURRENCY, type RateLimit } from '../jobs/limit.js';
import type { ShownLimit } from '../jobs/shown-limit.js';
import { assertOfNoEndpoint } from '../webhooks/endpoints/endpoint-limit.js';
import { type GlobalOptions, integer, openExisting, parseDuration, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';

/** `jetfleet limits list`, `set` and `reset`. */
export function limitsCommand(program: Command): void {
  const limits = program.command('limits').description('permits that are held and waited for, by key');
  withExamples(limits, 'limits list', 'limits set resize/tenant --concurrency 5');
  listCommand(limits);
  setCommand(limits);
  resetCommand(limits);
}

function listCommand(limits: Command): void {
  const command = limits
    .command('list [limit] [key]')
    .description('what is held and what waits under each key')
    .action(async (limit: string | undefined, key: string | undefined) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const found = await queue.limits.list(defined({ limit, key }));
      if (options.json) return printJson(found);
      if (found.length === 0) return note('no permit is held, and none is waited for');
      print(table([['LIMIT', 'KEY', 'HELD', 'STARTED', 'WAITING', 'NEXT FREE'], ...found.map(rowOf)]));
    });
  withExamples(command, 'limits list', 'limits list resize/tenant acme --json');
}

function rowOf(limit: ShownLimit): (string | number)[] {
  const { concurrency, rate, held, started, waiting, nextFreeAt, closedUntil, onTrial } = limit;
  const free = closedUntil === undefined ? (nextFreeAt ?? '') : `closed until ${closedUntil}`;
  return [
    plain(limit.limit),
    plain(limit.key),
    concurrency === undefined ? held.length : `${held.length} of ${concurrency}`,
    rate ? `${started} of ${rate.max} per ${rate.perMs} ms` : '',
    waiting,
    onTrial ? `${free} one at a time`.trim() : free,
  ];
}

function setCommand(limits: Command): void {
  const command = limits
    .command('set <limit>')
    .description('set how many permits each key has, for all workers; permits that are held stay')
    .option('--concurrency <count>', 'permits at once', integer(1, MAX_CONCURRENCY))
    .option('--rate <max/duration>', 'starts in a time: 100/1m', parseRateLimit)
    .action(async (limit: string) => {
      const options = command.optsWithGlobals<GlobalOptions & LimitSettings>();
      const settings = defined({ concurrency: options.concurrency, rate: options.rate });
      await using queue = openExisting(options);
      await assertOfNoEndpoint(queue.webhookEndpoints, limit);
      await queue.limits.set(limit, settings);
      if (options.json) printJson({ limit, ...settings });
      else print(`${plain(limit)} is set for all workers`);
    });
  withExamples(command, 'limits set resize/tenant --concurrency 5', 'limits set novita --rate 100/1m');
}

function resetCommand(limits: Command): void {
  const command = limits
    .command('reset <limit>')
    .description('have a limit be what handlers and workers say again')
    .action(async (limit: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      await assertOfNoEndpoint(queue.webhookEndpoints, limit);
      await queue.limits.reset(limit);
      if (options.json) printJson({ limit });
      else print(`${plain(limit)} is as its handlers say`);
    });
  withExamples(command, 'limits reset resize/tenant');
}

/** `100/1m` */
export function parseRateLimit(text: string): RateLimit {
  const [max = '', time = '', ...rest] = text.split('/');
  if (!/^\d+$/.test(max) || time === '' || rest.length > 0)
    throw new InvalidArgumentError('It must be a number of starts in a time: 100/1m.');
  return { max: Number(max), perMs: parseDuration(time) };
}
