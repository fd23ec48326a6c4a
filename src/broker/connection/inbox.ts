import { createInbox, type NatsConnection } from '@nats-io/transport-node';

/** A subject to be answered on, below the inbox prefix of the connection: the user may subscribe to no other. */
export function newInbox(connection: NatsConnection): string {
  // Not in the public type, though every connection has it.
  const { options } = connection as unknown as { options?: { inboxPrefix?: string } };
  return createInbox(options?.inboxPrefix);
}
