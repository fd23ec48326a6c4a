/** Requests to a stream's store, without a consumer (nats-server ADR-31). */
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../../jobs/errors.js';
import { AtOnce } from '../at-once.js';
import { closedConnection, isOpen, send } from '../connection/guarded.js';
import type { OpenRequest, Reply, ReplyInbox } from '../connection/reply-inbox.js';
import { retry } from '../retry.js';
import { noLeader } from '../topology/manager.js';
import type { StreamMaker, StreamState } from '../topology/missing-streams.js';
import { type StoredHeaders, storedHeaders } from './message-headers.js';

/** A message as its stream holds it. */
export interface StoredMessage {
  subject: string;
  seq: number;
  data: Uint8Array;
  headers: StoredHeaders;
  /** Set when some lines of its headers cannot be read, and are left out of `headers`. */
  headersUnreadable?: boolean;
  /** When it was stored, milliseconds since the epoch. */
  timeMs: number;
}

/** The answer to a request for one message. */
export interface One {
  /** Undefined where there is none. */
  message: StoredMessage | undefined;
  /** How many more match. */
  pending: number;
}

/** Messages, and what the status that ended them says. */
export interface Batch {
  messages: StoredMessage[];
  end: 'whole' | 'nothing found' | 'too many results';
  /** How many more match. */
  pending: number;
  /** How far the batch came. */
  lastSeq: number;
  /** As of which sequence a `multi_last` was answered. */
  upToSeq: number;
}

const TIMEOUT_MS = 5_000;
/** After this time a long answer may no longer extend its timeout. */
const BATCH_MS = 60_000;
/**
 * A server cuts a connection for which it holds more than its `max_pending`, 64 MB by default, and a busy process reads
 * slowly. So many bytes a batch, plus one message, and so many batches at once stay well below it.
 */
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCHES_AT_ONCE = 8;
/**
 * Any replica may answer, and one that has just stopped never does: then another one is asked, so many times. The
 * server picks at random, also the same one again, so a few times are too few for many reads.
 */
const ASK_ANOTHER_MS = 150;
const ASK_OTHERS = 12;
const PAUSE_MS = 100;
const NOT_FOUND = 404;
const NO_RESPONDERS = 503;
const END_OF_BATCH = 204;
const TOO_MANY_RESULTS = 413;

/** A read that is made once more before its failure is believed. */
class Interrupted extends Error {
  /** Of a read that is interrupted again. */
  readonly failure: Error;

  constructor(failure: Error) {
    super(failure.message);
    this.failure = failure;
  }
}

export class DirectGet {
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #streams: StreamMaker;
  readonly #batches = new AtOnce(BATCHES_AT_ONCE);

  /** @param streams creates a stream that was deleted */
  constructor(connection: NatsConnection, inbox: ReplyInbox, streams: StreamMaker) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#streams = streams;
  }

  /** The answer to a query for one message. */
  one(stream: string, query: object): Promise<One> {
    const data = JSON.stringify(query);
    return this.#persistently(stream, () => this.#askOne(stream, data));
  }

  /** The answer to a query for many messages. The server ends it early by its bytes. */
  many(stream: string, query: object): Promise<Batch> {
    const data = JSON.stringify({ ...query, max_bytes: BATCH_BYTES });
    const ask = () => this.#askMany(stream, data, 'multi_last' in query);
    return this.#persistently(stream, () => this.#batches.run(ask));
  }

  /**
   * Reads again when the stream was missing and could be created, or while its replicas elect a leader; and once when the
   * connection was away, or the server could not load a message.
   */
  async #persistently<T>(stream: string, read: () => Promise<T>): Promise<T> {
    let state: StreamState | undefined;
    let isInterrupted = false;
    const mayPass = async (error: unknown) => {
      if (error instanceof Interrupted) {
        if (isInterrupted) throw error.failure;
        isInterrupted = true;
        return true;
      }
      if (!isMissing(error)) return false;
      const before = state;
      state = await this.#streams.make();
      const reason = this.#streams.reasonToGiveUp(error, state, before);
      if (reason) throw reason;
      return true;
    };
    try {
      return await retry(read, { withinMs: TIMEOUT_MS, pauseMs: PAUSE_MS, mayPass });
    } catch (error) {
      if (error instanceof Interrupted) throw error.failure;
      throw isMissing(error) && state !== 'missing' ? noLeader(`cannot read ${stream}`, error) : error;
    }
  }

  #askOne(stream: string, data: string): Promise<One> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return reject(closedConnection());
      const subject = directGet(stream);
      const reply = this.#inbox.expect(TIMEOUT_MS, subject, (answer) => {
        clearInterval(others);
        if (!isMessage(answer)) return reject(this.#failureOf(answer, stream));
        const { headers, isWhole } = storedHeaders(answer);
        const code = statusOf(headers);
        if (code === NO_RESPONDERS) reject(noStream(stream));
        else if (code >= 400 && code !== NOT_FOUND) reject(refused(stream, headers?.description));
        else if (code > 0 || headers === undefined) resolve({ message: undefined, pending: 0 });
        else resolve({ message: toStored(answer, headers, isWhole), pending: pendingIn(headers) });
      });
      const ask = () => send(this.#connection, [{ subject, reply, data }]);
      const others = this.#askOthers(ask);
      if (!ask()) reject(closedConnection());
    });
  }

  #askMany(stream: string, data: string, isMultiLast: boolean): Promise<Batch> {
    const messages: StoredMessage[] = [];
    const subject = directGet(stream);
    const lastExtension = performance.now() + BATCH_MS;
    // Each replica that is asked answers on a subject of its own, so that two answers do not mix.
    let asked: OpenRequest[] = [];
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearInterval(others);
        for (const request of asked) request.end();
        asked = [];
        settle();
      };
      const fail = (error: Error) => finish(() => reject(error));
      const onReply = (answer: Reply, own: OpenRequest) => {
        if (!asked.includes(own)) return;
        if (!isMessage(answer)) return fail(this.#failureOf(answer, stream));
        // The first replica that answers is heard to the end.
        clearInterval(others);
        for (const other of asked) if (other !== own) other.end();
        asked = [own];
        if (performance.now() < lastExtension) own.extend();
        const { headers, isWhole } = storedHeaders(answer);
        const code = statusOf(headers);
        if (isBroken(headers, messages.length > 0 || isMultiLast)) fail(new Interrupted(broken(stream)));
        else if (code === NO_RESPONDERS) fail(noStream(stream));
        else if (code === END_OF_BATCH || code === NOT_FOUND || code === TOO_MANY_RESULTS)
          finish(() => resolve(batchOf(messages, code, headers)));
        else if (code >= 400) fail(refused(stream, headers?.description));
        else if (headers) messages.push(toStored(answer, headers, isWhole));
      };
      const ask = () => {
        if (!this.#isOpen) return fail(closedConnection());
        const request: OpenRequest = this.#inbox.open(TIMEOUT_MS, subject, (answer) =>
          onReply(answer, request),
        );
        asked.push(request);
        const { reply } = request;
        if (!send(this.#connection, [{ subject, reply, data }])) fail(closedConnection());
      };
      const others = this.#askOthers(ask);
      ask();
    });
  }

  /** The first answer counts, and a single server needs none of this. */
  #askOthers(ask: () => void): NodeJS.Timeout | undefined {
    if (this.#connection.info?.cluster === undefined) return undefined;
    let left = ASK_OTHERS;
    const others = setInterval(() => {
      if (left-- > 0) ask();
      else clearInterval(others);
    }, ASK_ANOTHER_MS);
    return others.unref();
  }

  #failureOf(answer: Exclude<Reply, Msg>, stream: string): Error {
    if (answer instanceof BrokerError) return answer;
    if (!this.#isOpen) return closedConnection();
    return answer === 'cut' ? new Interrupted(unanswered(stream)) : unanswered(stream);
  }

  get #isOpen(): boolean {
    return isOpen(this.#connection) && !this.#inbox.isClosed;
  }
}

function isMessage(answer: Reply): answer is Msg {
  return typeof answer === 'object' && !(answer instanceof BrokerError);
}

function isMissing(error: unknown): error is BrokerError {
  return error instanceof BrokerError && error.code === 'JETFLEET_NO_STREAM';
}

/**
 * The status that the server answers with, 0 for a message. A stored message can carry a status line of its publisher's,
 * but every one comes with its sequence, which the server writes.
 */
function statusOf(headers: StoredHeaders | undefined): number {
  return headers === undefined || headers.has('Nats-Sequence') ? 0 : headers.code;
}

/**
 * Whether the server could not load a message: it answers `404 Message Not Found` in place of that one and all that follow.
 * A whole batch ends with 204, and `404 No Results` is the answer to a `multi_last` that matches nothing (nats-server,
 * `getDirectMulti`).
 */
function isBroken(headers: StoredHeaders | undefined, isFound: boolean): boolean {
  return isFound && statusOf(headers) === NOT_FOUND && headers?.description !== 'No Results';
}

function batchOf(messages: StoredMessage[], code: number, headers: StoredHeaders | undefined): Batch {
  const numberIn = (name: string) => Number(headers?.get(name) || 0);
  return {
    messages,
    end: code === END_OF_BATCH ? 'whole' : code === NOT_FOUND ? 'nothing found' : 'too many results',
    pending: pendingIn(headers),
    lastSeq: numberIn('Nats-Last-Sequence') || (messages.at(-1)?.seq ?? 0),
    upToSeq: numberIn('Nats-UpTo-Sequence'),
  };
}

function pendingIn(headers: StoredHeaders | undefined): number {
  return Number(serverHeader(headers, 'Nats-Num-Pending') || 0);
}

/** What the server says of a message stands after the headers of its publisher, who may have written the same names. */
function toStored(msg: Msg, headers: StoredHeaders, isWhole: boolean): StoredMessage {
  return {
    subject: serverHeader(headers, 'Nats-Subject'),
    seq: Number(serverHeader(headers, 'Nats-Sequence')),
    data: msg.data,
    headers,
    ...(!isWhole && { headersUnreadable: true }),
    timeMs: Date.parse(serverHeader(headers, 'Nats-Time-Stamp')),
  };
}

function serverHeader(headers: StoredHeaders | undefined, name: string): string {
  return headers?.last(name) ?? '';
}

function directGet(stream: string): string {
  return `$JS.API.DIRECT.GET.${stream}`;
}

function refused(stream: string, why: string | undefined): BrokerError {
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', `cannot read ${stream}: ${why}`);
}

function unanswered(stream: string): BrokerError {
  return new BrokerError('JETFLEET_PUBLISH_TIMEOUT', `the broker did not answer a read of ${stream}`, {
    retryable: true,
  });
}

function broken(stream: string): BrokerError {
  return new BrokerError(
    'JETFLEET_PUBLISH_REFUSED',
    `cannot read ${stream}: the broker found a message and could not load it; run "jetfleet doctor", and try again`,
    { retryable: true },
  );
}

function noStream(stream: string): BrokerError {
  return new BrokerError('JETFLEET_NO_STREAM', `there is no stream ${stream}; run "jetfleet setup"`, {
    retryable: true,
  });
}
