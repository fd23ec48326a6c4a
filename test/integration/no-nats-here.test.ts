import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { test } from 'vitest';
import { cli } from '../support/cli.js';

/** The client waits for a greeting for five seconds, from when it connects. */
const ENDS_WITHIN_MS = 9_000;

test.concurrent.for<[string, () => Server]>([
  ['accepts and says nothing', () => createServer(() => {})],
  ['speaks HTTP', () => createHttpServer((_, response) => response.end())],
  ['begins a greeting and never ends it', () => createServer((socket) => socket.write('INFO {'))],
])('a command ends where the port %s', async ([, serve], { expect }) => {
  const server = serve();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const connected = once(server, 'connection').then(() => performance.now());
  const result = await cli(['stats'], { alone: true, env: { NATS_URL: `nats://127.0.0.1:${port}` } });
  expect(result).toMatchObject({ code: 69, stderr: expect.stringContaining('JETFLEET_BROKER_UNREACHABLE') });
  expect(performance.now() - (await connected)).toBeLessThan(ENDS_WITHIN_MS);
  server.close();
});
