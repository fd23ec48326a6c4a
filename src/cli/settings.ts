/** Every setting that is read from the environment, and where its value comes from. */
import { existsSync } from 'node:fs';
import { DEFAULT_SERVER, parseServers, type UserInfo } from '../broker/connection/server-urls.js';
import { defined } from '../jobs/defined.js';
import { MASK, maskText } from '../jobs/mask-text.js';

export interface Setting {
  /** The environment variable, by which the setting is called. */
  variable: string;
  /** The flag that wins over it. */
  flag?: string;
  /** Defaults to none. */
  byDefault?: string;
  /** How its value is shown. Defaults to as it is, without what looks like a secret. */
  kind?: 'secret' | 'file';
}

const LOGIN = ['NATS_USER', 'NATS_PASSWORD', 'NATS_TOKEN', 'NATS_NKEY', 'NATS_CREDS'];

const provider = (name: string): Setting[] => [
  { variable: `${name}_API_KEY`, kind: 'secret' },
  { variable: `${name}_API_BASE_URL`, byDefault: "the provider's" },
  { variable: `${name}_RATE_LIMITS`, byDefault: 'the published ones' },
  { variable: `${name}_ACCOUNT`, byDefault: 'a digest of the key' },
];

/** In the order of README.md. */
export const SETTINGS: readonly Setting[] = [
  { variable: 'NATS_URL', flag: '--nats-url', byDefault: DEFAULT_SERVER },
  { variable: 'NATS_USER', flag: '--user' },
  { variable: 'NATS_PASSWORD', flag: '--password', kind: 'secret' },
  { variable: 'NATS_TOKEN', flag: '--token', kind: 'secret' },
  // The seed itself, or a file.
  { variable: 'NATS_NKEY', flag: '--nkey', kind: 'file' },
  { variable: 'NATS_CREDS', flag: '--creds', kind: 'file' },
  { variable: 'NATS_TLS_CA', flag: '--tls-ca', kind: 'file' },
  { variable: 'NATS_TLS_CERT', flag: '--tls-cert', kind: 'file' },
  { variable: 'NATS_TLS_KEY', flag: '--tls-key', kind: 'file' },
  { variable: 'NATS_INBOX_PREFIX', flag: '--inbox-prefix', byDefault: '_INBOX' },
  { variable: 'NATS_MONITOR_URL', flag: '--monitor-url' },
  { variable: 'NATS_SERVER_BIN', kind: 'file', byDefault: 'PATH, else the cache folder' },
  { variable: 'JETFLEET_NAMESPACE', flag: '--namespace' },
  { variable: 'JETFLEET_KEY_FILE', flag: '--key-file', kind: 'file' },
  { variable: 'JETFLEET_REPLICAS', flag: '--replicas', byDefault: '1' },
  { variable: 'JETFLEET_SYNC', flag: '--sync', byDefault: 'always' },
  { variable: 'JETFLEET_MAX_OBJECT_BYTES', byDefault: '0' },
  { variable: 'DATABASE_URL', flag: '--database-url' },
  { variable: 'JETFLEET_PROVIDER' },
  ...provider('NOVITA'),
  ...provider('RUNPOD'),
  ...provider('LAMBDA'),
  ...provider('VAST'),
  { variable: 'LAMBDA_SSH_KEY_NAME' },
  { variable: 'JETFLEET_MAX_INSTANCES', flag: '--max-instances', byDefault: 'no limit' },
  { variable: 'JETFLEET_MAX_GPUS', flag: '--max-gpus', byDefault: 'no limit' },
  { variable: 'JETFLEET_WEBHOOK_SECRET', kind: 'secret' },
  { variable: 'JETFLEET_WAIT_FOR_BROKER', flag: '--wait-for-broker', byDefault: '0s' },
  { variable: 'JETFLEET_HEALTH_PORT', flag: '--health-port' },
  { variable: 'JETFLEET_HEALTH_HOST', flag: '--health-host', byDefault: '127.0.0.1' },
  { variable: 'JETFLEET_WEBHOOK_LEGACY_SECRET', kind: 'secret' },
  { variable: 'JETFLEET_WEBHOOK_PUBLIC_KEY' },
  { variable: 'JETFLEET_WEBHOOK_KEYS', kind: 'secret' },
  { variable: 'JETFLEET_LEASE_URL' },
  { variable: 'JETFLEET_CALLBACK_SECRET', kind: 'secret' },
  { variable: 'JETFLEET_HTTP_TOKEN', kind: 'secret' },
  { variable: 'JETFLEET_ENVIRONMENT', flag: '--environment' },
  { variable: 'LOG_LEVEL', byDefault: 'info of services, else error' },
];

export interface ShownSetting {
  variable: string;
  flag?: string;
  /** Without secrets; null where nothing is set and there is no default. */
  value: string | null;
  /** `url`: in the address of the broker. `file`: the value is the path of the file that is read. */
  source: 'flag' | 'environment' | 'url' | 'default';
  /** The value is the path of a file, which this is about. */
  file?: 'read' | 'missing';
  /** What else is set, and does not count. */
  hides?: string[];
}

/** The values of flags that were given, by flag. */
export type GivenFlags = ReadonlyMap<string, string>;

/** What counts of each setting: a flag wins over the environment, and an empty variable is not set. */
export function shownSettings(given: GivenFlags, env: NodeJS.ProcessEnv): ShownSetting[] {
  const url = given.get('--nats-url') ?? (env.NATS_URL || DEFAULT_SERVER);
  const fromUrl = loginOfUrl(url);
  const hasLoginFlag = LOGIN.some((variable) => given.has(flagOf(variable)));
  return SETTINGS.map((setting) => {
    const { variable, flag } = setting;
    const byFlag = flag === undefined ? undefined : given.get(flag);
    const byEnv = env[variable] || undefined;
    if (!LOGIN.includes(variable)) return shown(setting, { flag: byFlag, environment: byEnv });
    // Credentials come from one place, but a password may be in the environment while its user is a flag.
    const isWithUser = variable === 'NATS_PASSWORD' && given.has('--user');
    const isFlags = hasLoginFlag && !isWithUser;
    const byUrl = hasLoginFlag ? undefined : fromUrl[variable];
    const isUrls = !hasLoginFlag && Object.keys(fromUrl).length > 0;
    return shown(setting, { flag: byFlag, url: byUrl, environment: byEnv }, isFlags || isUrls);
  });
}

type Found = { [Source in 'flag' | 'url' | 'environment']?: string | undefined };

/** @param isLoginElsewhere whether credentials of the environment do not count */
function shown(setting: Setting, found: Found, isLoginElsewhere = false): ShownSetting {
  const { variable, flag, byDefault = null, kind } = setting;
  const order = ['flag', 'url', 'environment'] as const;
  const counting = order.filter((source) => !(isLoginElsewhere && source === 'environment'));
  const source = counting.find((each) => found[each] !== undefined);
  const hidden = order.filter((each) => found[each] !== undefined && each !== source);
  const hides = hidden.length > 0 ? hidden.map((each) => nameOf(each, setting)) : undefined;
  const base = { variable, ...defined({ flag, hides }) };
  if (source === undefined) return { ...base, value: byDefault, source: 'default' };
  const value = found[source] as string;
  if (kind !== 'file') return { ...base, value: kind === 'secret' ? MASK : maskText(value), source };
  // What is no file may be the secret that belongs into it.
  const isThere = existsSync(value);
  return { ...base, value: isThere ? value : MASK, source, file: isThere ? 'read' : 'missing' };
}

export function nameOf(source: ShownSetting['source'], { variable, flag = '' }: Setting): string {
  const names = { flag, environment: variable, url: 'the URL of the broker', default: 'default' };
  return names[source];
}

function flagOf(variable: string): string {
  return SETTINGS.find((each) => each.variable === variable)?.flag ?? '';
}

/** The credentials in a URL, by variable; those of one that cannot be read are refused where it is used. */
function loginOfUrl(url: string): Readonly<Record<string, string>> {
  let info: UserInfo | undefined;
  try {
    info = parseServers(url).userInfo;
  } catch {
    return {};
  }
  if (!info) return {};
  if ('token' in info) return { NATS_TOKEN: info.token };
  return { NATS_USER: info.user, ...(info.password !== '' && { NATS_PASSWORD: info.password }) };
}
