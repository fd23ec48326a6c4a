import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTarGzip } from 'nanotar';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Finding } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({
    nats,
    // As the command line wants it.
    queue: { ackWaitMs: 15_000 },
    handlers: {
      fails: { handler: () => Promise.reject(new Error('no')), maxAttempts: 1 },
      refuses: {
        handler: () => Promise.reject(new Error('no account for error-canary')),
        maxAttempts: 1,
      },
      works: { handler: () => ({ kept: 'result-canary' }) },
    },
  });
  return () => fleet.close();
});

const run = (args: string[], more: Record<string, string> = {}) =>
  cli(args, { env: { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace, ...more } });

test('doctor has nothing to say about a healthy queue, and ends with 0', async () => {
  const { code, stdout, stderr } = await run(['doctor', '--monitor-url', nats.monitorUrl]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain('nothing found');
  expect(stderr).toContain('no GPU provider is configured');
});

test('doctor shows what is missing and ends with 1, --fix makes it and ends with 0', async () => {
  const { topology } = await fleet.queue.broker();
  const empty = { JETFLEET_NAMESPACE: `${fleet.namespace}_new` };
  const shown = await run(['doctor', '--json'], empty);
  expect(shown.code).toBe(1);
  const { findings } = JSON.parse(shown.stdout);
  expect(findings.map(({ code }: { code: string }) => code)).toEqual([
    'sync_interval_unknown',
    'stream_missing',
    'stream_missing',
    'stream_missing',
    'stream_missing',
  ]);
  const text = await run(['doctor'], empty);
  expect(text.stdout).toMatch(/danger +stream_missing {2}stream \w+_JOBS\n.*\n.*\n +--fix creates it/);
  const fixed = await run(['doctor', '--fix'], empty);
  expect(fixed.code).toBe(0);
  expect(fixed.stdout).toContain('fixed: created');
  expect((await run(['doctor', '--json'], empty)).code).toBe(0);
  expect((await topology.streamInfo('jobs')).state.messages).toBe(0);
});

test('doctor looks at instances when a provider is configured', async () => {
  const provider = { JETFLEET_PROVIDER: 'simulator', NOVITA_API_BASE_URL: fleet.simulator.url };
  const { code, stderr } = await run(['doctor'], provider);
  expect(code).toBe(0);
  expect(stderr).not.toContain('no GPU provider');
  expect(fleet.simulator.requests.count('GET /gpu/instances')).toBeGreaterThan(0);
});

test('doctor --fix tells what it did, and ends with 1 for what only a person can mend', async () => {
  await fleet.queue.addJob('nobody_handles', {});
  await fleet.queue.addJob('fails', {}, 'normal', { id: 'stuck', delayMs: 60_000 });
  const broker = await fleet.queue.broker();
  const scheduled = await fleet.queue.getJob('stuck');
  if (!scheduled) throw new Error('no job');
  await broker.appendEvent({ ...scheduled, nextRunAt: scheduled.createdAt }, 0);
  await broker.topology.purge('timers', broker.subjects.schedule('jobs', 'stuck'));
  const shown = await run(['doctor', '--grace', '0s', '--monitor-url', nats.monitorUrl]);
  expect(shown.code).toBe(1);
  expect(shown.stdout).toMatch(
    /^danger +job_without_timer {2}stuck\n.*\n.*\n +--fix sets its timer again, for now\nwarning +type_unhandled/,
  );
  const page = { NATS_MONITOR_URL: nats.monitorUrl };
  const fixed = await run(['doctor', '--fix', '--grace', '0s', '--json'], page);
  expect(fixed.code).toBe(1);
  const { findings, fixed: mended } = JSON.parse(fixed.stdout);
  expect(findings.map(({ code, fixable }: Finding) => [code, fixable])).toEqual([
    ['type_unhandled', false],
    ['job_without_timer', true],
  ]);
  expect(mended).toMatchObject([{ code: 'job_without_timer', target: 'stuck', ok: true }]);
  await fleet.waitForJob('stuck', 'exhausted');
});

test('job cancel ends a job, with 4 when it has ended already and 3 when there is none', async () => {
  const id = await fleet.queue.addJob('nobody_handles', {});
  const { code, stdout } = await run(['job', 'cancel', id, '--reason', 'typo', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'cancelled',
    error: { message: 'The job was cancelled: typo' },
  });
  expect((await run(['job', 'cancel', id])).code).toBe(4);
  expect((await run(['job', 'cancel', 'nobody'])).code).toBe(3);
  expect((await run(['job', 'get', id])).stdout).toContain('failed·cancelled');
});

test('job retry runs dead letters again, one by its id or all by type and time', async () => {
  for (const id of ['a', 'b']) {
    await fleet.queue.addJob('fails', {}, 'normal', { id });
    await fleet.waitForJob(id, 'exhausted');
  }
  const one = await run(['job', 'retry', 'a']);
  expect(one).toMatchObject({ code: 0, stdout: 'a  pending·queued\n' });
  await fleet.waitForJob('a', (job) => job.state === 'exhausted' && job.redrives === 1);
  expect((await run(['job', 'get', 'a'])).stdout).toMatch(
    /failed +\S+Z exhausted in attempt 1: JETFLEET_HANDLER_FAILED/,
  );
  const all = await run(['job', 'retry', '--all', '--type', 'fails', '--since', '1h', '--json']);
  expect(JSON.parse(all.stdout).retried.sort()).toEqual(['a', 'b']);
  const none = await run(['job', 'retry', '--all', '--since', '2100-01-01T00:00:00Z', '--json']);
  expect(JSON.parse(none.stdout)).toEqual({ retried: [] });
});

test('job retry says what is wrong with how it was called', async () => {
  expect((await run(['job', 'retry'])).code).toBe(2);
  expect((await run(['job', 'retry', 'x', '--all'])).code).toBe(2);
  expect((await run(['job', 'retry', '--all', '--since', 'soon'])).code).toBe(2);
  expect((await run(['job', 'retry', 'nobody'])).code).toBe(3);
  const id = await fleet.queue.addJob('nobody_handles', {});
  expect((await run(['job', 'retry', id])).code).toBe(4);
});

async function temporaryFile(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-bundle-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, name);
}

async function filesIn(bundle: string): Promise<Record<string, string>> {
  const files = await parseTarGzip(await readFile(bundle));
  return Object.fromEntries(files.map(({ name, text }) => [name, text]));
}

test('doctor --bundle writes what support needs to see, and nothing of what jobs hold', async () => {
  await fleet.queue.addJob('refuses', { card: 'payload-canary' }, 'normal', { id: 'refused' });
  await fleet.queue.addJob('works', { card: 'payload-canary' }, 'normal', { id: 'worked' });
  await fleet.waitForJob('refused', 'exhausted');
  await fleet.waitForJob('worked', 'completed');
  const bundle = await temporaryFile('support.tar.gz');
  const secrets = {
    NATS_URL: nats.url.replace('://', '://jobs:secret-canary@'),
    JETFLEET_HTTP_TOKEN: 'secret-canary',
    JETFLEET_WEBHOOK_SECRET: 'secret-canary',
    DATABASE_URL: 'postgres://jobs:secret-canary@db/jobs',
  };
  const { code, stdout, stderr } = await run(['doctor', '--bundle', bundle], secrets);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${bundle}\n` });
  const files = await filesIn(bundle);
  const names = ['versions', 'config', 'findings', 'streams', 'consumers', 'stats', 'workers', 'errors'];
  expect(Object.keys(files)).toEqual(names.map((name) => `${name}.json`));
  for (const name of Object.keys(files)) expect(stderr).toContain(name);
  expect(JSON.stringify(files)).not.toContain('canary');
  const parsed = Object.fromEntries(names.map((name) => [name, JSON.parse(files[`${name}.json`] ?? '')]));
  const prefix = fleet.namespace.toUpperCase();
  expect(parsed).toMatchObject({
    versions: { node: process.version, server: { version: nats.version } },
    streams: { [`${prefix}_EVENTS`]: { state: { messages: expect.any(Number) } } },
    consumers: { [`${prefix}_JOBS`]: expect.arrayContaining([expect.objectContaining({ num_pending: 0 })]) },
    stats: { completedJobs: 1, failedJobs: 1 },
    errors: { total: 1, causes: [{ count: 1, code: 'JETFLEET_HANDLER_FAILED' }] },
  });
  expect(parsed.config).toContainEqual(
    expect.objectContaining({ variable: 'NATS_USER', value: 'jobs', source: 'url' }),
  );
  // As `config show` has it: the name alone sounds like a secret.
  expect(parsed.config).toContainEqual(
    expect.objectContaining({ variable: 'DATABASE_URL', value: expect.stringContaining('@db/') }),
  );
  expect(parsed.workers).toHaveLength(1);
  expect((await stat(bundle)).mode & 0o777).toBe(0o600);
  const again = await run(['doctor', '--bundle', bundle]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('it exists already') });
  expect((await run(['doctor', '--bundle', bundle, '--fix'])).code).toBe(2);
});

test('doctor --bundle without a broker has the reason in the place of what it could not read', async () => {
  const bundle = await temporaryFile('away.tar.gz');
  const { code } = await run(['doctor', '--bundle', bundle, '--json'], { NATS_URL: 'nats://127.0.0.1:1' });
  expect(code).toBe(0);
  const files = await filesIn(bundle);
  const reason = { error: { code: 'JETFLEET_BROKER_UNREACHABLE' } };
  for (const name of ['findings', 'streams', 'consumers', 'stats', 'workers', 'errors'])
    expect(JSON.parse(files[`${name}.json`] ?? '')).toMatchObject(reason);
  expect(JSON.parse(files['versions.json'] ?? '')).toMatchObject({ node: process.version, server: reason });
});
