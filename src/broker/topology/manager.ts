/** The client's JetStream interfaces, with a coded error where a call fails. */
import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { BrokerError, JetfleetError } from '../../jobs/errors.js';
import { forbiddenIn } from '../connection/forbidden.js';
import { closedConnection } from '../connection/guarded.js';
import { retry } from '../retry.js';

/** What the server says of something that does not exist. */
export const STREAM_NOT_FOUND = 10059;
export const CONSUMER_NOT_FOUND = 10014;
const NOT_ENABLED = 10076;
const NOT_ENABLED_FOR_ACCOUNT = 10039;
/** Too few servers are up, the cluster is unavailable, the server is not its leader, a stream or a consumer is offline. */
const LEADERLESS: readonly number[] = [10005, 10008, 10009, 10118, 10119];
/** How long a cluster may elect a leader while it is asked; each try ends after five seconds without an answer. */
const LEADER_WITHIN_MS = 20_000;
const ELECTION_PAUSE_MS = 250;

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
    if (notFound.includes(apiCodeOf(error) ?? 0)) return undefined;
    throw error;
  }
}

/** The number by which the server names an error, of a call that failed with a coded one as well. */
export function apiCodeOf(error: unknown): number | undefined {
  if (error instanceof JetStreamApiError) return error.code;
  return error instanceof BrokerError ? apiCodeOf(error.cause) : undefined;
}

/** Tries a call again while a cluster elects a leader, for 20 seconds. The call must do no harm when it is made twice. */
export function withLeader<T>(call: () => Promise<T>): Promise<T> {
  const limits = { withinMs: LEADER_WITHIN_MS, pauseMs: ELECTION_PAUSE_MS };
  return retry(call, { ...limits, mayPass: isLeaderless });
}

export function isLeaderless(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'JETFLEET_NO_LEADER';
}

export function noLeader(what: string, cause?: unknown): BrokerError {
  const why = `${what}: JetStream does not answer; its servers are electing a leader, or too few of them are up: try again`;
  return new BrokerError('JETFLEET_NO_LEADER', why, { cause, retryable: true });
}

/**
 * @throws BrokerError from each call: `JETFLEET_BROKER_FORBIDDEN` where the user has no right to it, `JETFLEET_NO_LEADER`
 *   where nobody answers, `JETFLEET_JETSTREAM_DISABLED`, else `JETFLEET_PUBLISH_REFUSED`; JetfleetError `JETFLEET_CLOSED`
 */
export async function openManager(connection: NatsConnection): Promise<JetStreamManager> {
  return withCodes(await jetstreamManager(connection, { checkAPI: false }), new Calls(connection));
}

/** @throws as {@link openManager} */
export function openClient(connection: NatsConnection): JetStreamClient {
  return withCodes(jetstream(connection), new Calls(connection));
}

/** Passes everything on, and gives failed calls their code, those of the lists and groups inside as well. */
function withCodes<T extends object>(api: T, calls: Calls): T {
  return new Proxy(api, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value === 'function') return (...args: unknown[]) => coded(value.apply(target, args), calls);
      return typeof value === 'object' && value !== null ? withCodes(value, calls) : value;
    },
  });
}

function coded(result: unknown, calls: Calls): unknown {
  if (result instanceof Promise) return calls.follow(result);
  const isList = typeof result === 'object' && result !== null && 'next' in result;
  return isList ? withCodes(result, calls) : result;
}

/**
 * The calls that are under way on a connection. They end with it: what is asked while it closes is neither answered nor
 * refused by the client, which waits for its own time to run out.
 */
class Calls {
  readonly #connection: NatsConnection;
  readonly #underWay = new Set<(error: Error) => void>();

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void connection.closed().then(() => {
      for (const end of this.#underWay) end(closedConnection());
    });
  }

  follow(call: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      const settle = () => this.#underWay.delete(reject);
      call.then(resolve, (error: unknown) => reject(this.#named(error))).finally(settle);
    });
  }

  #named(error: unknown): unknown {
    if (error instanceof JetfleetError) return error;
    return forbiddenIn(error) ?? (isOfEnd(error) ? closedConnection() : named(error, this.#connection));
  }
}

/** A request fails for want of somebody who answers it, for want of a right, or by the end of its connection. */
function isOfEnd(error: unknown): boolean {
  if (error instanceof errors.RequestError) return !error.isNoResponders();
  return error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError;
}

function named(error: unknown, connection: NatsConnection): unknown {
  const version = connection.info?.version ?? 'unknown';
  const api = error instanceof Error && error.cause instanceof JetStreamApiError ? error.cause : error;
  const code = api instanceof JetStreamApiError ? api.code : undefined;
  if (code === NOT_ENABLED_FOR_ACCOUNT) {
    return new BrokerError(
      'JETFLEET_JETSTREAM_DISABLED',
      `nats-server ${version} has JetStream, but not for the account of this user, so it cannot keep jobs; enable it for the account (jetstream: enabled)`,
      { cause: api },
    );
  }
  const isUnanswered =
    isNamed(error, 'TimeoutError', 'JetStreamNotEnabled') ||
    (error instanceof errors.RequestError && error.isNoResponders());
  // A server says at the start whether it has JetStream; one that has it and does not answer has no leader.
  const isOn = connection.info?.jetstream === true;
  if (code === NOT_ENABLED || (isUnanswered && !isOn && !isNamed(error, 'TimeoutError'))) {
    return new BrokerError(
      'JETFLEET_JETSTREAM_DISABLED',
      `nats-server ${version} runs without JetStream, so it cannot keep jobs; start it with -js, or with Jetfleet's nats.conf`,
      { cause: api },
    );
  }
  if (isUnanswered || (code !== undefined && LEADERLESS.includes(code)))
    return noLeader(`nats-server ${version}`, api);
  if (!(api instanceof JetStreamApiError)) return error;
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', `the broker refused: ${api.message} (${api.code})`, {
    cause: api,
    retryable: api.status >= 500,
  });
}

function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

/** Names of what the client throws when the server is gone, slow, or in the middle of an election. */
const CLIENT_FAILURES: readonly string[] = [
  'TimeoutError',
  'ConnectionError',
  'ClosedConnectionError',
  'DrainingConnectionError',
  'NoRespondersError',
  'RequestError',
  'JetStreamApiError',
  'JetStreamError',
  'ConsumerNotFoundError',
  'StreamNotFoundError',
];

/** Whether an error that is none of Jetfleet's own comes from the broker, so that it may pass. */
export function isBrokerFailure(thrown: unknown): boolean {
  return thrown instanceof Error && CLIENT_FAILURES.includes(thrown.name);
}
