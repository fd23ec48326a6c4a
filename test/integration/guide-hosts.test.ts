import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { startNats } from '../support/nats.js';
import { asFile, codeOf, printed, runFile } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const guide = (name: string) => codeOf(`docs/guides/${name}.md`, 'ts');

const [fastify = '', hono = ''] = guide('embedding');

test.each([
  ['Fastify', fastify, '/healthz'],
  ['Hono', hono, '/readyz'],
])('the guide of embedding: %s runs jobs, reports its health and stops', async (name, code, health) => {
  const namespace = name.toLowerCase();
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: namespace, PORT: '0' };
  const host = runFile(await asFile(code), [], env);
  const url = await host.line(/^http:/);
  expect((await fetch(url + health)).status).toBe(200);
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/images`, { method: 'POST', headers, body: '{"url":"a.png"}' });
  expect(answer.status).toBe(202);
  const { id } = (await answer.json()) as { id: string };
  await using queue = new JobQueueService({ servers: nats.url, namespace });
  expect(await queue.ended(id)).toMatchObject({ status: 'completed', result: { name: 'A.PNG' } });
  host.child.kill('SIGTERM');
  expect(await host.ended).toBe(0);
});

test('the guide of waiting for results', async () => {
  const [typed = '', route = ''] = guide('waiting-for-results');
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'waiting' };
  expect(await printed(typed, env)).toEqual(['JETFLEET_WAIT_TIMEOUT', '60', 'no items', 'failed rejected']);
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'waiting' });
  await queue.addJob('make_quote', { items: 2 }, 'normal', { id: 'quote-8' });
  expect(await printed(route, env)).toEqual(['200 { price: 60 }', "202 { id: 'quote-8' }"]);
});
