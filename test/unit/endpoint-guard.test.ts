import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyAddress } from '../../src/jobs/address-guard.js';
import { createWebhookGuard, type WebhookGuardOptions } from '../../src/webhooks/endpoint-guard.js';

const PUBLIC = [
  '8.8.8.8',
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.0',
  '100.63.0.1',
  '100.128.0.1',
  '2606:4700::1111',
  '2001:4860:4860::8888',
];
const PRIVATE = [
  '127.0.0.1',
  '127.255.255.254',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.127.255.254',
  '::1',
  'fc00::1',
  'fd12:3456::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
];
const FORBIDDEN = [
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '169.254.0.1',
    '192.0.0.192',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
  ],
  ...[
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '100.100.100.200',
    '168.63.129.16',
  ],
  ...[
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:7f00:1::',
    '3fff::1',
  ],
  ...[
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '::127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
  ],
  ...['fd20:ce::254', '', 'localhost', '1.2.3'],
];

function resolving(...addresses: string[]): WebhookGuardOptions['resolve'] {
  return async () => addresses.map((address) => ({ address, family: isIP(address) }));
}

/** The addresses that a connection to the URL would use, or the reason why there is none. */
async function outcome(url: string, options: WebhookGuardOptions = {}): Promise<string[] | string> {
  try {
    const { url: parsed, lookup } = await createWebhookGuard({
      resolve: resolving('8.8.8.8'),
      ...options,
    }).check(url);
    return await new Promise((resolve, reject) => {
      lookup(parsed.hostname, { all: true }, (error, found) => {
        if (error) reject(error);
        else resolve((found as LookupAddress[]).map((entry) => entry.address));
      });
    });
  } catch (error) {
    expect(error).toMatchObject({ code: 'JETFLEET_WEBHOOK_URL_INVALID', retryable: false });
    return (error as Error).message;
  }
}
const REFUSED = expect.stringMatching(/^the webhook URL (at|must)/);

describe('classifyAddress', () => {
  it.each(PUBLIC)('%s is public', (address) => expect(classifyAddress(address)).toBe('public'));
  it.each(PRIVATE)('%s is private', (address) => expect(classifyAddress(address)).toBe('private'));
  it.each(FORBIDDEN)('%j is forbidden', (address) => expect(classifyAddress(address)).toBe('forbidden'));

  it('calls nothing outside 2000::/3 public', () => {
    const outside = fc.ipV6().filter((address) => !/^[23][0-9a-f]{3}:/i.test(address));
    fc.assert(fc.property(outside, (address) => classifyAddress(address) !== 'public'));
  });
});

describe('the guard by default', () => {
  it('lets https to a public name through, to the addresses that it checked', async () => {
    const resolve = resolving('8.8.8.8', '2606:4700::1111');
    expect(await outcome('https://hooks.test/a?b', { resolve })).toEqual(['8.8.8.8', '2606:4700::1111']);
  });

  it.each([
    ['http://hooks.test/', 'plain http'],
    ['https://user:pass@hooks.test/', 'credentials'],
    ['https://user@hooks.test/', 'a user name'],
    ['ftp://hooks.test/', 'another scheme'],
    ['hooks.test', 'no scheme'],
    ['', 'nothing'],
  ])('refuses %s: %s', async (url) => expect(await outcome(url)).toEqual(REFUSED));

  it.each([
    ...[
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '１２７.0.0.1',
    ],
    ...['10.0.0.1', '169.254.169.254', '0', '[fe80::1]', '[64:ff9b::a9fe:a9fe]'],
  ])('refuses the address https://%s/', async (host) =>
    expect(await outcome(`https://${host}/`)).toEqual(REFUSED),
  );

  it.each([...PRIVATE, ...FORBIDDEN])('refuses a name that resolves to %j', async (address) => {
    expect(await outcome('https://hooks.test/', { resolve: resolving(address) })).toEqual(REFUSED);
  });

  it('leaves refused addresses out and keeps the others', async () => {
    const resolve = resolving('10.0.0.1', '8.8.8.8', '169.254.169.254');
    expect(await outcome('https://hooks.test/', { resolve })).toEqual(['8.8.8.8']);
  });

  it('says neither path nor resolved address in its error', async () => {
    const message = await outcome('https://hooks.test/s3cret?token=1', { resolve: resolving('10.9.8.7') });
    expect(message).toContain('hooks.test');
    expect(message).not.toMatch(/s3cret|token|10\.9\.8\.7/);
  });

  it('refuses localhost through the resolver of the system', async () => {
    expect(await outcome('https://localhost./', { resolve: undefined })).toEqual(REFUSED);
  });
});

describe('a guard that allows more', () => {
  it.each(PRIVATE)('allowPrivate: lets %s through, over http as well', async (address) => {
    expect(await outcome('http://hooks.test/', { allowPrivate: true, resolve: resolving(address) })).toEqual([
      address,
    ]);
  });

  it.each(['169.254.169.254', '0.0.0.0', '100.100.100.200', 'fd00:ec2::254', '224.0.0.1'])(
    'allowPrivate: still refuses %s',
    async (address) => {
      expect(
        await outcome('https://hooks.test/', { allowPrivate: true, resolve: resolving(address) }),
      ).toEqual(REFUSED);
    },
  );

  it('allowPrivate: still wants https for public addresses', async () => {
    const resolve = resolving('8.8.8.8', '10.0.0.1');
    expect(await outcome('http://hooks.test/', { allowPrivate: true })).toEqual(REFUSED);
    expect(await outcome('http://hooks.test/', { allowPrivate: true, resolve })).toEqual(['10.0.0.1']);
  });

  it('allowHttp: true takes http everywhere, false nowhere', async () => {
    expect(await outcome('http://hooks.test/', { allowHttp: true })).toEqual(['8.8.8.8']);
    expect(await outcome('http://hooks.test/', { allowHttp: true, resolve: resolving('10.0.0.1') })).toEqual(
      REFUSED,
    );
    const strict = { allowHttp: false, allowPrivate: true, allowHosts: ['127.0.0.1'] };
    expect(await outcome('http://127.0.0.1/', strict)).toEqual(REFUSED);
  });

  it.each([
    ['hooks.internal', 'http://hooks.internal:9000/', true],
    ['HOOKS.internal.', 'https://hooks.internal/', true],
    ['hooks.internal:9000', 'http://hooks.internal:9000/', true],
    ['hooks.internal:80', 'http://hooks.internal/', true],
    ['hooks.internal:443', 'https://hooks.internal/', true],
    ['hooks.internal:9000', 'http://hooks.internal:9001/', false],
    ['hooks.internal', 'http://a.hooks.internal/', false],
    ['10.0.0.1', 'http://10.0.0.1:1/', true],
    ['10.0.0.1', 'http://10.0.0.2/', false],
    ['::1', 'http://[::1]:3000/', true],
    ['[::1]:3000', 'http://[::1]:3000/', true],
    ['[::1]:3000', 'http://[::1]:3001/', false],
  ])('allowHosts %s and %s: %s', async (entry, url, allowed) => {
    const result = await outcome(url, { allowHosts: [entry], resolve: resolving('10.0.0.1') });
    expect(Array.isArray(result)).toBe(allowed);
  });

  it.each(['', 'http://hooks.test', 'hooks.test/path', 'user@hooks.test', 'a b', '10.0.0.0/8'])(
    'refuses %j in allowHosts',
    (entry) => {
      const create = () => createWebhookGuard({ allowHosts: [entry] });
      expect(create).toThrow(expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }));
    },
  );
});
