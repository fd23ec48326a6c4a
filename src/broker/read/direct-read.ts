/** Reads straight from a stream's store, without a consumer (nats-server ADR-31). */
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { BrokerError, type JetfleetError } from '../../jobs/errors.js';
import { AtOnce } from '../at-once.js';
import { newInbox } from '../connection/client-internals.js';
import {
  closedConnection,
  type GuardedSubscription,
  isOpen,
  send,
  subscribe,
} from '../connection/guarded.js';
import type { ReplyInbox } from '../connection/reply-inbox.js';
import { noLeader } from '../topology/manager.js';
import { NO_STREAMS_MADE, type StreamMaker, type StreamState } from '../topology/missing-streams.js';
import { LastReads } from './last-reads.js';
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
const ELECTION_PAUSE_MS = 100;
const NOT_FOUND = 404;
const NO_RESPONDERS = 503;
const END_OF_BATCH = 204;
const TOO_MANY_RESULTS = 413;
/** The server answers at most this many subjects of a `multi_last`. */
const MAX_MULTI_LAST = 256;
/** Messages at a time, where all of a filter are read. */
const PAGE = 1_000;

export class DirectRead {
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #streams: StreamMaker;
  readonly #together = new LastReads<StoredMessage>(this);
  readonly #batches = new AtOnce(BATCHES_AT_ONCE);

  /** @param streams creates a stream that was deleted. Defaults to never */
  constructor(connection: NatsConnection, inbox: ReplyInbox, streams: StreamMaker = NO_STREAMS_MADE) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#streams = streams;
  }

  /** The last message on a subject or filter. */
  last(stream: string, filter: string): Promise<StoredMessage | undefined> {
    return this.#one(stream, { last_by_subj: filter });
  }

  /**
   * As {@link last}, in one request with all that are asked for at the same moment. For calls that come in great numbers.
   * @param filter may have `*` in every token but its last
   */
  lastTogether(stream: string, filter: string): Promise<StoredMessage | undefined> {
    return this.#together.last(stream, filter);
  }

  /** The last message on each subject of a filter, oldest first; as {@link lastTogether}. */
  eachTogether(stream: string, filter: string): Promise<StoredMessage[]> {
    return this.#together.each(stream, filter);
  }

  bySequence(stream: string, seq: number): Promise<StoredMessage | undefined> {
    return this.#one(stream, { seq });
  }

  /** The first message from `seq` on that a filter matches: unlike a page of one, it does not have the rest counted. */
  next(stream: string, filter: string, seq = 1): Promise<StoredMessage | undefined> {
    return this.#one(stream, { seq: Math.max(seq, 1), next_by_subj: filter });
  }

  /** How many messages from `seq` on a filter matches, without reading them: the first one says how many follow. */
  async count(stream: string, filter: string, seq = 1): Promise<number> {
    return (await this.extent(stream, filter, seq)).count;
  }

  /** How many messages from `seq` on a filter matches, and the sequence of the first one, as of one moment. */
  async extent(stream: string, filter: string, seq = 1): Promise<{ count: number; firstSeq: number }> {
    const query = { batch: 1, seq: Math.max(seq, 1), next_by_subj: filter };
    const { headers } = await this.#request(stream, query);
    if (statusOf(headers) === NOT_FOUND) return { count: 0, firstSeq: Number.POSITIVE_INFINITY };
    return { count: 1 + pendingIn(headers), firstSeq: Number(serverHeader(headers, 'Nats-Sequence')) };
  }

  /** All messages on a filter from `seq` on, oldest first, read in pages of `pageSize`. */
  async *walk(stream: string, filter: string, seq: number, pageSize: number): AsyncGenerator<StoredMessage> {
    for await (const page of this.pages(stream, filter, seq, pageSize)) yield* page;
  }

  /** As {@link walk}, page by page; none of them is empty. */
  async *pages(
    stream: string,
    filter: string,
    seq: number,
    pageSize: number,
  ): AsyncGenerator<StoredMessage[]> {
    for (let next = this.page(stream, filter, seq, pageSize); ; ) {
      const page = await next;
      const last = page.at(-1);
      const isEnd = !last || page.length < pageSize;
      // The next page comes while this one is worked on.
      if (!isEnd) next = this.page(stream, filter, last.seq + 1, pageSize);
      // Whoever leaves off early does not hear of it.
      next.catch(() => {});
      if (last) yield page;
      if (isEnd) return;
    }
  }

  /**
   * Up to `limit` messages on a filter from `seq` on, oldest first. Fewer only when there are no more: the server ends
   * a batch early by its bytes, and then the rest is asked for.
   */
  async page(stream: string, filter: string, seq: number, limit: number): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let next = Math.max(seq, 1); found.length < limit; ) {
      const query = { batch: limit - found.length, seq: next, next_by_subj: filter };
      const { messages, end } = await this.#many(stream, query);
      found.push(...messages);
      const last = lastSequence(messages, end);
      if (pendingIn(end) === 0 || last < next) break;
      next = last + 1;
    }
    return found;
  }

  /**
   * Up to `limit` messages on a filter from `seq` down to `first`, newest first. Fewer only when there are no more. What
   * lies between is not read: counts tell how far back to begin.
   * @param seq may be infinite, for the last message
   */
  async pageBefore(
    stream: string,
    filter: string,
    seq: number,
    limit: number,
    first = 1,
  ): Promise<StoredMessage[]> {
    const isLast = !Number.isFinite(seq);
    const end = isLast ? ((await this.last(stream, filter))?.seq ?? 0) : seq;
    if (end < first) return [];
    // Where most messages match, those right before the end are enough, and counting costs more than reading.
    const near = Math.max(first, end - limit + 1);
    const nearby = (await this.page(stream, filter, near, limit)).filter((message) => message.seq <= end);
    if (nearby.length === limit || near === first) return nearby.reverse();
    const after = isLast ? 0 : await this.count(stream, filter, end + 1);
    const start = await this.#startOf(stream, filter, { first, end, limit, after });
    const size = Math.max(start.matches, limit) + 1;
    const found = (await this.#between(stream, filter, start.seq, end, size)).reverse().slice(0, limit);
    if (found.length === limit || start.seq === first) return found;
    // Messages that came between two counts were taken for some that lie before the end.
    const missing = limit - found.length;
    return [...found, ...(await this.pageBefore(stream, filter, start.seq - 1, missing, first))];
  }

  /** All messages from `first` to `end`, oldest first, `size` at a time: no count says exactly how many there are. */
  async #between(
    stream: string,
    filter: string,
    first: number,
    end: number,
    size: number,
  ): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let next = first; next <= end; ) {
      const page = await this.page(stream, filter, next, size);
      found.push(...page.filter(({ seq }) => seq <= end));
      const last = page.at(-1);
      if (!last || page.length < size) break;
      next = last.seq + 1;
    }
    return found;
  }

  /** The sequence of the first message that was stored at a time or later; one past the last when none was. */
  async sequenceAt(stream: string, timeMs: number): Promise<number> {
    const query = { batch: 1, next_by_subj: '>', start_time: new Date(Math.max(timeMs, 0)).toISOString() };
    const { messages, end } = await this.#many(stream, query);
    const [found] = messages;
    if (found) return found.seq;
    return end?.code === NOT_FOUND ? Number.POSITIVE_INFINITY : lastSequence(messages, end) + 1;
  }

  /**
   * A sequence from which `limit` matches remain up to `end`, or a few more; `after` matches lie beyond it. Both numbers
   * are estimates: messages come and go between two counts.
   */
  async #startOf(
    stream: string,
    filter: string,
    { first, end, limit, after }: { first: number; end: number; limit: number; after: number },
  ): Promise<{ seq: number; matches: number }> {
    const matchesFrom = async (seq: number) => (await this.count(stream, filter, seq)) - after;
    let tooLate = end + 1;
    for (let width = limit; ; width *= 4) {
      const seq = Math.max(first, end - width + 1);
      let matches = await matchesFrom(seq);
      if (matches < limit && seq > first) {
        tooLate = seq;
        continue;
      }
      let start = seq;
      // A window that is far too rich: halve what lies between it and the one that was too poor.
      while (matches > limit * 4 && tooLate - start > 1) {
        const middle = Math.floor((start + tooLate) / 2);
        const inMiddle = await matchesFrom(middle);
        if (inMiddle < limit) tooLate = middle;
        else [start, matches] = [middle, inMiddle];
      }
      return { seq: start, matches };
    }
  }

  /**
   * The last message on each subject of each filter, in no particular order.
   * @param fromSeq leaves out subjects whose last message is before it
   */
  async lastOfEach(stream: string, filters: readonly string[], fromSeq = 1): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let start = 0; start < filters.length; start += MAX_MULTI_LAST) {
      found.push(...(await this.#multiLast(stream, filters.slice(start, start + MAX_MULTI_LAST), fromSeq)));
    }
    return found;
  }

  /** Goes on where the server cut an answer short, and as of the same moment, so that no subject is passed over. */
  async #multiLast(stream: string, filters: readonly string[], fromSeq: number): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    // A job leaves up to four subjects, one for each status it had.
    const query = { multi_last: filters, batch: filters.length * 4 };
    for (let next = fromSeq, upTo = 0; ; ) {
      const range = { ...(next > 1 && { seq: next }), ...(upTo > 0 && { up_to_seq: upTo }) };
      const { messages, end } = await this.#many(stream, { ...query, ...range });
      if (end?.code === TOO_MANY_RESULTS) return this.#inHalves(stream, filters, fromSeq);
      found.push(...messages);
      const last = lastSequence(messages, end);
      if (pendingIn(end) === 0 || last < next) return found;
      upTo ||= Number(end?.get('Nats-UpTo-Sequence') || 0);
      next = last + 1;
    }
  }

  /** Subjects that other producers made up can take the answer to a job's filter over the server's limit. */
  async #inHalves(stream: string, filters: readonly string[], fromSeq: number): Promise<StoredMessage[]> {
    const [only = '', ...more] = filters;
    if (more.length === 0) return this.#lastOfPages(stream, only, fromSeq);
    const middle = Math.ceil(filters.length / 2);
    const first = await this.#multiLast(stream, filters.slice(0, middle), fromSeq);
    return [...first, ...(await this.#multiLast(stream, filters.slice(middle), fromSeq))];
  }

  /** The last message on each of more subjects than the server answers at once, from all messages. */
  async #lastOfPages(stream: string, filter: string, fromSeq: number): Promise<StoredMessage[]> {
    const last = new Map<string, StoredMessage>();
    for await (const message of this.walk(stream, filter, fromSeq, PAGE)) last.set(message.subject, message);
    return [...last.values()];
  }

  async #one(stream: string, query: object): Promise<StoredMessage | undefined> {
    const { msg, headers, isWhole } = await this.#request(stream, query);
    if (headers === undefined || statusOf(headers) === NOT_FOUND) return undefined;
    return toStored(msg, headers, isWhole);
  }

  #request(stream: string, query: object): Promise<Answered> {
    return this.#ask(stream, query).catch(this.#retry(stream, () => this.#ask(stream, query)));
  }

  /** A read that was under way while the connection came back is asked once more. */
  async #ask(stream: string, query: object, isRepeated = false): Promise<Answered> {
    this.#assertOpen();
    const began = performance.now();
    return new Promise((resolve, reject) => {
      const subject = directGet(stream);
      const reply = this.#inbox.expect(TIMEOUT_MS, subject, (msg) => {
        clearInterval(others);
        if (msg instanceof BrokerError) return reject(msg);
        if (!msg && this.#inbox.isClosed) return reject(closedConnection());
        const isEarly = !isRepeated && performance.now() - began < TIMEOUT_MS / 2;
        if (!msg && isEarly && isOpen(this.#connection)) return resolve(this.#ask(stream, query, true));
        if (!msg) return reject(unanswered(stream));
        const { headers, isWhole } = storedHeaders(msg);
        const code = statusOf(headers);
        if (code === NO_RESPONDERS) reject(noStream(stream));
        else if (code >= 400 && code !== NOT_FOUND) reject(refused(stream, headers?.description));
        else resolve({ msg, headers, isWhole });
      });
      const request = { subject, reply, data: JSON.stringify(query) };
      const others = this.#askOthers(() => send(this.#connection, [request]));
      if (!send(this.#connection, [request])) reject(closedConnection());
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

  /** A batch, and the headers of the status that ended it. */
  #many(stream: string, query: object): Promise<Batch> {
    const read = () => this.#batches.run(() => this.#askMany(stream, { ...query, max_bytes: BATCH_BYTES }));
    return read().catch(this.#retry(stream, read));
  }

  /** As with one message, what was under way while the connection came back is asked once more, from its start. */
  async #askMany(stream: string, query: object, isRepeated = false): Promise<Batch> {
    this.#assertOpen();
    const messages: StoredMessage[] = [];
    const subject = directGet(stream);
    const data = JSON.stringify(query);
    const lastRefresh = performance.now() + BATCH_MS;
    // Each replica that is asked answers on a subject of its own, so that two answers do not mix.
    const asked = new Map<string, GuardedSubscription>();
    return new Promise((resolve, reject) => {
      const stopAll = (but?: string) => {
        clearInterval(others);
        for (const [reply, subscription] of asked) {
          if (reply === but) continue;
          asked.delete(reply);
          subscription.unsubscribe();
        }
      };
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        stopWatching();
        stopAll();
        settle();
      };
      const fail = (error: Error) => finish(() => reject(error));
      const onMessage = (msg: Msg) => {
        if (!asked.has(msg.subject)) return;
        stopAll(msg.subject);
        // A long answer may take longer than a silent server is waited for.
        if (performance.now() < lastRefresh) timer.refresh();
        const { headers, isWhole } = storedHeaders(msg);
        const code = statusOf(headers);
        if (isBroken(headers, messages.length > 0 || 'multi_last' in query)) {
          if (isRepeated) fail(broken(stream));
          else finish(() => resolve(this.#askMany(stream, query, true)));
        } else if (code === END_OF_BATCH || code === NOT_FOUND || code === TOO_MANY_RESULTS) {
          finish(() => resolve({ messages, end: headers }));
        } else if (code === NO_RESPONDERS) fail(noStream(stream));
        else if (code >= 400) fail(refused(stream, headers?.description));
        else if (headers) messages.push(toStored(msg, headers, isWhole));
      };
      const ask = () => {
        const reply = newInbox(this.#connection);
        try {
          asked.set(reply, subscribe(this.#connection, reply, onMessage, undefined, fail));
        } catch (error) {
          return fail(error as Error);
        }
        if (!send(this.#connection, [{ subject, reply, data }])) fail(closedConnection());
      };
      const onCut = (error?: JetfleetError) => {
        if (error) fail(error);
        else if (isRepeated) fail(unanswered(stream));
        else finish(() => resolve(this.#askMany(stream, query, true)));
      };
      const timer = setTimeout(() => fail(unanswered(stream)), TIMEOUT_MS);
      const stopWatching = this.#inbox.watch(subject, onCut);
      const others = this.#askOthers(ask);
      ask();
    });
  }

  /** Reads again when the stream was missing and could be created, or while its replicas elect a leader. */
  #retry<T>(stream: string, read: () => Promise<T>): (error: unknown) => Promise<T> {
    return async (error) => {
      const endMs = performance.now() + TIMEOUT_MS;
      for (let missing = error, before: StreamState | undefined; ; ) {
        if (!isMissing(missing)) throw missing;
        const state = await this.#streams.make();
        const reason = this.#streams.reasonToGiveUp(missing, state, before);
        if (reason) throw reason;
        if (performance.now() > endMs) throw noLeader(`cannot read ${stream}`, missing);
        if (before !== undefined) await delay(ELECTION_PAUSE_MS);
        before = state;
        try {
          return await read();
        } catch (again) {
          missing = again;
        }
      }
    };
  }

  #assertOpen(): void {
    if (!isOpen(this.#connection) || this.#inbox.isClosed) throw closedConnection();
  }
}

function isMissing(error: unknown): error is BrokerError {
  return error instanceof BrokerError && error.code === 'JETFLEET_NO_STREAM';
}

/** An answer of the server, and its headers. */
interface Answered {
  msg: Msg;
  headers: StoredHeaders | undefined;
  /** Whether all of the headers can be read. */
  isWhole: boolean;
}

/** Messages, and the headers of the status that ended them. */
interface Batch {
  messages: StoredMessage[];
  end: StoredHeaders | undefined;
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

/** How many more messages match than were sent. */
function pendingIn(headers: StoredHeaders | undefined): number {
  return Number(serverHeader(headers, 'Nats-Num-Pending') || 0);
}

/** How far a batch came. */
function lastSequence(messages: readonly StoredMessage[], end: StoredHeaders | undefined): number {
  return Number(end?.get('Nats-Last-Sequence') || messages.at(-1)?.seq || 0);
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
