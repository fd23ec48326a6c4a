/** The options that several commands share, and how their values are read. */
import { type Command, Help, InvalidArgumentError, Option } from 'commander';
import type { ConnectOptions } from '../broker/connection/connection.js';
import type { ServerSync } from '../broker/publish/commit-options.js';
import { findNatsServer } from '../embedded/index.js';
import { JobQueueService } from '../jetfleet.js';
import { defined } from '../jobs/defined.js';
import { isJobId } from '../jobs/job-id.js';
import { MAX_DERIVED_ID_LENGTH } from '../jobs/limits.js';
import { maskFault } from '../jobs/mask.js';
import { MAX_TIMER_MS } from '../jobs/numbers.js';
import { isJobType, PRIORITIES, STATUSES } from '../jobs/vocabulary.js';
import type { JobQueueOptions } from '../queue/queue-connection.js';
import { createLogger, type Logger, silentLogger } from '../telemetry/logger.js';
import { usageError } from './exit-code.js';
import { codecOfFile } from './key-file.js';
import { note } from './output.js';

export interface GlobalOptions extends BrokerFlags {
  json?: boolean;
  namespace?: string;
  keyFile?: string;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function globalOptions(): Option[] {
  return [
    new Option('--json', 'print JSON, errors included'),
    ...brokerOptions(),
    new Option('--namespace <name>', 'prefix of subjects and streams').env('JETFLEET_NAMESPACE'),
    new Option(
      '--key-file <file>',
      'keys of encrypted jobs: "<id> <base64>" a line, the first one encrypts',
    ).env('JETFLEET_KEY_FILE'),
  ];
}

/** A queue for one command, closed when the command ends. */
export function openQueue(
  options: GlobalOptions,
  logger = cliLogger('error'),
  more: JobQueueOptions = {},
): JobQueueService {
  const { namespace = '', replicas, sync, keyFile } = options;
  const codec = keyFile ? codecOfFile(keyFile) : undefined;
  // An empty namespace instead of none: the environment was read already.
  const ofFlags = { ...connectOptions(options), ...defined({ replicas, sync, codec }), namespace };
  return new JobQueueService({ name: 'jetfleet-cli', ...ofFlags, logger, ...more });
}

/** The same for a command that changes nothing, or nothing but jobs: one that is run at the wrong place leaves no streams there. */
export function openExisting(options: GlobalOptions, logger?: Logger): JobQueueService {
  return openQueue(options, logger, { createStreams: false });
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

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Jobs a second. */
export function parseRate(text: string): number {
  const rate = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && rate >= 0.001 && rate <= 10_000) return rate;
  throw new InvalidArgumentError('It must be a number of jobs a second, from 0.001 to 10000.');
}

/** For an option that may be given several times. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

export const parsePort = integer(0, 65_535);

export const parsePriority = oneOf(PRIORITIES);
export const parseStatus = oneOf(STATUSES);

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((each) => each === text.toLowerCase());
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`It must be one of ${values.join(', ')}.`);
  };
}

export function parseType(text: string): string {
  if (isJobType(text)) return text;
  throw new InvalidArgumentError('It must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter.');
}

export function parseId(text: string): string {
  if (isJobId(text)) return text;
  throw new InvalidArgumentError(`It must be 1 to ${MAX_DERIVED_ID_LENGTH} of A-Z a-z 0-9 _ -.`);
}

/** @throws InvalidArgumentError for an address as it is shown, with its secrets masked */
export function parseWebhookUrl(text: string): string {
  const fault = maskFault(text);
  if (fault === undefined) return text;
  throw new InvalidArgumentError(`It ${fault}.`);
}

export function withExamples(command: Command, ...examples: string[]): Command {
  const lines = examples.map((example) => `  $ jetfleet ${example}`);
  return command.addHelpText('after', `\nExample${examples.length > 1 ? 's' : ''}:\n${lines.join('\n')}`);
}

interface DurationRange {
  byDefault?: string;
  /** Defaults to 0. */
  minMs?: number;
  /** Whether a timer has to wait for it, which takes 24 days at most. Defaults to true. */
  isTimer?: boolean;
}

/** An option that is a duration: milliseconds, or a number with a unit. */
export function durationOption(
  flags: string,
  description: string,
  { byDefault, minMs = 0, isTimer = true }: DurationRange = {},
): Option {
  const parse = (text: string) => {
    const ms = parseDuration(text);
    if (ms < minMs) throw new InvalidArgumentError(`It must be at least ${minMs}ms.`);
    if (isTimer && ms > MAX_TIMER_MS) throw new InvalidArgumentError('It must be at most 24 days.');
    return ms;
  };
  const option = new Option(flags, description).argParser(parse);
  return byDefault === undefined ? option : option.default(parse(byDefault), byDefault);
}

export function shutdownTimeoutOption(): Option {
  return durationOption('--shutdown-timeout <duration>', 'how long running jobs may take to end', {
    byDefault: '30s',
  });
}

/** The flags that say how to reach the broker. Their defaults in the environment are read where it is connected to. */
interface BrokerFlags {
  natsUrl?: string;
  user?: string;
  password?: string;
  token?: string;
  nkey?: string;
  creds?: string;
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
  inboxPrefix?: string;
  replicas?: number;
  sync?: ServerSync;
}

const FLAGS: readonly (readonly [flags: string, description: string, variable: string])[] = [
  [
    '--nats-url <url>',
    'the broker, nats:// or tls://; several with commas (default: nats://127.0.0.1:4222)',
    'NATS_URL',
  ],
  ['--user <name>', 'user of the broker', 'NATS_USER'],
  ['--password <text>', 'its password; other users of the machine see flags, not variables', 'NATS_PASSWORD'],
  ['--token <text>', 'a token in place of a user', 'NATS_TOKEN'],
  ['--nkey <file>', 'seed of an nkey, or the file that holds it', 'NATS_NKEY'],
  ['--creds <file>', 'credentials file', 'NATS_CREDS'],
  ['--tls-ca <file>', 'certificates of the authorities to trust', 'NATS_TLS_CA'],
  ['--tls-cert <file>', 'certificate of this client', 'NATS_TLS_CERT'],
  ['--tls-key <file>', 'key of that certificate', 'NATS_TLS_KEY'],
  ['--inbox-prefix <subject>', 'what subjects of answers begin with', 'NATS_INBOX_PREFIX'],
];

function brokerOptions(): Option[] {
  const replicas = 'copies of each stream that is made: 1, or 3 or 5 in a cluster (env: JETFLEET_REPLICAS)';
  const sync =
    'when the broker flushes, as it is set: always before it confirms (default), or periodic (env: JETFLEET_SYNC)';
  return [
    ...FLAGS.map(([flags, description, variable]) => new Option(flags, `${description} (env: ${variable})`)),
    new Option('--replicas <number>', replicas).argParser(integer(1, 5)),
    new Option('--sync <when>', sync).choices(['always', 'periodic']),
  ];
}

/** What the flags say; the environment decides over the rest. */
function connectOptions(flags: BrokerFlags): ConnectOptions {
  const { natsUrl, user, password, token, nkey, creds, tlsCa, tlsCert, tlsKey, inboxPrefix } = flags;
  const tls = defined({ caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey });
  return defined({ servers: natsUrl, user, password, token, nkey, credsFile: creds, inboxPrefix, tls });
}

/** For a command that brings its own broker: the flags that name another one are not shown, and refused. */
export function withOwnBroker(command: Command): Command {
  const options = brokerOptions();
  const flags = options.map(({ long }) => long);
  const help = Object.assign(new Help(), { showGlobalOptions: true });
  return command
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: (shown) =>
        help.visibleGlobalOptions(shown).filter(({ long }) => !flags.includes(long)),
    })
    .hook('preAction', () => {
      const given = options.find(
        (option) => command.parent?.getOptionValueSource(option.attributeName()) === 'cli',
      );
      if (!given) return;
      throw usageError(
        `${given.long} does not go with "${command.name()}", which starts a broker of its own`,
      );
    });
}

/**
 * Path of the nats-server to start. Says so when it must be fetched first, which takes a while on a slow line.
 * @throws BrokerError `JETFLEET_NATS_SERVER_NOT_FOUND`
 */
export async function natsServerPath(): Promise<string> {
  const info = (_details: unknown, text: string) => note(`${text}; this happens once`);
  const logger = Object.assign(Object.create(silentLogger), { info }) as Logger;
  return (await findNatsServer({ logger })).path;
}
