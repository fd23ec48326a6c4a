import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../../jobs/errors.js';
import { MAX_HEADER_BYTES, MAX_RECORD_BYTES } from '../../jobs/limits.js';
import { withLeader } from './manager.js';

/**
 * JetStream's API level of nats-server 2.15. Earlier ones believe a producer's `Nats-Stream-Source`, by which one message
 * makes a work stream pass over the timers of others.
 */
export const MIN_API_LEVEL = 5;

/**
 * Checks that the server can hold jobs for this user.
 * @throws BrokerError `JETFLEET_JETSTREAM_DISABLED`, `JETFLEET_SERVER_TOO_OLD`, `JETFLEET_SERVER_LIMIT`,
 *   `JETFLEET_BROKER_FORBIDDEN`, `JETFLEET_NO_LEADER`
 */
export async function assertServer(connection: NatsConnection, manager: JetStreamManager): Promise<void> {
  const { version = 'unknown', max_payload: maxPayload = Number.POSITIVE_INFINITY } = connection.info ?? {};
  assertMaxPayload(maxPayload);
  const { api } = await withLeader(() => manager.getAccountInfo());
  assertApiLevel((api as { level?: number }).level ?? 0, version);
}

/** @throws BrokerError `JETFLEET_SERVER_TOO_OLD` for a level below {@link MIN_API_LEVEL} */
export function assertApiLevel(level: number, version: string): void {
  if (level >= MIN_API_LEVEL) return;
  const why = `nats-server ${version} has JetStream API level ${level}, Jetfleet needs ${MIN_API_LEVEL} (nats-server 2.15 or later)`;
  throw new BrokerError('JETFLEET_SERVER_TOO_OLD', why);
}

/** A job that fits into its message must fit into its records too, or it could never end. */
function assertMaxPayload(maxPayload: number): void {
  const needed = MAX_RECORD_BYTES + MAX_HEADER_BYTES;
  if (maxPayload >= needed) return;
  const why = `the nats-server has a max_payload of ${maxPayload} bytes, and a job's record and headers may have ${needed}; set max_payload: 1MB in its configuration`;
  throw new BrokerError('JETFLEET_SERVER_LIMIT', why);
}
