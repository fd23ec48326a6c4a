import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { natsServerBinary, startNats } from '../support/nats.js';
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

test.each([
  ['from-bullmq', "{ sent: 'ada@example.com' }"],
  ['from-pg-boss', "{ sent: 'ada@example.com' }"],
  ['from-the-in-memory-queue', 'completed'],
])('the guide %s', async (name, line) => {
  const [code = ''] = guide(name);
  expect(await printed(code, { NATS_URL: nats.url, JETFLEET_NAMESPACE: name.replaceAll('-', '_') })).toEqual([
    line,
  ]);
});

test('the guide of backup: a copy of the store of a stopped server continues with each job', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-backup-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const old = await startNats({ storeDir: join(folder, 'old') });
  const options = { ackWaitMs: 2_000, namespace: 'saved' };
  const before = new JobQueueService({ ...options, servers: old.url });
  const busy = new JobWorkerService(before);
  let started = () => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  busy.registerHandler('work', {
    handler: () => {
      started();
      return new Promise(() => {});
    },
  });
  await busy.start();
  await before.addJob('work', {}, 'normal', { id: 'running' });
  await running;
  await before.addJob('later', {}, 'normal', { id: 'delayed', delayMs: 3_600_000 });
  await before.addJob('later', {}, 'normal', { id: 'waiting' });
  await old.stop();
  await cp(join(folder, 'old'), join(folder, 'new'), { recursive: true });
  void busy.shutdown(0);
  await before.close();

  await using restored = await startNats({ storeDir: join(folder, 'new') });
  await using after = new JobQueueService({ ...options, servers: restored.url });
  expect(await after.getJob('delayed')).toMatchObject({ state: 'scheduled' });
  await after.promote('delayed');
  await using worker = new JobWorkerService(after);
  for (const type of ['work', 'later']) worker.registerHandler(type, { handler: () => type });
  await worker.start();
  const ends = await Promise.all(['running', 'delayed', 'waiting'].map((id) => after.ended(id)));
  expect(ends.map(({ status, attempt }) => [status, attempt])).toEqual([
    ['completed', 2],
    ['completed', 1],
    ['completed', 1],
  ]);
});

test('the guide of clusters has a configuration that nats-server takes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-cluster-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp('nats.conf', join(folder, 'nats.conf'));
  await cp('deploy/nats', join(folder, 'deploy', 'nats'), { recursive: true });
  const file = join(folder, 'cluster.conf');
  await writeFile(file, codeOf('docs/guides/clusters.md', 'conf')[0] ?? '');
  const roles = ['PRODUCER', 'SCHEDULER', 'WORKER', 'OBSERVER', 'SERVER', 'ADMIN'];
  const passwords = Object.fromEntries(roles.map((role) => [`JETFLEET_${role}_PASSWORD`, 'secret']));
  const env = { ...passwords, NODE_NAME: 'nats-1' };
  const { stderr } = spawnSync(natsServerBinary(), ['-t', '-c', file], { env, encoding: 'utf8' });
  expect(stderr).toMatch(/configuration file .* is valid/);
});
