/** Reads straight from a stream's store, without a consumer (nats-server ADR-31). */
import type { NatsConnection } from '@nats-io/transport-node';
import type { ReplyInbox } from '../connection/reply-inbox.js';
import type { StreamMaker } from '../topology/missing-streams.js';
import { DirectGet, type StoredMessage } from './direct-get.js';
import { LastReads } from './last-reads.js';

export type { StoredMessage } from './direct-get.js';

/** The server answers at most this many subjects of a `multi_last`. */
const MAX_MULTI_LAST = 256;
/** The server counts nanoseconds, which end in 2262. */
const LATEST_MS = Date.UTC(2262, 0, 1);
/** Messages at a time, where all of a filter are read. */
const PAGE = 1_000;

export class DirectRead {
  readonly #get: DirectGet;
  readonly #together = new LastReads(this);

  constructor(connection: NatsConnection, inbox: ReplyInbox, streams: StreamMaker) {
    this.#get = new DirectGet(connection, inbox, streams);
  }

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

  /** Those of some sequences, both ends included, that are there, oldest first: asked for at once. Nothing is counted before. */
  async bySequences(stream: string, first: number, last: number): Promise<StoredMessage[]> {
    const asked: Promise<StoredMessage | undefined>[] = [];
    for (let seq = Math.max(first, 1); seq <= last; seq++) asked.push(this.bySequence(stream, seq));
    return (await Promise.all(asked)).filter((message) => message !== undefined);
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
    const { message, pending } = await this.#get.one(stream, query);
    return message
      ? { count: 1 + pending, firstSeq: message.seq }
      : { count: 0, firstSeq: Number.POSITIVE_INFINITY };
  }

  /**
   * How many subjects have messages that a filter matches, and as of which sequence: a replica may be behind. The server counts
   * up to 1,024 of them.
   */
  async countSubjects(stream: string, filter: string): Promise<{ count: number; asOf: number }> {
    const { messages, pending, upToSeq } = await this.#get.many(stream, { multi_last: [filter], batch: 1 });
    return { count: messages.length + pending, asOf: upToSeq };
  }

  /** All messages on a filter from `seq` on, oldest first, read in pages of `pageSize`. */
  async *walk(stream: string, filter: string, seq: number, pageSize: number): AsyncGenerator<StoredMessage> {
    for await (const page of this.pages(stream, filter, seq, pageSize)) yield* page;
  }

  /**
   * As {@link walk}, page by page; none of them is empty.
   * @param upTo the last sequence that is read. Defaults to the end of the stream
   */
  async *pages(
    stream: string,
    filter: string,
    seq: number,
    pageSize: number,
    upTo = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<StoredMessage[]> {
    if (seq > upTo) return;
    for (let next = this.page(stream, filter, seq, pageSize); ; ) {
      const page = await next;
      const last = page.at(-1);
      const isEnd = !last || page.length < pageSize || last.seq >= upTo;
      // The next page comes while this one is worked on.
      if (!isEnd) next = this.page(stream, filter, last.seq + 1, pageSize);
      // Whoever leaves off early does not hear of it.
      next.catch(() => {});
      const wanted = last && last.seq > upTo ? page.filter((message) => message.seq <= upTo) : page;
      if (wanted.length > 0) yield wanted;
      if (isEnd) return;
    }
  }

  /**
   * As {@link pages}, but for large messages: the server ends each page early by its bytes, and no other one is held meanwhile.
   * @param limit of the messages of a page
   */
  async *batches(
    stream: string,
    filter: string,
    seq: number,
    limit: number,
    upTo = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<StoredMessage[]> {
    for (let next = Math.max(seq, 1); next <= upTo; ) {
      const query = { batch: limit, seq: next, next_by_subj: filter };
      const { messages, pending, lastSeq } = await this.#get.many(stream, query);
      const wanted = messages.filter((message) => message.seq <= upTo);
      if (wanted.length > 0) yield wanted;
      if (pending === 0 || lastSeq < next) return;
      next = lastSeq + 1;
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
      const { messages, pending, lastSeq } = await this.#get.many(stream, query);
      found.push(...messages);
      if (pending === 0 || lastSeq < next) break;
      next = lastSeq + 1;
    }
    return found;
  }

  /**
   * Up to `limit` messages on a filter from `seq` down to `first`, newest first. Fewer only when there are no more. What
   * lies between is not read: the server reads upwards alone, and counts tell how far back to begin.
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
    const matchesFrom = async (from: number) => (await this.count(stream, filter, from)) - after;
    const start = await startOf(matchesFrom, limit, first, end);
    const all: StoredMessage[] = [];
    // Several pages, since no count says exactly how many there are.
    const size = Math.max(start.matches, limit) + 1;
    for await (const page of this.pages(stream, filter, start.seq, size, end)) all.push(...page);
    const found = all.reverse().slice(0, limit);
    if (found.length === limit || start.seq === first) return found;
    // Messages that came between two counts were taken for some that lie before the end.
    const missing = await this.pageBefore(stream, filter, start.seq - 1, limit - found.length, first);
    return [...found, ...missing];
  }

  /** The sequence of the first message that was stored at a time or later; infinite when none was. */
  async sequenceAt(stream: string, timeMs: number): Promise<number> {
    const startMs = Math.min(Math.max(timeMs, 0), LATEST_MS);
    const query = { next_by_subj: '>', start_time: new Date(startMs).toISOString() };
    return (await this.#one(stream, query))?.seq ?? Number.POSITIVE_INFINITY;
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
      const { messages, end, pending, lastSeq, upToSeq } = await this.#get.many(stream, {
        ...query,
        ...range,
      });
      if (end === 'too many results') return this.#inHalves(stream, filters, fromSeq);
      found.push(...messages);
      if (pending === 0 || lastSeq < next) return found;
      upTo ||= upToSeq;
      next = lastSeq + 1;
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
    return (await this.#get.one(stream, query)).message;
  }
}

/**
 * A sequence from which `limit` matches remain up to `end`, or a few more. The numbers of matches are estimates: messages come
 * and go between two counts.
 */
async function startOf(
  matchesFrom: (seq: number) => Promise<number>,
  limit: number,
  first: number,
  end: number,
): Promise<{ seq: number; matches: number }> {
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
