/**
 * The only way in which Jetfleet publishes, subscribes and flushes. A connection can be lent, so its owner drains or
 * closes it at any moment: no state of it throws into a timer or into the client's reader.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { atMost } from '../../jobs/deadline.js';
import { JetfleetError } from '../../jobs/errors.js';
import { type Logger, silentLogger } from '../../telemetry/logger.js';
import { type OutgoingMessage, publishAll } from './client-internals.js';
import { forbiddenIn } from './forbidden.js';

/** A subscription whose methods do not throw, whatever state its connection is in. */
export interface GuardedSubscription {
  unsubscribe(): void;
  /** Ends it once the messages that are under way have arrived, or after `ms` milliseconds. */
  drain(ms: number): Promise<void>;
}

/** Whether messages can leave, and subscriptions begin. A connection that reconnects is open. */
export function isOpen(connection: NatsConnection): boolean {
  return !connection.isClosed() && !connection.isDraining();
}

/** @returns whether the messages were handed to the connection; one that is closed or drained takes none */
export function send(connection: NatsConnection, messages: Iterable<OutgoingMessage>): boolean {
  if (connection.isClosed()) return false;
  try {
    publishAll(connection, messages);
    return true;
  } catch {
    return false;
  }
}

/**
 * Subscribes. What `onMessage` throws is logged: it would end the reader of the connection, which is deaf from then on.
 * @param onError called when the server ends the subscription, with BrokerError `JETFLEET_BROKER_FORBIDDEN` for want of a
 *   right. Defaults to a line in the log
 * @throws JetfleetError `JETFLEET_CLOSED` when the connection is closed, or its owner drains it
 */
export function subscribe(
  connection: NatsConnection,
  subject: string,
  onMessage: (msg: Msg) => void,
  logger: Logger = silentLogger,
  onError: (error: Error) => void = (err) =>
    logger.error({ err, subject }, 'the broker ended a subscription'),
): GuardedSubscription {
  if (!isOpen(connection)) throw closedConnection();
  const subscription = connection.subscribe(subject, {
    callback: (error, msg) => {
      try {
        if (error) onError(forbiddenIn(error) ?? error);
        else onMessage(msg);
      } catch (err) {
        logger.error({ err, subject }, 'a message could not be handled; it is passed over');
      }
    },
  });
  return {
    unsubscribe: () => quietly(() => subscription.unsubscribe()),
    drain: (ms) => drain(connection, subscription, ms),
  };
}

/** Sends what is buffered. Gives up after `ms`: a broker that is away must not hold up an ending process. */
export async function flush(connection: NatsConnection, ms: number): Promise<void> {
  if (!connection.isClosed())
    await atMost(
      ms,
      later(() => connection.flush()),
    );
}

/** The error of a connection that is closed, or is about to be. */
export function closedConnection(): JetfleetError {
  return new JetfleetError('JETFLEET_CLOSED', 'the connection to the broker is closed');
}

async function drain(connection: NatsConnection, subscription: Subscription, ms: number): Promise<void> {
  if (!connection.isClosed())
    await atMost(
      ms,
      later(() => subscription.drain()),
    );
}

/** What is thrown becomes a rejection. */
async function later(act: () => Promise<unknown>): Promise<unknown> {
  return act();
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // A connection that has ended has ended its subscriptions too.
  }
}
