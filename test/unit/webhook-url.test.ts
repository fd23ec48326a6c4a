import { expect, it } from 'vitest';
import { webhookUrlFault } from '../../src/jobs/webhook-url.js';

it.each([
  'https://example.com/hook',
  'http://127.0.0.1:3000/hook?a=b#c',
  'HTTPS://EXAMPLE.COM',
  'https://hooks.example.com./',
  'https://[2001:db8::1]:8443/',
  'https://bücher.example/',
  'https://my_service.internal/',
  'https://xn--bcher-kva.example/',
  'https://[::ffff:192.0.2.1]/',
  'https://host:00443/',
  'https://example.com:65535/',
  'https://example.com/a@b',
  `https://${'a'.repeat(63)}.com/`,
])('%s can be used', (url) => {
  expect(webhookUrlFault(url)).toBeUndefined();
});

const NO_URL = 'must be an http or https URL without blanks and line breaks';
const CREDENTIALS = 'must not carry credentials; send them in a header instead';
const NO_HOST = 'must name a host that DNS allows: labels of 1 to 63 bytes, 253 in all';

it.each<[unknown, string]>([
  ['https://user:pw@host/', CREDENTIALS],
  ['https://user@host/', CREDENTIALS],
  ['https://:pw@host/', CREDENTIALS],
  ['https://us%65r@host/', CREDENTIALS],
  ['http://good.example@evil.example/', CREDENTIALS],
  ['', NO_URL],
  ['example.com', NO_URL],
  ['//example.com', NO_URL],
  ['ftp://example.com', NO_URL],
  ['javascript:alert(1)', NO_URL],
  ['https://', NO_URL],
  ['https://exa mple.com', NO_URL],
  [' https://example.com', NO_URL],
  ['https://example.com/\r\nEvil: 1', NO_URL],
  ['https://example.com/\u0000', NO_URL],
  ['https://example.com:65536/', NO_URL],
  ['https://999.1.1.1/', NO_URL],
  [42, NO_URL],
  [null, NO_URL],
  [undefined, NO_URL],
  [['https://example.com'], NO_URL],
  ['https://example.com:0/', 'must not name port 0, where nothing listens'],
  ['https://./', NO_HOST],
  ['https://a..b/', NO_HOST],
  ['https://*/', NO_HOST],
  ['https://*.example.com/', NO_HOST],
  ['https://%2a.example.com/', NO_HOST],
  ['https://a!b.example/', NO_HOST],
  ['https://(host)/', NO_HOST],
  ["https://a'b/", NO_HOST],
  ['https://a&b/', NO_HOST],
  ['https://{host}/', NO_HOST],
  ['https://host/\ud800', NO_URL],
  ['https://xn--/', NO_URL],
  ['https://[fe80::1%25eth0]/', NO_URL],
  [`https://${'a'.repeat(64)}.com/`, NO_HOST],
  [`https://${'abcdefg.'.repeat(32)}com/`, NO_HOST],
  [`https://example.com/${'a'.repeat(2_048)}`, 'must have at most 2048 bytes'],
])('%j cannot: %s', (url, fault) => {
  expect(webhookUrlFault(url)).toBe(fault);
});
