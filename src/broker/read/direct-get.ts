/** Requests to a stream's store, without a consumer (nats-server ADR-31). */
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { BrokerError, JetfleetError } from '../../jobs/errors.js';
import { AtOnce } from '../at-once.js';
import { closedConnection, isOpen, NO_RESPONDERS, send } from '../connection/guarded.js';
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

/** A message, or the status in its place. */
interface Answer {
  /** 0 for a message. */
  code: number;
  headers: StoredHeaders | undefined;
  message: StoredMessage | undefined;
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
const END_OF_BATCH = 204;
const TOO_MANY_RESULTS = 413;

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

  one(stream: string, query: object): Promise<One> {
    const data = JSON.stringify(query);
    const read = ({ message, headers }: Answer) => ({ message, pending: pendingIn(headers) });
    return this.#persistently(stream, () => this.#ask(stream, data, read));
  }

  /** The answer to a query for many messages. The server ends it early by its bytes. */
  many(stream: string, query: object): Promise<Batch> {
    const data = JSON.stringify({ ...query, max_bytes: BATCH_BYTES });
    const isMultiLast = 'multi_last' in query;
    const ask = () => {
      const messages: StoredMessage[] = [];
      return this.#ask(stream, data, ({ code, headers, message }) => {
        if (message) messages.push(message);
        if (code === NOT_FOUND && isBroken(headers, messages.length > 0 || isMultiLast)) throw broken(stream);
        return code > 0 ? batchOf(messages, code, headers) : undefined;
      });
    };
    return this.#persistently(stream, () => this.#batches.run(ask));
  }

  /**
   * Reads again when no answer came, when the stream was missing and could be created, or while its replicas elect a leader; and
   * once when the server could not load a message.
   */
  async #persistently<T>(stream: string, read: () => Promise<T>): Promise<T> {
    let state: StreamState | undefined;
    let wasBroken = false;
    const mayPass = async (error: unknown) => {
      if (isMissing(error)) {
        const before = state;
        state = await this.#streams.make();
        const reason = this.#streams.reasonToGiveUp(() => error, state, before);
        if (reason) throw reason;
        return true;
      }
      if (JetfleetError.is(error, 'JETFLEET_READ_TIMEOUT')) return true;
      const isFirst = !wasBroken;
      wasBroken = JetfleetError.is(error, 'JETFLEET_PUBLISH_REFUSED') && error.retryable;
      return isFirst && wasBroken;
    };
    const readIfOpen = async () => {
      if (!this.#isOpen) throw closedConnection();
      return read();
    };
    try {
      state = await this.#streams.ready();
      const reason = state && this.#streams.reasonToGiveUp(() => noStream(stream), state, undefined);
      if (reason) throw reason;
      return await retry(readIfOpen, { withinMs: TIMEOUT_MS, pauseMs: PAUSE_MS, mayPass });
    } catch (error) {
      throw isMissing(error) && state !== 'missing' ? noLeader(`cannot read ${stream}`, error) : error;
    }
  }

  /**
   * Asks once, and others of a cluster: the first that answers is heard to the end.
   * @param read gives the result once an answer is the last one
   */
  #ask<T>(stream: string, data: string, read: (answer: Answer) => T | undefined): Promise<T> {
    const subject = `$JS.API.DIRECT.GET.${stream}`;
    const lastExtension = performance.now() + BATCH_MS;
    // Each replica that is asked answers on a subject of its own, so that two answers do not mix.
    let asked: OpenRequest[] = [];
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        for (const request of asked) request.end();
        asked = [];
        settle();
      };
      const onReply = (reply: Reply, own: OpenRequest) => {
        if (!asked.includes(own)) return;
        clearInterval(others);
        for (const other of asked) if (other !== own) other.end();
        if (asked.length > 1) asked = [own];
        try {
          const result = read(this.#answerOf(reply, stream));
          if (result !== undefined) finish(() => resolve(result));
          else if (performance.now() < lastExtension) own.extend();
        } catch (error) {
          finish(() => reject(error));
        }
      };
      const ask = () => {
        const request: OpenRequest = this.#inbox.open(TIMEOUT_MS, subject, (reply) =>
          onReply(reply, request),
        );
        asked.push(request);
        // Of a connection that is closed the inbox tells.
        send(this.#connection, [{ subject, reply: request.reply, data }]);
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

  #answerOf(reply: Reply, stream: string): Answer {
    if (reply instanceof Error) throw reply;
    if (reply === undefined) throw this.#isOpen ? unanswered(stream) : closedConnection();
    const { headers, isWhole } = storedHeaders(reply);
    const code = statusOf(headers);
    if (code === NO_RESPONDERS) throw noStream(stream);
    if (code >= 400 && code !== NOT_FOUND && code !== TOO_MANY_RESULTS)
      throw refused(stream, headers?.description);
    const message = headers && code === 0 ? toStored(reply, headers, isWhole) : undefined;
    return { code, headers, message };
  }

  get #isOpen(): boolean {
    return isOpen(this.#connection) && !this.#inbox.isClosed;
  }
}

function isMissing(error: unknown): error is BrokerError {
  return JetfleetError.is(error, 'JETFLEET_NO_STREAM');
}

/**
 * The status that the server answers with, 0 for a message. A stored message can carry a status line of its publisher's,
 * but every one comes with its sequence, which the server writes.
 */
function statusOf(headers: StoredHeaders | undefined): number {
  const { code } = headers ?? { code: 0 };
  return code === 0 || headers?.has('Nats-Sequence') ? 0 : code;
}

/**
 * Whether the server could not load a message: it answers `404 Message Not Found` in place of that one and all that follow.
 * A whole batch ends with 204, and `404 No Results` is the answer to a `multi_last` that matches nothing (nats-server,
 * `getDirectMulti`).
 */
function isBroken(headers: StoredHeaders | undefined, isFound: boolean): boolean {
  return isFound && headers?.description !== 'No Results';
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

function refused(stream: string, why: string | undefined): BrokerError {
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', `cannot read ${stream}: ${why}`);
}

function unanswered(stream: string): BrokerError {
  const why = `the broker did not answer a read of ${stream}`;
  return new BrokerError('JETFLEET_READ_TIMEOUT', why, { retryable: true });
}

function broken(stream: string): BrokerError {
  const why = `cannot read ${stream}: the broker found a message and could not load it; run "jetfleet doctor", and try again`;
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', why, { retryable: true });
}

function noStream(stream: string): BrokerError {
  const why = `there is no stream ${stream}; run "jetfleet setup"`;
  return new BrokerError('JETFLEET_NO_STREAM', why, { retryable: true });
}
