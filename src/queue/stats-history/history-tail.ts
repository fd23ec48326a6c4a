import type { Broker } from '../../broker/broker.js';
import { HISTORY_MAX_AGE_MS } from '../../jobs/limits.js';
import type { StoredMinute } from '../../wire/history-message.js';
import { JobTimes } from '../stats/job-times.js';
import { type HistoryEnd, placeFrom } from './collect.js';
import { countEvents, firstPlace, minuteAt, minuteOf, type Place } from './count-events.js';

/** Events that one call counts where no server did. The next call goes on. */
const MAX_EVENTS = 200_000;

interface Tail {
  /** Which message of HISTORY it goes on from. */
  endSeq: number;
  /** It counts what was stored from this time on. */
  sinceMs: number;
  times: JobTimes;
  place: Place;
  /** Those that are over. */
  minutes: StoredMinute[];
  /** Whether the last call has counted all that it was asked for. */
  isWhole: boolean;
}

export interface CountedTail {
  minutes: StoredMinute[];
  /** Set when later events may be missing, ISO 8601. */
  countedUntil?: string;
}

/** Counts what no server has counted yet, each event once for all who ask. Not for several calls at once. */
export class HistoryTail {
  readonly #maxEvents: number;
  #tail: Tail | undefined;

  constructor(maxEvents = MAX_EVENTS) {
    this.#maxEvents = maxEvents;
  }

  async count(
    broker: Broker,
    { fromMs, toMs }: { fromMs: number; toMs: number },
    end: HistoryEnd,
    withinMs = Number.POSITIVE_INFINITY,
  ): Promise<CountedTail> {
    const endMs = end.minute && minuteOf(Date.parse(end.minute.at));
    if (endMs !== undefined && endMs >= toMs) return { minutes: [] };
    const sinceMs = Math.max(fromMs, endMs ?? end.timeMs ?? 0);
    const known = this.#tail;
    const isOf = known?.endSeq === end.seq && known.sinceMs <= sinceMs;
    // One that has not come so far yet would take longer than from there.
    const tail =
      isOf && (known.isWhole || known.place.atMs >= sinceMs)
        ? known
        : await newTail(broker, end, sinceMs, endMs === sinceMs);
    // What was counted when it fails is not known.
    this.#tail = undefined;
    tail.isWhole = await countEvents(broker, tail.place, {
      times: tail.times,
      maxEvents: this.#maxEvents,
      untilMs: toMs,
      withinMs,
      onMinute: (place) => void tail.minutes.push(minuteAt(place)),
    });
    const { place, isWhole } = tail;
    const oldestMs = broker.clock.now() - HISTORY_MAX_AGE_MS;
    tail.minutes = tail.minutes.filter(({ at }) => Date.parse(at) >= oldestMs);
    this.#tail = tail;
    const minutes = [...tail.minutes, ...(place.isChanged ? [minuteAt(place)] : [])];
    return { minutes, ...(!isWhole && { countedUntil: new Date(place.atMs).toISOString() }) };
  }
}

async function newTail(broker: Broker, end: HistoryEnd, sinceMs: number, goesOn: boolean): Promise<Tail> {
  const place = goesOn ? await placeFrom(broker, end) : await firstPlace(broker, sinceMs);
  return { endSeq: end.seq, sinceMs, times: new JobTimes(), place, minutes: [], isWhole: false };
}
