/** How many jobs are in each state within `failed`: the subject of an event has its status alone. */
import type { Broker } from '../../broker/broker.js';
import type { JobState } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';

export interface FailedStateCounts {
  counts: ReadonlyMap<JobState, number>;
  /** Whether records are still being read: for the first time, or since some were removed. The numbers may be wrong until then. */
  isCounting: boolean;
}

/** What was counted between two sequences, both included. Only blocks from which records were removed are read again. */
interface Block {
  first: number;
  last: number;
  events: number;
  counts: Map<JobState, number>;
}

const PAGE = 500;
const BLOCK = 4 * PAGE;
/** A screen must not wait for a million records. */
const PATIENCE_MS = 150;
/** Counts by which removed records are found, and the part of a range from which on it is read again as a whole. */
const MOST_QUESTIONS = 64;
const MANY = 0.1;
/** Whether some were removed is found out again after so many times what that took. */
const REST = 10;

/** Reads the records of failed jobs once, then those that come, and again those of blocks from which some were removed. */
export class FailedStates {
  readonly #broker: () => Promise<Broker>;
  #blocks: Block[] = [];
  /** When EVENTS was made: another stream counts from 1 again. */
  #created = '';
  #isRead = false;
  #updating: Promise<void> | undefined;
  #checkAtMs = 0;

  constructor(broker: () => Promise<Broker>) {
    this.#broker = broker;
  }

  /** As they are, or were a short time ago. Takes about 150 ms at most. */
  async count(): Promise<FailedStateCounts> {
    const broker = await this.#broker();
    this.#updating ??= this.#update(broker).finally(() => {
      this.#updating = undefined;
    });
    const updating = this.#updating;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    // What fails after that fails for the next call.
    updating.catch(() => {});
    await Promise.race([updating, patience]).finally(() => clearTimeout(timer));
    return { counts: sumOf(this.#blocks), isCounting: !this.#isRead };
  }

  async #update(broker: Broker): Promise<void> {
    const { created } = await broker.topology.streamInfo('events');
    if (created !== this.#created) {
      this.#created = created;
      this.#blocks = [];
      this.#isRead = false;
    }
    await readInto(broker, this.#blocks, this.#nextSeq);
    this.#isRead = true;
    const began = performance.now();
    if (began < this.#checkAtMs) return;
    await this.#leaveOutRemoved(broker);
    this.#isRead = true;
    const now = performance.now();
    this.#checkAtMs = now + REST * (now - began);
  }

  get #nextSeq(): number {
    return (this.#blocks.at(-1)?.last ?? 0) + 1;
  }

  async #leaveOutRemoved(broker: Broker): Promise<void> {
    const { read } = broker;
    const stream = broker.subjects.streamName('events');
    const filter = failures(broker);
    // What comes between two counts is in the later one alone: it may hide a removal until the next check, but looks like none.
    const later = await read.count(stream, filter, this.#nextSeq);
    const { count, firstSeq } = await read.extent(stream, filter);
    const left = count - later;
    if (left >= eventsIn(this.#blocks)) return;
    this.#isRead = false;
    const blocks = this.#blocks.filter(({ last }) => last >= firstSeq);
    const leftFrom = async ({ first }: Block) => (await read.count(stream, filter, first)) - later;
    for (const [start, end] of (await shrunkRanges(blocks, left, leftFrom)).reverse()) {
      const again: Block[] = [];
      await readInto(broker, again, blocks[start]?.first ?? 1, blocks[end - 1]?.last);
      blocks.splice(start, end - start, ...again);
    }
    this.#blocks = blocks;
  }
}

function eventsIn(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { events }) => sum + events, 0);
}

function sumOf(blocks: readonly Block[]): Map<JobState, number> {
  const sum = new Map<JobState, number>();
  for (const { counts } of blocks)
    for (const [state, count] of counts) sum.set(state, (sum.get(state) ?? 0) + count);
  return sum;
}

/**
 * Which blocks have fewer records than were counted, as ranges of places, found by halves. Where many are missing, or in many places, a
 * range is all of its blocks: to read them again costs less than to count each.
 * @param left how many records all blocks have now
 * @param leftFrom how many a block and those after it have
 */
async function shrunkRanges(
  blocks: readonly Block[],
  left: number,
  leftFrom: (block: Block) => Promise<number>,
): Promise<[start: number, end: number][]> {
  const ranges: [start: number, end: number][] = [];
  let questions = MOST_QUESTIONS;
  const search = async (start: number, end: number, leftHere: number, leftAfter: number): Promise<void> => {
    const before = eventsIn(blocks.slice(start, end));
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

/** Reads the records from a sequence on into the last block and those after it. */
async function readInto(broker: Broker, blocks: Block[], from: number, upTo?: number): Promise<void> {
  const stream = broker.subjects.streamName('events');
  for await (const page of broker.read.pages(stream, failures(broker), from, PAGE, upTo))
    for (const message of page) {
      let block = blocks.at(-1);
      if (!block || block.events >= BLOCK) {
        block = { first: message.seq, last: message.seq, events: 0, counts: new Map() };
        blocks.push(block);
      }
      const state = broker.recordOf(message)?.state;
      if (state !== undefined) block.counts.set(state, (block.counts.get(state) ?? 0) + 1);
      block.events++;
      block.last = message.seq;
    }
}

function failures({ subjects }: Broker): string {
  return subjects.event(ANY, 'failed', ANY);
}
