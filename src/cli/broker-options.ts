/** The flags that say how to reach the broker. Their defaults in the environment are read where it is connected to. */
import { type Command, Help, Option } from 'commander';
import type { ConnectOptions } from '../broker/connection/connection.js';
import type { ServerSync } from '../broker/publish/commit-options.js';
import { usageError } from './exit-code.js';

export interface BrokerFlags {
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

export function brokerOptions(): Option[] {
  const replicas = 'copies of each stream that is made: 1, or 3 or 5 in a cluster (env: JETFLEET_REPLICAS)';
  const sync =
    'when the broker flushes, as it is set: always before it confirms (default), or periodic (env: JETFLEET_SYNC)';
  return [
    ...FLAGS.map(([flags, description, variable]) => new Option(flags, `${description} (env: ${variable})`)),
    new Option('--replicas <number>', replicas).argParser(Number),
    new Option('--sync <when>', sync).choices(['always', 'periodic']),
  ];
}

/** What the flags say; the environment decides over the rest. */
export function connectOptions(flags: BrokerFlags): ConnectOptions {
  const { natsUrl, user, password, token, nkey, creds, tlsCa, tlsCert, tlsKey, inboxPrefix } = flags;
  return {
    ...(natsUrl !== undefined && { servers: natsUrl }),
    ...(user && { user }),
    ...(password && { password }),
    ...(token && { token }),
    ...(nkey && { nkey }),
    ...(creds && { credsFile: creds }),
    ...(inboxPrefix && { inboxPrefix }),
    tls: {
      ...(tlsCa && { caFile: tlsCa }),
      ...(tlsCert && { certFile: tlsCert }),
      ...(tlsKey && { keyFile: tlsKey }),
    },
  };
}

const NAMES = brokerOptions().map((option) => ({ flag: option.long ?? '', name: option.attributeName() }));

/** For a command that brings its own broker: hides the flags that name another one. */
export function hideBrokerFlags(command: Command): Command {
  const help = new Help();
  help.showGlobalOptions = true;
  return command.configureHelp({
    showGlobalOptions: true,
    visibleGlobalOptions: (shown) =>
      help.visibleGlobalOptions(shown).filter(({ long }) => !NAMES.some(({ flag }) => flag === long)),
  });
}

/** For a command that brings its own broker: refuses the flags that name another one. */
export function refuseBrokerFlags(command: Command): void {
  for (const { flag, name } of NAMES) {
    if (command.parent?.getOptionValueSource(name) !== 'cli') continue;
    throw usageError(`${flag} does not go with "${command.name()}", which starts a broker of its own`);
  }
}
