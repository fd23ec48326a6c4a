import { describe, expect, it, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import { EndpointStore } from '../../src/webhooks/endpoints/endpoint-store.js';
import { KnownEndpoints } from '../../src/webhooks/endpoints/known-endpoints.js';
import { Subjects } from '../../src/wire/subjects.js';

/** A list that is read slowly, and how often it was read and looked at. */
function source(seq = 7) {
  const all = vi.fn(async () => ({ endpoints: [], seq }));
  const lastSeq = vi.fn(async () => seq);
  return { known: new KnownEndpoints({ all, lastSeq }), all, lastSeq };
}

it('a worker looks for new endpoints where a job has ended since it read them, and reads them where there are any', async () => {
  const { known, all, lastSeq } = source();
  await known.all(500);
  await known.all(60_000);
  expect([all.mock.calls.length, lastSeq.mock.calls.length]).toEqual([1, 0]);
  await known.all(0);
  expect([all.mock.calls.length, lastSeq.mock.calls.length]).toEqual([1, 1]);
  lastSeq.mockResolvedValue(8);
  await known.all(0);
  expect(all).toHaveBeenCalledTimes(2);
});

it('a hundred ends of jobs at once cost two looks', async () => {
  const { known, all, lastSeq } = source();
  await Promise.all(Array.from({ length: 100 }, () => known.all(0)));
  expect(all.mock.calls.length + lastSeq.mock.calls.length).toBe(2);
});

describe('where replicas are behind the leader', () => {
  const stored = {
    ...{ v: 1, id: 'new', url: 'https://example.com', events: ['*'], concurrency: 5, ordered: false },
    ...{ format: 'standard', keep: { maxAgeMs: 86_400_000, maxCount: 100 }, sealed: '' },
    ...{ createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' },
  };
  const message = {
    data: new TextEncoder().encode(JSON.stringify(stored)),
    seq: 9,
    subject: 's',
  };
  function lagging() {
    const pages = [[], [message]];
    const read = { last: async () => undefined, walk: () => pages.shift() ?? [message] };
    const find = (_: unknown, look: (r: typeof read, stream: string) => unknown) => look(read, 'S');
    const broker = {
      subjects: new Subjects(),
      clock: { now: Date.now },
      connection: { info: { cluster: 'c' } },
      extra: { of: () => ({ find, read }) },
      topology: { lastMessage: async () => message },
    };
    return new EndpointStore(broker as unknown as Broker);
  }

  it('an endpoint that was just added is found, and its webhooks are not refused for good', async () => {
    expect(await lagging().recentEndpoint('new')).toMatchObject({ value: { id: 'new' }, seq: 9 });
  });

  it('the end of a job is passed to an endpoint that was just added', async () => {
    expect(await lagging().recentAll(Date.now())).toMatchObject([{ id: 'new' }]);
  });
});
