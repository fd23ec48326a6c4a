import { expect, test } from 'vitest';
import { parseServers } from '../../src/broker/connection/server-urls.js';
import { ValidationError } from '../../src/jobs/errors.js';

test.each([
  ['nats://a:1', { servers: ['a:1'], tls: false }],
  ['NATS://a.b_c-d', { servers: ['a.b_c-d:4222'], tls: false }],
  ['a', { servers: ['a:4222'], tls: false }],
  ['a:1/', { servers: ['a:1'], tls: false }],
  ['tls://a', { servers: ['a:4222'], tls: true }],
  ['nats://a, tls://b:2', { servers: ['a:4222', 'b:2'], tls: true }],
  [['nats://a', ' b:2 '], { servers: ['a:4222', 'b:2'], tls: false }],
  ['nats://[::1]:1', { servers: ['[::1]:1'], tls: false }],
  ['nats://[::1]', { servers: ['[::1]:4222'], tls: false }],
  ['::1', { servers: ['[::1]:4222'], tls: false }],
  ['nats://u:p@a', { servers: ['a:4222'], tls: false, userInfo: { user: 'u', password: 'p' } }],
  ['nats://u:@a', { servers: ['a:4222'], tls: false, userInfo: { user: 'u', password: '' } }],
  [
    'nats://u%40x:p%3A%2F%25%2C@a',
    { servers: ['a:4222'], tls: false, userInfo: { user: 'u@x', password: 'p:/%,' } },
  ],
  [
    'nats://u:p@ss/w:rd@a',
    { servers: ['a:4222'], tls: false, userInfo: { user: 'u', password: 'p@ss/w:rd' } },
  ],
  ['nats://t%2Ben@a', { servers: ['a:4222'], tls: false, userInfo: { token: 't+en' } }],
  [
    'u:p@a,u:p@b,c',
    { servers: ['a:4222', 'b:4222', 'c:4222'], tls: false, userInfo: { user: 'u', password: 'p' } },
  ],
])('%j is read', (text, list) => {
  expect(parseServers(text)).toEqual(list);
});

test.each([
  ['', /empty/],
  [[], /empty/],
  ['nats://', /no host/],
  ['nats://:4222', /no host/],
  ['a,,b', /NATS server 2 of 3 "".*empty/],
  ['a b', /space/],
  ['nats://a nats://b', /space/],
  ['nats://a:1 , b c', /2 of 2.*space/],
  ['http://a', /http:\/\/a.*scheme is unknown.*nats:\/\//],
  ['https://a', /scheme/],
  ['redis://a', /scheme/],
  ['://a', /scheme/],
  ['//a', /scheme is misspelt/],
  ['nats:/a', /scheme is misspelt/],
  ['TLS:/u:p@a', /scheme is misspelt/],
  [7 as never, /must be a text or a list/],
  [{} as never, /must be a text or a list/],
  ['ws://a', /WebSockets/],
  ['wss://a:443', /WebSockets/],
  ['a:0', /port must be 1 to 65535/],
  ['a:65536', /port/],
  ['a:', /port/],
  ['a:4222x', /port/],
  ['a:-1', /port/],
  ['a:1e3', /port/],
  ['a:+1', /port/],
  ['a/path', /path/],
  ['a?x=1', /path/],
  ['[::g]:1', /IPv6/],
  ['a*b', /host/],
  ['-a', /host/],
])('%j is refused', (text, why) => {
  expect(() => parseServers(text)).toThrow(
    expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID', message: expect.stringMatching(why) }),
  );
});

test.each([
  'nats://u:hunter2%zz@a',
  'nats://u:hunter2@a:x',
  'nats://u:hunter2@a b',
  'nats://u:pre,hunter2@a',
  'http://u:hunter2@a',
  'nats://:hunter2@a',
  'hunter2@',
  'nats://u:hunter2@a,nats://u:other@b',
])('what is wrong with %j is told without its secret', (text) => {
  expect(() => parseServers(text)).toThrow(ValidationError);
  expect(() => parseServers(text)).not.toThrow(/hunter2|other@|pre/);
});
