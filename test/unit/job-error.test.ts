import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  JetfleetError,
  NonRetryableError,
  RetryableError,
  TimeoutError,
  ValidationError,
} from '../../src/jobs/errors.js';
import { toJobError } from '../../src/jobs/job-error.js';
import { MAX_DELAY_MS } from '../../src/jobs/limits.js';
import { checkedOutcome, complete, snooze, toOutcome } from '../../src/jobs/outcome.js';

/** What payload and checkpoint leave of a record, in bytes. */
const ROOM = 200 * 1024;

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const circle: Record<string, unknown> = { message: 'round' };
circle.self = circle;
circle.cause = circle;

/** Values that a field of an error may have, and those that a handler may throw by themselves. */
const ODD: unknown[] = [
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  10n,
  Symbol('s'),
  circle,
  'x'.repeat(300_000),
  '\ud800',
  '\u0000'.repeat(50_000),
  () => 'function',
  Object.create(null),
  revoked({}),
  revoked([]),
  new Map(),
  [[[]]],
  Array.from({ length: 50 }, () => ({ path: 'p'.repeat(40_000), message: 'm'.repeat(40_000) })),
  [null, 10n, circle, revoked({}), { path: 7n, message: circle }],
  { toString: () => 42 },
  {
    toString: () => {
      throw new Error('no');
    },
  },
];
/** As functions: a library that touches a revoked proxy fails. */
const odd = fc.oneof(
  fc.constantFrom(...ODD.map((value) => () => value)),
  fc.anything().map((value) => () => value),
);

const FIELDS = [
  'message',
  'code',
  'retryable',
  'problems',
  'excerpt',
  'retryAfterMs',
  'cause',
  'name',
  'errors',
] as const;

/** An error of a class of Jetfleet, with its fields replaced, some of them by getters that throw. */
const spoilt = fc
  .record({
    make: fc.constantFrom(
      () => new NonRetryableError('final'),
      () => new ValidationError('JETFLEET_PAYLOAD_INVALID', 'final'),
      () => new TimeoutError('final'),
      () => new RetryableError('again'),
      () => new Error('plain'),
      () => new AggregateError([new Error('a'), 'b'], 'many'),
    ),
    fields: fc.dictionary(
      fc.constantFrom(...FIELDS),
      fc.oneof(
        odd,
        fc.constant(() => {
          throw new Error('no');
        }),
      ),
    ),
    isFrozen: fc.boolean(),
  })
  .map(({ make, fields, isFrozen }) => {
    const error = make();
    for (const [name, value] of Object.entries(fields)) {
      Object.defineProperty(error, name, { get: value, configurable: true });
    }
    return () => (isFrozen ? Object.freeze(error) : error);
  });

test('whatever a handler throws becomes a small record that JSON carries unchanged', () => {
  fc.assert(
    fc.property(fc.oneof(odd, spoilt), (thrown) => {
      const info = toJobError(thrown());
      const text = JSON.stringify(info);
      expect(JSON.parse(text)).toEqual(info);
      expect(Buffer.byteLength(text)).toBeLessThan(ROOM);
      expect(text).not.toMatch(/\\ud[89a-f]/);
      expect(info).toMatchObject({
        code: expect.stringMatching(/^.{1,101}$/su),
        message: expect.any(String),
        retryable: expect.any(Boolean),
      });
      if (info.retryAfterMs !== undefined) expect(info.retryAfterMs).toBeLessThanOrEqual(MAX_DELAY_MS);
    }),
    { numRuns: 150 },
  );
});

describe('an error that cannot be read stays in the state that its class asks for', () => {
  const unreadable = (error: Error, ...fields: string[]) => {
    for (const field of fields) {
      Object.defineProperty(error, field, {
        get: () => {
          throw new Error('no');
        },
      });
    }
    return error;
  };

  test.each([
    ['NonRetryableError', () => new NonRetryableError('final'), false],
    ['ValidationError', () => new ValidationError('JETFLEET_PAYLOAD_INVALID', 'final'), false],
    ['RetryableError', () => new RetryableError('again'), true],
  ] as const)('%s', (_, make, retryable) => {
    expect(toJobError(unreadable(make(), 'retryable'))).toMatchObject({ retryable });
    expect(toJobError(unreadable(make(), 'message', 'excerpt', 'problems'))).toMatchObject({
      retryable,
      message: '[unprintable]',
    });
    expect(toJobError(Object.assign(make(), { message: 'x'.repeat(9_000_000) })).message).toHaveLength(2_001);
  });

  test('with as much as fits of a large one', () => {
    const problems = Array.from({ length: 80 }, (_, index) => ({
      path: `p${index}`,
      message: 'm'.repeat(40_000),
    }));
    const info = toJobError(new NonRetryableError('no', { excerpt: 'e'.repeat(2_000_000), problems }));
    expect(info).toMatchObject({ code: 'JETFLEET_NON_RETRYABLE', message: 'no', retryable: false });
    expect(info.excerpt).toBe(`${'e'.repeat(4_096)}…`);
    expect(info.problems).toHaveLength(50);
    expect(info.problems?.[49]).toEqual({ path: 'p49', message: `${'m'.repeat(300)}…` });
  });

  test.each([
    ['an object', { code: 'A' }, 'JETFLEET_NON_RETRYABLE'],
    ['a number', 7, 'JETFLEET_NON_RETRYABLE'],
    ['no text', '', 'JETFLEET_NON_RETRYABLE'],
    ['a code', 'ACME_SOLD_OUT', 'ACME_SOLD_OUT'],
    ['ten megabytes', 'x'.repeat(10_000_000), `${'x'.repeat(100)}…`],
  ])('with a code that is one: %s', (_, code, kept) => {
    expect(toJobError(new NonRetryableError('no', { code: code as string })).code).toBe(kept);
  });
});

test.each([
  [
    'a cause',
    new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }),
    'fetch failed: ECONNREFUSED',
  ],
  ['a cause that it names itself', new Error('a: b', { cause: new Error('b') }), 'a: b'],
  [
    'several errors',
    new AggregateError([new Error('first'), 'second'], 'all failed'),
    'all failed: first: second',
  ],
  ['a circle of causes', Object.assign(new Error('round'), { cause: circle }), 'round'],
])('the message of an error with %s says both', (_, error, message) => {
  expect(toJobError(error).message).toBe(message);
});

test.each([
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [-5, undefined],
  ['7', undefined],
  [1e300, MAX_DELAY_MS],
  [1_500.5, 1_501],
])('retryAfterMs %s counts as %s', (retryAfterMs, kept) => {
  expect(toJobError(new RetryableError('busy', { retryAfterMs: retryAfterMs as number })).retryAfterMs).toBe(
    kept,
  );
});

describe('an outcome', () => {
  test.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    '5',
    5n,
    null,
    undefined,
    {},
    1e300,
  ])('cannot be snooze(%s)', (delayMs) => {
    expect(() => snooze(delayMs as number)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
    );
    expect(checkedOutcome({ kind: 'snoozed', delayMs })).toMatchObject({
      kind: 'failed',
      error: { code: 'JETFLEET_OPTION_INVALID', retryable: false },
    });
  });

  test.each([
    [-5, 0],
    [0, 0],
    [1.5, 1.5],
    [MAX_DELAY_MS, MAX_DELAY_MS],
  ])('snoozes for %s ms', (delayMs, kept) => {
    expect(snooze(delayMs)).toMatchObject({ kind: 'snoozed', delayMs: kept });
  });

  test('fails where complete is given no list of jobs', () => {
    const outcome = toOutcome(complete('done', { type: 'demo' } as never));
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'JETFLEET_OPTION_INVALID' } });
  });

  test('is never thrown, whatever a chart ends with', () => {
    fc.assert(
      fc.property(
        odd,
        fc.record({ delayMs: odd, error: odd, next: odd }),
        fc.constantFrom('completed', 'snoozed', 'failed'),
        (output, { delayMs, error, next }, kind) => {
          const kinds = [output(), { kind, delayMs: delayMs(), error: error(), next: next() }].map(
            (each) => checkedOutcome(each).kind,
          );
          for (const each of kinds) expect(['completed', 'snoozed', 'failed']).toContain(each);
        },
      ),
    );
  });
});

test('an error is known for one of Jetfleet without being touched further', () => {
  expect(JetfleetError.is(revoked(new NonRetryableError('x')))).toBe(false);
});
