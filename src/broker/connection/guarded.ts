/**
 * The only way in which Jetfleet publishes, subscribes and flushes. A connection can be lent, so its owner drains or
 * closes it at any moment: no state of it throws into a timer or into the client's reader.
 */
import { errors, type Msg, type NatsConnection, type RequestOptions } from '@nats-io/transport-node';
import { atMost } from '../../jobs/deadline.js';
import { JetfleetError } from '../../jobs/errors.js';
import { type Logger, silentLogger } from '../../telemetry/logger.js';
import { type OutgoingMessage, publishAll } from './client-internals.js';
import { forbiddenIn } from './forbidden.js';

/** The status of the server's answer where nobody listens. */
export const NO_RESPONDERS = 503;

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

/**
 * @returns whether the messages were handed to the connection: one that is closed or drained takes none, and after a reconnect the
 *   server may take smaller ones only. Whoever waits for an answer gets none, and checks again
 */
export function send(connection: NatsConnection, messages: Iterable<OutgoingMessage>): boolean {
  if (connection.isClosed()) return false;
  try {
    publishAll(connection, messages);
    return true;
  } catch (error) {
    if (isOpen(connection) && !(error instanceof errors.InvalidArgumentError)) throw error;
    return false;
  }
}

/**
 * Subscribes. What `onMessage` throws is logged: it would end the reader of the connection, which is deaf from then on.
 * @param onError called when the server ends the subscription, as for want of a right. Defaults to a line in the log
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
    unsubscribe: () => {
      try {
        subscription.unsubscribe();
      } catch {
        // A connection that has ended has ended its subscriptions too.
      }
    },
    drain: (ms) => within(ms, connection, () => subscription.drain()),
  };
}

/** Asks, and rejects where that cannot be sent. */
export async function request(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array | string,
  options: RequestOptions,
): Promise<Msg> {
  return connection.request(subject, data, options);
}

/** Sends what is buffered. Gives up after `ms`: a broker that is away must not hold up an ending process. */
export function flush(connection: NatsConnection, ms: number): Promise<void> {
  return within(ms, connection, () => connection.flush());
}

/** The error of a connection that is closed, or is about to be. */
export function closedConnection(maybeStored = false): JetfleetError {
  const stored = maybeStored ? '; the write may be stored or not' : '';
  return new JetfleetError('JETFLEET_CLOSED', `the connection to the broker is closed${stored}`);
}

async function within(ms: number, connection: NatsConnection, act: () => Promise<unknown>): Promise<void> {
  // What is thrown becomes a rejection.
  const later = async () => act();
  if (!connection.isClosed()) await atMost(ms, later());
}
