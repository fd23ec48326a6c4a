/** How many messages of a filter have each value of something that their subject does not tell: it is read from each message once. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { StreamKind } from '../../wire/subjects.js';
import { sumOf } from './sum-of.js';

export interface BlockCountsOptions<K> {
  broker: () => Promise<Broker>;
  kind: StreamKind;
  filterOf: (broker: Broker) => string;
  /** Undefined for a message that counts as none. */
  keyOf: (broker: Broker, message: StoredMessage) => K | undefined;
  /** How many messages are read, from the oldest one on. Defaults to all. */
  most?: number;
  /** Rests between two pages for as long as the last one took, since nobody waits. Defaults to false. */
  rests?: boolean;
}

/** What was counted between two sequences, both included. Only blocks from which messages were removed are read again. */
interface Block<K> {
  first: number;
  last: number;
  messages: number;
  counts: Map<K, number>;
}

/** Before each page the server counts the messages that follow. */
const PAGE = 1_000;
const BLOCK = 2 * PAGE;
/** A screen must not wait for a million records. */
const PATIENCE_MS = 150;
/** Counts by which removed messages are found, and the part of a range from which on it is read again as a whole. */
const MOST_QUESTIONS = 64;
const MANY = 0.1;
/** Whether some were removed is found out again after so many times what that took. */
const REST = 10;

/** Reads the messages once, then those that come, and again those of blocks from which some were removed. */
export class BlockCounts<K> {
  readonly #options: BlockCountsOptions<K>;
  readonly #most: number;
  #blocks: Block<K>[] = [];
  /** When the stream was made: another one counts from 1 again. */
  #created = '';
  #isRead = false;
  #updating: Promise<void> | undefined;
  #checkAtMs = 0;

  constructor(options: BlockCountsOptions<K>) {
    this.#options = options;
    this.#most = options.most ?? Number.POSITIVE_INFINITY;
  }

  /**
   * As they are, or were a short time ago. Takes about 150 ms at most. While messages are being read, for the first time or since some were
   * removed, the numbers may be wrong.
   */
  async countSoon(): Promise<{ counts: ReadonlyMap<K, number>; isCounting: boolean }> {
    const updating = this.#update(false);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    // What fails after that fails for the next call.
    updating.catch(() => {});
    await Promise.race([updating, patience]).finally(() => clearTimeout(timer));
    return { counts: countsIn(this.#blocks), isCounting: !this.#isRead };
  }

  /**
   * As they are, however long it takes.
   * @param total how many messages there are: where more are known, some were removed
   */
  async countAll(total: number): Promise<ReadonlyMap<K, number>> {
    await this.#update(false);
    if (messagesIn(this.#blocks) > total) await this.#update(true);
    return countsIn(this.#blocks);
  }

  async #update(checks: boolean): Promise<void> {
    // One that is under way may have passed what was removed since. Whoever began it hears of its failure.
    if (checks) await this.#updating?.catch(() => {});
    this.#updating ??= this.#readAll(checks).finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  async #readAll(checks: boolean): Promise<void> {
    const broker = await this.#options.broker();
    const { created } = await broker.topology.streamInfo(this.#options.kind);
    if (created !== this.#created) {
      this.#created = created;
      this.#blocks = [];
      this.#isRead = false;
    }
    await this.#readInto(broker, this.#blocks, this.#nextSeq);
    this.#isRead = true;
    const began = performance.now();
    if (!checks && began < this.#checkAtMs) return;
    await this.#leaveOutRemoved(broker);
    this.#isRead = true;
    const now = performance.now();
    this.#checkAtMs = now + REST * (now - began);
  }

  get #nextSeq(): number {
    return (this.#blocks.at(-1)?.last ?? 0) + 1;
  }

  async #leaveOutRemoved(broker: Broker): Promise<void> {
    if (this.#blocks.length === 0) return;
    const { read } = broker;
    const stream = broker.subjects.streamName(this.#options.kind);
    const filter = this.#options.filterOf(broker);
    // What comes between two counts is in the later one alone: it may hide a removal until the next check, but looks like none.
    const later = await read.count(stream, filter, this.#nextSeq);
    const { count, firstSeq } = await read.extent(stream, filter);
    const left = count - later;
    if (left >= messagesIn(this.#blocks)) return;
    this.#isRead = false;
    const blocks = this.#blocks.filter(({ last }) => last >= firstSeq);
    const leftFrom = async ({ first }: Block<K>) => (await read.count(stream, filter, first)) - later;
    for (const [start, end] of (await shrunkRanges(blocks, left, leftFrom)).reverse()) {
      const again: Block<K>[] = [];
      await this.#readInto(broker, again, blocks[start]?.first ?? 1, blocks[end - 1]?.last);
      blocks.splice(start, end - start, ...again);
    }
    this.#blocks = blocks;
  }

  /** Reads the messages from a sequence on into the last block and those after it. */
  async #readInto(broker: Broker, blocks: Block<K>[], from: number, upTo?: number): Promise<void> {
    const { kind, filterOf, keyOf, rests } = this.#options;
    const stream = broker.subjects.streamName(kind);
    let room = this.#most - messagesIn(blocks);
    if (room <= 0) return;
    let beganMs = performance.now();
    for await (const page of broker.read.pages(stream, filterOf(broker), from, PAGE, upTo)) {
      for (const message of page.slice(0, room)) {
        let block = blocks.at(-1);
        if (!block || block.messages >= BLOCK) {
          block = { first: message.seq, last: message.seq, messages: 0, counts: new Map() };
          blocks.push(block);
        }
        const key = keyOf(broker, message);
        if (key !== undefined) block.counts.set(key, (block.counts.get(key) ?? 0) + 1);
        block.messages++;
        block.last = message.seq;
      }
      room -= page.length;
      if (room <= 0) return;
      if (rests && page.length === PAGE) await delay(performance.now() - beganMs);
      beganMs = performance.now();
    }
  }
}

function messagesIn(blocks: readonly Block<unknown>[]): number {
  return sumOf(blocks.map(({ messages }) => messages));
}

function countsIn<K>(blocks: readonly Block<K>[]): Map<K, number> {
  const sum = new Map<K, number>();
  for (const { counts } of blocks)
    for (const [key, count] of counts) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

/**
 * Which blocks have fewer messages than were counted, as ranges of places, found by halves. Where many are missing, or in many places, a
 * range is all of its blocks: to read them again costs less than to count each.
 * @param left how many messages all blocks have now
 * @param leftFrom how many a block and those after it have
 */
async function shrunkRanges<K>(
  blocks: readonly Block<K>[],
  left: number,
  leftFrom: (block: Block<K>) => Promise<number>,
): Promise<[start: number, end: number][]> {
  const ranges: [start: number, end: number][] = [];
  let questions = MOST_QUESTIONS;
  const search = async (start: number, end: number, leftHere: number, leftAfter: number): Promise<void> => {
    const before = messagesIn(blocks.slice(start, end));
    const missing = before - (leftHere - leftAfter);
    if (missing <= 0) return;
    const place = Math.floor((start + end) / 2);
    const middle = blocks[place];
    if (end - start === 1 || missing > MANY * before || questions === 0 || !middle) {
      ranges.push([start, end]);
      return;
    }
    questions--;
    const leftInMiddle = await leftFrom(middle);
    await search(start, place, leftHere, leftInMiddle);
    await search(place, end, leftInMiddle, leftAfter);
  };
  await search(0, blocks.length, left, 0);
  return ranges;
}
