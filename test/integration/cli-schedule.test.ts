import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test('jetfleet schedule sets, shows, pauses, resumes, runs and deletes', async () => {
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'cli' };
  const run = async (...args: string[]) => cli(['schedule', ...args], { env });
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'cli' });
  const set = ['set', 'nightly', 'report', '--data', '{"password":"hush"}'];
  const bad = await run(...set, '--cron', '0 0 30 2 *', '--json');
  expect(bad).toMatchObject({ code: 2, stdout: '' });
  expect(JSON.parse(bad.stderr).error).toMatchObject({ code: 'JETFLEET_CRON_INVALID' });
  const shown = await run(...set, '--cron', '0 3 * * *', '--time-zone', 'Europe/Berlin', '--jitter', '5s');
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toMatch(/^fires {5}0 3 \* \* \* in Europe\/Berlin$/m);
  expect(shown.stdout).not.toContain('hush');
  expect(await queue.schedules.get('nightly')).toMatchObject({
    payload: { password: 'hush' },
    jitterMs: 5_000,
    overlap: 'skip',
  });
  expect(JSON.parse((await run('list', '--json')).stdout)).toMatchObject({
    schedules: [{ name: 'nightly' }],
  });
  expect((await run('list')).stdout).toMatch(/^nightly +report +0 3 \* \* \* in Europe\/Berlin +\d{4}-/m);
  const hooked = await run(
    'update',
    'nightly',
    '--webhook-url',
    'https://example.com/secret-path',
    '--no-jitter',
  );
  expect(hooked).toMatchObject({ code: 0, stderr: '' });
  expect(await run('update', 'nightly', '--cron', '30 4 * * *', '--priority', 'low')).toMatchObject({
    code: 0,
  });
  const updated = await queue.schedules.get('nightly');
  expect(updated).toMatchObject({
    ...{ cron: '0 30 4 * * *', timeZone: 'Europe/Berlin', priority: 'low', payload: { password: 'hush' } },
    webhookUrl: 'https://example.com/secret-path',
  });
  expect(updated).not.toHaveProperty('jitterMs');
  expect((await run('update', 'nobody', '--priority', 'low')).code).toBe(3);
  await run('update', 'nightly', '--cron', '0 3 * * *');
  expect((await run('pause', 'nightly')).stdout).toMatch(/^paused {4}since /m);
  expect((await run('list')).stdout).toMatch(/paused/);
  expect((await run('resume', 'nightly')).stdout).not.toMatch(/paused/);
  const id = (await run('run', 'nightly')).stdout.trim();
  expect(await queue.getJob(id)).toMatchObject({ type: 'report', scheduledBy: 'nightly' });
  expect(await run('delete', 'nightly')).toMatchObject({ code: 0, stdout: 'nightly is deleted\n' });
  expect((await run('get', 'nightly')).code).toBe(3);
  expect((await run('get', 'a.b')).code).toBe(2);
});
