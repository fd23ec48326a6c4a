import { describe, expect, it } from 'vitest';
import { AccountLimits, accountOf, checkRates, parseRates } from '../../src/gpu/api/call-rates.js';
import { usedUpForMs } from '../../src/gpu/api/told-pause.js';

const NOW = 'Mon, 30 Nov 2026 20:00:00 GMT';
const AT_S = Date.parse(NOW) / 1_000;

describe('what an answer says of its limits', () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{ ratelimit: '"minute";r=0;t=12, "hour";r=2800;t=1812, "day";r=49500;t=45012' }, 12_000],
    [{ ratelimit: '"minute";r=0;t=12, "hour";r=0;t=1812' }, 1_812_000],
    [{ ratelimit: '"minute";r=3;t=12' }, undefined],
    [{ ratelimit: 'limit=10, remaining=0, reset=3' }, 3_000],
    [{ ratelimit: 'limit=10, remaining=1, reset=3' }, undefined],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '7' }, 7_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0.5' }, 500],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(AT_S + 30) }, 30_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String((AT_S + 30) * 1_000) }, 30_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'Mon, 30 Nov 2026 20:00:09 GMT' }, 9_000],
    [{ 'x-rate-limit-remaining': '0, 90', 'x-rate-limit-reset': '4, 900' }, 4_000],
    [{ 'x-ratelimit-remaining': '5', 'x-ratelimit-reset': '9' }, undefined],
    [{ 'x-ratelimit-remaining': '0' }, undefined],
    [{ 'x-ratelimit-remaining': 'none', 'x-ratelimit-reset': 'soon' }, undefined],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(AT_S - 30) }, undefined],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '900000000' }, 86_400_000],
    [{ ratelimit: '???;;==,,' }, undefined],
    [{}, undefined],
  ])('%j holds calls back for %j ms', (headers, expected) => {
    expect(usedUpForMs(new Headers({ date: NOW, ...headers }))).toBe(expected);
  });
});

describe('the limits of an account', () => {
  const published = {
    operations: { 'POST /launch': 'create', 'GET /vms/{id}': 'read', 'GET /vms': 'list' },
    rates: { all: { max: 1, perMs: 1_000 }, create: { max: 1, perMs: 12_000 } },
  } as const;
  const lambda = new AccountLimits('lambda', 'a', published, undefined);

  it('a call counts for its operation and for all, and a refusal is about the narrower one', () => {
    expect(lambda.of('create')).toEqual([
      { name: 'lambda/create', key: 'a', rate: { max: 1, perMs: 13_000 } },
      { name: 'lambda/all', key: 'a', rate: { max: 1, perMs: 1_250 } },
    ]);
    expect(lambda.of('read').map(({ name }) => name)).toEqual(['lambda/all']);
    expect([lambda.toldOf('create').name, lambda.toldOf('list').name]).toEqual([
      'lambda/create',
      'lambda/all',
    ]);
  });

  it('without published rates each operation is slowed down by itself, but for one quota', () => {
    const novita = new AccountLimits('novita', 'a', {}, undefined);
    expect(novita.of('list')).toEqual([{ name: 'novita/list', key: 'a' }]);
    const runpod = new AccountLimits('runpod', 'a', { hasOneQuota: true }, undefined);
    expect(runpod.of('list')).toEqual([{ name: 'runpod/all', key: 'a' }]);
  });

  it('rates that are given take the place of the published ones', () => {
    const rates = { create: { max: 5, perMs: 200 }, all: false } as const;
    const given = new AccountLimits('lambda', 'a', published, rates);
    expect(given.of('create')).toEqual([{ name: 'lambda/create', key: 'a', rate: { max: 5, perMs: 300 } }]);
    expect(new AccountLimits('lambda', 'a', published, false).of('create')).toEqual([
      { name: 'lambda/create', key: 'a' },
    ]);
  });

  it.each([
    ['GET /vms/7', 'read', 'read'],
    ['GET /vms', 'read', 'list'],
    ['GET /other', 'read', 'read'],
    ['POST /vms/7/stop', 'repeatable', 'change'],
    ['POST /launch', 'create', 'create'],
  ] as const)('%s is %s', (route, kind, expected) => {
    expect(lambda.operationOf(route, kind)).toBe(expected);
  });

  it('the digest of a key says nothing of it, and is another one at another address', () => {
    const account = accountOf('https://a.example', 'secret-key-1234');
    expect(account).toMatch(/^[0-9a-f]{16}$/);
    expect(account).not.toContain('secret');
    expect(accountOf('https://b.example', 'secret-key-1234')).not.toBe(account);
  });
});

describe('rates from the environment', () => {
  it.each([
    ['none', false],
    ['create=1/12s, all=60/1m', { create: { max: 1, perMs: 12_000 }, all: { max: 60, perMs: 60_000 } }],
    ['read=none list=2/500ms', { read: false, list: { max: 2, perMs: 500 } }],
  ])('%s', (text, expected) => expect(parseRates('X_RATE_LIMITS', text)).toEqual(expected));

  it.each([
    ['create=fast', /X_RATE_LIMITS must be none, or rates .* got "create=fast"/],
    ['launch=1/12s', /X_RATE_LIMITS has no "launch"; it takes all, create/],
    ['create=0/1s', /X_RATE_LIMITS\.create: rate\.max/],
    ['create=1/1ms', /X_RATE_LIMITS\.create: rate\.perMs/],
  ])('%s is refused', (text, message) => expect(() => parseRates('X_RATE_LIMITS', text)).toThrow(message));

  it('rates of another form are refused', () => {
    for (const given of [7, [], { create: 3 }, { create: { max: 1 } }]) {
      expect(() => checkRates('rateLimits', given as never)).toThrow(/rateLimits/);
    }
  });
});
