/** Reads EVENTS in order and counts them by minute. The same events make the same minutes, whoever reads them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { HISTORY_MAX_AGE_MS, HISTORY_MS } from '../../jobs/limits.js';
import type { Depth } from '../../jobs/stats-history.js';
import type { StoredMinute } from '../../wire/history-message.js';
import { decodeRecord } from '../../wire/record-message.js';
import type { JobTimes } from '../stats/job-times.js';
import { Tallies } from './tally.js';

export const MINUTE_MS = 60_000;
/** Events at a time; fewer of large ones. */
const PAGE = 500;
/** A minute that began so long ago has no event any more that the broker has not told of, whatever the clocks say. */
const SETTLED_MS = 5_000;
const EXPECTED_SEQ = 'Nats-Expected-Last-Subject-Sequence';

export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
}

/** How far EVENTS is counted, and what is counted of the minute that is not over. */
export interface Place {
  /** When the EVENTS was made that the sequence is of. */
  events: string;
  nextSeq: number;
  /** When the minute begins. */
  atMs: number;
  tallies: Tallies;
  depth?: Depth;
  /** Whether anything was counted since it was stored. */
  isChanged: boolean;
}

/** Where a stored minute ends. */
export function placeAfter(minute: StoredMinute): Place {
  const tallies = new Tallies();
  tallies.merge(minute);
  const { events, nextSeq, depth } = minute;
  return {
    events,
    nextSeq,
    atMs: minuteOf(Date.parse(minute.at)),
    tallies,
    ...(depth && { depth }),
    isChanged: false,
  };
}

export function minuteAt({ events, nextSeq, atMs, tallies, depth }: Place): StoredMinute {
  const at = new Date(atMs).toISOString();
  return { v: 1, at, events, nextSeq, ...tallies.stored(), ...(depth && { depth }) };
}

/** Where counting begins of which nothing is stored: a day ago, or where an unreadable message stands. */
export async function firstPlace(broker: Broker, sinceMs?: number): Promise<Place> {
  const fromMs = Math.max(sinceMs ?? 0, broker.clock.now() - HISTORY_MS);
  const start = await eventsSince(broker, fromMs);
  return { ...start, atMs: minuteOf(fromMs), tallies: new Tallies(), isChanged: false };
}

async function eventsSince(broker: Broker, fromMs: number): Promise<Pick<Place, 'events' | 'nextSeq'>> {
  // Before the search, so that nothing is left out that is stored meanwhile.
  const { created, state } = await broker.topology.streamInfo('events');
  const found = await broker.read.sequenceAt(broker.subjects.streamName('events'), fromMs);
  return { events: String(created), nextSeq: Number.isFinite(found) ? found : state.last_seq + 1 };
}

/** Goes on to another minute, of which nothing is counted. */
export function beginMinute(place: Place, atMs: number): void {
  place.atMs = atMs;
  place.tallies = new Tallies();
  place.depth = undefined;
  place.isChanged = false;
}

/**
 * The minute that a sample of now belongs to; undefined while an event of an earlier one is not counted, which would count in this one.
 * @param next the first event that is not counted
 */
export function sampledMinute(place: Place, nowMs: number, next?: { timeMs: number }): number | undefined {
  const minuteMs = Math.max(place.atMs, minuteOf(nowMs - SETTLED_MS));
  return next && minuteOf(next.timeMs) < minuteMs ? undefined : minuteMs;
}

export interface CountOptions {
  times: JobTimes;
  /** Counts no further than so many events. */
  maxEvents?: number;
  /** Counts no event that was stored at this time or later. */
  untilMs?: number;
  /** About how long it counts at most. Defaults to as long as it takes. */
  withinMs?: number;
  /** Rests between two pages for so many times as long as the last one took. Defaults to not at all. */
  rest?: number;
  isStopped?: () => boolean;
  /** Hears of each minute that is over, before the next one begins. */
  onMinute: (place: Place) => Promise<void> | void;
}

/**
 * Counts what came after a place, which moves on. Events that are older than the history are passed over.
 * @returns whether all was counted that was asked for, and was there when it began
 */
export async function countEvents(broker: Broker, place: Place, options: CountOptions): Promise<boolean> {
  const { times, isStopped = () => false, onMinute } = options;
  const { maxEvents = Number.POSITIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = options;
  const { withinMs = Number.POSITIVE_INFINITY, rest = 0 } = options;
  const endMs = performance.now() + withinMs;
  const oldestMs = broker.clock.now() - HISTORY_MAX_AGE_MS;
  const { created, state } = await broker.topology.streamInfo('events');
  if (place.events !== String(created)) {
    // Somebody has deleted EVENTS, and its sequences count from 1 again.
    Object.assign(place, await eventsSince(broker, oldestMs));
  }
  // A message that says more is wrong, or the broker has lost events in a crash.
  place.nextSeq = Math.min(place.nextSeq, state.last_seq + 1);
  const stream = broker.subjects.streamName('events');
  let left = maxEvents;
  let beganMs = performance.now();
  for await (const page of broker.read.batches(stream, '>', place.nextSeq, PAGE, state.last_seq)) {
    for (const message of page) {
      if (message.timeMs >= untilMs) return true;
      const minuteMs = minuteOf(message.timeMs);
      if (minuteMs > place.atMs) {
        if (place.isChanged) await onMinute(place);
        beginMinute(place, minuteMs);
      }
      const record = message.timeMs < oldestMs ? undefined : recordIn(broker, message);
      if (record) {
        place.tallies.note(record, times.of(record, isFirst(message)));
        place.isChanged = true;
      }
      place.nextSeq = message.seq + 1;
    }
    left -= page.length;
    const isOver = isStopped() || left <= 0 || performance.now() >= endMs;
    if (isOver || place.nextSeq > state.last_seq) return place.nextSeq > state.last_seq;
    if (rest > 0) await delay(rest * (performance.now() - beganMs));
    beganMs = performance.now();
  }
  return true;
}

/** Payloads are not opened: nothing of them is counted. */
function recordIn({ subjects }: Broker, { subject, data }: StoredMessage): JobRecord | undefined {
  try {
    const record = decodeRecord(data);
    return subjects.event(record.type, record.status, record.id) === subject ? record : undefined;
  } catch {
    return undefined;
  }
}

/** A record says by its fence whether its job had none before; undefined of one that was not fenced. */
function isFirst({ headers }: StoredMessage): boolean | undefined {
  const expected = headers.last(EXPECTED_SEQ);
  return expected === '' ? undefined : expected === '0';
}
