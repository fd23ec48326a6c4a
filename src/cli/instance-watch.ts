import { type Command, InvalidArgumentError } from 'commander';
import { assertCallbackSecret, callbackToken } from '../instances/callback-token.js';
import type { WatchOptions } from '../instances/instances.js';
import { WATCH_EVENTS, type WatchEvent, type WatchPolicy } from '../instances/lifecycle-schemas.js';
import { defined } from '../jobs/defined.js';
import { usageError } from './exit-code.js';
import { type GlobalOptions, openExisting, parseDuration, parseId, withExamples } from './options.js';
import { print, printJson } from './output.js';

const POLICIES: readonly WatchPolicy[] = ['ignore', 'notify', 'migrate', 'replace', 'delete'];

export interface WatchFlags {
  on?: WatchOptions['on'];
  healthPath?: string;
  healthPort?: number[];
  minInterval?: number;
  maxInterval?: number;
  priceInterval?: number;
}

/** The flags of `jetfleet instance watch`. */
export function withWatchFlags(
  command: Command,
  collectPorts: (text: string, before?: number[]) => number[],
) {
  return command
    .option(
      '--on <event=policy>',
      `what follows: ${WATCH_EVENTS.join(', ')} = ${POLICIES.join(', ')}; may be given several times (default: notify)`,
      collectPolicies,
    )
    .option('--health-path <path>', 'check the ports as well, HTTP ports at this path')
    .option('--health-port <port>', 'check this port as well; may be given several times', collectPorts)
    .option('--min-interval <duration>', 'pause between two reads while something changes', parseDuration)
    .option('--max-interval <duration>', 'longest pause while all is well (default: 5m)', parseDuration)
    .option(
      '--price-interval <duration>',
      'how often the price is read; 0 for never (default: 15m)',
      parseDuration,
    );
}

export function watchOptionsOf(flags: WatchFlags): WatchOptions {
  const { on, healthPath: path, healthPort: ports, minInterval, maxInterval, priceInterval } = flags;
  const health = path === undefined && ports === undefined ? undefined : defined({ path, ports });
  return defined({
    ...{ on, health },
    ...{ minIntervalMs: minInterval, maxIntervalMs: maxInterval, priceIntervalMs: priceInterval },
  });
}

function collectPolicies(text: string, before: WatchOptions['on'] = {}): WatchOptions['on'] {
  const [event, policy] = text.split('=');
  const isKnown = WATCH_EVENTS.includes(event as WatchEvent) && POLICIES.includes(policy as WatchPolicy);
  if (isKnown) return { ...before, [event as WatchEvent]: policy as WatchPolicy };
  throw new InvalidArgumentError(
    `It must read event=policy: one of ${WATCH_EVENTS.join(', ')}, and one of ${POLICIES.join(', ')}.`,
  );
}

export function wakeCommand(instance: Command): void {
  const command = instance
    .command('wake')
    .description('have a job that waits for its instance look at once, such as a monitor or a watch')
    .argument('<job>', 'the id of the job', parseId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const woken = await queue.instances.wake(id);
      if (options.json) printJson({ id, woken });
      else print(woken ? `${id} looks now` : `${id} was not waiting`);
    });
  withExamples(command, 'instance wake order-42-monitor');
}

export function callbackUrlCommand(instance: Command): void {
  const command = instance
    .command('callback-url')
    .description('print the address at which a provider may report a change, for one job')
    .argument('<job>', 'the id of the job', parseId)
    .requiredOption('--base <url>', 'where jetfleet server is reached: https://jetfleet.example.com')
    .action((id: string) => {
      const { base, json } = command.optsWithGlobals<GlobalOptions & { base: string }>();
      const { JETFLEET_CALLBACK_SECRET: secret } = process.env;
      assertCallbackSecret(secret);
      if (!URL.canParse(base)) throw usageError(`--base ${JSON.stringify(base)} must be a URL`);
      const url = new URL(`${base.replace(/\/$/, '')}/callbacks/instances/${id}`);
      url.searchParams.set('token', callbackToken(secret, id));
      if (json) printJson({ url: url.href });
      else print(url.href);
    });
  withExamples(command, 'instance callback-url order-42-monitor --base https://jetfleet.example.com');
}
