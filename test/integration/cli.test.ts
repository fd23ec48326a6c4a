import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { EXTRA_KINDS } from '../../src/wire/subjects.js';
import { type CliResult, cli, instancePayload } from '../support/cli.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let namespaces = 0;

beforeAll(async () => {
  nats = await startNats();
});

afterAll(() => nats.stop());

/** An empty queue of the test's own; `queue` spares a process where the command line is not what is tested. */
function freshQueue() {
  const namespace = `t${++namespaces}`;
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: namespace };
  const queue = new JobQueueService({ servers: nats.url, namespace });
  onTestFinished(() => queue.close());
  return { env, queue, run: (args: string[], input?: string) => cli(args, { env, ...(input && { input }) }) };
}

function errorOf({ stdout, stderr }: CliResult): { code: string; message: string; problems?: unknown[] } {
  expect(stdout).toBe('');
  const { error } = JSON.parse(stderr);
  return error;
}

test('LOG_LEVEL=debug adds the stack to an error, an unknown level is a usage error', async () => {
  const { run, env } = freshQueue();
  expect((await cli(['job', 'get', 'none'], { env: { ...env, LOG_LEVEL: 'debug' } })).stderr).toMatch(
    /^ {4}at /m,
  );
  expect((await run(['job', 'get', 'none'])).stderr).not.toMatch(/^ {4}at /m);
  expect((await cli(['stats'], { env: { ...env, LOG_LEVEL: 'loud' } })).code).toBe(2);
});

test('a broker that nobody runs ends every command with 69', async () => {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  const calls = ['stats', 'setup', 'job list', 'job get x', 'job watch', 'job add report --data 1'];
  for (const call of calls) {
    const result = await cli([...call.split(' '), '--json', '--nats-url', `nats://127.0.0.1:${port}`]);
    expect(result.code).toBe(69);
    expect(errorOf(result).code).toBe('JETFLEET_BROKER_UNREACHABLE');
  }
});

test('a flag comes before the environment', async () => {
  const { env, queue } = freshQueue();
  await queue.setup();
  const wrong = { ...env, NATS_URL: 'nats://127.0.0.1:1' };
  expect((await cli(['stats', '--json'], { env: wrong })).code).toBe(69);
  expect((await cli(['stats', '--json', '--nats-url', nats.url], { env: wrong })).code).toBe(0);
  await queue.addJob('report', 1, 'normal', { id: 'one' });
  expect((await cli(['job', 'get', 'one', '--namespace', 'other'], { env })).code).toBe(3);
  expect((await cli(['job', 'get', 'one'], { env })).code).toBe(0);
});

test('broken JSON ends with 2 and nothing is queued', async () => {
  const { run, queue } = freshQueue();
  const result = await run(['job', 'add', 'report', '--data', '{"a":', '--json']);
  expect(result.code).toBe(2);
  expect(errorOf(result).code).toBe('JETFLEET_BODY_NOT_JSON');
  expect((await queue.getStats()).totalJobs).toBe(0);
});

test('a payload that is not UTF-8 ends with 2 instead of being changed', async () => {
  const { run, queue } = freshQueue();
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-cli-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'latin-1.json');
  await writeFile(file, Buffer.from('"caf\xe9"', 'latin1'));
  const result = await run(['job', 'add', 'report', '--data-file', file, '--json']);
  expect(result.code).toBe(2);
  expect(errorOf(result).code).toBe('JETFLEET_BODY_NOT_UTF8');
  expect((await queue.getStats()).totalJobs).toBe(0);
});

test('"job add --wait" masks secrets, as "job get" does', async () => {
  const { run, queue } = freshQueue();
  const args = [
    'job',
    'add',
    'report',
    '--data',
    '{"password":"hUnter2-9f8e7d"}',
    '--id',
    'r-1',
    '--wait',
    '10s',
  ];
  const added = run(args);
  await vi.waitFor(() => queue.cancel('r-1'));
  expect((await added).stdout).toContain('"password":"[masked]"');
  const again = await run([...args, '--json']);
  expect(JSON.parse(again.stdout)).toMatchObject({ payload: { password: '[masked]' } });
});

test('an invalid payload ends with 2 and lists every problem by path', async () => {
  const data = JSON.stringify({ ...instancePayload('x'), gpuNum: 9, colour: 'red' });
  const result = await freshQueue().run(['job', 'add', 'create_instance', '--data', data, '--json']);
  expect(result.code).toBe(2);
  const { code, problems } = errorOf(result);
  expect(code).toBe('JETFLEET_PAYLOAD_INVALID');
  expect(problems).toMatchObject([{ path: 'gpuNum' }, { path: 'colour', message: 'unknown key' }]);
});

test('job add prints the id, and job get shows all that was asked for', async () => {
  const { run } = freshQueue();
  const options = [
    '--priority',
    'HIGH',
    '--max-attempts',
    '7',
    '--timeout',
    '2m',
    '--webhook-url',
    'https://a.example',
  ];
  const added = await run(['job', 'add', 'report', '--data', '{"month":1}', '--id', 'r-1', ...options]);
  expect(added).toEqual({ code: 0, stdout: 'r-1\n', stderr: '' });
  const { stdout } = await run(['job', 'get', 'r-1', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    ...{ id: 'r-1', type: 'report', priority: 'high', status: 'pending', state: 'queued' },
    ...{ payload: { month: 1 }, maxAttempts: 7, timeoutMs: 120_000, webhookUrl: 'https://a.example' },
  });
  expect((await run(['job', 'get', 'r-1'])).stdout).toMatch(
    /^id +r-1\ntype +report \(high\)\nstatus +pending·queued$/m,
  );
});

test('the payload comes from a file or from stdin too', async () => {
  const { run, queue } = freshQueue();
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-cli-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'p.json'), '{"from":"file"}');
  await run(['job', 'add', 'report', '--data-file', join(folder, 'p.json'), '--id', 'file']);
  await run(['job', 'add', 'report', '-', '--id', 'dash'], '{"from":"stdin"}');
  await run(['job', 'add', 'report', '--data', '-', '--id', 'data'], '{"from":"stdin"}');
  const payloads = ['file', 'dash', 'data'].map(async (id) => (await queue.getJob(id))?.payload);
  expect(await Promise.all(payloads)).toEqual([{ from: 'file' }, { from: 'stdin' }, { from: 'stdin' }]);
});

test('--delay and --run-at schedule a job, and --wait gives up in time', async () => {
  const { run, queue } = freshQueue();
  await run(['job', 'add', 'report', '--data', '1', '--id', 'later', '--delay', '1h']);
  const later = JSON.parse((await run(['job', 'get', 'later', '--json'])).stdout);
  expect(later.state).toBe('scheduled');
  expect(Date.parse(later.nextRunAt) - Date.now()).toBeGreaterThan(3_500_000);
  const at = new Date(Date.now() + 60_000).toISOString();
  await run(['job', 'add', 'report', '--data', '1', '--id', 'then', '--run-at', at]);
  expect((await queue.getJob('then'))?.nextRunAt).toBe(at);
  const waited = await run([
    'job',
    'add',
    'report',
    '--data',
    '1',
    '--id',
    'never',
    '--wait',
    // Long enough for a look-up on a busy machine.
    '1s',
    '--json',
  ]);
  expect(waited.code).toBe(124);
  expect(errorOf(waited)).toMatchObject({
    code: 'JETFLEET_WAIT_TIMEOUT',
    message: expect.stringContaining('it is queued'),
  });
});

test('a command that looks, at the wrong place, says so and leaves no streams there', async () => {
  const { env, run } = freshQueue();
  const commands = [
    'stats',
    'job list',
    'job get x',
    'job cancel x',
    'job retry x',
    'job cleanup --yes',
    'job watch',
    'events list',
    'inspect',
    'top --once',
  ];
  const results = await Promise.all(commands.map((command) => run([...command.split(' '), '--json'])));
  for (const result of results) {
    expect(result.code).toBe(3);
    const { code, message } = errorOf(result);
    expect(code).toBe('JETFLEET_NO_STREAM');
    expect(message).toMatch(
      new RegExp(
        `^there is no stream T\\d+_TIMERS, .* in the namespace ${env.JETFLEET_NAMESPACE}; run "jetfleet setup"`,
      ),
    );
  }
  const looking = new JobQueueService({
    servers: nats.url,
    namespace: env.JETFLEET_NAMESPACE,
    createStreams: false,
  });
  await expect(looking.addJob('report', 1)).rejects.toMatchObject({ code: 'JETFLEET_NO_STREAM' });
  expect((await looking.health()).streams.every(({ ok }) => !ok)).toBe(true);
  // Somebody makes them, and it works.
  expect((await run(['setup'])).code).toBe(0);
  await looking.addJob('report', 1, 'normal', { id: 'one' });
  await looking.close();
  expect((await run(['job', 'get', 'one'])).code).toBe(0);
});

test('an id that is taken ends with 4', async () => {
  const { run, queue } = freshQueue();
  await queue.addJob('report', 1, 'normal', { id: 'one' });
  const result = await run(['job', 'add', 'report', '--data', '2', '--id', 'one', '--json']);
  expect(result.code).toBe(4);
  expect(errorOf(result).code).toBe('JETFLEET_ID_TAKEN');
});

test('an id that nobody used ends with 3', async () => {
  const { run, queue } = freshQueue();
  await queue.setup();
  for (const verb of ['get', 'watch']) {
    const result = await run(['job', verb, 'no-such-job', '--json']);
    expect(result.code).toBe(3);
    expect(errorOf(result).code).toBe('JETFLEET_NOT_FOUND');
  }
});

test('job list filters, and pages with a cursor', async () => {
  const { run, queue } = freshQueue();
  for (const id of ['a', 'b', 'c']) await queue.addJob('report', 1, 'normal', { id });
  await queue.addJob('other', 1, 'low', { id: 'd' });
  const list = async (...args: string[]) =>
    JSON.parse((await run(['job', 'list', '--json', ...args])).stdout);
  const ids = ({ jobs }: { jobs: { id: string }[] }) => jobs.map(({ id }) => id);
  expect(ids(await list())).toEqual(['a', 'b', 'c', 'd']);
  expect(ids(await list('--type', 'other'))).toEqual(['d']);
  expect(ids(await list('--priority', 'low', '--status', 'PENDING'))).toEqual(['d']);
  expect(ids(await list('--status', 'failed'))).toEqual([]);
  const first = await list('--limit', '2');
  expect(ids(first)).toEqual(['a', 'b']);
  expect(ids(await list('--cursor', first.cursor))).toEqual(['c', 'd']);
  const { stdout, stderr } = await run(['job', 'list', '--limit', '2']);
  expect(stdout).toMatch(
    /^ID +TYPE +PRIORITY +STATUS +ATTEMPT +UPDATED\na +report +normal +pending·queued +0\/3 +\S+\nb .*\n$/,
  );
  expect(stderr).toContain(`--cursor ${first.cursor}`);
});

test('stats counts, and names the types that nobody handles', async () => {
  const { run, queue } = freshQueue();
  await queue.addJob('report', 1, 'low');
  const { stdout } = await run(['stats', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ totalJobs: 1, pendingJobs: 1, unhandledTypes: ['report'] });
  const human = (await run(['stats'])).stdout;
  expect(human).toMatch(
    /^TYPE +PENDING +PROCESSING +COMPLETED +FAILED\nreport +1 +0 +0 +0\nall +1 +0 +0 +0$/m,
  );
  expect(human).toMatch(/^low +1 +0$/m);
  expect(human).toContain('Nobody handles report');
  expect(human).not.toContain('\x1b');
});

test('setup makes what is missing, and finds it unchanged the next time', async () => {
  const { run } = freshQueue();
  const first = await run(['setup']);
  expect(first.code).toBe(0);
  expect(first.stdout).toContain('created    consumer create_instance-critical of');
  const second = JSON.parse((await run(['setup', '--json'])).stdout);
  expect(second).toMatchObject({ created: [], drift: [] });
  // Four streams, those of features that not everybody uses, and a consumer for each priority of fourteen types and
  // streams (`send_webhook` is on both).
  expect(second.unchanged).toHaveLength(4 + EXTRA_KINDS.length + 14 * 4);
});

test('setup shows drift as a diff and ends with 4; on dangerous drift no job is taken', async () => {
  const { run, env } = freshQueue();
  const connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: `${env.JETFLEET_NAMESPACE.toUpperCase()}_EVENTS`,
    subjects: [`${env.JETFLEET_NAMESPACE}.events.*.*.*`],
    max_msgs: 10,
  });
  await connection.close();
  const { code, stdout, stderr } = await run(['setup']);
  expect(code).toBe(4);
  expect(stdout).toMatch(/max_msgs \(danger\)\n {2}- has {3}10\n {2}\+ wants -1/);
  expect(stderr).toMatch(/settings differ, \d+ of them dangerous/);
  const added = await run(['job', 'add', 'report', '--data', '1', '--json']);
  expect(added.code).toBe(4);
  expect(errorOf(added).code).toBe('JETFLEET_STREAM_DRIFT');
});
