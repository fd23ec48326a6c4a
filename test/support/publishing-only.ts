import type { NatsConnection } from '@nats-io/transport-node';

/** A connection as of a client that takes no bytes: each message goes through `publish`. */
export function publishingOnly(connection: NatsConnection): NatsConnection {
  const { protocol } = connection as unknown as { protocol: object };
  return Object.create(connection, {
    protocol: { value: Object.create(protocol, { sendCommand: { value: undefined } }) },
    publish: { value: connection.publish.bind(connection), writable: true },
  }) as NatsConnection;
}
