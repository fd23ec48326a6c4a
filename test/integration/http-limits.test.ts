import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay, setImmediate as turnEnd } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { Guesses } from '../../src/http/guesses.js';
import { JobQueueService } from '../../src/index.js';
import { startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let queue: JobQueueService;

beforeAll(async () => {
  nats = await startNats();
  queue = new JobQueueService({ servers: nats.url, namespace: 'bounds' });
  await queue.connect();
});

afterAll(async () => {
  await queue.close();
  await nats.stop();
});

describe('a request that does not come to its end', () => {
  const auth = `Authorization: Bearer ${TOKENS.admin}\r\n`;

  test.each([
    ['without a byte', ''],
    ['with half a request line', 'GET /api/v1/st'],
    ['with headers that go on', `GET /api/v1/stats HTTP/1.1\r\nHost: a\r\n${auth}X-More: `],
    [
      'with a body that goes on',
      `POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n${auth}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
    ],
  ])('%s, is ended when its time is over', async (_, text) => {
    await using http = await startHttp(queue, { headersTimeoutMs: 300, requestTimeoutMs: 600 });
    const socket = connect(http.server.port, '127.0.0.1');
    await once(socket, 'connect');
    const startedAt = performance.now();
    if (text !== '') socket.write(text);
    // Each byte is on time, but the whole is not.
    const drip = setInterval(() => text !== '' && socket.write('x'), 50);
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
    clearInterval(drip);
    expect(performance.now() - startedAt).toBeGreaterThan(250);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});

test('a server that closes waits for a request that is under way, and not for its connection', async () => {
  const http = await startHttp(queue, { closeTimeoutMs: 30_000 });
  const socket = connect(http.server.port, '127.0.0.1');
  const body = '{"type":"late","payload":{}}';
  socket.write(
    `POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKENS.admin}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  // The request has arrived.
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 100 /);
  socket.write(body.slice(0, 9));
  const closed = http.server.close();
  await delay(100);
  const startedAt = performance.now();
  socket.write(body.slice(9));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /);
  await closed;
  // A connection that nobody ends stays for 65 s.
  expect(performance.now() - startedAt).toBeLessThan(4_500);
  socket.destroy();
});

// A machine that stands still for 200 ms reads nothing either, but not each time.
test('a reader that asks for much and reads nothing is let go', { retry: 3 }, async () => {
  await using http = await startHttp(queue, { unreadTimeoutMs: 200 });
  const payload = 'x'.repeat(500_000);
  await queue.addJobs(Array.from({ length: 16 }, () => ({ type: 'large', payload })));
  const read = async (pauseMs: number) => {
    const socket = connect(http.server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      `GET /api/v1/jobs HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${TOKENS.admin}\r\n\r\n`,
    );
    await once(socket, 'readable');
    await delay(pauseMs);
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
    });
    await once(socket, 'close');
    return bytes;
  };
  expect(await read(0)).toBeGreaterThan(8_000_000);
  expect(await read(800)).toBeLessThan(8_000_000);
});

test('an idle connection stays open for longer than a load balancer keeps it, or for as long as asked', async () => {
  const lifeOf = async (options: { idleTimeoutMs?: number }) => {
    await using http = await startHttp(queue, options);
    const socket = connect(http.server.port, '127.0.0.1');
    socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    const startedAt = performance.now();
    const said = /keep-alive: timeout=(\d+)/i.exec(answer.toString())?.[1];
    const ended = once(socket, 'close');
    await Promise.race([ended, delay(6_500)]);
    const lastedMs = performance.now() - startedAt;
    socket.destroy();
    return { said, lastedMs };
  };
  const [usual, short] = await Promise.all([lifeOf({}), lifeOf({ idleTimeoutMs: 300 })]);
  expect(usual.said).toBe('65');
  expect(usual.lastedMs).toBeGreaterThan(6_000);
  expect(short.lastedMs).toBeGreaterThan(250);
  expect(short.lastedMs).toBeLessThan(6_000);
});

describe('live streams', () => {
  test.each(['/api/v1/live', '/api/v1/events', '/api/v1/inspect'])(
    '%s is bounded for each token',
    async (path) => {
      await using http = await startHttp(queue, { maxStreamsPerToken: 2 });
      const open = async (token: string) => {
        const stop = new AbortController();
        const headers = { authorization: `Bearer ${token}` };
        const response = await fetch(http.server.url + path, { headers, signal: stop.signal });
        return { status: response.status, retryAfter: response.headers.get('retry-after'), stop };
      };
      const [first, second] = [await open(TOKENS.observer), await open(TOKENS.observer)];
      expect([first.status, second.status]).toEqual([200, 200]);
      expect(await open(TOKENS.observer)).toMatchObject({ status: 429, retryAfter: '10' });
      // Others keep their own, and what is closed makes room.
      const other = await open(TOKENS.admin);
      expect(other.status).toBe(200);
      first.stop.abort();
      await expect.poll(async () => (await open(TOKENS.observer)).status).toBe(200);
    },
  );
});

describe('guesses of a token', () => {
  test('are slowed by address, the right token is not', async () => {
    await using http = await startHttp(queue);
    const status = async (token: string) => (await http.call('/api/v1/session', { token })).status;
    for (let index = 0; index < 10; index++) expect(await status(`wrong-guess-${index}`)).toBe(401);
    expect(await status(TOKENS.observer)).toBe(200);
    const startedAt = performance.now();
    expect(await status('wrong-guess-a')).toBe(401);
    expect(await status('wrong-guess-b')).toBe(401);
    expect(performance.now() - startedAt).toBeGreaterThan(700);
    // Many at once gain nothing, and stop nobody who was right before.
    const many = Array.from({ length: 30 }, (_, index) => status(`wrong-many-${index}`));
    const first = await Promise.race(many);
    expect(first).toBe(429);
    expect(await status(TOKENS.observer)).toBe(200);
    await http.server.close();
    await Promise.allSettled(many);
  });

  test('one wrong token, over and over, is a mistake and no guess', async () => {
    const guesses = new Guesses();
    const startedAt = performance.now();
    for (let index = 0; index < 200; index++) {
      expect(await guesses.check('10.0.0.1', 'mistaken', () => undefined)).toBeUndefined();
    }
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test.each([
    ['addresses of one IPv6 network count as one', '2001:db8:0:1::1', '2001:db8::1:0:0:0:2', true],
    ['those of another do not', '2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['IPv4 addresses count each', '10.0.0.1', '10.0.0.2', false],
    ['mapped IPv4 addresses count each', '::ffff:10.0.0.1', '::ffff:10.0.0.2', false],
  ])('%s', async (_, one, other, isSame) => {
    const guesses = new Guesses();
    const wrong = (address: string, token: string) => guesses.check(address, token, () => undefined);
    for (let index = 0; index < 10; index++) await wrong(one, `guess-${index}`);
    // What is not slowed needs no timer.
    let isAnswered = false;
    const answered = wrong(other, 'one-more').then(() => {
      isAnswered = true;
    });
    await turnEnd();
    expect(isAnswered).toBe(!isSame);
    await answered;
  });

  test('from ever new addresses take no memory beyond a bound', async () => {
    const guesses = new Guesses();
    for (let index = 0; index < 12_000; index++) {
      await guesses.check(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 'guess', () => undefined);
    }
    expect(guesses.size).toBeLessThanOrEqual(10_000);
  });
});
