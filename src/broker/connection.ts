import { readFileSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../jobs/errors.js';

/** The connection that Jetfleet opens, or accepts from its host. */
export type { NatsConnection } from '@nats-io/transport-node';

/** JetStream's API level of nats-server 2.14, the first with everything that Jetfleet builds on. */
export const MIN_API_LEVEL = 4;

export interface ConnectOptions {
  /** URLs of the cluster, or one. Defaults to NATS_URL, else `nats://127.0.0.1:4222`. */
  servers?: string | string[];
  /** A `.creds` file. Defaults to NATS_CREDS, else none. */
  credsFile?: string;
  /** Shown in the server's connection list. Defaults to `jetfleet`. */
  name?: string;
  /** Defaults to 5,000. */
  connectTimeoutMs?: number;
}

/**
 * Connects, and stays connected: it reconnects for as long as the process lives.
 * @throws BrokerError `JETFLEET_BROKER_UNREACHABLE`
 */
export async function openConnection(options: ConnectOptions = {}): Promise<NatsConnection> {
  const servers = options.servers ?? process.env.NATS_URL ?? 'nats://127.0.0.1:4222';
  const list = (Array.isArray(servers) ? servers : servers.split(',')).map((url) => url.trim());
  const credsFile = options.credsFile ?? process.env.NATS_CREDS;
  try {
    return await connect({
      servers: list,
      name: options.name ?? 'jetfleet',
      timeout: options.connectTimeoutMs ?? 5_000,
      maxReconnectAttempts: -1,
      // A server that is being set up anew may refuse everybody for a while.
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 250,
      // A dead peer without a closed socket is noticed after two missed pings.
      pingInterval: 5_000,
      // Two Error objects a request otherwise, for stack traces that nobody reads.
      noAsyncTraces: true,
      ...(credsFile && { authenticator: credsAuthenticator(readFileSync(credsFile)) }),
    });
  } catch (cause) {
    throw new BrokerError(
      'JETFLEET_BROKER_UNREACHABLE',
      `cannot connect to NATS at ${list.map(withoutSecrets).join(', ')}: ${(cause as Error).message}; start one with "jetfleet dev", or set NATS_URL`,
      { cause, retryable: true },
    );
  }
}

/**
 * Checks that the server can hold jobs.
 * @throws BrokerError `JETFLEET_JETSTREAM_DISABLED`, `JETFLEET_SERVER_TOO_OLD`
 */
export async function assertServer(connection: NatsConnection): Promise<void> {
  const version = connection.info?.version ?? 'unknown';
  let level: number;
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false });
    const account = await jsm.getAccountInfo();
    level = (account.api as { level?: number }).level ?? 0;
  } catch (cause) {
    throw new BrokerError(
      'JETFLEET_JETSTREAM_DISABLED',
      `nats-server ${version} runs without JetStream, so it cannot keep jobs; start it with -js, or with Jetfleet's nats.conf`,
      { cause },
    );
  }
  assertApiLevel(level, version);
}

/** @throws BrokerError `JETFLEET_SERVER_TOO_OLD` for a level below {@link MIN_API_LEVEL} */
export function assertApiLevel(level: number, version: string): void {
  if (level >= MIN_API_LEVEL) return;
  throw new BrokerError(
    'JETFLEET_SERVER_TOO_OLD',
    `nats-server ${version} has JetStream API level ${level}, Jetfleet needs ${MIN_API_LEVEL} (nats-server 2.14 or later)`,
  );
}

function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
