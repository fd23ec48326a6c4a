import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { defined } from '../jobs/defined.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import { type Pause, pauseText, scopeText } from '../wire/pauses.js';
import { usageError } from './exit-code.js';
import {
  durationOption,
  type GlobalOptions,
  openExisting,
  parseDuration,
  parsePriority,
  parseType,
  withExamples,
} from './options.js';
import { note, plain, print, printJson } from './output.js';

interface ScopeOptions extends GlobalOptions {
  type?: string;
  priority?: JobPriority;
}

interface PauseFlags extends ScopeOptions {
  for?: number;
  until?: string;
  reason?: string;
  /** `true` waits for as long as it takes. */
  drain?: number | true;
}

const TYPE = ['--type <type>', 'only this job type', parseType] as const;
const PRIORITY = ['--priority <priority>', 'only critical, high, normal or low', parsePriority] as const;

export function pauseCommands(program: Command): void {
  pauseCommand(program);
  resumeCommand(program);
  pausedCommand(program);
}

function pauseCommand(program: Command): void {
  const command = program
    .command('pause')
    .description('keep jobs from starting on every worker; those that run go on')
    .option(...TYPE)
    .option(...PRIORITY)
    .option('--for <duration>', 'resume by itself after so long: 10m, 2h', parseDuration)
    .option('--until <time>', 'resume by itself at this ISO 8601 time')
    .option('--reason <text>', 'why; shown wherever the pause is')
    .addOption(
      durationOption(
        '--drain [duration]',
        'then wait until none of them runs any more; exits with 124 when the time is over',
      ),
    )
    .action(async () => {
      const options = command.optsWithGlobals<PauseFlags>();
      const { type, priority, for: forMs, until, reason, drain } = options;
      if (forMs !== undefined && until !== undefined) throw usageError('give one of --for and --until');
      await using queue = openExisting(options);
      const pause = await queue.pause(defined({ type, priority, forMs, until, reason, by: whoAmI() }));
      if (drain !== undefined) {
        note(`paused ${scopeText(pause)}; waiting for those that run`);
        await queue.drain(defined({ type, priority, timeoutMs: drain === true ? undefined : drain }));
      }
      if (options.json) printJson(pause);
      else print(lineOf(pause));
    });
  withExamples(command, 'pause --type create_instance --for 30m --reason deploy', 'pause --drain 5m');
}

function resumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .description('end the pause of some jobs; without a type and a priority every pause')
    .option(...TYPE)
    .option(...PRIORITY)
    .action(async () => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const { type, priority } = options;
      await using queue = openExisting(options);
      const result = await queue.resume(defined({ type, priority, by: whoAmI() }));
      if (options.json) return printJson(result);
      for (const pause of result.resumed) print(`resumed ${scopeText(pause)}`);
      for (const pause of result.stillPaused) note(`still ${lineOf(pause)}`);
      if (result.resumed.length === 0) note('no pause of these jobs');
    });
  withExamples(command, 'resume --type create_instance', 'resume');
}

function pausedCommand(program: Command): void {
  const command = program
    .command('paused')
    .description('show what is paused, until when, why and by whom')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const pauses = await queue.paused();
      if (options.json) return printJson({ pauses });
      for (const pause of pauses) print(lineOf(pause));
      if (pauses.length === 0) note('nothing is paused');
    });
  withExamples(command, 'paused', 'paused --json | jq -r ".pauses[].type"');
}

export function lineOf(pause: Pause): string {
  return plain(`${scopeText(pause)}: ${pauseText(pause)}`);
}

/** Undefined where the system has no name for the user, as in some containers. */
export function whoAmI(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
