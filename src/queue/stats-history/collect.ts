import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { ConflictError } from '../../jobs/errors.js';
import type { Depth } from '../../jobs/stats-history.js';
import { decodeMinute, encodeMinute, historySubject, type StoredMinute } from '../../wire/history-message.js';
import { ANY } from '../../wire/subjects.js';
import { oldestPending, oldestUnhandled, readStats } from '../stats/job-stats.js';
import { JobTimes } from '../stats/job-times.js';
import { countEvents, firstPlace, minuteAt, minuteOf, type Place, placeAfter } from './count-events.js';
import { Tallies } from './tally.js';

/** Among so many messages at the end is a minute, whatever a foreign client has published. */
const FOREIGN = 10;

/**
 * Writes HISTORY: counts the events that are in no minute yet. Any number of processes may do so: each write says up to which event it
 * counts, and is stored only in the place of the message that it goes on from, so that no event counts twice.
 */
export class HistoryCollector {
  #times = new JobTimes();
  #place: Place | undefined;
  /** The sequence in HISTORY of the message that the place goes on from; 0 for none. */
  #lastSeq = 0;

  /** @param isStopped ends the work between two pages of events */
  async collect(broker: Broker, isStopped: () => boolean = () => false): Promise<void> {
    const place = await this.#goOn(broker);
    try {
      const isWhole = await countEvents(broker, place, {
        times: this.#times,
        isStopped,
        onMinute: (minute) => this.#write(broker, minute),
      });
      if (isWhole && !isStopped()) await this.#sample(broker, place);
      if (place.isChanged) await this.#write(broker, place);
    } catch (error) {
      // What was counted may be stored or not: the next round sees.
      this.#place = undefined;
      // Another process was faster, and goes on.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  async #goOn(broker: Broker): Promise<Place> {
    const end = await endOfHistory(broker);
    if (this.#place && this.#lastSeq === end.seq) return this.#place;
    this.#lastSeq = end.seq;
    // What it remembers of jobs is not of the events right before.
    this.#times = new JobTimes();
    this.#place = await placeFrom(broker, end);
    return this.#place;
  }

  /** Once a minute: how much waits and runs. */
  async #sample(broker: Broker, place: Place): Promise<void> {
    const nowMs = minuteOf(broker.clock.now());
    if (nowMs > place.atMs) {
      if (place.isChanged) await this.#write(broker, place);
      Object.assign(place, emptyMinute(nowMs));
    }
    if (place.depth) return;
    place.depth = await depthNow(broker);
    place.isChanged = true;
  }

  async #write(broker: Broker, place: Place): Promise<void> {
    const stream = broker.extra.of('history');
    await stream.open();
    const { subjects } = broker;
    const subject = historySubject(subjects, nameOf(place.atMs));
    const expect = { filter: historySubject(subjects, ANY), lastSeq: this.#lastSeq };
    try {
      const { seq } = await stream.log.append({ subject, data: encodeMinute(minuteAt(place)), expect });
      this.#lastSeq = seq;
      place.isChanged = false;
    } catch (error) {
      // The stream may be gone.
      if (!(error instanceof ConflictError)) stream.doubt();
      throw error;
    }
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
  const messages = await broker.extra
    .of('history')
    .find<StoredMessage[]>([], (read, stream) =>
      read.pageBefore(stream, filter, Number.POSITIVE_INFINITY, FOREIGN),
    );
  const [last] = messages;
  if (!last) return { seq: 0 };
  for (const { data } of messages) {
    const minute = decodeMinute(data);
    if (minute) return { seq: last.seq, minute };
  }
  return { seq: last.seq, timeMs: last.timeMs };
}

/** Where counting goes on. */
export async function placeFrom(broker: Broker, { minute, timeMs }: HistoryEnd): Promise<Place> {
  return minute ? placeAfter(minute) : firstPlace(broker, timeMs);
}

function emptyMinute(atMs: number): Partial<Place> {
  return { atMs, tallies: new Tallies(), depth: undefined, isChanged: false } as Partial<Place>;
}

async function depthNow(broker: Broker): Promise<Depth> {
  const [stats, queued, unhandled] = await Promise.all([
    readStats(broker),
    oldestPending(broker),
    oldestUnhandled(broker),
  ]);
  const nowMs = broker.clock.now();
  const ageOf = (at: string) => Math.max(0, Math.round(nowMs - Date.parse(at)));
  return {
    pending: stats.pendingJobs,
    processing: stats.processingJobs,
    ...(queued !== undefined && { oldestMs: ageOf(queued) }),
    ...(unhandled !== undefined && { unhandledMs: ageOf(unhandled) }),
  };
}

/** `20261130T1708`: a minute as a token. */
function nameOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 16).replaceAll(/[-:]/g, '');
}
