/** The options that several commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { JobQueueService } from '../jetfleet.js';
import { defined } from '../jobs/defined.js';
import { isJobId } from '../jobs/job-id.js';
import { MAX_DERIVED_ID_LENGTH } from '../jobs/limits.js';
import {
  isJobType,
  isPriority,
  isStatus,
  type JobPriority,
  type JobStatus,
  PRIORITIES,
  STATUSES,
} from '../jobs/vocabulary.js';
import type { JobQueueOptions } from '../queue/queue-connection.js';
import { createLogger, type Logger } from '../telemetry/logger.js';
import { type BrokerFlags, brokerOptions, connectOptions } from './broker-options.js';
import { usageError } from './exit-code.js';

/** What every command is given. */
export interface GlobalOptions extends BrokerFlags {
  json?: boolean;
  namespace?: string;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** The options that stand on the program itself. */
export function globalOptions(): Option[] {
  return [
    new Option('--json', 'print JSON, errors included'),
    ...brokerOptions(),
    new Option('--namespace <name>', 'prefix of subjects and streams').env('JETFLEET_NAMESPACE'),
  ];
}

/**
 * A queue for one command, closed when the command ends.
 * @param own connect to this server of the command's own, whatever the flags and the environment say
 */
export function openQueue(
  options: GlobalOptions,
  logger: Logger = cliLogger('error'),
  own?: { url: string },
): JobQueueService {
  return newQueue(options, logger, own && { servers: own.url, env: {} });
}

function newQueue(options: GlobalOptions, logger: Logger, more: JobQueueOptions = {}): JobQueueService {
  return new JobQueueService({
    name: 'jetfleet-cli',
    ...(more.servers === undefined && {
      ...connectOptions(options),
      ...defined({ replicas: options.replicas, sync: options.sync }),
    }),
    // Empty instead of left out: the environment was read already.
    namespace: options.namespace ?? '',
    logger,
    ...more,
  });
}

/** The same for a command that changes nothing, or nothing but jobs: one that is run at the wrong place leaves no streams there. */
export function openExisting(options: GlobalOptions, logger: Logger = cliLogger('error')): JobQueueService {
  return newQueue(options, logger, { createStreams: false });
}

/** The logger of a command: `level` unless LOG_LEVEL says otherwise. */
export function cliLogger(level: string): Logger {
  const wanted = process.env.LOG_LEVEL || level;
  if (LEVELS.includes(wanted)) return createLogger(wanted);
  throw usageError(`LOG_LEVEL ${JSON.stringify(wanted)} must be one of ${LEVELS.join(', ')}`);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1500`, `1500ms`, `30s`, `5m`, `2h` or `1d` in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match)
    throw new InvalidArgumentError('It must be milliseconds, or a number with ms, s, m, h or d: 30s.');
  const ms = Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? 'ms'] ?? 1));
  if (!Number.isSafeInteger(ms))
    throw new InvalidArgumentError('It is longer than any time that can be kept.');
  return ms;
}

/** How long ago, such as `2h`, or an ISO 8601 time. */
export function parseSince(text: string): Date {
  const time = /^\d{4}-/.test(text) ? new Date(text) : new Date(Date.now() - parseDuration(text));
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('It must be a duration such as 2h, or a time such as 2026-01-01T00:00:00Z.');
}

/** A reader of whole numbers from `min` to `max`. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

export const parsePort = integer(0, 65_535);

export function parsePriority(text: string): JobPriority {
  const value = text.toLowerCase();
  if (isPriority(value)) return value;
  throw new InvalidArgumentError(`It must be one of ${PRIORITIES.join(', ')}.`);
}

export function parseType(text: string): string {
  if (isJobType(text)) return text;
  throw new InvalidArgumentError('It must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter.');
}

export function parseId(text: string): string {
  if (isJobId(text)) return text;
  throw new InvalidArgumentError(`It must be 1 to ${MAX_DERIVED_ID_LENGTH} of A-Z a-z 0-9 _ -.`);
}

export function parseStatus(text: string): JobStatus {
  const value = text.toLowerCase();
  if (isStatus(value)) return value;
  throw new InvalidArgumentError(`It must be one of ${STATUSES.join(', ')}.`);
}

/** Adds examples to a command's help. */
export function withExamples(command: Command, ...examples: string[]): Command {
  const lines = examples.map((example) => `  $ jetfleet ${example}`);
  return command.addHelpText('after', `\nExample${examples.length > 1 ? 's' : ''}:\n${lines.join('\n')}`);
}

/** An option that is a duration: milliseconds, or a number with a unit. */
export function durationOption(flags: string, description: string, byDefault?: string): Option {
  const option = new Option(flags, description).argParser(parseDuration);
  return byDefault === undefined ? option : option.default(parseDuration(byDefault), byDefault);
}

/** How long `worker` and `dev` drain. */
export function shutdownTimeoutOption(): Option {
  return durationOption('--shutdown-timeout <duration>', 'how long running jobs may take to end', '30s');
}
