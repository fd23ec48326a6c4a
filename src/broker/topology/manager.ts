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
export const MESSAGE_NOT_FOUND = 10037;
export const CONSUMER_NOT_FOUND = 10014;
const NOT_ENABLED = 10076;
const NOT_ENABLED_FOR_ACCOUNT = 10039;
/** Too few servers are up, the cluster is unavailable, the server is not its leader, a stream or a consumer is offline. */
const LEADERLESS: readonly number[] = [10005, 10008, 10009, 10118, 10119];
/** How long a cluster may elect a leader while it is asked; each try ends after five seconds without an answer. */
const LEADER_WITHIN_MS = 20_000;
const ELECTION_PAUSE_MS = 250;

/** Reads what may not exist: undefined only where the server says so, by one of its codes `notFound`. */
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
  return JetfleetError.is(error, 'JETFLEET_NO_LEADER');
}

export function noLeader(what: string, cause?: unknown): BrokerError {
  const why = `${what}: JetStream does not answer; its servers are electing a leader, or too few of them are up: try again`;
  return new BrokerError('JETFLEET_NO_LEADER', why, { cause, retryable: true });
}

/** JetStream as the client offers it; one for each connection. */
export interface JetStream {
  manager: JetStreamManager;
  client: JetStreamClient;
}

/**
 * @throws BrokerError from each call: `JETFLEET_BROKER_FORBIDDEN` where the user has no right to it, `JETFLEET_NO_LEADER`
 *   where nobody answers, `JETFLEET_JETSTREAM_DISABLED`, else `JETFLEET_PUBLISH_REFUSED`; JetfleetError `JETFLEET_CLOSED`
 */
export async function openJetStream(connection: NatsConnection): Promise<JetStream> {
  const calls = new Calls(connection);
  const manager = withCodes(await jetstreamManager(connection, { checkAPI: false }), calls);
  return { manager, client: withCodes(jetstream(connection), calls) };
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
  const server = `nats-server ${connection.info?.version ?? 'unknown'}`;
  const cause = error instanceof Error && error.cause instanceof JetStreamApiError ? error.cause : error;
  const code = cause instanceof JetStreamApiError ? cause.code : undefined;
  const disabled = (why: string) =>
    new BrokerError('JETFLEET_JETSTREAM_DISABLED', `${server} ${why}`, { cause });
  if (code === NOT_ENABLED_FOR_ACCOUNT) {
    return disabled(
      'has JetStream, but not for the account of this user, so it cannot keep jobs; enable it for the account (jetstream: enabled)',
    );
  }
  const isLate = isNamed(error, 'TimeoutError');
  const isUnanswered =
    isLate ||
    isNamed(error, 'JetStreamNotEnabled') ||
    (error instanceof errors.RequestError && error.isNoResponders());
  // A server says at the start whether it has JetStream; one that has it and does not answer has no leader.
  const isOff = connection.info?.jetstream !== true;
  if (code === NOT_ENABLED || (isUnanswered && isOff && !isLate)) {
    return disabled(
      "runs without JetStream, so it cannot keep jobs; start it with -js, or with Jetfleet's nats.conf",
    );
  }
  if (isUnanswered || (code !== undefined && LEADERLESS.includes(code))) return noLeader(server, cause);
  if (!(cause instanceof JetStreamApiError)) return error;
  const why = `the broker refused: ${cause.message} (${cause.code})`;
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', why, { cause, retryable: cause.status >= 500 });
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
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
