import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedId, generatedBetween, generateJobId, isJobId } from '../../src/jobs/job-id.js';

const ids = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/);

describe('a derived id', () => {
  it('is the id and the suffix, where they fit', () => {
    expect(derivedId('order-42', 'monitor')).toBe('order-42-monitor');
    expect(derivedId('x'.repeat(100), 'monitor-webhook-running')).toHaveLength(124);
  });

  it('is a valid id, the same each time, whatever it is made of', () => {
    fc.assert(
      fc.property(ids, ids, (id, suffix) => {
        const derived = derivedId(id, suffix);
        expect(isJobId(derived)).toBe(true);
        expect(derivedId(id, suffix)).toBe(derived);
      }),
    );
  });

  it('differs for suffixes that differ only where it has no room for them', () => {
    const long = 'x'.repeat(120);
    const derived = ['first-part', 'first-parts', 'first-party'].map((suffix) => derivedId(long, suffix));
    expect(new Set([...derived, long]).size).toBe(4);
    expect(derivedId('x'.repeat(128), 'next')).not.toBe('x'.repeat(128));
  });
});

it('generated ids sort in the order in which they were made', () => {
  const made = Array.from({ length: 1_000 }, () => generateJobId());
  expect([...made].sort()).toEqual(made);
});

it('the beginning of a generated id says when it was made, as far as it goes', () => {
  const beforeMs = Date.now();
  const id = generateJobId();
  const between = (start: string) => generatedBetween(start) ?? { fromMs: Number.NaN, toMs: Number.NaN };
  for (let length = 6; length <= id.length; length++) {
    const { fromMs, toMs } = between(id.slice(0, length));
    expect(toMs - fromMs).toBe(32 ** Math.max(0, 10 - length) - 1);
    expect(fromMs).toBeLessThanOrEqual(Date.now());
    expect(toMs).toBeGreaterThanOrEqual(beforeMs);
  }
  expect(between(derivedId(id, 'monitor'))).toEqual(between(id));
  for (const other of ['', id.slice(0, 5), 'order-42', 'ORDER42', `${id.slice(0, 8)}-x`, id.toLowerCase()])
    expect(generatedBetween(other)).toBeUndefined();
});
