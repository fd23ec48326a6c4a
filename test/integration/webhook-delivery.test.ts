import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { OutgoingWebhook } from '../../src/webhooks/index.js';
import {
  clientWith,
  deliver as deliverTo,
  FAILED,
  LOCAL,
  receiver,
  SECRET,
  useReceiver,
} from '../support/webhook-clients.js';
import type { ReceivedRequest, Respond } from '../support/webhook-receiver.js';

useReceiver();

const BODY = JSON.stringify({
  type: 'instance.running',
  timestamp: '2026-01-01T00:00:00Z',
  data: { name: 'żółw' },
});

/** Delivers a whole event. */
const deliver = (over: Partial<OutgoingWebhook> = {}, client = clientWith(LOCAL)) =>
  deliverTo({ body: BODY, ...over }, client);

describe('an accepted webhook', () => {
  it('arrives byte for byte, signed so that the reference library accepts it', async () => {
    const headers = { date: expect.any(String) };
    expect(await deliver()).toEqual({ status: 204, durationMs: expect.any(Number), headers });
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/hook', body: BODY, verified: true });
    const verified = new Webhook(SECRET).verify(BODY, request?.headers as Record<string, string>);
    expect(verified).toEqual(JSON.parse(BODY));
  });

  it('says what it is and who sends it', async () => {
    await deliver();
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(receiver.requests[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(BODY)),
      'user-agent': `jetfleet/${version.split('.').slice(0, 2).join('.')}`,
      'webhook-id': 'order-42',
    });
  });

  it('keeps its id over attempts while the timestamp is that of the attempt', async () => {
    await deliver({ now: () => 1_000_999 });
    await deliver({ now: () => 2_000_000 });
    const headers = receiver.requests.map((request) => request.headers);
    expect(headers.map((h) => h['webhook-id'])).toEqual(['order-42', 'order-42']);
    expect(headers.map((h) => h['webhook-timestamp'])).toEqual(['1000', '2000']);
  });

  it('carries the header of the in-memory queue as well, where it has a secret for it', async () => {
    const body = '{"name":"żółw"}';
    await deliver({ body, legacySecret: 'any text' });
    const mac = createHmac('sha256', 'any text').update(body).digest('hex');
    const { headers, verified } = receiver.requests[0] as ReceivedRequest;
    expect(headers).toMatchObject({
      'x-webhook-signature': `sha256=${mac}`,
      'x-webhook-timestamp': headers['webhook-timestamp'],
    });
    expect(verified).toBe(true);
  });

  it('goes unsigned without a secret', async () => {
    await deliver({ secrets: [] });
    expect(receiver.requests[0]?.headers).toMatchObject({ 'webhook-id': 'order-42' });
    expect(receiver.requests[0]?.headers).not.toHaveProperty('webhook-signature');
  });

  it('uses the connection of the one before', async () => {
    const client = clientWith(LOCAL);
    await deliver({}, client);
    await deliver({}, client);
    expect(receiver.requests[1]?.remotePort).toBe(receiver.requests[0]?.remotePort);
  });

  it('survives a kept connection that the endpoint closes when it is used again', async () => {
    const client = clientWith(LOCAL);
    await deliver({}, client);
    let dropped = false;
    receiver.respondWith((request, response) => {
      if (request.remotePort !== receiver.requests[0]?.remotePort) return { status: 200 };
      dropped = true;
      response.destroy();
    });
    expect(await deliver({}, client)).toMatchObject({ status: 200 });
    expect(dropped).toBe(true);
  });

  it.each([200, 201, 202, 299])('may be answered %i', async (status) => {
    receiver.respondWith(() => ({ status }));
    expect(await deliver()).toMatchObject({ status });
  });

  it('is delivered once 2xx has arrived, even if the body of the answer never ends', async () => {
    receiver.respondWith((_, response) => {
      response.writeHead(200).write('thank you');
      return undefined;
    });
    expect(await deliver({ timeoutMs: 90 })).toMatchObject({ status: 200 });
  });

  it('carries the headers of its job, but none that frame, route or sign it', async () => {
    const mine = { Authorization: 'Bearer x', 'X-Team': 'gpu', 'user-agent': 'ours/1' };
    const hostile = {
      Host: 'evil.test',
      'Content-Length': '3',
      'content-type': 'text/html',
      'Transfer-Encoding': 'chunked',
      'Webhook-Id': 'forged',
      'webhook-timestamp': '1',
      'WEBHOOK-SIGNATURE': 'v1,forged',
      'webhook-extra': '1',
      Connection: 'close',
      Expect: '100-continue',
    };
    await deliver({ headers: { ...mine, ...hostile } });
    const headers = receiver.requests[0]?.headers;
    expect(headers).toMatchObject({ authorization: 'Bearer x', 'x-team': 'gpu', 'user-agent': 'ours/1' });
    expect(headers).toMatchObject({
      host: `127.0.0.1:${receiver.port}`,
      'content-type': 'application/json',
      'webhook-id': 'order-42',
    });
    expect(Object.keys(headers ?? {})).not.toEqual(expect.arrayContaining(['webhook-extra']));
    expect(receiver.requests[0]).toMatchObject({ verified: true, body: BODY });
  });
});

describe('a webhook that is not accepted', () => {
  it.each([300, 304, 400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 502, 503, 504])(
    'is worth another attempt after %i',
    async (status) => {
      receiver.respondWith(() => ({ status, ...(status !== 304 && { body: 'not now' }) }));
      const excerpt = status === 304 ? '' : 'not now';
      await expect(deliver()).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining(`${status}`),
        excerpt,
      });
    },
  );

  it('is given up after 410', async () => {
    receiver.respondWith(() => ({ status: 410 }));
    await expect(deliver()).rejects.toMatchObject({
      name: 'NonRetryableError',
      code: 'JETFLEET_WEBHOOK_GONE',
    });
  });

  it('is given up after a status that the user calls permanent', async () => {
    receiver.respondWith(() => ({ status: 404 }));
    const attempt = deliver({}, clientWith({ ...LOCAL, permanentStatuses: [404] }));
    await expect(attempt).rejects.toMatchObject({ ...FAILED, name: 'NonRetryableError', retryable: false });
  });

  it.each([301, 302, 307, 308])('does not follow a %i', async (status) => {
    receiver.respondWith(() => ({ status, headers: { location: `${receiver.url}/internal` } }));
    await expect(deliver()).rejects.toMatchObject(FAILED);
    expect(receiver.requests.map((request) => request.path)).toEqual(['/hook']);
  });

  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    [429, '120', 120_000],
    [503, '0', 0],
    [503, 'Thu, 01 Jan 2026 00:05:00 GMT', 300_000],
    [503, 'Wed, 31 Dec 2025 00:00:00 GMT', 0],
    [429, '99999999999', 86_400_000],
    [429, '-5', undefined],
    [429, '5 minutes', undefined],
    [429, 'soon', undefined],
  ])('%i with Retry-After %j waits %s ms', async (status, retryAfter, retryAfterMs) => {
    receiver.respondWith(() => ({ status, headers: { 'retry-after': retryAfter } }));
    const error = await deliver({ now: () => now }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(FAILED);
    expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs);
  });

  it('keeps no more than 4 KiB of an endless answer', async () => {
    receiver.respondWith((_, response) => {
      response.writeHead(500);
      const write = () => !response.destroyed && response.write('x'.repeat(65_536), write);
      write();
      return undefined;
    });
    await expect(deliver()).rejects.toMatchObject({ ...FAILED, excerpt: 'x'.repeat(4096) });
  });

  const silent: Respond = () => undefined;
  it('fails for now when the endpoint does not answer in time', async () => {
    receiver.respondWith(silent);
    // The time to connect counts too, which takes a busy machine long.
    await expect(deliver({ timeoutMs: 500 })).rejects.toMatchObject({
      ...FAILED,
      message: expect.stringContaining('500 ms'),
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it('fails for now when the name is not resolved in time, or not at all', async () => {
    const url = 'https://hooks.test/';
    const stuck = clientWith({ guard: { resolve: () => new Promise(() => {}) } });
    await expect(deliver({ url, timeoutMs: 20 }, stuck)).rejects.toMatchObject(FAILED);
    const unknown = clientWith({
      guard: { resolve: () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })) },
    });
    await expect(deliver({ url }, unknown)).rejects.toMatchObject({
      ...FAILED,
      message: expect.stringContaining('ENOTFOUND'),
    });
  });

  it('fails for now when nobody listens, or what listens does not speak HTTP', async () => {
    const garbage = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('hello\r\n\r\n'),
    );
    await new Promise<void>((resolve) => garbage.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(garbage.address() as { port: number }).port}/`;
    await expect(deliver({ url })).rejects.toMatchObject(FAILED);
    await new Promise((resolve) => garbage.close(resolve));
    await expect(deliver({ url })).rejects.toMatchObject({
      ...FAILED,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
