import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INSTANCE_NAME_PREFIX, instanceNameFor } from '../../src/gpu/instance-name.js';

/** What a caller may choose as a job id, and what Jetfleet derives from it. */
const jobId = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{60,128}$/),
);
const namespace = fc.stringMatching(/^[a-z0-9-]{0,20}$/);

describe('instance name of a job', () => {
  test('has at most 60 of [a-z0-9-], begins with the prefix and with a letter or digit at each end', () => {
    fc.assert(
      fc.property(jobId, namespace, (id, space) => {
        const name = instanceNameFor(id, space);
        expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
        expect(name.length).toBeLessThanOrEqual(60);
        expect(name.startsWith(INSTANCE_NAME_PREFIX)).toBe(true);
      }),
    );
  });

  test('is well-formed for any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (id) => {
        expect(instanceNameFor(id)).toMatch(/^[a-z0-9-]{1,60}$/);
      }),
    );
  });

  test('is the same on every attempt and in every process', () => {
    fc.assert(
      fc.property(jobId, namespace, (id, space) => {
        const first = instanceNameFor(id, space);
        expect(instanceNameFor(id, space)).toBe(first);
      }),
    );
    // A change of this name would lose sight of the instances of jobs that are under way.
    expect(instanceNameFor('Order_42')).toBe('jetfleet-order-42-fdc5d981b254');
  });

  test('differs between ids and between namespaces', () => {
    fc.assert(
      fc.property(jobId, jobId, namespace, namespace, (a, b, one, other) => {
        fc.pre(a !== b || one !== other);
        expect(instanceNameFor(a, one)).not.toBe(instanceNameFor(b, other));
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
        const names = lookalikes.map((each) => instanceNameFor(each));
        expect(new Set(names).size).toBe(new Set(lookalikes).size);
      }),
    );
  });

  test('differs between long ids with a common beginning', () => {
    expect(instanceNameFor('a'.repeat(100))).not.toBe(instanceNameFor('a'.repeat(101)));
  });
});
