import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  type NatsConnection,
  type TlsOptions,
} from '@nats-io/transport-node';
import { ValidationError } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { type Attempt, connectionError, isRefusal } from './connect-error.js';
import { withoutLeftovers } from './first-sockets.js';
import { assertPath, chooseLogin, type LoginOptions } from './login.js';
import { readInfo } from './server-info.js';
import { DEFAULT_SERVER, parseServers, type ServerList } from './server-urls.js';

/** The connection that Jetfleet opens, or accepts from its host. */
export { headers, type NatsConnection } from '@nats-io/transport-node';

export interface TlsFiles {
  /** Certificates of the authorities to trust, PEM. Defaults to NATS_TLS_CA, else those of the system. */
  caFile?: string;
  /** The client's certificate, PEM; goes with `keyFile`. Defaults to NATS_TLS_CERT, else none. */
  certFile?: string;
  /** The key of the client's certificate, PEM. Defaults to NATS_TLS_KEY, else none. */
  keyFile?: string;
}

/**
 * How to reach NATS. Files of credentials and certificates are read again at each reconnect, so that they can be renewed.
 * Credentials in the options win over those in a URL, and these over the environment.
 */
export interface ConnectOptions extends LoginOptions {
  /**
   * URLs of the cluster, or one, or several with commas: `nats://[<user>:<password>@|<token>@]<host>[:<port>]`, or
   * `tls://` to refuse servers without TLS. Defaults to NATS_URL, else `nats://127.0.0.1:4222`.
   */
  servers?: string | string[];
  /** With any of these files a server without TLS is refused. */
  tls?: TlsFiles;
  /** What the subjects of answers begin with, where the user may not subscribe to `_INBOX.>`. Defaults to
   * NATS_INBOX_PREFIX, else `_INBOX`. */
  inboxPrefix?: string;
  /** Shown in the server's connection list. Defaults to `jetfleet`. */
  name?: string;
  /** Defaults to 5,000. */
  connectTimeoutMs?: number;
  /** Where the defaults of the options above, and the namespace, are read. Defaults to `process.env`. */
  env?: NodeJS.ProcessEnv;
}

const TLS_FILES: readonly string[] = ['caFile', 'certFile', 'keyFile'];
const RECONNECT_MS = 250;
const INFO_MS = 2_000;
/** A server that refuses the credentials is asked less and less often, down to this. */
const MAX_RECONNECT_MS = 2_000;
/** Workers answer to such inboxes alone. */
const INBOX_PREFIX = /^_INBOX(_[A-Za-z0-9_-]+)?$/;

/**
 * Connects, and stays connected: it reconnects for as long as the process lives, also while its credentials are refused.
 * @throws BrokerError `JETFLEET_BROKER_UNREACHABLE`, `JETFLEET_BROKER_AUTH`, `JETFLEET_BROKER_TLS`
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for an option that cannot be used
 */
export async function openConnection(options: ConnectOptions = {}): Promise<NatsConnection> {
  const env = options.env ?? process.env;
  const list = parseServers(options.servers ?? (env.NATS_URL || DEFAULT_SERVER));
  const login = chooseLogin(options, list.userInfo, env);
  const tls = tlsOptions(checkedFiles(options.tls), list, env);
  const inboxPrefix = options.inboxPrefix || env.NATS_INBOX_PREFIX;
  if (inboxPrefix && !INBOX_PREFIX.test(inboxPrefix)) {
    throw invalid(
      `inboxPrefix ${JSON.stringify(inboxPrefix)} must be _INBOX, or _INBOX_ and a name of A-Z a-z 0-9 _ -`,
    );
  }
  const greeting = new Greeting(login?.authenticator);
  const wanted: ConnectionOptions = {
    servers: list.servers,
    name: options.name ?? 'jetfleet',
    timeout: options.connectTimeoutMs ?? 5_000,
    maxReconnectAttempts: -1,
    // A server that is being set up again may refuse everybody for a while, and credentials are renewed.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => greeting.delayMs(),
    // A dead peer without a closed socket is noticed after two missed pings.
    pingInterval: 5_000,
    // Two Error objects a request otherwise, for stack traces that nobody reads.
    noAsyncTraces: true,
    authenticator: greeting.authenticator,
    ...(inboxPrefix && { inboxPrefix }),
    ...(tls && { tls }),
  };
  const connection = await firstConnection(wanted, greeting, {
    list,
    login: login?.name,
    tls: tls !== undefined,
  });
  greeting.watch(connection);
  return connection;
}

async function firstConnection(
  wanted: ConnectionOptions,
  greeting: Greeting,
  attempt: Pick<Attempt, 'list' | 'login' | 'tls'>,
): Promise<NatsConnection> {
  try {
    return await withoutLeftovers(() => connect(wanted));
  } catch (thrown) {
    const { servers } = attempt.list;
    // The client tells what the last of the servers said, and one that refuses says more than one that is away.
    const cause =
      servers.length === 1 || isRefusal(thrown) ? thrown : await refusalOf(servers, wanted, thrown);
    const greeted = greeting.count > 0;
    const asksForCertificate =
      greeted && !wanted.tls?.certFile && (await isCertificateWanted(servers[0] ?? ''));
    throw connectionError(cause, { ...attempt, greeted, asksForCertificate });
  }
}

/** With TLS 1.3 a client learns only by the end of its connection that it should have had a certificate. */
async function isCertificateWanted(server: string): Promise<boolean> {
  const { hostname, port } = new URL(`nats://${server}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  // Without an answer nothing more is known than before.
  const info = await readInfo(host, Number(port), AbortSignal.timeout(INFO_MS)).catch(() => undefined);
  return info?.tls_verify === true;
}

/** What any of several servers refuses the connection for, else what was thrown already. */
async function refusalOf(
  servers: readonly string[],
  wanted: ConnectionOptions,
  thrown: unknown,
): Promise<unknown> {
  const enter = async (server: string) => {
    const connection = await withoutLeftovers(() => connect({ ...wanted, servers: [server] }));
    await connection.close();
  };
  const entered = await Promise.allSettled(servers.map(enter));
  const errors = entered.map((each) => (each.status === 'rejected' ? each.reason : undefined));
  return errors.find(isRefusal) ?? thrown;
}

/** Counts how often a server asked who this is since it last let the connection in. */
class Greeting {
  readonly authenticator: Authenticator;
  count = 0;

  constructor(authenticator: Authenticator | undefined) {
    this.authenticator = (nonce) => {
      this.count++;
      return authenticator?.(nonce);
    };
  }

  delayMs(): number {
    const waitMs = Math.min(RECONNECT_MS * 2 ** Math.min(this.count, 8), MAX_RECONNECT_MS);
    return waitMs + Math.floor(Math.random() * 100);
  }

  watch(connection: NatsConnection): void {
    this.count = 0;
    void (async () => {
      for await (const { type } of connection.status()) if (type === 'reconnect') this.count = 0;
    })();
  }
}

/** What is misspelt, or of another kind, would else leave the connection without TLS and without a word. */
function checkedFiles(files: TlsFiles = {}): TlsFiles {
  if (typeof files !== 'object' || files === null || Array.isArray(files))
    throw invalid(`tls must be an object with ${TLS_FILES.join(', ')}`);
  for (const [name, path] of Object.entries(files)) {
    if (!TLS_FILES.includes(name)) throw invalid(`tls has ${TLS_FILES.join(', ')}, and no ${quoted(name)}`);
    if (path !== undefined) assertPath(`tls.${name}`, path);
  }
  return files;
}

/** @returns undefined where TLS is used only if the server asks for it */
function tlsOptions(files: TlsFiles, list: ServerList, env: NodeJS.ProcessEnv): TlsOptions | undefined {
  const caFile = files.caFile || env.NATS_TLS_CA;
  const certFile = files.certFile || env.NATS_TLS_CERT;
  const keyFile = files.keyFile || env.NATS_TLS_KEY;
  if (!list.tls && !caFile && !certFile && !keyFile) return undefined;
  if (Boolean(certFile) !== Boolean(keyFile)) {
    throw invalid(
      `the TLS ${certFile ? 'certificate' : 'key'} needs its ${certFile ? 'key' : 'certificate'}: give both files`,
    );
  }
  const named = { caFile, certFile, keyFile };
  for (const [name, path] of Object.entries(named)) if (path) assertReadable(name, path);
  return {
    ...(caFile && { caFile }),
    ...(certFile && { certFile }),
    ...(keyFile && { keyFile }),
    ...hostToVerify(list.servers),
  };
}

/** Without a name the certificate of a server that is an address would be checked against `localhost`. */
function hostToVerify(servers: readonly string[]): object {
  const hosts = new Set(servers.map((server) => server.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')));
  const [host = ''] = hosts;
  return hosts.size === 1 && isIP(host) !== 0 ? { host } : {};
}

function assertReadable(name: string, path: string): void {
  assertPath(`tls.${name}`, path);
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw invalid(
      `tls.${name}: the file ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
      cause,
    );
  }
}

function invalid(message: string, cause?: unknown): ValidationError {
  return new ValidationError('JETFLEET_OPTION_INVALID', message, { cause });
}
