import { describe, expect, test } from 'vitest';
import {
  type AbortReason,
  BrokerError,
  ConflictError,
  ERROR_CODES,
  JetfleetError,
  JobAborted,
  NonRetryableError,
  RetryableError,
  TimeoutError,
  ValidationError,
} from '../../src/jobs/errors.js';
import { thrownError, toJobError } from '../../src/jobs/job-error.js';
import { MAX_ERROR_MESSAGE_LENGTH, MAX_PROBLEMS } from '../../src/jobs/limits.js';

describe('what a handler throws stands on the record', () => {
  test('with everything that an error of Jetfleet carries', () => {
    const problems = [{ path: 'a', message: 'is missing' }];
    const error = new JetfleetError('JETFLEET_PROVIDER_RATE_LIMITED', 'slow down', {
      retryable: true,
      problems,
      excerpt: '{"a',
      retryAfterMs: 5_000,
    });
    expect(toJobError(error)).toEqual({
      code: 'JETFLEET_PROVIDER_RATE_LIMITED',
      message: 'slow down',
      retryable: true,
      problems,
      excerpt: '{"a',
      retryAfterMs: 5_000,
    });
  });

  test.each([
    ['an Error', new Error('reset by peer'), 'reset by peer'],
    ['an Error without a message', new RangeError(), 'RangeError'],
    ['a string', 'oops', 'oops'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object', { toString: (): string => 'an object' }, 'an object'],
    ['an object that prints as nothing', { status: 502, body: 'no' }, '{"status":502,"body":"no"}'],
    ['an object with a message', { message: 'no', status: 502 }, 'no'],
    ['an Error whose cause is an object', new Error('no', { cause: { status: 502 } }), 'no: {"status":502}'],
    ['an Error with a code of ours', Object.assign(new Error('no'), { code: 'JETFLEET_STALLED' }), 'no'],
    ['an Error with a code that is none', Object.assign(new Error('no'), { code: 'not a code' }), 'no'],
  ])('as a retryable failure of the handler: %s', (_, thrown, message) => {
    expect(toJobError(thrown)).toEqual({ code: 'JETFLEET_HANDLER_FAILED', message, retryable: true });
  });

  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  test.each([
    ['its own', refused, 'ECONNREFUSED'],
    ['of its cause', new TypeError('fetch failed', { cause: refused }), 'ECONNREFUSED'],
    ['of one of its errors', new AggregateError([new Error('x'), refused], 'all failed'), 'ECONNREFUSED'],
    ['of a database', Object.assign(new Error('duplicate key'), { code: '23505' }), '23505'],
  ])('with the code of an error, %s', (_, thrown, code) => {
    expect(toJobError(thrown)).toMatchObject({ code, retryable: true });
  });

  test('with the stacks of an error and its causes, in so many characters', () => {
    const cause = new RangeError('out of range');
    const { stack, ...rest } = thrownError(new Error('cannot parse', { cause }));
    expect(rest).toEqual(toJobError(new Error('cannot parse', { cause })));
    expect(stack).toMatch(
      /^Error: cannot parse\n +at .*errors\.test\.ts[\s\S]*\ncaused by: RangeError: out of range\n +at /,
    );
    const long = Object.assign(new Error('long'), { stack: 's'.repeat(1_000_000) });
    const many = new AggregateError([long, long, long, long], 'many');
    expect(thrownError(many).stack).toHaveLength(6_001);
    for (const thrown of ['text', { stack: 'no error' }, Object.assign(new Error('x'), { stack: 7 })]) {
      expect(thrownError(thrown)).toEqual(toJobError(thrown));
    }
  });

  test.each([
    ['an object without a prototype', Object.create(null)],
    ['a symbol', Symbol('s')],
    [
      'an object that cannot be printed',
      {
        toString(): string {
          throw new Error('no');
        },
      },
    ],
    ['an error whose message is no text', Object.assign(new Error('x'), { message: 42 })],
  ])('whatever it is: %s', (_, thrown) => {
    expect(toJobError(thrown)).toMatchObject({ message: expect.any(String), retryable: true });
  });

  test('with a message of at most the limit', () => {
    const limit = MAX_ERROR_MESSAGE_LENGTH;
    expect(toJobError(new Error('x'.repeat(limit))).message).toHaveLength(limit);
    expect(toJobError(new Error('x'.repeat(limit + 1))).message).toBe(`${'x'.repeat(limit)}…`);
  });

  test('as an error of Jetfleet even when it comes from a second copy of the package', () => {
    const foreign = Object.assign(new Error('no such template'), {
      [Symbol.for('jetfleet.error')]: true,
      code: 'JETFLEET_NON_RETRYABLE',
      retryable: false,
    });
    expect(JetfleetError.is(foreign)).toBe(true);
    expect(toJobError(foreign)).toMatchObject({ code: 'JETFLEET_NON_RETRYABLE', retryable: false });
  });
});

test.each([
  ['NonRetryableError', new NonRetryableError('no'), 'JETFLEET_NON_RETRYABLE', false],
  [
    'NonRetryableError',
    new NonRetryableError('no', { code: 'ACME_SOLD_OUT', retryable: true }),
    'ACME_SOLD_OUT',
    false,
  ],
  ['RetryableError', new RetryableError('later'), 'JETFLEET_HANDLER_FAILED', true],
  ['RetryableError', new RetryableError('later', { code: 'ACME_BUSY', retryable: false }), 'ACME_BUSY', true],
  ['TimeoutError', new TimeoutError('too long'), 'JETFLEET_TIMEOUT', false],
  [
    'ValidationError',
    new ValidationError('JETFLEET_PAYLOAD_INVALID', 'wrong'),
    'JETFLEET_PAYLOAD_INVALID',
    false,
  ],
  ['ConflictError', new ConflictError('somebody else'), 'JETFLEET_CONFLICT', false],
  [
    'BrokerError',
    new BrokerError('JETFLEET_BACKPRESSURE', 'full', { retryable: true }),
    'JETFLEET_BACKPRESSURE',
    true,
  ],
])('%s %s has the code %s, retryable %s', (name, error, code, retryable) => {
  expect(error).toMatchObject({ code, retryable, name });
  expect(error).toBeInstanceOf(JetfleetError);
  expect(JetfleetError.is(error)).toBe(true);
});

test.each([
  ['timeout', 'JETFLEET_TIMEOUT'],
  ['cancelled', 'JETFLEET_CANCELLED'],
  ['lease_lost', 'JETFLEET_LEASE_LOST'],
  ['draining', 'JETFLEET_DRAINING'],
] as [AbortReason, string][])('an abort for %s has the code %s', (reason, code) => {
  expect(new JobAborted(reason, 'stop')).toMatchObject({ reason, code });
});

test('what is no error of Jetfleet is told apart', () => {
  for (const value of [new Error('x'), null, undefined, 'JETFLEET_TIMEOUT', { code: 'JETFLEET_TIMEOUT' }]) {
    expect(JetfleetError.is(value)).toBe(false);
  }
});

test('an error keeps its cause and no more problems than the limit', () => {
  const cause = new Error('why');
  const problems = Array.from({ length: MAX_PROBLEMS + 5 }, () => ({ path: 'a', message: 'b' }));
  const error = new JetfleetError('JETFLEET_PAYLOAD_INVALID', 'wrong', { cause, problems });
  expect(error.cause).toBe(cause);
  expect(error.problems).toHaveLength(MAX_PROBLEMS);
});

test('every code is in the project’s form and explained in a sentence', () => {
  for (const [code, sentence] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^JETFLEET_[A-Z0-9_]+$/);
    expect(sentence).toMatch(/^[A-Z].*\.$/);
  }
});
