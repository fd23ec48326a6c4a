import { decodeTime } from 'ulid';
import { expect, it } from 'vitest';
import { newUlid, nextUlid } from '../../src/jobs/ulid.js';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

it('is another one each time, of the time, with each character in each random place', () => {
  const before = Date.now();
  const ids = Array.from({ length: 5_000 }, newUlid);
  const after = Date.now();
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(decodeTime(id)).toBeGreaterThanOrEqual(before);
    expect(decodeTime(id)).toBeLessThanOrEqual(after);
  }
  for (let place = 10; place < 26; place++) {
    expect([...new Set(ids.map((id) => id[place]))].sort().join('')).toBe(ALPHABET);
  }
});

it('sorts after the one before, also within a millisecond', () => {
  const ids = Array.from({ length: 2_000 }, nextUlid);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});
