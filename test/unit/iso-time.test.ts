import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoTime } from '../../src/jobs/iso-time.js';

const MAX_MS = 8_640_000_000_000_000;

describe('isoTime', () => {
  it('gives what Date gives, for whole milliseconds of any year', () => {
    fc.assert(
      fc.property(fc.integer({ min: -MAX_MS, max: MAX_MS }), fc.nat(3_000), (ms, later) => {
        for (const each of [ms, Math.min(ms + later, MAX_MS), ms + 64_000 > MAX_MS ? ms : ms + 64_000, ms]) {
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
