import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from '../../src/jobs/retry-after.js';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const DAY_MS = 86_400_000;

test.each<[string | null | undefined, number | undefined]>([
  ['7', 7_000],
  [' 7 ', 7_000],
  ['0', 0],
  ['86400', DAY_MS],
  ['86401', DAY_MS],
  ['9'.repeat(400), DAY_MS],
  ['Tue, 24 Nov 2026 12:01:00 GMT', 60_000],
  ['Tuesday, 24-Nov-26 12:01:00 GMT', 60_000],
  ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', DAY_MS],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['NaN', undefined],
  ['Infinity', undefined],
  ['5, 10', undefined],
  ['0x10', undefined],
  ['2026-11-24T12:01:00Z', undefined],
  ['Xyz, 99 Foo 2026 99:99:99 GMT', undefined],
])('%j is %s', (value, expected) => {
  expect(parseRetryAfter(value, NOW)).toBe(expected);
});

test('whatever comes, it is a delay within the limit or none', () => {
  expect(MAX_RETRY_AFTER_MS).toBe(DAY_MS);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (value) => {
      const delay = parseRetryAfter(value, NOW);
      expect(delay === undefined || (delay >= 0 && delay <= DAY_MS)).toBe(true);
    }),
  );
});
