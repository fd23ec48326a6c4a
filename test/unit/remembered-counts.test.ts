import { afterEach, expect, test, vi } from 'vitest';
import { RememberedCounts } from '../../src/broker/read/remembered-counts.js';

const STREAM = 'EVENTS';
const FILTER = 'events.*.completed.*';

afterEach(() => {
  vi.restoreAllMocks();
});

/** A stream in which every message matches, and its counts. */
function streamOf(messages: number) {
  const stream = { first: 1, last: messages, nowMs: 0 };
  vi.spyOn(performance, 'now').mockImplementation(() => stream.nowMs);
  const count = vi.fn(async (_stream: string, _filter: string, seq = 1) =>
    Math.max(0, stream.last - Math.max(seq, stream.first) + 1),
  );
  const state = () => ({ last_seq: stream.last, messages: stream.last - stream.first + 1 });
  const counts = new RememberedCounts({ count }, async () => ({ created: 'once', state: state() }));
  /** A count some seconds later, and from where on the server was asked to count for it and for the next one. */
  const later = async () => {
    stream.nowMs += 10_000;
    count.mockClear();
    const found = await counts.of(STREAM, FILTER);
    await vi.waitFor(() => expect(count.mock.calls.length).toBeGreaterThanOrEqual(4));
    await new Promise(setImmediate);
    return { found, from: Math.min(...count.mock.calls.map(([, , seq]) => seq ?? 1)) };
  };
  return { stream, counts, count, later };
}

test('many are counted once as long as nothing is removed from the stream', async () => {
  const { stream, counts, later } = streamOf(50_000);
  expect(await counts.of(STREAM, FILTER)).toBe(50_000);
  expect(await later()).toEqual({ found: 50_000, from: 1 });
  stream.last += 10_000;
  expect(await later()).toEqual({ found: 60_000, from: 50_001 });
  stream.last += 1;
  expect(await later()).toEqual({ found: 60_001, from: 60_001 });
  stream.first += 5_000;
  expect((await later()).from).toBe(1);
  expect((await later()).found).toBe(55_001);
});

test('what comes between two counts is not lost', async () => {
  const { stream, counts, count, later } = streamOf(50_000);
  await counts.of(STREAM, FILTER);
  await later();
  stream.last += 1_000;
  const usual = count.getMockImplementation();
  let asked = 0;
  count.mockImplementation(async (...args) => {
    // Of four, the last one says how many have come since the sequence up to which the others count.
    if (++asked === 4) stream.last += 7;
    return usual?.(...args) ?? 0;
  });
  await later();
  count.mockImplementation(usual ?? (async () => 0));
  expect((await later()).found).toBe(51_007);
  expect((await later()).found).toBe(51_007);
});
