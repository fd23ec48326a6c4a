/** Endpoints that do anything but answer: no delivery outlives its deadline, and none keeps the next one from going out. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { startFleet } from '../support/fleet.js';
import {
  clientWith,
  deliver as deliverTo,
  FAILED,
  LOCAL,
  receiver,
  useReceiver,
} from '../support/webhook-clients.js';

useReceiver();

const servers = new Set<Server>();
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  sockets.clear();
  servers.clear();
});

/** An endpoint that does this with each connection, once a request has begun to arrive. */
async function endpoint(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  servers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

/** Sends the text again and again until the connection ends. */
function again(socket: Socket, text: string, everyMs: number): void {
  const timer = setInterval(() => socket.write(text), everyMs);
  socket.once('close', () => clearInterval(timer));
}

const UPGRADE = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const TIMEOUT_MS = 300;
/** Generous, for a busy machine. */
const SOON_MS = 15_000;

const SILENT: [string, (socket: Socket) => void][] = [
  ['answers 101 Switching Protocols', (socket) => void socket.write(UPGRADE)],
  ['answers 101 and hangs up', (socket) => void socket.end(UPGRADE)],
  [
    'answers 101 without an upgrade',
    (socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
  ],
  ['answers 100 Continue for ever', (socket) => again(socket, 'HTTP/1.1 100 Continue\r\n\r\n', 5)],
  [
    'answers 103 Early Hints a thousand times',
    (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(1_000));
    },
  ],
  [
    'sends its headers byte by byte',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      again(socket, 'x', 20);
    },
  ],
  [
    'sends header after header',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      again(socket, 'a: b\r\n', 20);
    },
  ],
  ['says nothing', () => {}],
  ['hangs up', (socket) => socket.destroy()],
  ['ends without a word', (socket) => void socket.end()],
  ['speaks no HTTP', (socket) => void socket.write('SSH-2.0-OpenSSH_9.6\r\n')],
];

describe('an endpoint that', () => {
  it.each(SILENT)('%s fails the attempt in time', async (_, answer) => {
    const url = await endpoint(answer);
    const began = performance.now();
    await expect(deliverTo({ url, timeoutMs: TIMEOUT_MS })).rejects.toMatchObject(FAILED);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
  });

  it('never completes a TLS handshake fails the attempt in time', async () => {
    const url = (await endpoint(() => {})).replace('http:', 'https:');
    await expect(deliverTo({ url, timeoutMs: TIMEOUT_MS })).rejects.toMatchObject(FAILED);
  });

  it.each([
    ['trickles', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['never sends the rest of its body', 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx'],
  ])('answers 200 and %s has accepted the webhook', async (_, head) => {
    const url = await endpoint((socket) => {
      socket.write(head);
      if (head.includes('chunked')) again(socket, '1\r\nx\r\n', 20);
    });
    const { status, durationMs } = await deliverTo({ url, timeoutMs: TIMEOUT_MS });
    expect(status).toBe(200);
    expect(durationMs).toBeLessThan(SOON_MS);
  });

  it('answers 101 without an upgrade holds up no other webhook on its connection', async () => {
    const answers = ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'HTTP/1.1 204 No Content\r\n\r\n'];
    // A connection answers its first request alone.
    const url = await endpoint((socket) => void socket.write(answers.shift() ?? ''));
    const client = clientWith(LOCAL);
    await expect(deliverTo({ url }, client)).rejects.toMatchObject({
      ...FAILED,
      details: { status: 101, error: 'upgrade' },
    });
    await expect(deliverTo({ url, timeoutMs: SOON_MS }, client)).resolves.toMatchObject({ status: 204 });
  });

  it('redirects to itself is not followed', async () => {
    const url = await endpoint((socket) => {
      socket.end('HTTP/1.1 302 Found\r\nLocation: /hook\r\nContent-Length: 0\r\n\r\n');
    });
    await expect(deliverTo({ url })).rejects.toMatchObject({
      ...FAILED,
      message: expect.stringContaining('302'),
    });
    expect(sockets.size).toBe(1);
  });
});

describe('what the caller brought', () => {
  it('may never resolve a name', async () => {
    const client = clientWith({ guard: { allowHttp: true, resolve: () => new Promise(() => {}) } });
    await expect(deliverTo({ url: 'http://hooks.example/', timeoutMs: 50 }, client)).rejects.toMatchObject(
      FAILED,
    );
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('resolver');
      },
    ],
    ['rejects', () => Promise.reject(new Error('resolver'))],
  ])('may have a resolver that %s', async (_, resolve) => {
    const client = clientWith({ guard: { allowHttp: true, resolve } });
    await expect(deliverTo({ url: 'http://hooks.example/' }, client)).rejects.toMatchObject(FAILED);
  });

  it('may be an agent that gives no socket', async () => {
    const agent = new Agent();
    Object.assign(agent, { addRequest: () => {} });
    onTestFinished(() => agent.destroy());
    const client = clientWith({ ...LOCAL, agents: { http: agent } });
    await expect(deliverTo({ timeoutMs: 50 }, client)).rejects.toMatchObject(FAILED);
  });
});

it('two endpoints that answer 101 do not stop the webhooks of a worker with two slots', async () => {
  const url = await endpoint((socket) => void socket.write(UPGRADE));
  await using fleet = await startFleet({
    worker: {
      concurrency: { send_webhook: 2 },
      webhooks: { guard: { allowPrivate: true }, timeoutMs: TIMEOUT_MS },
    },
    builtIn: true,
  });
  for (let n = 0; n < 2; n++)
    await fleet.queue.addJob('send_webhook', { url, payload: n }, 'critical', { maxAttempts: 1 });
  const id = await fleet.queue.addJob('send_webhook', { url: `${receiver.url}/hook`, payload: 1 }, 'low');
  await fleet.waitForJob(id, 'completed');
});
