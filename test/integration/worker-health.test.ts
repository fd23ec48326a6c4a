import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { serveHealth } from '../../src/cli/worker-health.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { cli } from '../support/cli.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test('a worker answers probes from its start on, and a health check ends by them', async () => {
  const worker = { state: 'idle' };
  let isConnected = false;
  await using health = await serveHealth(
    { healthHost: '127.0.0.1', healthPort: 0 },
    worker,
    () => isConnected,
  );
  const ready = async () => {
    const response = await fetch(`${health.url}/readyz`);
    const { checks } = (await response.json()) as { checks: { name: string; ok: boolean }[] };
    return [response.status, ...checks.filter(({ ok }) => !ok).map(({ name }) => name)];
  };
  const check = (path: string, ...flags: string[]) =>
    cli(['healthcheck', '--url', `${health.url}${path}`, ...flags]);
  expect((await fetch(`${health.url}/livez`)).status).toBe(200);
  expect((await fetch(`${health.url}/metrics`)).status).toBe(404);
  expect((await fetch(`${health.url}/readyz`, { method: 'POST' })).status).toBe(405);
  expect(await ready()).toEqual([503, 'broker', 'running']);
  isConnected = true;
  worker.state = 'running';
  expect(await ready()).toEqual([200]);
  expect(await check('/readyz')).toMatchObject({ code: 0, stdout: `${health.url}/readyz 200\n` });
  worker.state = 'draining';
  expect(await ready()).toEqual([503, 'draining', 'running']);
  const refused = await check('/readyz', '--json');
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'JETFLEET_NOT_READY' } });
  expect((await cli(['healthcheck', '--url', 'nats://127.0.0.1'])).code).toBe(2);
  // A port that is taken.
  const port = Number(new URL(health.url ?? '').port);
  await expect(
    serveHealth({ healthHost: '127.0.0.1', healthPort: port }, worker, () => true),
  ).rejects.toMatchObject({ code: 'JETFLEET_HTTP_ADDRESS' });
});

test('no port, no probes; a port where nobody listens is not ready', async () => {
  const none = await serveHealth({ healthHost: '127.0.0.1' }, { state: 'running' }, () => true);
  expect(none.url).toBeUndefined();
  await none[Symbol.asyncDispose]();
  const { code, stderr } = await cli(['healthcheck', '--url', 'http://127.0.0.1:9/readyz']);
  expect(code).toBe(1);
  expect(stderr).toContain('JETFLEET_NOT_READY');
});

test('the number for an autoscaler counts what could run and what runs, and nothing that waits', async () => {
  const { open, opened } = gate();
  await using fleet = await startFleet({
    nats,
    handlers: { busy: { handler: () => opened, concurrency: 2 } },
    worker: { sweep: false },
  });
  await using http = await startHttp(fleet.queue);
  const scale = async (type: string) =>
    (await http.call(`/api/v1/scale/${type}`, { token: TOKENS.observer })).json;
  const ids = await fleet.queue.addJobs(Array.from({ length: 5 }, () => ({ type: 'busy', payload: {} })));
  await fleet.queue.addJob('busy', {}, 'normal', { delayMs: 3_600_000 });
  await vi.waitFor(async () =>
    expect(await scale('busy')).toEqual({ type: 'busy', pending: 3, running: 2, value: 5 }),
  );
  await fleet.queue.pause({ type: 'busy' });
  await vi.waitFor(async () => expect(await scale('busy')).toMatchObject({ pending: 0, running: 2 }));
  await fleet.queue.resume();
  open();
  for (const id of ids) await fleet.waitForJob(id, 'completed');
  await vi.waitFor(async () => expect(await scale('busy')).toMatchObject({ value: 0 }));
  // Of a type that no worker has handled yet.
  await fleet.queue.addJob('nobody_yet', {});
  await vi.waitFor(async () => expect(await scale('nobody_yet')).toMatchObject({ pending: 1, running: 0 }));
  expect(await scale('unheard_of')).toMatchObject({ value: 0 });
  expect((await http.call('/api/v1/scale/Not-A-Type')).status).toBe(400);
});
