import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { HISTORY_MAX_AGE_MS } from '../../jobs/limits.js';
import { historySubject, type StoredMinute } from '../../wire/history-message.js';
import { ANY } from '../../wire/subjects.js';
import { type HistoryEnd, minuteIn } from './collect.js';
import { minuteOf } from './count-events.js';

/** Minutes at a time. */
const PAGE = 100;
/** As they are stored: a day of 10 KB a minute. Decoded they take some times as much. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
/** What nobody has asked for so long is read again: HISTORY may be another stream by then. */
const KEPT_MS = 10 * 60_000;

interface Kept {
  minute: StoredMinute;
  bytes: number;
}

/**
 * What a process has read of HISTORY. Minutes that are over do not change, so that each is read and decoded once, whoever asks; of more than
 * {@link MAX_KEPT_BYTES} the latest are kept. Not for several calls at once.
 */
export class KnownMinutes {
  readonly #maxBytes: number;
  readonly #minutes = new Map<number, Kept>();
  #bytes = 0;
  /** Of minutes that begin here or later, all are kept that were stored before `#nextSeq`. */
  #fromMs = Number.POSITIVE_INFINITY;
  #nextSeq = 1;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(maxBytes = MAX_KEPT_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Each minute once, in order. @param end how far HISTORY goes */
  async each(
    broker: Broker,
    { fromMs, toMs }: { fromMs: number; toMs: number },
    end: HistoryEnd,
    onMinute: (minute: StoredMinute) => void,
  ): Promise<void> {
    await this.#readNew(broker, end);
    const keptFromMs = this.#fromMs;
    const older: [number, Kept][] = [];
    if (fromMs < keptFromMs) {
      let bytes = this.#bytes;
      let leftOutMs = fromMs;
      for await (const [atMs, kept] of minutesFrom(broker, await sequenceAt(broker, fromMs))) {
        if (atMs < fromMs || atMs >= keptFromMs) continue;
        if (atMs < toMs) onMinute(kept.minute);
        older.push([atMs, kept]);
        for (bytes += kept.bytes; bytes > this.#maxBytes && older.length > 0; ) {
          const [[droppedMs, dropped]] = older.splice(0, 1) as [[number, Kept]];
          bytes -= dropped.bytes;
          leftOutMs = minuteOf(droppedMs) + 1;
        }
      }
      this.#fromMs = leftOutMs;
    }
    for (const [atMs, { minute }] of this.#sorted())
      if (atMs >= Math.max(fromMs, keptFromMs) && atMs < toMs) onMinute(minute);
    for (const [atMs, kept] of older) this.#keep(atMs, kept);
    this.#trim(broker.clock.now() - HISTORY_MAX_AGE_MS);
  }

  async #readNew(broker: Broker, end: HistoryEnd): Promise<void> {
    const isOther = end.seq < this.#nextSeq - 1 || performance.now() - this.#readAtMs > KEPT_MS;
    this.#readAtMs = performance.now();
    if (isOther) {
      this.#minutes.clear();
      this.#bytes = 0;
      this.#nextSeq = end.seq + 1;
      this.#fromMs = Number.POSITIVE_INFINITY;
      if (!end.minute) return;
      this.#fromMs = minuteOf(Date.parse(end.minute.at));
      this.#keep(this.#fromMs, { minute: end.minute, bytes: 0 });
    }
    if (end.seq < this.#nextSeq) return;
    for await (const [atMs, kept, seq] of minutesFrom(broker, this.#nextSeq)) {
      if (atMs >= this.#fromMs) this.#keep(atMs, kept);
      this.#nextSeq = seq + 1;
    }
  }

  #keep(atMs: number, kept: Kept): void {
    this.#bytes += kept.bytes - (this.#minutes.get(atMs)?.bytes ?? 0);
    this.#minutes.set(atMs, kept);
  }

  #sorted(): [number, Kept][] {
    return [...this.#minutes].sort(([a], [b]) => a - b);
  }

  #trim(oldestMs: number): void {
    for (const [atMs, { bytes }] of this.#sorted()) {
      if (atMs >= oldestMs && this.#bytes <= this.#maxBytes) return;
      this.#minutes.delete(atMs);
      this.#bytes -= bytes;
      this.#fromMs = Math.max(this.#fromMs, atMs + 1);
    }
  }
}

function sequenceAt(broker: Broker, timeMs: number): Promise<number> {
  // A minute is stored once it has begun.
  const history = broker.extra.of('history');
  return history.find(Number.POSITIVE_INFINITY, (read, stream) => read.sequenceAt(stream, timeMs));
}

async function* minutesFrom(broker: Broker, seq: number): AsyncGenerator<[number, Kept, number]> {
  const filter = historySubject(broker.subjects, ANY);
  const history = broker.extra.of('history');
  for (let next = seq; Number.isFinite(next); ) {
    const from = next;
    const page = await history.find<StoredMessage[]>([], (read, stream) =>
      read.page(stream, filter, from, PAGE),
    );
    for (const message of page) {
      const minute = minuteIn(message, broker.clock.now());
      if (!minute) continue;
      yield [minuteOf(Date.parse(minute.at)), { minute, bytes: message.data.length }, message.seq];
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    next = last.seq + 1;
  }
}
