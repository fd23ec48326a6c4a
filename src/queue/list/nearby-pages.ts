/**
 * Pages of a list. Before the server answers a batch it counts all messages that match: 100 ms for a million subjects, in which it answers
 * nobody else on the connection. Most filters of lists match most messages of a stream. So messages are read by their sequences, and
 * those that do not match are left out; the sources of one list share what was read. Only where a filter matches few are its messages
 * asked for by the filter, which has few to count then (decision 96).
 */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { onceIn } from '../../jobs/once-in.js';
import { matchesTokens, type StreamKind } from '../../wire/subjects.js';
import {
  bytesOf,
  filterPage,
  type Page,
  type PageQuery,
  type ReadPage,
  type SequenceRange,
} from './sources.js';

/** Sequences that are read at once, on a grid, so that sources which stand in different places share them. */
const BLOCK = 32;
/** A filter matches few where fewer than one in so many match, judged by so many messages. */
const FEW = 6;
const PROBE = 4 * BLOCK;
/** How many sequences one page reads at most, and by how much more at a time. */
const MOST = 1_024;
const GROWTH = 8;
/** Of messages as large as that on average, those that do not match cost more than counts. */
const LARGE = 16 * 1024;
/** Of all that are read at once: the server holds as much for a connection that reads slowly. */
const BYTES_AT_ONCE = 8 * 1024 * 1024;
/** So many times more are asked for than the share of matching messages so far says. */
const SPARE = 1.25;
/** Where a stream has no more messages of a filter, all are read. */
const ALL = 256;

interface Found {
  messages: StoredMessage[];
  /** Where to go on; undefined at the end of the range. */
  next: number | undefined;
}

/** What the server knows of a filter without a look at any message. */
interface Extent {
  count: number;
  firstSeq: number;
  lastSeq: number;
}

/** How large messages were that were read last. */
const sizes = new WeakMap<Broker, Map<StreamKind, number>>();

/** How one list reads. What it has read of a stream it keeps for its sources. */
export class NearbyPages {
  readonly #broker: Broker;
  readonly #blocks = new Map<string, Promise<StoredMessage[]>>();
  readonly #edges = new Map<string, Promise<number>>();
  readonly #extents = new Map<string, Promise<Extent>>();
  /** Which part of the messages matches, where few do. */
  readonly #shares = new Map<string, number>();
  readonly #seen = { read: 0, bytes: 0 };
  /** What was read since the last page said what it cost. */
  #unpaid = { read: 0, bytes: 0 };

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  readonly page: ReadPage = async (query) => {
    const { kind, filter, direction, size } = query;
    const [first, end] = await Promise.all([
      query.first > 1 ? query.first : this.#firstOf(kind),
      this.#endOf(kind),
    ]);
    const range = { first, last: Math.min(query.last, end) };
    if (range.first > range.last) return { messages: [], read: 0, bytes: 0 };
    const isForward = direction === 'oldest';
    const isFew = () => this.#shares.has(`${kind} ${filter}`);
    const isCounted = () => isFew() || this.#areLarge(kind);
    const near = isCounted()
      ? { messages: [], next: isForward ? range.first : range.last }
      : await this.#scan(query, range);
    const cost = this.#pay();
    const missing = size - near.messages.length;
    if (near.next === undefined || missing <= 0 || !isCounted()) return pageOf(near, cost, query);
    const left = isForward ? { ...range, first: near.next } : { ...range, last: near.next };
    const far = await this.#byFilter({ ...query, ...left, size: missing });
    const messages = [...near.messages, ...far.messages];
    const both = { read: cost.read + far.read, bytes: cost.bytes + far.bytes };
    return pageOf({ messages, next: far.next }, both, query);
  };

  /** From one end of a range on, until there are enough, no more, or too few of them. */
  async #scan({ kind, filter, direction, size }: PageQuery, { first, last }: SequenceRange): Promise<Found> {
    const wanted = filter.split('.');
    const isForward = direction === 'oldest';
    const messages: StoredMessage[] = [];
    let next: number | undefined = isForward ? first : last;
    for (let blocks = 1, scanned = 0; next !== undefined; ) {
      const place = Math.floor(next / BLOCK);
      const low: number = isForward ? next : Math.max(first, (place - blocks + 1) * BLOCK);
      const high: number = isForward ? Math.min(last, (place + blocks) * BLOCK - 1) : next;
      const read = await this.#between(kind, low, high);
      const matching = read.filter(({ subject }) => matchesTokens(subject.split('.'), wanted));
      messages.push(...(isForward ? matching : matching.reverse()));
      scanned += high - low + 1;
      const isEnd: boolean = isForward ? high >= last : low <= first;
      next = isEnd ? undefined : isForward ? high + 1 : low - 1;
      const count = messages.length;
      const isFew = scanned >= PROBE && count * FEW < scanned;
      if (isFew) this.#shares.set(`${kind} ${filter}`, count / scanned);
      if (isFew || count >= size || scanned >= MOST || this.#areLarge(kind)) break;
      const missing: number = count === 0 ? PROBE - scanned : (SPARE * (size - count) * scanned) / count;
      blocks = Math.ceil(Math.min(missing, GROWTH * scanned, MOST - scanned, this.#mostAtOnce) / BLOCK);
    }
    return { messages, next };
  }

  #areLarge(kind: StreamKind): boolean {
    return (sizes.get(this.#broker)?.get(kind) ?? 0) > LARGE;
  }

  /** How many sequences may be read at once, as large as their messages have been. */
  get #mostAtOnce(): number {
    const { read, bytes } = this.#seen;
    return read === 0 ? BLOCK : BYTES_AT_ONCE / Math.max(1, bytes / read);
  }

  async #between(kind: StreamKind, low: number, high: number): Promise<StoredMessage[]> {
    const asked: Promise<StoredMessage[]>[] = [];
    for (let place = Math.floor(low / BLOCK); place * BLOCK <= high; place++)
      asked.push(onceIn(this.#blocks, `${kind} ${place}`, () => this.#readBlock(kind, place)));
    return (await Promise.all(asked)).flat().filter(({ seq }) => low <= seq && seq <= high);
  }

  async #readBlock(kind: StreamKind, place: number): Promise<StoredMessage[]> {
    const { read, subjects } = this.#broker;
    const last = Math.min((place + 1) * BLOCK - 1, await this.#endOf(kind));
    const messages = await read.bySequences(subjects.streamName(kind), place * BLOCK, last);
    const bytes = bytesOf(messages);
    const known = onceIn(sizes, this.#broker, () => new Map<StreamKind, number>());
    if (messages.length > 0) known.set(kind, bytes / messages.length);
    for (const sum of [this.#seen, this.#unpaid]) {
      sum.read += messages.length;
      sum.bytes += bytes;
    }
    return messages;
  }

  #pay(): { read: number; bytes: number } {
    const cost = this.#unpaid;
    this.#unpaid = { read: 0, bytes: 0 };
    return cost;
  }

  async #byFilter(query: PageQuery): Promise<Page> {
    const { kind, filter, direction, size } = query;
    if (this.#areLarge(kind)) return filterPage(this.#broker, query);
    const share = this.#shares.get(`${kind} ${filter}`) ?? 0;
    if (share > 0)
      return direction === 'oldest' ? filterPage(this.#broker, query) : this.#window(query, share);
    const { read, subjects } = this.#broker;
    const { count, firstSeq, lastSeq } = await this.#extentOf(kind, filter);
    const [first, last] = [Math.max(query.first, firstSeq), Math.min(query.last, lastSeq)];
    if (first > last) return { messages: [], read: 0, bytes: 0 };
    if (direction === 'oldest' || count > ALL) {
      // After the last one there is nothing to count.
      const isWhole = direction === 'newest' && query.last > lastSeq;
      return filterPage(this.#broker, { ...query, first, last: isWhole ? Number.POSITIVE_INFINITY : last });
    }
    // To find the last of few among very many messages takes more counts than there are.
    const all = await read.page(subjects.streamName(kind), filter, first, count);
    const messages = all.filter(({ seq }) => seq <= last).reverse();
    return pageOf(
      { messages, next: undefined },
      { read: all.length, bytes: bytesOf(all) },
      { size, direction },
    );
  }

  /** The newest ones in about as many sequences as they lie in. */
  async #window(query: PageQuery, share: number): Promise<Page> {
    const { kind, filter, first, last, size, direction } = query;
    const from = Math.max(first, last - Math.ceil((SPARE * size) / share) + 1);
    const limit = 2 * size;
    const page = await this.#broker.read.page(this.#broker.subjects.streamName(kind), filter, from, limit);
    const isWhole = page.length < limit || (page.at(-1)?.seq ?? 0) >= last;
    // They lie closer together than those before.
    if (!isWhole) return filterPage(this.#broker, query);
    const messages = page.filter(({ seq }) => seq <= last).reverse();
    const next = from === first ? undefined : from - 1;
    return pageOf({ messages, next }, { read: page.length, bytes: bytesOf(page) }, { size, direction });
  }

  #extentOf(kind: StreamKind, filter: string): Promise<Extent> {
    return onceIn(this.#extents, `${kind} ${filter}`, async () => {
      const { read, subjects } = this.#broker;
      const [extent, lastSeq] = await Promise.all([
        read.extent(subjects.streamName(kind), filter),
        this.#lastOf(kind, filter),
      ]);
      return { ...extent, lastSeq };
    });
  }

  #firstOf(kind: StreamKind): Promise<number> {
    const { read, subjects } = this.#broker;
    return onceIn(this.#edges, `first of ${kind}`, async () => {
      return (await read.next(subjects.streamName(kind), '>'))?.seq ?? Number.POSITIVE_INFINITY;
    });
  }

  /** The last sequence of a stream. Its message may have been removed: then the server finds no last message. */
  #endOf(kind: StreamKind): Promise<number> {
    const { topology } = this.#broker;
    return onceIn(this.#edges, `end of ${kind}`, async () => {
      return (await this.#lastOf(kind, '>')) || (await topology.streamInfo(kind)).state.last_seq;
    });
  }

  #lastOf(kind: StreamKind, filter: string): Promise<number> {
    const { read, subjects } = this.#broker;
    return onceIn(this.#edges, `last of ${kind} ${filter}`, async () => {
      return (await read.last(subjects.streamName(kind), filter))?.seq ?? 0;
    });
  }
}

function pageOf(
  { messages: found, next }: Found,
  cost: { read: number; bytes: number },
  { size, direction }: Pick<PageQuery, 'size' | 'direction'>,
): Page {
  const messages = found.slice(0, size);
  const end = messages.at(-1);
  const isCut = found.length > size && end !== undefined;
  const goOn = isCut ? end.seq + (direction === 'oldest' ? 1 : -1) : next;
  return { messages, ...(goOn !== undefined && { next: goOn }), ...cost };
}
