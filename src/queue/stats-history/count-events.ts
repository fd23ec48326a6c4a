/** Reads EVENTS in order and counts them by minute. The same events make the same minutes, whoever reads them. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { HISTORY_MS } from '../../jobs/limits.js';
import type { Depth } from '../../jobs/stats-history.js';
import type { StoredMinute } from '../../wire/history-message.js';
import { decodeRecord } from '../../wire/record-message.js';
import type { JobTimes } from '../stats/job-times.js';
import { Tallies } from './tally.js';

export const MINUTE_MS = 60_000;
const PAGE = 500;
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
  return { events, nextSeq, atMs: Date.parse(minute.at), tallies, ...(depth && { depth }), isChanged: false };
}

export function minuteAt({ events, nextSeq, atMs, tallies, depth }: Place): StoredMinute {
  const at = new Date(atMs).toISOString();
  return { v: 1, at, events, nextSeq, ...tallies.stored(), ...(depth && { depth }) };
}

/** Where counting begins of which nothing is stored: a day ago, or where an unreadable message stands. */
export async function firstPlace(broker: Broker, sinceMs?: number): Promise<Place> {
  const { created } = await broker.topology.streamInfo('events');
  const fromMs = Math.max(sinceMs ?? 0, broker.clock.now() - HISTORY_MS);
  const found = await broker.read.sequenceAt(broker.subjects.streamName('events'), fromMs);
  const nextSeq = Number.isFinite(found) ? found : 1;
  return {
    events: String(created),
    nextSeq,
    atMs: minuteOf(fromMs),
    tallies: new Tallies(),
    isChanged: false,
  };
}

export interface CountOptions {
  times: JobTimes;
  /** Counts no further than so many events. */
  maxEvents?: number;
  isStopped?: () => boolean;
  /** Hears of each minute that is over, before the next one begins. */
  onMinute: (place: Place) => Promise<void> | void;
}

/** Counts what came after a place, which moves on. @returns whether all was counted that was there when it began */
export async function countEvents(broker: Broker, place: Place, options: CountOptions): Promise<boolean> {
  const { times, maxEvents = Number.POSITIVE_INFINITY, isStopped = () => false, onMinute } = options;
  const { created, state } = await broker.topology.streamInfo('events');
  if (place.events !== String(created)) {
    // Somebody has deleted EVENTS, and its sequences count from 1 again.
    place.events = String(created);
    place.nextSeq = 1;
  }
  const stream = broker.subjects.streamName('events');
  let left = maxEvents;
  for await (const page of broker.read.pages(stream, '>', place.nextSeq, PAGE, state.last_seq)) {
    for (const message of page) {
      const minuteMs = minuteOf(message.timeMs);
      if (minuteMs > place.atMs) {
        if (place.isChanged) await onMinute(place);
        place.atMs = minuteMs;
        place.tallies = new Tallies();
        place.depth = undefined;
        place.isChanged = false;
      }
      const record = recordIn(broker, message);
      if (record) {
        place.tallies.note(record, times.of(record, isFirst(message)));
        place.isChanged = true;
      }
      place.nextSeq = message.seq + 1;
    }
    left -= page.length;
    if (isStopped() || left <= 0) return place.nextSeq > state.last_seq;
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
