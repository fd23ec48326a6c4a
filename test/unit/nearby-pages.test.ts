import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import type { StoredMessage } from '../../src/broker/read/direct-read.js';
import { NearbyPages } from '../../src/queue/list/nearby-pages.js';
import type { Direction } from '../../src/queue/list/sources.js';
import { matchesTokens, Subjects } from '../../src/wire/subjects.js';

const subjects = new Subjects();
const SMALL = new Uint8Array(400);
const LARGE = new Uint8Array(20_000);

/** A stream in memory, and what the server was asked to count. */
function brokerOf(messages: readonly StoredMessage[], lastSeq: number) {
  const counted: string[] = [];
  const of = (filter: string, from = 1) =>
    messages.filter(
      ({ subject, seq }) =>
        seq >= from && (filter === '>' || matchesTokens(subject.split('.'), filter.split('.'))),
    );
  const counting = (filter: string) => {
    counted.push(filter);
    return filter;
  };
  const read = {
    bySequences: async (_: string, first: number, last: number) =>
      messages.filter(({ seq }) => seq >= first && seq <= last),
    next: async (_: string, filter: string, from = 1) => of(filter, from)[0],
    // The server finds no last message where it was removed.
    last: async (_: string, filter: string) => {
      const last = of(filter).at(-1);
      return filter === '>' && last?.seq !== lastSeq ? undefined : last;
    },
    extent: async (_: string, filter: string, from = 1) => {
      const found = of(counting(filter), from);
      return { count: found.length, firstSeq: found[0]?.seq ?? Number.POSITIVE_INFINITY };
    },
    page: async (_: string, filter: string, from: number, limit: number) =>
      of(counting(filter), from).slice(0, limit),
    pageBefore: async (_: string, filter: string, before: number, limit: number, first = 1) =>
      of(counting(filter), first)
        .filter(({ seq }) => seq <= before)
        .reverse()
        .slice(0, limit),
  };
  const topology = { streamInfo: async () => ({ state: { last_seq: lastSeq } }) };
  return { broker: { read, subjects, topology } as unknown as Broker, counted };
}

/** Follows the pages to the end, each by a list of its own, as a cursor does, or all by one list. */
async function listAll(
  broker: Broker,
  query: { filter: string; direction: Direction; size: number; first: number; last: number },
  isOneList: boolean,
): Promise<number[]> {
  const found: number[] = [];
  let list = new NearbyPages(broker);
  for (let range = { first: query.first, last: query.last }, isEnd = false; !isEnd; ) {
    const page = await list.page({ ...query, ...range, kind: 'events' });
    expect(page.messages.length).toBeLessThanOrEqual(query.size);
    found.push(...page.messages.map(({ seq }) => seq));
    isEnd = page.next === undefined;
    if (page.next !== undefined)
      range = query.direction === 'oldest' ? { ...range, first: page.next } : { ...range, last: page.next };
    if (!isOneList) list = new NearbyPages(broker);
  }
  return found;
}

/** Runs of messages of one type each; `gone` for those that were removed. */
const runs = fc.array(
  fc.tuple(fc.constantFrom('a', 'b', 'c', 'gone'), fc.constantFrom(1, 2, 7, 40, 150, 300)),
  { minLength: 1, maxLength: 8 },
);

test('pages have every message of a filter once and in order, wherever they lie and whatever was removed', async () => {
  await fc.assert(
    fc.asyncProperty(
      runs,
      fc.constantFrom('a', 'b', 'none', '*'),
      fc.constantFrom('oldest' as const, 'newest' as const),
      fc.constantFrom(7, 50, 256),
      fc.boolean(),
      fc.boolean(),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (parts, type, direction, size, isOneList, areLarge, begin, end) => {
        const types = parts.flatMap(([name, count]) => new Array<string>(count).fill(name));
        const messages = types.flatMap((name, at) =>
          name === 'gone'
            ? []
            : [messageOf(`events.${name}.completed.job-${at}`, at + 1, areLarge ? LARGE : SMALL)],
        );
        const { broker } = brokerOf(messages, types.length);
        const filter = `events.${type}.completed.*`;
        const isBounded = end > 0.5;
        const first = isBounded ? 1 + Math.floor(begin * types.length) : 1;
        const last = isBounded ? Math.ceil(end * types.length) : Number.POSITIVE_INFINITY;
        const wanted = messages
          .filter(
            ({ subject, seq }) =>
              seq >= first && seq <= last && (type === '*' || subject.includes(`.${type}.`)),
          )
          .map(({ seq }) => seq);
        if (direction === 'newest') wanted.reverse();
        const query = { filter, direction, size, first, last };
        expect(await listAll(broker, query, isOneList)).toEqual(wanted);
      },
    ),
    { numRuns: 60 },
  );
});

test.each<Direction>(['oldest', 'newest'])(
  'the %s messages that most of a stream are cost no count',
  async (direction) => {
    const messages = Array.from({ length: 3_000 }, (_, at) =>
      messageOf(`events.${at % 4 === 0 ? 'b' : 'a'}.completed.job-${at}`, at + 1),
    );
    const { broker, counted } = brokerOf(messages, 3_000);
    const ofAll = { direction, size: 50, first: 1, last: Number.POSITIVE_INFINITY, kind: 'events' } as const;
    const list = new NearbyPages(broker);
    for (const type of ['a', 'b', '*']) {
      const { messages: page, read } = await list.page({ ...ofAll, filter: `events.${type}.completed.*` });
      expect(page).toHaveLength(50);
      expect(read).toBeLessThan(400);
    }
    expect(counted).toEqual([]);
  },
);

function messageOf(subject: string, seq: number, data = SMALL): StoredMessage {
  return { subject, seq, data, timeMs: seq } as StoredMessage;
}
