import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { ConflictError } from '../../jobs/errors.js';
import { decodeMinute, encodeMinute, historySubject, type StoredMinute } from '../../wire/history-message.js';
import { ANY } from '../../wire/subjects.js';
import { readDepth } from '../stats/depth.js';
import { JobTimes } from '../stats/job-times.js';
import {
  beginMinute,
  countEvents,
  firstPlace,
  MINUTE_MS,
  minuteAt,
  type Place,
  placeAfter,
  sampledMinute,
} from './count-events.js';

/** The process that counts has pages to answer as well: it rests for so many times as long as it counts. */
const REST = 2;
/** Others take its place where it is silent for long. */
const WRITE_AFTER_MS = 5_000;
/** Among so many messages at the end is a minute, whatever a foreign client has published. */
const FOREIGN = 10;

export interface CollectOptions {
  /** Ends the work between two pages of events. */
  isStopped?: () => boolean;
  /** How long another process may leave events uncounted before this one takes its place. Defaults to not at all. */
  patienceMs?: number;
}

/**
 * Writes HISTORY: counts the events that are in no minute yet. Any number of processes may do so: each write says up to which event it
 * counts, and is stored only in the place of the message that it goes on from, so that no event counts twice. With patience one of them does
 * all of the work, and the others only look whether it still does.
 */
export class HistoryCollector {
  #times = new JobTimes();
  #place: Place | undefined;
  /** The sequence in HISTORY of the message that the place goes on from; 0 for none. */
  #lastSeq = 0;

  async collect(broker: Broker, options: CollectOptions = {}): Promise<void> {
    const { isStopped = () => false, patienceMs } = options;
    const end = await endOfHistory(broker);
    const isOwn = this.#place !== undefined && this.#lastSeq === end.seq;
    if (!isOwn && patienceMs !== undefined && (await isAtWork(broker, end, patienceMs))) return;
    const place = await this.#goOn(broker, end);
    try {
      for (let isWhole = false; !isWhole && !isStopped(); ) {
        isWhole = await countEvents(broker, place, {
          times: this.#times,
          rest: REST,
          withinMs: WRITE_AFTER_MS,
          isStopped,
          onMinute: (minute) => this.#write(broker, minute),
        });
        if (isWhole && !isStopped()) await this.#sample(broker, place);
        if (place.isChanged) await this.#write(broker, place);
      }
    } catch (error) {
      // What was counted may be stored or not: the next round sees.
      this.#place = undefined;
      // Another process was faster, and goes on.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  async #goOn(broker: Broker, end: HistoryEnd): Promise<Place> {
    if (this.#place && this.#lastSeq === end.seq) return this.#place;
    this.#lastSeq = end.seq;
    // What it remembers of jobs is not of the events right before.
    this.#times = new JobTimes();
    this.#place = await placeFrom(broker, end);
    return this.#place;
  }

  /** Once a minute: how much waits and runs. */
  async #sample(broker: Broker, place: Place): Promise<void> {
    const minuteMs = sampledMinute(place, broker.clock.now(), await nextEvent(broker, place.nextSeq));
    if (minuteMs === undefined) return;
    if (minuteMs > place.atMs) {
      if (place.isChanged) await this.#write(broker, place);
      beginMinute(place, minuteMs);
    }
    if (place.depth) return;
    place.depth = await readDepth(broker);
    place.isChanged = true;
  }

  async #write(broker: Broker, place: Place): Promise<void> {
    const { subjects } = broker;
    const subject = historySubject(subjects, nameOf(place.atMs));
    const expect = { filter: historySubject(subjects, ANY), lastSeq: this.#lastSeq };
    const minute = { subject, data: encodeMinute(minuteAt(place)), expect };
    this.#lastSeq = (await broker.extra.of('history').append(minute)).seq;
    place.isChanged = false;
  }
}

/** Where HISTORY ends: the sequence of its last message, 0 for none, and the last minute in it. */
export interface HistoryEnd {
  seq: number;
  minute?: StoredMinute;
  /** When the last message was stored. */
  timeMs?: number;
}

export async function endOfHistory(broker: Broker): Promise<HistoryEnd> {
  const filter = historySubject(broker.subjects, ANY);
  const history = broker.extra.of('history');
  const only = await history.find<StoredMessage | undefined>(undefined, (read, stream) =>
    read.last(stream, filter),
  );
  if (!only) return { seq: 0 };
  const minute = minuteIn(only, broker.clock.now());
  if (minute) return { seq: only.seq, timeMs: only.timeMs, minute };
  const messages = await history.find<StoredMessage[]>([], (read, stream) =>
    read.pageBefore(stream, filter, Number.POSITIVE_INFINITY, FOREIGN),
  );
  return endIn(messages, broker.clock.now());
}

/** @param messages the last ones, newest first */
export function endIn(messages: readonly StoredMessage[], nowMs: number): HistoryEnd {
  const [last] = messages;
  if (!last) return { seq: 0 };
  const { seq, timeMs } = last;
  for (const message of messages) {
    const minute = minuteIn(message, nowMs);
    if (minute) return { seq, timeMs, minute };
  }
  return { seq, timeMs };
}

/** Undefined of what is no minute, or one that has not come: nobody could go on from there until it has. */
export function minuteIn({ data }: Pick<StoredMessage, 'data'>, nowMs: number): StoredMinute | undefined {
  const minute = decodeMinute(data);
  return minute && Date.parse(minute.at) <= nowMs + MINUTE_MS ? minute : undefined;
}

/** Whether the process that wrote last keeps up: nothing waits for it for longer than `patienceMs`. */
async function isAtWork(broker: Broker, end: HistoryEnd, patienceMs: number): Promise<boolean> {
  if (!end.minute) return false;
  const nowMs = broker.clock.now();
  return isKeptUp(end, nowMs - patienceMs, () => nextEvent(broker, end.minute?.nextSeq ?? 1));
}

/** @param next finds the first event that is not counted */
export async function isKeptUp(
  { minute, timeMs = 0 }: HistoryEnd,
  lateMs: number,
  next: () => Promise<{ timeMs: number } | undefined>,
): Promise<boolean> {
  if (timeMs > lateMs) return true;
  // Each minute has a sample, if nothing else.
  if (!minute || Date.parse(minute.at) + MINUTE_MS < lateMs) return false;
  const event = await next();
  return event === undefined || event.timeMs > lateMs;
}

function nextEvent(broker: Broker, seq: number): Promise<StoredMessage | undefined> {
  return broker.read.next(broker.subjects.streamName('events'), '>', seq);
}

/** Where counting goes on. */
export async function placeFrom(broker: Broker, { minute, timeMs }: HistoryEnd): Promise<Place> {
  return minute ? placeAfter(minute) : firstPlace(broker, timeMs);
}

/** `20261130T1708`: a minute as a token. */
function nameOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 16).replaceAll(/[-:]/g, '');
}
