import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../jobs/errors.js';
import { MAX_HEADER_BYTES, MAX_RECORD_BYTES } from '../jobs/limits.js';
import { forbiddenIn } from './forbidden.js';

/**
 * JetStream's API level of nats-server 2.15. Earlier ones believe a producer's `Nats-Stream-Source`, by which one message
 * makes a work stream pass over the timers of others.
 */
export const MIN_API_LEVEL = 5;

const NOT_ENABLED = 10076;
const NOT_ENABLED_FOR_ACCOUNT = 10039;

/**
 * Checks that the server can hold jobs for this user.
 * @throws BrokerError `JETFLEET_JETSTREAM_DISABLED`, `JETFLEET_SERVER_TOO_OLD`, `JETFLEET_SERVER_LIMIT`,
 *   `JETFLEET_BROKER_FORBIDDEN`,
 *   `JETFLEET_BROKER_UNREACHABLE` when JetStream does not answer
 */
export async function assertServer(connection: NatsConnection): Promise<void> {
  const { version = 'unknown', max_payload: maxPayload = Number.POSITIVE_INFINITY } = connection.info ?? {};
  assertMaxPayload(maxPayload);
  let level: number;
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false });
    const account = await jsm.getAccountInfo();
    level = (account.api as { level?: number }).level ?? 0;
  } catch (cause) {
    throw unusable(cause, version);
  }
  assertApiLevel(level, version);
}

/** @throws BrokerError `JETFLEET_SERVER_TOO_OLD` for a level below {@link MIN_API_LEVEL} */
export function assertApiLevel(level: number, version: string): void {
  if (level >= MIN_API_LEVEL) return;
  throw new BrokerError(
    'JETFLEET_SERVER_TOO_OLD',
    `nats-server ${version} has JetStream API level ${level}, Jetfleet needs ${MIN_API_LEVEL} (nats-server 2.15 or later)`,
  );
}

/** A job that fits into its message must fit into its records too, or it could never end. */
function assertMaxPayload(maxPayload: number): void {
  const needed = MAX_RECORD_BYTES + MAX_HEADER_BYTES;
  if (maxPayload >= needed) return;
  throw new BrokerError(
    'JETFLEET_SERVER_LIMIT',
    `the nats-server has a max_payload of ${maxPayload} bytes, and a job's record and headers may have ${needed}; set max_payload: 1MB in its configuration`,
  );
}

function unusable(thrown: unknown, version: string): BrokerError {
  const forbidden = forbiddenIn(thrown);
  if (forbidden) return forbidden;
  const cause = thrown instanceof Error && thrown.cause instanceof JetStreamApiError ? thrown.cause : thrown;
  const code = cause instanceof JetStreamApiError ? cause.code : undefined;
  if (code === NOT_ENABLED_FOR_ACCOUNT) {
    return new BrokerError(
      'JETFLEET_JETSTREAM_DISABLED',
      `nats-server ${version} has JetStream, but not for the account of this user, so it cannot keep jobs; enable it for the account (jetstream: enabled)`,
      { cause },
    );
  }
  if (code === NOT_ENABLED || (thrown instanceof Error && thrown.name === 'JetStreamNotEnabled')) {
    return new BrokerError(
      'JETFLEET_JETSTREAM_DISABLED',
      `nats-server ${version} runs without JetStream, so it cannot keep jobs; start it with -js, or with Jetfleet's nats.conf`,
      { cause },
    );
  }
  return new BrokerError(
    'JETFLEET_BROKER_UNREACHABLE',
    `JetStream of nats-server ${version} does not answer: ${(thrown as Error).message}; it may be electing a leader: try again`,
    { cause, retryable: true },
  );
}
