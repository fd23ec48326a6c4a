import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INSTANCE_NAME_PREFIX, instanceNameFor, instanceNameStem } from '../../src/gpu/instance-name.js';
import { anyCodePoint } from '../support/any-text.js';

/** What a caller may choose as a job id, and what Jetfleet derives from it. */
const jobId = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{60,128}$/),
);
const createdAt = '2026-11-24T12:00:00.000Z';
const nameOf = (id: string, space?: string) => instanceNameFor({ id, createdAt }, space);
const namespace = fc.stringMatching(/^[a-z0-9-]{0,20}$/);

describe('instance name of a job', () => {
  test('has at most 60 of [a-z0-9-], begins with the prefix and with a letter or digit at each end', () => {
    fc.assert(
      fc.property(jobId, namespace, (id, space) => {
        const name = nameOf(id, space);
        expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
        expect(name.length).toBeLessThanOrEqual(60);
        expect(name.startsWith(INSTANCE_NAME_PREFIX)).toBe(true);
      }),
    );
  });

  test('is well-formed for any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCodePoint }), (id) => {
        expect(nameOf(id)).toMatch(/^[a-z0-9-]{1,60}$/);
      }),
    );
  });

  test('is the same on every attempt and in every process', () => {
    fc.assert(
      fc.property(jobId, namespace, (id, space) => {
        const first = nameOf(id, space);
        expect(nameOf(id, space)).toBe(first);
      }),
    );
    expect(nameOf('Order_42')).toBe('jetfleet-order-42-3882064658b6');
  });

  test('differs between ids and between namespaces', () => {
    fc.assert(
      fc.property(jobId, jobId, namespace, namespace, (a, b, one, other) => {
        fc.pre(a !== b || one !== other);
        expect(nameOf(a, one)).not.toBe(nameOf(b, other));
      }),
    );
  });

  test('differs between ids that differ only in case or in characters that names cannot have', () => {
    fc.assert(
      fc.property(jobId, (id) => {
        const lookalikes = [
          id,
          id.toUpperCase(),
          id.toLowerCase(),
          id.replaceAll('_', '-'),
          `${id}-`,
          `_${id}`,
        ];
        const names = lookalikes.map((each) => nameOf(each));
        expect(new Set(names).size).toBe(new Set(lookalikes).size);
      }),
    );
  });

  test('differs between long ids with a common beginning', () => {
    expect(nameOf('a'.repeat(100))).not.toBe(nameOf('a'.repeat(101)));
  });

  test('differs between jobs of one id at different times, and between the lives of a redriven one', () => {
    const job = { id: 'order-42', createdAt };
    const later = { id: 'order-42', createdAt: '2026-11-25T12:00:00.000Z' };
    const names = [job, later, { ...job, redrives: 1 }, { ...job, redrives: 2 }].map((each) =>
      instanceNameFor(each),
    );
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name.startsWith(instanceNameStem('order-42'))).toBe(true);
  });
});
