import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactJson } from '../../src/jobs/exact-json.js';
import { inexactIn } from '../../src/jobs/exact-value.js';
import { checkPayload } from '../../src/jobs/job-check.js';
import { MAX_PROBLEM_LENGTH } from '../../src/jobs/limits.js';
import { anyCodePoint } from '../support/any-text.js';

describe('JSON text', () => {
  test.each([
    ['{"id": 1152921506151679042}', 'id'],
    ['1152921506151679042', ''],
    ['{"a":[1,{"b":-1152921506151679042}]}', 'a[1].b'],
    ['[1e400]', '[0]'],
    ['{"n":-1e400}', 'n'],
    ['{"n":1e-400}', 'n'],
    ['{"n":0.10000000000000000555}', 'n'],
    ['{"n":3.14159265358979323846}', 'n'],
    ['-0', ''],
    ['[-0.0]', '[0]'],
    ['{"x":-0e5}', 'x'],
    ['{"a":1,"a":1}', 'a'],
    ['{"a":{"b":1,"c":2,"b":3}}', 'a.b'],
    [String.raw`{"a":1,"\u0061":2}`, 'a'],
    [String.raw`{"a":"x\n","b":"\\","a":"\""}`, 'a'],
    ['{"a":[{"b":1},{"b":1,"b":":"}]}', 'a[1].b'],
    ['{"a":12345678901234567.5}', 'a'],
    ['{"a":-12345678901234567}', 'a'],
    ['{"a":"\ud800"}', 'a'],
    [
      `{"a":1,"b":${'['.repeat(200)}{"c":1,"c":2}${']'.repeat(200)}}`,
      `b${'[0]'.repeat(200)}.c`.slice(0, MAX_PROBLEM_LENGTH),
    ],
    ['{"__proto__":1}', '__proto__'],
    ['{"a":{"__proto__":{"x":1}}}', 'a.__proto__'],
    [String.raw`{"\u005f_proto__":1}`, '__proto__'],
    [String.raw`{"a":"\ud800"}`, 'a'],
    [String.raw`{"a":"x\uDFFFy"}`, 'a'],
    [String.raw`["\ud83d"]`, '[0]'],
  ])('%s is refused with the path %j', (text, path) => {
    expect(() => parseExactJson(text)).toThrow(
      expect.objectContaining({
        code: 'JETFLEET_BODY_INEXACT',
        problems: [expect.objectContaining({ path })],
      }),
    );
  });

  test.each([
    '9007199254740993',
    '9007199254740991',
    '1e20',
    '1E+2',
    '1.50',
    '0.1',
    '1e23',
    '5e-324',
    '100000000000000000000',
    '0e5',
    '0.000',
    '1.7976931348623157e308',
    ' { "a" : [ 1 , 2.0 , { } , [ ] ] , "b" : { "a" : 1 } } ',
    String.raw`{"a":"\\ud800","b":"\ud83d\ude00","c\"":"}{][,:","d":"\\"}`,
    '{"constructor":1,"toString":2,"__proto":3}',
    '{"2":1,"1":2}',
    '{"a":-1,"b":[-1.5,0.1234567890123457,123456789012345,0.30000000000000004]}',
    '{"a:b":"c:1","d":{"a:b":[{"x":":"}]}}',
  ])('%s is carried, or refused only for its digits', (text) => {
    if (text === '9007199254740993') expect(() => parseExactJson(text)).toThrow(/9007199254740993/);
    else expect(parseExactJson(text)).toEqual(JSON.parse(text));
  });

  test('what JSON.stringify writes of plain data is always carried', () => {
    const json = fc.jsonValue({ stringUnit: anyCodePoint }).filter((value) => inexactIn(value) === undefined);
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parseExactJson(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test('text that is nested deeper than a stack goes is read', () => {
    expect(() => parseExactJson('['.repeat(100_000) + ']'.repeat(100_000))).not.toThrow();
  });

  test('text that is no JSON stays a SyntaxError', () => {
    for (const text of ['', '{', '01', '{"a":1,}', 'NaN'])
      expect(() => parseExactJson(text)).toThrow(SyntaxError);
  });
});

describe('a payload in process', () => {
  class Point {
    x = 1;
  }
  const circle: Record<string, unknown> = {};
  circle.again = circle;
  test.each([
    [{ a: Number.NaN }, 'a'],
    [{ a: [0, Number.POSITIVE_INFINITY] }, 'a[1]'],
    [{ a: -0 }, 'a'],
    [{ a: 10n }, 'a'],
    [{ a: { b: new Date(0) } }, 'a.b'],
    [[1, undefined], '[1]'],
    // biome-ignore lint/suspicious/noSparseArray: that is the point.
    [[1, , 2], '[1]'],
    [{ a: new Map([[1, 2]]) }, 'a'],
    [{ a: new Set([1]) }, 'a'],
    [{ a: () => 1 }, 'a'],
    [{ a: Symbol('x') }, 'a'],
    [{ a: { toJSON: (): number => 1 } }, 'a.toJSON'],
    [{ a: Buffer.from('x') }, 'a'],
    [{ a: new Point() }, 'a'],
    [{ a: new Error('x') }, 'a'],
    [{ a: /x/ }, 'a'],
    [{ a: new Number(1) }, 'a'],
    [{ ['__proto__']: 1 }, '__proto__'],
    [{ a: '\ud800' }, 'a'],
    [{ '\udc00': 1 }, '\udc00'],
    [{ id: Number('1152921506151679042') }, 'id'],
    [Number.NaN, ''],
    [new Date(), ''],
  ])('%o is refused with the path %j', (payload, path) => {
    expect(() => checkPayload('demo', payload)).toThrow(
      expect.objectContaining({
        code: 'JETFLEET_PAYLOAD_INVALID',
        problems: [expect.objectContaining({ path })],
      }),
    );
  });

  test('a circle is too deep', () => {
    expect(() => checkPayload('demo', circle)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_PAYLOAD_TOO_DEEP' }),
    );
  });

  test('an object that is shared many times over is refused at once', () => {
    let shared: unknown = {};
    for (let level = 0; level < 60; level++) shared = [shared, shared];
    expect(() => checkPayload('demo', shared)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_PAYLOAD_TOO_LARGE' }),
    );
  });

  test('plain data goes as it is; a property that is undefined is left out', () => {
    const nothing = Object.assign(Object.create(null), { a: 1 });
    const payload = { a: [1, 'x', null, true, 1e21, 0.1], b: undefined, nothing };
    expect(JSON.parse(checkPayload('demo', payload).body)).toEqual({
      a: [1, 'x', null, true, 1e21, 0.1],
      nothing: { a: 1 },
    });
    expect(checkPayload('demo', undefined)).toEqual({ payload: null, body: 'null', isLarge: false });
  });

  test.each([
    [{ id: Number('1152921506151679042') }, 'payload.id'],
    [{ a: { ['__proto__']: 1 } }, 'payload.a.__proto__'],
    [{ a: -0 }, 'payload.a'],
    [{ a: new Date() }, 'payload.a'],
    [['\ud800'], 'payload[0]'],
  ])('the payload of a webhook too: %o', (payload, path) => {
    expect(() => checkPayload('send_webhook', { url: 'http://127.0.0.1/', payload })).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ path })] }),
    );
  });
});
