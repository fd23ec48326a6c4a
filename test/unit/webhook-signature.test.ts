import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../src/jobs/errors.js';
import {
  generateWebhookKeyPair,
  generateWebhookSecret,
  parseWebhookSecret,
  signWebhook,
  verifyWebhook,
  WebhookVerificationError,
  webhookKeySet,
  webhookPublicKeyOf,
} from '../../src/webhooks/index.js';

const SECRET = generateWebhookSecret();
const OTHER = generateWebhookSecret();
const BODY = JSON.stringify({ type: 'instance.running', data: { name: 'żółw 🐢' } });
const nowSeconds = () => Math.floor(Date.now() / 1000);
const sign = (over: Partial<Parameters<typeof signWebhook>[0]> = {}) =>
  signWebhook({ id: 'order-42', timestamp: nowSeconds(), body: BODY, secrets: [SECRET], ...over });
const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

function refusal(received: Parameters<typeof verifyWebhook>[0]): unknown {
  try {
    return verifyWebhook(received);
  } catch (error) {
    return error instanceof WebhookVerificationError ? error.reason : error;
  }
}

describe('webhook secrets', () => {
  it('are generated anew each time, with 32 bytes', () => {
    expect(SECRET).not.toBe(OTHER);
    expect(parseWebhookSecret(SECRET)).toHaveLength(32);
  });

  it.each([24, 64])('may have %i bytes', (bytes) => {
    expect(parseWebhookSecret(whsec(bytes))).toHaveLength(bytes);
  });

  it.each([
    ['too short', whsec(23)],
    ['too long', whsec(65)],
    ['without prefix', whsec(32).slice('whsec_'.length)],
    ['empty', 'whsec_'],
    ['not base64', `whsec_${'*'.repeat(44)}`],
    ['base64 with junk inside', whsec(32).replace('Bw', 'B w')],
  ])('are refused when %s, without being quoted', (_, secret) => {
    const parse = () => parseWebhookSecret(secret);
    expect(parse).toThrow(expect.objectContaining({ code: 'JETFLEET_WEBHOOK_SECRET_INVALID' }));
    expect(parse).toThrow(ValidationError);
    expect(parse).toThrow(expect.not.objectContaining({ message: expect.stringContaining('BwcH') }));
  });
});

describe('signWebhook', () => {
  it('makes the signature of the Standard Webhooks specification', () => {
    const headers = signWebhook({
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1614265330,
      body: '{"test": 2432232314}',
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    });
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is accepted by the reference library', () => {
    expect(new Webhook(SECRET).verify(BODY, { ...sign() })).toEqual(JSON.parse(BODY));
  });

  it('signs with the new and the old secret while one is being replaced', () => {
    const headers = sign({ secrets: [OTHER, SECRET] });
    expect(headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
    for (const secret of [OTHER, SECRET]) {
      expect(new Webhook(secret).verify(BODY, { ...headers })).toBeTruthy();
      expect(verifyWebhook({ headers: { ...headers }, body: BODY, secrets: [secret] }).id).toBe('order-42');
    }
  });

  it.each([
    ['an id with a dot', { id: 'order.42' }, 'JETFLEET_ID_INVALID'],
    ['an id with a line break', { id: 'order\n42' }, 'JETFLEET_ID_INVALID'],
    ['an empty id', { id: '' }, 'JETFLEET_ID_INVALID'],
    ['a fraction of a second', { timestamp: 1.5 }, 'JETFLEET_OPTION_INVALID'],
    ['no secret', { secrets: [] }, 'JETFLEET_OPTION_INVALID'],
  ])('refuses %s', (_, over, code) => {
    expect(() => sign(over)).toThrow(expect.objectContaining({ code }));
  });
});

describe('verifyWebhook', () => {
  it('accepts what the reference library signed', () => {
    const headers = {
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(nowSeconds()),
      'webhook-signature': new Webhook(SECRET).sign('evt_1', new Date(), BODY),
    };
    expect(verifyWebhook({ headers: { ...headers }, body: BODY, secrets: [SECRET] }).id).toBe('evt_1');
  });

  it('accepts what svix signed, version 1.99.1 with a fixed time, and makes the same of it', () => {
    const [id, timestamp] = ['msg_27UH4WbU6Z5A5EzD8u03UvzRbpk', 1_649_367_553];
    const body = '{"email":"test@example.com","username":"test_user"}';
    const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': 'v1,bmED0YkXIwCHhhZjbHn8qMCbczjpYwHGju/WMUmDqOQ=',
    };
    expect(verifyWebhook({ headers, body, secrets, now: () => timestamp * 1_000 })).toEqual({
      id,
      timestamp,
    });
    expect(signWebhook({ id, timestamp, body, secrets })).toEqual(headers);
  });

  it('reads fetch headers, header names in any case and raw bytes', () => {
    const headers = sign();
    const shouted = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toUpperCase(), v]));
    for (const received of [new Headers({ ...headers }), shouted]) {
      expect(verifyWebhook({ headers: received, body: Buffer.from(BODY), secrets: [SECRET] }).id).toBe(
        'order-42',
      );
    }
  });

  it.each([
    ['the body', {}, `${BODY} `],
    ['the id', { 'webhook-id': 'order-43' }, BODY],
    ['the timestamp', { 'webhook-timestamp': String(nowSeconds() + 100) }, BODY],
    ['the signature', { 'webhook-signature': `v1,${'A'.repeat(43)}=` }, BODY],
    ['the length of the signature', { 'webhook-signature': 'v1,AAAA' }, BODY],
    [
      'the version of the signature',
      { 'webhook-signature': sign()['webhook-signature'].replace('v1', 'v2') },
      BODY,
    ],
  ])('refuses a change of %s', (_, over, body) => {
    expect(refusal({ headers: { ...sign(), ...over }, body, secrets: [SECRET] })).toBe('signature_mismatch');
  });

  it('refuses another secret', () => {
    expect(refusal({ headers: { ...sign() }, body: BODY, secrets: [OTHER] })).toBe('signature_mismatch');
  });

  it('finds the right signature among others', () => {
    const headers = { ...sign() };
    headers['webhook-signature'] = `v1a,xyz v1,AAAA ${headers['webhook-signature']}`;
    expect(verifyWebhook({ headers: { ...headers }, body: BODY, secrets: [OTHER, SECRET] }).id).toBe(
      'order-42',
    );
  });

  it.each([
    [-300, undefined],
    [300, undefined],
    [-301, 'too_old'],
    [301, 'too_new'],
  ])('judges a webhook %i s off the clock as %s', (offsetSeconds, reason) => {
    const received = {
      headers: { ...sign({ timestamp: 1_000_000 + offsetSeconds }) },
      body: BODY,
      secrets: [SECRET],
    };
    const outcome = refusal({ ...received, now: () => 1_000_000_000 });
    expect(outcome).toEqual(reason ?? { id: 'order-42', timestamp: 1_000_000 + offsetSeconds });
  });

  it.each([
    [1_000_300_999, undefined],
    [1_000_301_000, 'too_old'],
    [999_700_000, undefined],
    [999_699_999, 'too_new'],
    [Number.NaN, 'too_new'],
  ])('judges a webhook of second 1,000,000 at %f ms as %s', (nowMs, reason) => {
    const headers = { ...sign({ timestamp: 1_000_000 }) };
    const outcome = refusal({ headers, body: BODY, secrets: [SECRET], now: () => nowMs });
    expect(outcome).toEqual(reason ?? { id: 'order-42', timestamp: 1_000_000 });
  });

  it.each([Number.NaN, -1, '300', null])(
    'refuses the tolerance %j, by which nothing would be too old',
    (tolerance) => {
      const received = { headers: { ...sign({ timestamp: 1 }) }, body: BODY, secrets: [SECRET] };
      expect(refusal({ ...received, toleranceSeconds: tolerance as number })).toMatchObject({
        code: 'JETFLEET_OPTION_INVALID',
        message: expect.stringContaining('toleranceSeconds'),
      });
    },
  );

  it('takes another tolerance', () => {
    const headers = { ...sign({ timestamp: 1_000 }) };
    const received = { headers, body: BODY, secrets: [SECRET], now: () => 1_011_000 };
    expect(refusal({ ...received, toleranceSeconds: 10 })).toBe('too_old');
    expect(refusal({ ...received, toleranceSeconds: 11 })).toHaveProperty('timestamp', 1_000);
  });

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const)(
    'refuses a request without %s',
    (name) => {
      const headers: Record<string, string | undefined> = { ...sign(), [name]: undefined };
      expect(refusal({ headers: { ...headers }, body: BODY, secrets: [SECRET] })).toBe('missing_header');
    },
  );

  describe('what a proxy or a stranger makes of a webhook', () => {
    const pair = generateWebhookKeyPair();
    const both = sign({ secrets: [SECRET, pair.privateKey] });
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = both;
    const [mac = '', ed25519 = ''] = signatures.split(' ');
    const nonsense = Array.from({ length: 19 }, (_, n) => `v1,${n}`);

    it.each([SECRET, pair.publicKey])('no beginning and no end of the body is taken for it: %#', (secret) => {
      const bytes = Buffer.from(BODY);
      const parts = Array.from({ length: bytes.length }, (_, n) => [
        bytes.subarray(0, n),
        bytes.subarray(n + 1),
      ]);
      for (const body of [...parts.flat(), Buffer.concat([bytes, bytes])])
        expect(refusal({ headers: { ...both }, body, secrets: [secret] })).toBe('signature_mismatch');
    });

    it.each<[string, Record<string, string | string[]>, string | undefined]>([
      [
        'two headers of signatures, as node:http joins them',
        { 'webhook-signature': `v1,AAAA, ${mac}` },
        undefined,
      ],
      ['the same, the other way round', { 'webhook-signature': `${mac}, v1,AAAA` }, undefined],
      ['a list of headers of signatures', { 'webhook-signature': [mac, 'v1,AAAA'] }, undefined],
      ['a second id', { 'webhook-id': `${id}, other` }, 'signature_mismatch'],
      ['the same id twice', { 'webhook-id': `${id}, ${id}` }, 'signature_mismatch'],
      ['a second time', { 'webhook-timestamp': `${at}, ${at}` }, 'invalid_timestamp'],
      ['a time in other digits', { 'webhook-timestamp': '١٢٣' }, 'invalid_timestamp'],
      ['an id with a dot, which moves what is signed', { 'webhook-id': `${id}.1` }, 'signature_mismatch'],
      ['an empty list of headers', { 'webhook-signature': [] }, 'missing_header'],
      ['an empty signature', { 'webhook-signature': 'v1,' }, 'signature_mismatch'],
      ['a version without a signature', { 'webhook-signature': 'v1' }, 'signature_mismatch'],
      ['commas alone', { 'webhook-signature': ',,, ,' }, 'signature_mismatch'],
      ['a signature cut short', { 'webhook-signature': mac.slice(0, -2) }, 'signature_mismatch'],
      [
        'the MAC under the name of ed25519',
        { 'webhook-signature': mac.replace('v1,', 'v1a,') },
        'signature_mismatch',
      ],
      [
        'ed25519 under the name of the MAC',
        { 'webhook-signature': ed25519.replace('v1a,', 'v1,') },
        'signature_mismatch',
      ],
      ['one of twenty signatures', { 'webhook-signature': [...nonsense, mac].join(' ') }, undefined],
      [
        'the one after twenty others',
        { 'webhook-signature': ['v1,x', ...nonsense, mac].join(' ') },
        'signature_mismatch',
      ],
    ])('%s', (_, over, reason) => {
      const outcome = refusal({ headers: { ...both, ...over }, body: BODY, secrets: [SECRET] });
      expect(outcome).toEqual(reason ?? { id: 'order-42', timestamp: Number(at) });
    });

    it('of a list of ids the one is given back that was signed', () => {
      const received = { body: BODY, secrets: [SECRET] };
      const withIds = (...ids: string[]) => refusal({ headers: { ...both, 'webhook-id': ids }, ...received });
      expect(withIds(id, 'other')).toMatchObject({ id });
      expect(withIds('other', id)).toBe('signature_mismatch');
    });

    it('fetch headers that were appended are taken as those of node:http', () => {
      const headers = new Headers({ ...both, 'webhook-signature': 'v1,AAAA' });
      headers.append('webhook-signature', mac);
      expect(refusal({ headers, body: BODY, secrets: [SECRET] })).toMatchObject({ id });
    });
  });

  it.each(['soon', '-5', '1e9', '1.5'])('refuses the timestamp %s', (timestamp) => {
    const headers = { ...sign(), 'webhook-timestamp': timestamp };
    expect(refusal({ headers: { ...headers }, body: BODY, secrets: [SECRET] })).toBe('invalid_timestamp');
  });

  it('refuses to verify without a secret', () => {
    const verify = () => verifyWebhook({ headers: { ...sign() }, body: BODY, secrets: [] });
    expect(verify).toThrow(expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }));
  });

  it('accepts every webhook that was signed, and none with another body', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/);
    const secret = fc
      .uint8Array({ minLength: 24, maxLength: 64 })
      .map((b) => `whsec_${Buffer.from(b).toString('base64')}`);
    fc.assert(
      fc.property(
        id,
        secret,
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'grapheme' }),
        (id, secret, body, other) => {
          const headers = { ...sign({ id, body, secrets: [secret] }) };
          expect(verifyWebhook({ headers, body, secrets: [secret] }).id).toBe(id);
          expect(
            refusal({ headers: { ...headers }, body: other, secrets: [secret] }) === 'signature_mismatch',
          ).toBe(body !== other);
        },
      ),
    );
  });
});

describe('ed25519 (v1a)', () => {
  const pair = generateWebhookKeyPair();
  /** The first test vector of RFC 8032, 7.1. */
  const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
  const POINT = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
  const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');

  it('signs so that only its public key verifies', () => {
    const headers = sign({ secrets: [pair.privateKey] });
    expect(headers['webhook-signature']).toMatch(/^v1a,[\w+/]{86}==$/);
    expect(verifyWebhook({ headers: { ...headers }, body: BODY, secrets: [pair.publicKey] }).id).toBe(
      'order-42',
    );
    const others = [generateWebhookKeyPair().publicKey, SECRET];
    expect(refusal({ headers: { ...headers }, body: BODY, secrets: others })).toBe('signature_mismatch');
    expect(refusal({ headers: { ...headers }, body: `${BODY} `, secrets: [pair.publicKey] })).toBe(
      'signature_mismatch',
    );
  });

  it('does not take the public key for a secret: an HMAC made with it is a forgery', () => {
    const asSecret = `whsec_${pair.publicKey.slice('whpk_'.length)}`;
    const forged = sign({ secrets: [asSecret] });
    const relabelled = { ...forged, 'webhook-signature': forged['webhook-signature'].replace('v1,', 'v1a,') };
    for (const headers of [forged, relabelled])
      expect(refusal({ headers: { ...headers }, body: BODY, secrets: [pair.publicKey] })).toBe(
        'signature_mismatch',
      );
  });

  it('goes along with secrets, in one header that either receiver accepts', () => {
    const headers = sign({ secrets: [SECRET, pair.privateKey] });
    for (const secrets of [[SECRET], [pair.publicKey]])
      expect(verifyWebhook({ headers: { ...headers }, body: BODY, secrets }).id).toBe('order-42');
    expect(() => new Webhook(SECRET).verify(BODY, { ...headers })).not.toThrow();
  });

  it('has the public key of RFC 8032, also of a key of 32 bytes, and its thumbprint of RFC 8037', () => {
    expect(webhookPublicKeyOf(`whsk_${base64(SEED)}`)).toBe(`whpk_${base64(POINT)}`);
    expect(webhookPublicKeyOf(`whsk_${base64(SEED + POINT)}`)).toBe(`whpk_${base64(POINT)}`);
    expect(webhookKeySet([`whpk_${base64(POINT)}`])).toEqual({
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
          kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
          use: 'sig',
          alg: 'EdDSA',
        },
      ],
    });
  });

  it.each([
    ['a private key that is too short', () => sign({ secrets: [`whsk_${base64(SEED.slice(2))}`] })],
    [
      'a private key with the public one of another',
      () => sign({ secrets: [`whsk_${base64(SEED + SEED)}`] }),
    ],
    ['a public key to sign with', () => sign({ secrets: [pair.publicKey] })],
    [
      'a private key to verify with',
      () => verifyWebhook({ headers: { ...sign() }, body: BODY, secrets: [pair.privateKey] }),
    ],
    ['a private key to publish', () => webhookKeySet([pair.privateKey])],
    ['a secret to publish', () => webhookKeySet([SECRET])],
  ])('refuses %s, without quoting it', (_, act) => {
    const thrown = (() => {
      try {
        act();
      } catch (error) {
        return error as Error;
      }
    })();
    expect(thrown).toMatchObject({ code: 'JETFLEET_WEBHOOK_SECRET_INVALID' });
    expect(thrown?.message).not.toContain(pair.privateKey.slice(10, 30));
  });
});
