import { type Command, InvalidArgumentError, Option } from 'commander';
import { defined } from '../jobs/defined.js';
import { OVERLAPS, type Overlap, type Schedule } from '../jobs/schedule.js';
import { isShortName, SHORT_NAME } from '../jobs/short-name.js';
import { withoutSecrets } from '../jobs/shown-schedule.js';
import { timingText } from '../jobs/timing-text.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import { type ConfirmFlags, confirm, withYes } from './confirm.js';
import {
  type GlobalOptions,
  integer,
  openExisting,
  openQueue,
  parseDuration,
  parsePriority,
  parseType,
  parseWebhookUrl,
  withExamples,
} from './options.js';
import { note, plain, print, printJson, table } from './output.js';
import { type DataFlags, readJson } from './payload.js';

export function scheduleCommand(program: Command): void {
  const schedule = program.command('schedule').description('jobs that run again and again');
  withExamples(schedule, "schedule set nightly report --cron '0 3 * * *' --data '{}'", 'schedule list');
  setCommand(schedule);
  updateCommand(schedule);
  listCommand(schedule);
  getCommand(schedule);
  changeCommand(schedule, 'pause', 'keep a schedule from firing, until it is resumed');
  changeCommand(schedule, 'resume', 'have a paused schedule fire again, from its next time on');
  runCommand(schedule);
  deleteCommand(schedule);
}

interface Settings {
  cron?: string;
  timeZone?: string;
  every?: number;
  overlap?: Overlap;
  jitter?: number;
  until?: string;
  priority?: JobPriority;
  maxAttempts?: number;
  timeout?: number;
  webhookUrl?: string;
}

type SetOptions = GlobalOptions & DataFlags & Settings;

/** `--no-...` takes an option back. */
type UpdateOptions = GlobalOptions &
  DataFlags & { [K in keyof Settings]: Settings[K] | false } & { type?: string };

function overlapOption(description: string): Option {
  return new Option('--overlap <policy>', description).choices(OVERLAPS);
}

function withSettings(command: Command): Command {
  return command
    .option('--cron <expression>', 'five fields, six with seconds first, or @daily and the like')
    .option('--time-zone <name>', 'IANA name, with --cron (default: UTC)')
    .option('--every <duration>', 'in place of --cron: 30s, 5m, 2h', parseDuration)
    .option('--data <json>', 'the payload; "-" reads it from stdin')
    .option('--data-file <file>', 'a file with the payload')
    .addOption(overlapOption('what becomes of a tick while the last run goes on (default: skip)'))
    .option('--jitter <duration>', 'each run begins a random time later, up to this', parseDuration)
    .option('--until <time>', 'the schedule ends at this ISO 8601 time')
    .option('--priority <priority>', 'critical, high, normal or low (default: normal)', parsePriority)
    .option('--max-attempts <n>', 'attempts of each job in all', integer(1, 100))
    .option('--timeout <duration>', 'limit for one attempt', parseDuration)
    .option('--webhook-url <url>', 'where lifecycle webhooks go', parseWebhookUrl);
}

function setCommand(schedule: Command): void {
  const command = withSettings(
    schedule
      .command('set')
      .description('set a schedule, or change the one of that name; one that is paused stays so')
      .argument('<name>', SHORT_NAME, parseName)
      .argument('<type>', 'the type of its jobs', parseType),
  ).action(async (name: string, type: string) => {
    const options = command.optsWithGlobals<SetOptions>();
    const { cron, timeZone, every, overlap, jitter, until, priority } = options;
    const { maxAttempts, timeout, webhookUrl } = options;
    const payload = await readJson(options);
    await using queue = openQueue(options);
    const more = { maxAttempts, timeoutMs: timeout, webhookUrl };
    const rules = { cron, timeZone, everyMs: every, overlap, jitterMs: jitter, until };
    printSchedule(
      await queue.schedule(name, type, payload, defined({ ...rules, ...more, priority })),
      options,
    );
  });
  withExamples(
    command,
    "schedule set nightly report --cron '0 3 * * *' --time-zone Europe/Berlin --data '{}'",
    `schedule set poll check_prices --every 5m --jitter 20s --overlap cancel --data '{"region":"CN-HK-01"}'`,
  );
}

function updateCommand(schedule: Command): void {
  const command = withSettings(
    schedule
      .command('update')
      .description('change what is given of a schedule, and leave all else as it is')
      .argument('<name>', 'the name of the schedule', parseName)
      .option('--type <type>', 'the type of its jobs', parseType),
  )
    .option('--no-time-zone', 'UTC again')
    .option('--no-jitter', 'each run begins at its tick again')
    .option('--no-until', 'the schedule does not end')
    .option('--no-max-attempts', 'attempts as the type has them')
    .option('--no-timeout', 'the limit of an attempt as the type has it')
    .option('--no-webhook-url', 'no lifecycle webhooks')
    .action(async (name: string) => {
      const options = command.optsWithGlobals<UpdateOptions>();
      const { type, cron, timeZone, every, overlap, jitter, until, priority } = options;
      const { maxAttempts, timeout, webhookUrl } = options;
      const change = {
        ...{ type, cron, timeZone, everyMs: every, overlap, jitterMs: jitter, until, priority },
        ...{ maxAttempts, timeoutMs: timeout, webhookUrl },
      };
      const given = Object.entries(defined(change)).map(([key, value]) => [
        key,
        value === false ? null : value,
      ]);
      const hasData = options.data !== undefined || options.dataFile !== undefined;
      const payload = hasData ? { payload: await readJson(options) } : {};
      await using queue = openExisting(options);
      const changed = await queue.schedules.update(name, { ...Object.fromEntries(given), ...payload });
      printSchedule(changed, options);
    });
  withExamples(
    command,
    "schedule update nightly --cron '30 4 * * *'",
    'schedule update nightly --no-until --priority low',
  );
}

function listCommand(schedule: Command): void {
  const command = schedule
    .command('list')
    .description('all schedules, with their next and last runs')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const schedules = (await queue.schedules.list()).map(withoutSecrets);
      if (options.json) return printJson({ schedules });
      if (schedules.length === 0) return note('no schedules');
      print(table([['NAME', 'TYPE', 'FIRES', 'NEXT', 'LAST', 'RUNS', 'SKIPS'], ...schedules.map(rowOf)]));
    });
  withExamples(command, 'schedule list', 'schedule list --json | jq -r ".schedules[].name"');
}

function rowOf(schedule: Schedule): (string | number)[] {
  const { name, type, nextRunAt, lastRun, pausedAt, runs, skips, fault } = schedule;
  const next = pausedAt === undefined ? (fault === undefined ? (nextRunAt ?? '-') : 'faulty') : 'paused';
  const last = lastRun ? `${lastRun.at} ${lastRun.state ?? 'expired'}` : '-';
  return [...[name, type, timingText(schedule), next, last].map(plain), runs, skips];
}

function getCommand(schedule: Command): void {
  const command = schedule
    .command('get')
    .description('show one schedule; ends with 3 when there is none')
    .argument('<name>', 'the name of the schedule', parseName)
    .action(async (name: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      printSchedule(await queue.schedules.get(name), options);
    });
  withExamples(command, 'schedule get nightly');
}

function changeCommand(schedule: Command, verb: 'pause' | 'resume', description: string): void {
  const command = schedule
    .command(verb)
    .description(description)
    .argument('<name>', 'the name of the schedule', parseName)
    .action(async (name: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      printSchedule(await queue.schedules[verb](name), options);
    });
  withExamples(command, `schedule ${verb} nightly`);
}

function runCommand(schedule: Command): void {
  const command = schedule
    .command('run')
    .description('run it once, now, and print the id of the job; ends with 4 while its last run goes on')
    .argument('<name>', 'the name of the schedule', parseName)
    .addOption(overlapOption('in place of the policy of the schedule'))
    .action(async (name: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { overlap?: Overlap }>();
      await using queue = openExisting(options);
      const id = await queue.schedules.runNow(name, defined({ overlap: options.overlap }));
      if (options.json) printJson({ id });
      else print(id);
    });
  withExamples(command, 'schedule run nightly', 'schedule run nightly --overlap allow');
}

function deleteCommand(schedule: Command): void {
  const command = schedule
    .command('delete')
    .description('remove a schedule; jobs that it has started stay')
    .argument('<name>', 'the name of the schedule', parseName)
    .action(async (name: string) => {
      const options = command.optsWithGlobals<GlobalOptions & ConfirmFlags>();
      await using queue = openExisting(options);
      const question = async () => {
        const schedule = await queue.schedules.get(name);
        return `Delete the schedule ${name}: ${plain(`${schedule.type} ${timingText(schedule)}`)}?`;
      };
      await confirm(options, question, { unasked: 'do it' });
      await queue.schedules.delete(name);
      if (options.json) printJson({ name });
      else print(`${name} is deleted`);
    });
  withYes(command);
  withExamples(command, 'schedule delete nightly', 'schedule delete nightly --yes');
}

function parseName(text: string): string {
  if (isShortName(text)) return text;
  throw new InvalidArgumentError(`It must be ${SHORT_NAME}.`);
}

function printSchedule(whole: Schedule, { json }: { json?: boolean }): void {
  const schedule = withoutSecrets(whole);
  if (json) {
    printJson(schedule);
    return;
  }
  const { name, type, priority, overlap, jitterMs, until, payload, lastRun, lastSkip } = schedule;
  const lines: [string, string | undefined][] = [
    ['name', name],
    ['type', `${type} (${priority})`],
    ['fires', timingText(schedule)],
    ['paused', schedule.pausedAt && `since ${schedule.pausedAt}`],
    ['next', schedule.nextRunAt],
    ['last', lastRun && `${lastRun.at}, job ${lastRun.id}: ${lastRun.state ?? 'its record has expired'}`],
    ['error', lastRun?.error && `${lastRun.error.code}: ${lastRun.error.message}`],
    ['skipped', lastSkip && `${lastSkip.at}: ${lastSkip.reason}`],
    ['ticks', `${schedule.runs} ran, ${schedule.skips} skipped`],
    ['overlap', overlap],
    ['jitter', jitterMs === undefined ? undefined : `up to ${jitterMs} ms`],
    ['until', until],
    ['webhook', schedule.webhookUrl],
    ['payload', JSON.stringify(payload)],
    ['subject', schedule.subject],
    ['fault', schedule.fault],
  ];
  for (const [label, text] of lines) if (text !== undefined) print(`${label.padEnd(9)} ${plain(text)}`);
}
