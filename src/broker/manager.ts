/** The client's JetStream interfaces, with a coded error where the user has no right to a call, or its connection ends. */
import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { forbiddenIn } from './forbidden.js';
import { closedConnection } from './guarded.js';

/** What the server says of something that does not exist. */
export const STREAM_NOT_FOUND = 10059;
export const CONSUMER_NOT_FOUND = 10014;

/**
 * Reads what may not exist. A read that fails says nothing of that: it rejects.
 * @param notFound error codes of the server for what does not exist
 * @returns undefined only where the server says that it does not exist
 */
export async function unlessMissing<T>(
  notFound: readonly number[],
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof JetStreamApiError && notFound.includes(error.code)) return undefined;
    throw error;
  }
}

/** @throws BrokerError `JETFLEET_BROKER_FORBIDDEN` from each call that the user has no right to; JetfleetError `JETFLEET_CLOSED` */
export async function openManager(connection: NatsConnection): Promise<JetStreamManager> {
  return withCodes(await jetstreamManager(connection, { checkAPI: false }), connection);
}

/** @throws as {@link openManager} */
export function openClient(connection: NatsConnection): JetStreamClient {
  return withCodes(jetstream(connection), connection);
}

/** Passes everything on, and gives failed calls their code, those of the lists and groups inside as well. */
function withCodes<T extends object>(api: T, connection: NatsConnection): T {
  return new Proxy(api, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value === 'function')
        return (...args: unknown[]) => coded(value.apply(target, args), connection);
      return typeof value === 'object' && value !== null ? withCodes(value, connection) : value;
    },
  });
}

function isOfEnd(error: unknown, connection: NatsConnection): boolean {
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError)
    return true;
  // What was under way when it closed.
  return error instanceof errors.RequestError && connection.isClosed();
}

function coded(result: unknown, connection: NatsConnection): unknown {
  if (result instanceof Promise) {
    return result.catch((error: unknown) => {
      throw forbiddenIn(error) ?? (isOfEnd(error, connection) ? closedConnection() : error);
    });
  }
  const isList = typeof result === 'object' && result !== null && 'next' in result;
  return isList ? withCodes(result, connection) : result;
}
