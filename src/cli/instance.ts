import type { Command } from 'commander';
import type { CheckOptions, InstanceAddress, Instances, MigrateOptions } from '../instances/instances.js';
import { defined } from '../jobs/defined.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { Added } from '../queue/job-add.js';
import { type ConfirmFlags, confirm, withYes } from './confirm.js';
import { ExitCode } from './exit-code.js';
import {
  callbackUrlCommand,
  type WatchFlags,
  wakeCommand,
  watchOptionsOf,
  withWatchFlags,
} from './instance-watch.js';
import { printJob } from './job-text.js';
import {
  durationOption,
  type GlobalOptions,
  integer,
  openQueue,
  parseDuration,
  parseId,
  parsePriority,
  parseWebhookUrl,
  withExamples,
} from './options.js';
import { print, printJson } from './output.js';

interface InstanceFlags extends GlobalOptions {
  providerId?: string;
  priority: JobPriority;
  id?: string;
  webhookUrl?: string;
  maxWait?: number;
  /** `true` waits for as long as it takes. */
  wait?: number | true;
}

type Add = (instances: Instances, of: string | InstanceAddress, flags: InstanceFlags) => Promise<Added>;

/** `jetfleet instance`: adds jobs of instances that exist. */
export function instanceCommand(program: Command): void {
  const instance = program
    .command('instance')
    .description('start, stop, restart, migrate, check and delete instances that jobs have rented');
  withExamples(
    instance,
    'instance stop order-42 --wait',
    'instance check order-42 --port 8080 --path /health --wait 1m',
    'instance delete my-instance --provider-id 7h9k2m4n6p',
  );
  orderCommand(instance, 'start', 'start an instance that was stopped, until it runs and is healthy');
  orderCommand(instance, 'stop', 'stop an instance, until a read shows that it has stopped');
  orderCommand(instance, 'restart', 'restart an instance, until it runs again');
  migrateCommand(instance);
  checkCommand(instance);
  watchCommand(instance);
  wakeCommand(instance);
  callbackUrlCommand(instance);
  autoStopCommand(instance);
  extendLeaseCommand(instance);
  usedCommand(instance);
  deleteCommand(instance);
}

function orderCommand(instance: Command, verb: 'start' | 'stop' | 'restart', description: string): void {
  const command = withMaxWait(verbCommand(instance, verb, description));
  command.action((of: string) =>
    add(command, of, (instances, address, flags) => instances[verb](address, optionsOf(flags))),
  );
  withExamples(command, `instance ${verb} order-42`, `instance ${verb} order-42 --wait 10m`);
}

function migrateCommand(instance: Command): void {
  const description = 'move an instance to another machine, such as a reclaimed spot instance';
  const command = withMaxWait(verbCommand(instance, 'migrate', description))
    .option('--replace', 'rent another instance, and delete this one once that runs')
    .option('--no-replace', 'only by the provider, under the same id');
  command.action((of: string) =>
    add(command, of, (instances, address, flags) => {
      const { replace } = flags as InstanceFlags & { replace?: boolean };
      const by: MigrateOptions['by'] =
        replace === undefined ? undefined : replace ? 'replacement' : 'provider';
      return instances.migrate(address, { ...optionsOf(flags), ...defined({ by }) });
    }),
  );
  withExamples(command, 'instance migrate order-42', 'instance migrate order-42 --replace --wait');
}

function checkCommand(instance: Command): void {
  const description = 'check whether an instance runs and its ports answer; with --wait ends with 1 when not';
  const command = withMaxWait(verbCommand(instance, 'check', description))
    .option('--port <port>', 'must answer; may be given several times (default: all)', collectPorts)
    .option('--path <path>', 'what HTTP ports are asked for (default: /)')
    .option('--expect-status <status>', 'what they must answer (default: any below 500)', integer(200, 599))
    .option('--probe-timeout <duration>', 'limit for each port (default: 10s)', parseDuration);
  command.action((of: string) =>
    add(command, of, (instances, address, flags) => {
      const { port: ports, path, expectStatus, probeTimeout } = flags as InstanceFlags & CheckFlags;
      const about: CheckOptions = defined({ ports, path, expectStatus, probeTimeoutMs: probeTimeout });
      return instances.check(address, { ...optionsOf(flags), ...about });
    }),
  );
  withExamples(
    command,
    'instance check order-42 --wait',
    'instance check order-42 --port 8080 --path /health',
  );
}

interface CheckFlags {
  port?: number[];
  path?: string;
  expectStatus?: number;
  probeTimeout?: number;
}

const parsePort = integer(1, 65_535);

function collectPorts(text: string, before: number[] = []): number[] {
  return [...before, parsePort(text)];
}

function watchCommand(instance: Command): void {
  const description = 'watch an instance, and report what happens to it';
  const command = withWatchFlags(verbCommand(instance, 'watch', description), collectPorts);
  command.action((of: string) =>
    add(command, of, (instances, address, flags) =>
      instances.watch(address, {
        ...jobOptionsOf(flags),
        ...watchOptionsOf(flags as InstanceFlags & WatchFlags),
      }),
    ),
  );
  withExamples(
    command,
    'instance watch order-42 --on spotInterrupted=migrate --on unhealthy=replace --health-path /health',
  );
}

function autoStopCommand(instance: Command): void {
  const description = 'have an instance stopped or deleted once it is idle, or its lease is over';
  const command = verbCommand(instance, 'auto-stop', description)
    .option('--idle <duration>', 'how long it may be idle: 30m', parseDuration)
    .option('--until <time>', 'when its lease is over: an ISO 8601 time')
    .option('--delete', 'delete it instead of stopping it');
  command.action((of: string) =>
    add(command, of, (instances, address, flags) => {
      const { idle, until, delete: isDeleted } = flags as InstanceFlags & AutoStopFlags;
      const about = defined({ idleMs: idle, until, action: isDeleted ? ('delete' as const) : undefined });
      return instances.autoStop(address, { ...jobOptionsOf(flags), ...about });
    }),
  );
  withExamples(
    command,
    'instance auto-stop order-42 --idle 30m',
    'instance auto-stop order-42 --until 2027-01-01T00:00:00Z',
  );
}

interface AutoStopFlags {
  idle?: number;
  until?: string;
  delete?: boolean;
}

function extendLeaseCommand(instance: Command): void {
  const command = verbCommand(instance, 'extend-lease', 'move the end of the lease of an instance')
    .option('--by <duration>', 'so much later than its end: 2h', parseDuration)
    .option('--until <time>', 'until this ISO 8601 time')
    .option('--auto-stop-job <id>', 'the job that keeps it (default: that of instance auto-stop)');
  command.action((of: string) =>
    add(command, of, (instances, address, flags) => {
      const {
        by: byMs,
        until,
        autoStopJob,
      } = flags as InstanceFlags & {
        by?: number;
        until?: string;
        autoStopJob?: string;
      };
      const about = defined({ byMs, until, autoStopJobId: autoStopJob });
      return instances.extendLease(address, { ...jobOptionsOf(flags), ...about });
    }),
  );
  withExamples(command, 'instance extend-lease order-42 --by 2h --wait');
}

function usedCommand(instance: Command): void {
  const command = instance
    .command('used')
    .description('say to the job of instance auto-stop that its instance is used')
    .argument('<job>', 'the id that instance auto-stop has printed', parseId)
    .option('--at <time>', 'when it was used: an ISO 8601 time (default: now)')
    .action(async (id: string) => {
      const { at, ...flags } = command.optsWithGlobals<GlobalOptions & { at?: string }>();
      await using queue = openQueue(flags);
      await queue.instances.used(id, at);
      if (flags.json) printJson({ id });
      else print(`${id}  its instance is used`);
    });
  withExamples(command, 'instance used 01JZ3Q5R8T');
}

function deleteCommand(instance: Command): void {
  const description = 'delete an instance; the job completes once the provider has proven that it is gone';
  const command = withYes(verbCommand(instance, 'delete', description));
  command.action(async (of: string) => {
    const question = async () => `Delete the instance of ${of}, with all that is on it?`;
    await confirm(command.opts<ConfirmFlags>(), question, { unasked: 'do it' });
    await add(command, of, (instances, address, flags) => instances.delete(address, jobOptionsOf(flags)));
  });
  withExamples(command, 'instance delete order-42 --wait', 'instance delete order-42 --yes');
}

function verbCommand(instance: Command, verb: string, description: string): Command {
  return instance
    .command(verb)
    .description(description)
    .argument('<job>', 'the id of the job that rented it, or of another job of it')
    .option('--provider-id <id>', "the provider's id of it; <job> is then your own id of the instance")
    .option('--priority <priority>', 'critical, high, normal or low', parsePriority, 'high')
    .option('--id <id>', 'of the job that is added (default: a new ULID)')
    .option('--webhook-url <url>', 'where its lifecycle webhook goes', parseWebhookUrl)
    .addOption(
      durationOption(
        '--wait [duration]',
        'wait for the end and print the job; exits with 1 when it failed, with 124 when the time is over',
      ),
    );
}

function withMaxWait(command: Command): Command {
  return command.option(
    '--max-wait <duration>',
    'how long it may take (default: 10m, of a check 30s)',
    parseDuration,
  );
}

function jobOptionsOf({ priority, id, webhookUrl }: InstanceFlags) {
  return { priority, ...defined({ id, webhookUrl }) };
}

function optionsOf({ maxWait: maxWaitTime, ...flags }: InstanceFlags) {
  return { ...jobOptionsOf(flags), ...defined({ maxWaitTime }) };
}

async function add(command: Command, of: string, make: Add): Promise<void> {
  const flags = command.optsWithGlobals<InstanceFlags>();
  const { providerId, wait } = flags;
  await using queue = openQueue(flags);
  const address = providerId === undefined ? of : { instanceId: of, novitaInstanceId: providerId };
  const { id, created } = await make(queue.instances, address, flags);
  if (wait === undefined) {
    if (flags.json) printJson({ id, created });
    else print(id);
    return;
  }
  const record = await queue.ended(id, wait === true ? {} : { timeoutMs: wait });
  printJob(record, flags);
  const { isHealthy } = (record.result ?? {}) as { isHealthy?: unknown };
  if (record.status === 'failed' || isHealthy === false) process.exitCode = ExitCode.FAILURE;
}
