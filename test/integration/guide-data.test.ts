import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService, JobWorkerService, NonRetryableError } from '../../src/index.js';
import { startNats } from '../support/nats.js';
import { codeOf, printed, printedByShell } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** What each program of a guide prints, run in its order. */
async function programs(guide: string, env: Record<string, string> = {}): Promise<string[][]> {
  const all: string[][] = [];
  for (const program of codeOf(guide, 'ts')) all.push(await printed(program, { NATS_URL: nats.url, ...env }));
  return all;
}

/** What each block of commands of a guide prints, run in its order. */
async function commands(guide: string, env: Record<string, string> = {}): Promise<string[]> {
  const all: string[] = [];
  for (const block of codeOf(guide, 'sh'))
    all.push((await printedByShell(block, { NATS_URL: nats.url, ...env })).join('\n'));
  return all;
}

function workerFor(queue: JobQueueService): JobWorkerService {
  const worker = new JobWorkerService(queue, { sweep: false });
  onTestFinished(async () => void (await worker.shutdown(200)));
  return worker;
}

test('the guide of finding jobs', async () => {
  const guide = 'docs/guides/finding-jobs.md';
  expect(await programs(guide)).toEqual([
    ["1 [ 'tenant:acme', 'monthly' ] the last page"],
    ["[ 'tenant:acme' ]"],
  ]);
  await using queue = new JobQueueService({ servers: nats.url });
  const worker = workerFor(queue);
  const late = () => new Promise(() => {});
  worker.registerHandler('slow', { handler: late, timeoutMs: 20, maxAttempts: 1 });
  await worker.start();
  const id = await queue.addJob('slow', {});
  await queue.ended(id);
  const [list = '', ofWorker = '', stored = ''] = await commands(guide);
  expect(list).toContain(id);
  // No worker has this name here.
  expect(ofWorker).not.toContain(id);
  expect(stored.split('\n').map((line) => JSON.parse(line))).toMatchObject([
    { stream: 'TAGS' },
    { stream: 'JOBS' },
  ]);
  const { jobs } = await queue.getJobs({ tags: ['tenant:acme'], id: 'order-42' });
  expect(jobs).toMatchObject([{ id: 'order-42', status: 'pending' }]);
});

test('the guide of dead letters', async () => {
  const guide = 'docs/guides/dead-letters.md';
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'dead' });
  const worker = workerFor(queue);
  worker.registerHandler('picky', {
    handler: ({ payload }) => {
      if ((payload as { ok?: boolean }).ok) return 'fine';
      throw Object.assign(new NonRetryableError('not ok'), { code: 'NOT_OK' });
    },
  });
  await worker.start();
  for (const id of ['order-42', 'order-43']) {
    await queue.addJob('picky', { id }, 'normal', { id });
    await queue.ended(id);
  }
  const env = { JETFLEET_NAMESPACE: 'dead' };
  expect(await programs(guide, env)).toEqual([['2 2 NOT_OK not ok', '2 run again, 20 a second']]);
  await expect.poll(async () => (await queue.deadLetters.causes()).total).toBe(2);
  const [out = ''] = await commands(guide, env);
  expect(out).toMatch(/^CAUSE.*\n[0-9a-f]{10} +2 +picky .* NOT_OK: not ok$/m);
  expect(out).toContain('order-42  pending·queued');
  expect(out).toContain('order-43');
  expect(out).toMatch(/^0 jobs removed$/m);
  expect(await queue.ended('order-42')).toMatchObject({ state: 'completed', payload: { ok: true } });
});

test('the guide of encryption', async () => {
  const env = { JETFLEET_NAMESPACE: 'sealed', JOB_KEY: randomBytes(32).toString('base64') };
  expect(await programs('docs/guides/encryption.md', env)).toEqual([
    ["{ billed: { card: '4111 1111 1111 1111' } }"],
    ['hello', '"uryyb"'],
  ]);
});

test('the guide of retention', async () => {
  const guide = 'docs/guides/retention.md';
  const env = { JETFLEET_NAMESPACE: 'kept' };
  expect(await programs(guide, env)).toEqual([
    ['3 removed'],
    ["[ 'jetfleet:object', 'bytes', 'digest' ]", '200000 word 0'],
  ]);
  expect(await commands(guide, env)).toEqual(['0 jobs would be removed\n90 jobs removed']);
});
