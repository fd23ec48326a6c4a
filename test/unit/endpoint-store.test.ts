import { expect, it, vi } from 'vitest';
import { KnownEndpoints } from '../../src/webhooks/endpoints/known-endpoints.js';

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
