import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { expectProblem, startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
  http = await startHttp(fleet.queue);
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
  await nats.stop();
});

test('while the broker is away routes answer 503 and streams stay open; both go on when it is back', async () => {
  await using live = await http.listen('/api/v1/live');
  await using events = await http.listen('/api/v1/events');
  await live.next(({ data }) => data.brokerConnected);
  const { port, storeDir } = nats;
  await nats.stop();
  const { data } = await live.next(({ data: { brokerConnected } }) => !brokerConnected);
  expect(data).toMatchObject({ stats: { totalJobs: 0 }, throughput: { added: 0 } });
  for (const path of [
    '/api/v1/stats',
    '/api/v1/jobs',
    '/api/v1/jobs/any',
    '/api/v1/workers',
    '/api/v1/events',
  ]) {
    const answer = await http.call(path);
    expectProblem(answer, 503, 'JETFLEET_BROKER_UNREACHABLE');
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  expectProblem(
    await http.call('/api/v1/jobs', { body: { type: 'demo', payload: 1 } }),
    503,
    'JETFLEET_BROKER_UNREACHABLE',
  );
  expect((await http.call('/livez')).status).toBe(200);
  expect((await http.call('/api/v1/session')).status).toBe(200);
  expect((await http.call('/api/v1/machines/job')).json).toMatchObject({ counts: {} });
  expect((await http.call('/metrics')).text).toContain('jetfleet_broker_connected 0');
  await expect.poll(async () => (await http.call('/readyz')).status).toBe(503);

  nats = await startNats({ port, storeDir });
  await live.next(({ data: { brokerConnected } }) => brokerConnected);
  await expect.poll(async () => (await http.call('/readyz')).status).toBe(200);
  const { json } = await http.call('/api/v1/jobs', { body: { type: 'demo', payload: 1 } });
  const ended = await events.next(({ data: record }) => record.status === 'completed');
  expect(ended.data.id).toBe(json.id);
  const tick = await live.next(({ data: { changed } }) => changed.includes(json.id));
  expect(tick.data.throughput.completed).toBe(1);
});
