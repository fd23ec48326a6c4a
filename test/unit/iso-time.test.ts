import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoTime } from '../../src/jobs/iso-time.js';

const MAX_MS = 8_640_000_000_000_000;

describe('isoTime', () => {
  it('gives what Date gives, for whole milliseconds of any year', () => {
    fc.assert(
      fc.property(fc.integer({ min: -MAX_MS, max: MAX_MS }), fc.nat(3_000), (ms, later) => {
        // Of the same second, of another one in the same place, and the first again.
        for (const each of [ms, ms + later, ms + 64_000, ms].map((time) => Math.min(time, MAX_MS))) {
          expect(isoTime(each)).toBe(new Date(each).toISOString());
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses what is no time, and stays right afterwards', () => {
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, MAX_MS * 2]) {
      expect(() => isoTime(ms)).toThrow(RangeError);
      expect(isoTime(1_700_000_000_001)).toBe('2023-11-14T22:13:20.001Z');
    }
  });
});
