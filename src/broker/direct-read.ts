/** Reads straight from a stream's store, without a consumer (nats-server ADR-31). */
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../jobs/errors.js';
import type { ReplyInbox } from './reply-inbox.js';

/** A message as its stream holds it. */
export interface StoredMessage {
  subject: string;
  seq: number;
  data: Uint8Array;
  headers: MsgHdrs;
  /** When it was stored, milliseconds since the epoch. */
  timeMs: number;
}

const TIMEOUT_MS = 5_000;
const NOT_FOUND = 404;
const NO_RESPONDERS = 503;
const END_OF_BATCH = 204;
/** The server answers at most this many subjects of a `multi_last`. */
const MAX_MULTI_LAST = 256;

export class DirectRead {
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;

  constructor(connection: NatsConnection, inbox: ReplyInbox) {
    this.#connection = connection;
    this.#inbox = inbox;
  }

  /** The last message on a subject or filter. */
  last(stream: string, filter: string): Promise<StoredMessage | undefined> {
    return this.#one(stream, { last_by_subj: filter });
  }

  bySequence(stream: string, seq: number): Promise<StoredMessage | undefined> {
    return this.#one(stream, { seq });
  }

  /** How many messages a filter matches, without reading them: the first one says how many follow. */
  async count(stream: string, filter: string): Promise<number> {
    const reply = await this.#request(stream, { batch: 1, seq: 1, next_by_subj: filter });
    if (isStatus(reply, NOT_FOUND)) return 0;
    return 1 + Number(reply.headers?.get('Nats-Num-Pending') || 0);
  }

  /** Up to `limit` messages on a filter from `seq` on, oldest first. */
  page(stream: string, filter: string, seq: number, limit: number): Promise<StoredMessage[]> {
    return this.#many(stream, { batch: limit, seq: Math.max(seq, 1), next_by_subj: filter });
  }

  /** The last message on each filter, in no particular order. */
  async lastOfEach(stream: string, filters: readonly string[]): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let start = 0; start < filters.length; start += MAX_MULTI_LAST) {
      const part = filters.slice(start, start + MAX_MULTI_LAST);
      // A job leaves up to four subjects, one for each status it had.
      found.push(...(await this.#many(stream, { multi_last: part, batch: part.length * 4 })));
    }
    return found;
  }

  async #one(stream: string, query: object): Promise<StoredMessage | undefined> {
    const reply = await this.#request(stream, query);
    return isStatus(reply, NOT_FOUND) ? undefined : toStored(reply);
  }

  #request(stream: string, query: object): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const reply = this.#inbox.expect(TIMEOUT_MS, (msg) => {
        if (!msg) reject(unanswered(stream));
        else if (isStatus(msg, NO_RESPONDERS)) reject(noStream(stream));
        else if (msg.headers && msg.headers.code >= 400 && msg.headers.code !== NOT_FOUND) {
          reject(
            new BrokerError('JETFLEET_PUBLISH_REFUSED', `cannot read ${stream}: ${msg.headers.description}`),
          );
        } else resolve(msg);
      });
      this.#connection.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), { reply });
    });
  }

  #many(stream: string, query: object): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    const inbox = createInbox();
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        subscription.unsubscribe();
        if (error) reject(error);
        else resolve(found);
      };
      const timer = setTimeout(() => finish(unanswered(stream)), TIMEOUT_MS);
      const subscription = this.#connection.subscribe(inbox, {
        callback: (_, msg) => {
          if (isStatus(msg, END_OF_BATCH) || isStatus(msg, NOT_FOUND)) finish();
          else if (isStatus(msg, NO_RESPONDERS)) finish(noStream(stream));
          else if (msg.headers && msg.headers.code >= 400) {
            finish(
              new BrokerError(
                'JETFLEET_PUBLISH_REFUSED',
                `cannot read ${stream}: ${msg.headers.description}`,
              ),
            );
          } else found.push(toStored(msg));
        },
      });
      this.#connection.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), { reply: inbox });
    });
  }
}

function toStored(msg: Msg): StoredMessage {
  const headers = msg.headers as MsgHdrs;
  return {
    subject: headers.get('Nats-Subject'),
    seq: Number(headers.get('Nats-Sequence')),
    data: msg.data,
    headers,
    timeMs: Date.parse(headers.get('Nats-Time-Stamp')),
  };
}

function isStatus(msg: Msg, code: number): boolean {
  return msg.headers?.code === code;
}

function unanswered(stream: string): BrokerError {
  return new BrokerError('JETFLEET_PUBLISH_TIMEOUT', `the broker did not answer a read of ${stream}`, {
    retryable: true,
  });
}

function noStream(stream: string): BrokerError {
  return new BrokerError('JETFLEET_NO_STREAM', `there is no stream ${stream}; run "jetfleet setup"`, {
    retryable: true,
  });
}
