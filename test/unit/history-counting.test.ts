import { describe, expect, it } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import type { StoredMessage } from '../../src/broker/read/direct-read.js';
import type { JobRecord } from '../../src/index.js';
import { JobTimes } from '../../src/queue/stats/job-times.js';
import { endIn, isKeptUp } from '../../src/queue/stats-history/collect.js';
import {
  countEvents,
  firstPlace,
  type Place,
  sampledMinute,
} from '../../src/queue/stats-history/count-events.js';
import { checkedRange } from '../../src/queue/stats-history/history-options.js';
import { readStatsHistory } from '../../src/queue/stats-history/read-history.js';
import { Tallies } from '../../src/queue/stats-history/tally.js';
import { encodeMinute, type StoredMinute } from '../../src/wire/history-message.js';
import { encodeRecord } from '../../src/wire/record-message.js';
import { Subjects } from '../../src/wire/subjects.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse('2026-11-30T12:00:30Z');
const subjects = new Subjects();
const bytes = (text: string | Uint8Array) =>
  typeof text === 'string' ? new TextEncoder().encode(text) : text;

/** The end of a job. */
function ended(timeMs: number, id = String(timeMs)): { timeMs: number; record: JobRecord } {
  const at = new Date(timeMs).toISOString();
  const facts = { v: 1, id, type: 'demo', priority: 'normal', payload: null, maxAttempts: 3 } as const;
  const end = { status: 'completed', state: 'completed', attempt: 1 } as const;
  const record = { ...facts, ...end, machine: { id: 'job', version: 1 }, createdAt: at, updatedAt: at };
  return { timeMs, record };
}

function minute(atMs: number, nextSeq: number, completed = 1): StoredMinute {
  const tallies = new Tallies();
  for (let count = 0; count < completed; count++) tallies.note(ended(atMs, `${atMs}-${count}`).record, {});
  return { v: 1, at: new Date(atMs).toISOString(), events: 'made', nextSeq, ...tallies.stored() };
}

/** As much of a broker as the history reads of, with events and minutes in memory. */
class FakeBroker {
  readonly subjects = subjects;
  readonly clock = { now: () => NOW };
  readonly topology = {
    streamInfo: async () => ({ created: 'made', state: { last_seq: this.events.length } }),
  };
  readonly extra = {
    of: () => ({ find: (_: unknown, look: (...of: unknown[]) => unknown) => look(this.read, 'HISTORY') }),
  };
  history: StoredMessage[] = [];
  readonly events: StoredMessage[];
  /** Sequences of events and of minutes that were sent, in their order. */
  readonly sent: { EVENTS: number[]; HISTORY: number[] } = { EVENTS: [], HISTORY: [] };
  onRead: () => void = () => {};

  constructor(events: { timeMs: number; record: JobRecord }[]) {
    this.events = events.map(({ timeMs, record }, at) => {
      const subject = subjects.event(record.type, record.status, record.id);
      return message(subject, at + 1, encodeRecord(record), timeMs);
    });
  }

  store(stored: StoredMinute, timeMs = Date.parse(stored.at) + MINUTE): void {
    const subject = `history.${stored.at}`;
    const seq = (this.history.at(-1)?.seq ?? 0) + 1;
    this.history = this.history.filter((each) => each.subject !== subject);
    this.history.push(message(subject, seq, encodeMinute(stored), timeMs));
  }

  #of(stream: string): StoredMessage[] {
    return stream === subjects.streamName('events') ? this.events : this.history;
  }

  #send(stream: string, messages: StoredMessage[]): StoredMessage[] {
    const name = stream === subjects.streamName('events') ? 'EVENTS' : 'HISTORY';
    this.sent[name].push(...messages.map(({ seq }) => seq));
    return messages;
  }

  #batch(stream: string, seq: number, upTo = Number.POSITIVE_INFINITY): StoredMessage[] {
    return this.#send(
      stream,
      this.#of(stream).filter((each) => each.seq >= seq && each.seq <= upTo),
    );
  }

  readonly #pages = async function* (
    this: FakeBroker,
    ...[stream, , seq, , upTo]: [string, string, number, number, number]
  ) {
    const found = this.#batch(stream, seq, upTo);
    if (found.length > 0) yield found;
  }.bind(this);

  readonly read = {
    pages: this.#pages,
    batches: this.#pages,
    page: async (stream: string, _: string, seq: number) => this.#batch(stream, seq),
    pageBefore: async (stream: string) => this.#of(stream).toReversed(),
    last: async (stream: string) => {
      const last = this.#of(stream).at(-1);
      this.onRead();
      return last;
    },
    next: async (stream: string, _: string, seq: number) => this.#of(stream).find((each) => each.seq >= seq),
    sequenceAt: async (stream: string, timeMs: number) =>
      this.#of(stream).find((each) => each.timeMs >= timeMs)?.seq ?? Number.POSITIVE_INFINITY,
  };

  get broker(): Broker {
    return this as unknown as Broker;
  }

  completed(options: { from?: Date; to?: Date } = {}): Promise<number> {
    return readStatsHistory(this.broker, checkedRange(options, NOW)).then(({ total }) => total.completed);
  }
}

function message(subject: string, seq: number, data: string | Uint8Array, timeMs: number): StoredMessage {
  return {
    subject,
    seq,
    data: bytes(data),
    timeMs,
    headers: { last: () => '' } as unknown as StoredMessage['headers'],
  };
}

const ago = (ms: number) => new Date(NOW - ms);

describe('counting', () => {
  it('leaves out what is older than the history, wherever it begins', async () => {
    const fake = new FakeBroker([ended(NOW - 80 * HOUR), ended(NOW - 70 * HOUR)]);
    expect(await firstPlace(fake.broker)).toMatchObject({ nextSeq: 3 });
    expect(await fake.completed()).toBe(0);
    const place = { ...(await firstPlace(fake.broker)), nextSeq: 1 };
    await countEvents(fake.broker, place, { times: new JobTimes(), onMinute: () => {} });
    expect(place).toMatchObject({ nextSeq: 3, isChanged: false });
    // Somebody has deleted EVENTS, and restored it.
    const other: Place = { ...place, events: 'before', nextSeq: 900 };
    await countEvents(fake.broker, other, { times: new JobTimes(), onMinute: () => {} });
    expect(other).toMatchObject({ events: 'made', nextSeq: 3, isChanged: false });
  });

  it('ends in time with what it has counted, and goes on from there', async () => {
    const fake = new FakeBroker([ended(NOW - 3 * MINUTE), ended(NOW - 2 * MINUTE), ended(NOW - MINUTE)]);
    fake.read.batches = async function* () {
      for (const event of fake.events) if (event.seq >= place.nextSeq) yield [event];
    } as typeof fake.read.batches;
    const place = await firstPlace(fake.broker);
    const count = (withinMs?: number) =>
      countEvents(fake.broker, place, {
        times: new JobTimes(),
        onMinute: () => {},
        ...(withinMs !== undefined && { withinMs }),
      });
    expect([await count(0), place.nextSeq]).toEqual([false, 2]);
    expect([await count(0), place.nextSeq]).toEqual([false, 3]);
    expect([await count(), place.nextSeq]).toEqual([true, 4]);
    expect(await count(0)).toBe(true);
  });

  it('believes no place beyond the last event, and no minute that has not come', async () => {
    const fake = new FakeBroker([ended(NOW - HOUR)]);
    fake.store(minute(NOW - HOUR - 30_000, 1_000_000));
    fake.events.push(message(fake.events[0]?.subject ?? '', 2, fake.events[0]?.data ?? '', NOW));
    const place = { ...(await firstPlace(fake.broker)), nextSeq: 1_000_000 };
    await countEvents(fake.broker, place, { times: new JobTimes(), onMinute: () => {} });
    expect(place.nextSeq).toBe(3);
    const at = (ms: number, seq: number) => message('history.x', seq, encodeMinute(minute(ms, seq)), NOW);
    const end = endIn([at(NOW + 5 * HOUR, 9), at(NOW - 30_000, 8)], NOW);
    expect(end).toMatchObject({ seq: 9, minute: { nextSeq: 8 } });
    fake.store(minute(NOW + 5 * HOUR, 1));
    expect(await fake.completed({ to: new Date(NOW + 6 * HOUR), from: ago(2 * HOUR) })).toBe(1);
  });

  it.each([
    ['of the same minute', 20, undefined, 0],
    ['of a minute that has just begun', 62, undefined, 0],
    ['of the next minute', 66, undefined, 60],
    ['while an event of the minute before is not counted', 66, 59.99, undefined],
    ['while an event of that minute is not counted', 66, 60.01, 60],
    ['after minutes without an event', 305, undefined, 300],
  ] as const)('a sample %s', (_, nowS, nextS, expectedS) => {
    const place = { atMs: NOW - 30_000 } as Place;
    const next = nextS === undefined ? undefined : { timeMs: place.atMs + nextS * 1_000 };
    const found = sampledMinute(place, place.atMs + nowS * 1_000, next);
    expect(found === undefined ? undefined : (found - place.atMs) / 1_000).toBe(expectedS);
  });

  it.each([
    ['has just written', { wroteS: 5, minuteS: 30, eventS: 400 }, true],
    ['has nothing to count', { wroteS: 50, minuteS: 60, eventS: undefined }, true],
    ['has a little time left', { wroteS: 50, minuteS: 60, eventS: 20 }, true],
    ['leaves events uncounted', { wroteS: 50, minuteS: 60, eventS: 40 }, false],
    ['takes no samples', { wroteS: 100, minuteS: 100, eventS: undefined }, false],
  ] as const)('another server that %s', async (_, { wroteS, minuteS, eventS }, expected) => {
    const end = { seq: 7, timeMs: NOW - wroteS * 1_000, minute: minute(NOW - minuteS * 1_000, 1) };
    const next = async () => (eventS === undefined ? undefined : { timeMs: NOW - eventS * 1_000 });
    expect(await isKeptUp(end, NOW - 30_000, next)).toBe(expected);
  });
});

describe('reading', () => {
  const events = [5, 4, 3, 2, 1].map((hours) => ended(NOW - hours * HOUR));

  it('counts only events of the time that is asked for', async () => {
    const fake = new FakeBroker(events);
    expect(await fake.completed({ from: ago(2.5 * HOUR) })).toBe(2);
    expect(fake.sent.EVENTS).toEqual([4, 5]);
    const other = new FakeBroker(events);
    other.store(minute(NOW - 5 * HOUR - 30_000, 2));
    expect(await other.completed({ from: ago(3.5 * HOUR), to: ago(2.5 * HOUR) })).toBe(1);
    other.store(minute(NOW - 3 * HOUR - 30_000, 4));
    other.sent.EVENTS.length = 0;
    expect(await other.completed({ from: ago(5.5 * HOUR), to: ago(3.5 * HOUR) })).toBe(1);
    expect(other.sent.EVENTS).toEqual([]);
  });

  it('reads each event and each minute once, whoever asks', async () => {
    const fake = new FakeBroker(events);
    for (const hours of [5, 4]) fake.store(minute(NOW - hours * HOUR - 30_000, 7 - hours));
    expect(await Promise.all([fake.completed(), fake.completed(), fake.completed()])).toEqual([5, 5, 5]);
    expect(await fake.completed({ from: ago(4.5 * HOUR) })).toBe(4);
    expect(fake.sent.EVENTS).toEqual([3, 4, 5]);
    expect(fake.sent.HISTORY).toEqual([1, 2]);
    fake.store(minute(NOW - 3 * HOUR - 30_000, 4, 7));
    expect(await fake.completed()).toBe(2 + 7 + 2);
    expect(fake.sent.HISTORY).toEqual([1, 2, 3]);
  });

  it('counts a minute once that a server stores meanwhile', async () => {
    const fake = new FakeBroker(events);
    fake.store(minute(NOW - 5 * HOUR - 30_000, 2));
    const stores = () => {
      for (const hours of [4, 3, 2]) fake.store(minute(NOW - hours * HOUR - 30_000, 7 - hours));
    };
    fake.onRead = stores;
    fake.read.pageBefore = async () => {
      const all = fake.history.toReversed();
      stores();
      return all;
    };
    expect(await fake.completed()).toBe(5);
  });

  it('reads another HISTORY from its beginning', async () => {
    const fake = new FakeBroker([]);
    for (const hours of [5, 4, 3]) fake.store(minute(NOW - hours * HOUR - 30_000, 1));
    expect(await fake.completed()).toBe(3);
    fake.history = [];
    expect(await fake.completed()).toBe(0);
    fake.store(minute(NOW - 2 * HOUR - 30_000, 1));
    expect(await fake.completed()).toBe(1);
  });
});
