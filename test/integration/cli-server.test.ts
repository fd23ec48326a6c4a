import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { cli, startCli } from '../support/cli.js';
import { clientOf, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const JETFLEET_HTTP_TOKEN = Object.entries(TOKENS)
  .map(([role, token]) => `${role}:${token}`)
  .join(',');

test('server serves with the tokens of the environment, says where, and drains on SIGTERM', async () => {
  const env = { NATS_URL: nats.url, JETFLEET_HTTP_TOKEN, JETFLEET_ENVIRONMENT: 'staging' };
  const server = startCli(['server', '--http-port', '0', '--json', '--drain-delay', '1s'], env);
  const { httpUrl } = JSON.parse(await server.until('stdout', /\n/));
  const http = clientOf({ url: httpUrl });
  expect((await http.call('/api/v1/session', { token: null })).status).toBe(401);
  expect((await http.call('/api/v1/session', { token: TOKENS.operator })).json).toMatchObject({
    role: 'operator',
    environment: 'staging',
  });
  await using live = await http.listen('/api/v1/live');
  await live.next();
  server.child.kill('SIGTERM');
  await expect.poll(async () => (await http.call('/readyz', { token: null })).status).toBe(503);
  const { code, stderr } = await server.ended;
  expect(code).toBe(0);
  for (const token of Object.values(TOKENS)) expect(stderr).not.toContain(token);
});

test('server without a token refuses an address that others can reach', async () => {
  const args = ['server', '--http-host', '0.0.0.0', '--http-port', '0', '--json'];
  const { code, stderr } = await cli(args, { env: { NATS_URL: nats.url } });
  expect(code).toBe(1);
  expect(stderr).toContain('JETFLEET_HTTP_ADDRESS');
});

test('server without a broker ends with 69', async () => {
  const args = ['server', '--http-port', '0', '--nats-url', 'nats://127.0.0.1:1'];
  expect((await cli(args)).code).toBe(69);
});

test('server refuses tokens that it cannot read, without repeating them', async () => {
  const env = { NATS_URL: nats.url, JETFLEET_HTTP_TOKEN: 'root:my-own-secret' };
  const { code, stderr } = await cli(['server', '--http-port', '0'], { env });
  expect(code).toBe(2);
  expect(stderr).not.toContain('my-own-secret');
});
