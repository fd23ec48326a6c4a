import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { cli, instancePayload, killAtTheEnd, publishByHand, startCli } from '../support/cli.js';
import { type Dev, FREE_PORTS, startDev } from '../support/dev.js';
import { isRunning } from '../support/nats.js';
import { startReceiver } from '../support/webhook-receiver.js';

/** One of the test's own, for a test that ends it. */
async function ownDev(env: Record<string, string> = {}): Promise<Dev> {
  const dev = killAtTheEnd(await startDev(env));
  onTestFinished(() => rm(dev.folder, { recursive: true, force: true }));
  return dev;
}

const isGone = (pid: number) => vi.waitFor(() => expect(isRunning(pid)).toBe(false), { interval: 20 });

let dev: Dev;
let env: Record<string, string>;
const run = (...args: string[]) => cli(args, { env });
const jobOf = async (id: string) => JSON.parse((await run('job', 'get', id, '--json')).stdout);

beforeAll(async () => {
  dev = await startDev();
  env = { NATS_URL: dev.ready.natsUrl };
});

afterAll(async () => {
  dev.child.kill('SIGTERM');
  const { code, stdout } = await dev.ended;
  await rm(dev.folder, { recursive: true, force: true });
  expect({ code, lines: stdout.split('\n') }).toMatchObject({ code: 0, lines: [expect.any(String), ''] });
});

test('dev prints one JSON line with where everything runs, and a screen for people on stderr', () => {
  expect(dev.ready).toEqual({
    natsUrl: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
    httpUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    simulatorUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    storeDir: dev.folder,
    webhookSecret: expect.stringMatching(/^whsec_/),
    version: packageJson.version,
  });
  expect(dev.stdout().trim().split('\n')).toHaveLength(1);
  expect(dev.stderr()).toMatch(
    /npx jetfleet job add create_instance .*--data '\{.*\}'\n {4}npx jetfleet job get /,
  );
});

test('dev serves the HTTP API, and its screen says where', async () => {
  const { httpUrl } = dev.ready;
  expect(dev.stderr()).toMatch(new RegExp(`dashboard +${httpUrl}`));
  expect(await (await fetch(`${httpUrl}/api/v1/session`)).json()).toMatchObject({ role: 'admin' });
  expect((await fetch(`${httpUrl}/readyz`)).status).toBe(200);
});

test('a job from a bare socket is COMPLETED, and so is the monitor job that follows', async () => {
  const payload = JSON.stringify(instancePayload('bare'));
  await publishByHand(dev.ready.natsUrl, 'jobs.high.create_instance.bare', payload);
  const watched = await vi.waitFor(async () => {
    const result = await run('job', 'watch', 'bare-monitor', '--json');
    expect(result.code).toBe(0);
    return result;
  });
  const records = watched.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(records[0]).toMatchObject({ id: 'bare-monitor', parentId: 'bare' });
  // A watch that begins late sees the end alone; the history has all.
  const history = await fetch(`${dev.ready.httpUrl}/api/v1/jobs/bare-monitor/history`);
  const [first] = ((await history.json()) as { records: { record: object }[] }).records;
  expect(first?.record).toMatchObject({ state: 'running', parentId: 'bare' });
  expect(records.at(-1)).toMatchObject({ id: 'bare-monitor', status: 'completed' });
  expect(await jobOf('bare')).toMatchObject({ status: 'completed', priority: 'high', attempt: 1 });
  expect(await jobOf('bare-monitor')).toMatchObject({ status: 'completed' });
});

test('job add --wait prints the finished job; its webhook is signed with the secret that dev shows', async () => {
  await using receiver = await startReceiver({ secret: dev.ready.webhookSecret as string });
  const data = JSON.stringify({ url: receiver.url, payload: { hello: 'world' } });
  const { code, stdout } = await run('job', 'add', 'send_webhook', '--data', data, '--wait', '20s', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', result: { status: 204 } });
  expect(receiver.requests).toMatchObject([{ body: '{"hello":"world"}', verified: true }]);
});

test('job add --wait ends with 1 when the job fails, and shows why', async () => {
  const data = JSON.stringify({ ...instancePayload('bad'), templateId: 'no-such-template' });
  const { code, stdout } = await run('job', 'add', 'create_instance', '--data', data, '--wait');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^status +failed·rejected$/m);
  expect(stdout).toMatch(/^error +JETFLEET_PROVIDER_NOT_FOUND: /m);
});

test('an invalid payload from elsewhere becomes a FAILED job that lists its problems', async () => {
  await publishByHand(dev.ready.natsUrl, 'jobs.low.create_instance.invalid', '{"gpuNum":"two"}');
  await dev.until('stderr', /invalid +create_instance +failed·rejected/);
  const { code, stdout } = await run('job', 'get', 'invalid');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^problem +gpuNum: /m);
});

test('job watch follows everything until Ctrl-C, and ends with 0', async () => {
  const watching = killAtTheEnd(
    startCli(['job', 'watch', '--type', 'send_webhook', '--from', 'all', '--json'], env),
  );
  await using receiver = await startReceiver();
  const data = JSON.stringify({ url: receiver.url, payload: 1 });
  await run('job', 'add', 'send_webhook', '--id', 'watched', '--data', data);
  await watching.until('stdout', /"id":"watched".*"status":"completed"/);
  watching.child.kill('SIGINT');
  const { code, stdout } = await watching.ended;
  expect(code).toBe(0);
  const types = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).type);
  expect([...new Set(types)]).toEqual(['send_webhook']);
});

test('a reader that leaves early ends the command quietly', async () => {
  await publishByHand(dev.ready.natsUrl, 'jobs.low.create_instance.early', '{}');
  await dev.until('stderr', /early +create_instance +failed·rejected/);
  const watching = killAtTheEnd(startCli(['job', 'watch', '--from', 'all'], env));
  watching.child.stdout?.destroy();
  expect(await watching.ended).toMatchObject({ code: 0, stderr: '' });
});

test('SIGTERM drains: dev ends with 0, the broker is gone, and the jobs are still there the next time', async () => {
  const own = await ownDev({ JETFLEET_WEBHOOK_SECRET: dev.ready.webhookSecret as string });
  expect(own.ready).not.toHaveProperty('webhookSecret');
  const there = { NATS_URL: own.ready.natsUrl };
  await cli(['job', 'add', 'report', '--data', '1', '--id', 'kept'], { env: there });
  own.child.kill('SIGTERM');
  const { code, stdout } = await own.ended;
  expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 0, lines: 2 });
  await isGone(own.natsPid);
  const again = killAtTheEnd(startCli([...FREE_PORTS, '--store-dir', own.folder, '--json']));
  const { natsUrl } = JSON.parse(await again.until('stdout', /\n/));
  expect((await cli(['job', 'get', 'kept', '--nats-url', natsUrl])).code).toBe(0);
  again.child.kill('SIGINT');
  expect((await again.ended).code).toBe(0);
});

test('a second signal ends dev at once with 1, whatever still runs', async () => {
  const own = await ownDev();
  const fault = { kind: 'slow', delayMs: 60_000, route: '/gpu/instance/create' };
  await fetch(`${own.ready.simulatorUrl}/_simulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
  const payload = JSON.stringify(instancePayload('slow'));
  await publishByHand(own.ready.natsUrl, 'jobs.high.create_instance.slow', payload);
  await own.until('stderr', /will rent/);
  // The two that arrive for one Ctrl-C under npm count as one, so it takes some more.
  const signals = setInterval(() => own.child.kill('SIGINT'), 40);
  const { code, stderr } = await own.ended;
  clearInterval(signals);
  expect(code).toBe(1);
  expect(stderr).toMatch(/draining.*second signal/s);
  await isGone(own.natsPid);
});

test('when dev is killed, the broker goes too', async () => {
  const own = await ownDev();
  expect(isRunning(own.natsPid)).toBe(true);
  own.child.kill('SIGKILL');
  await isGone(own.natsPid);
  await vi.waitFor(() => expect(existsSync(join(own.folder, 'jetfleet.lock'))).toBe(false), { interval: 20 });
});

test('when the broker dies, dev says so and ends with 1', async () => {
  const own = await ownDev();
  process.kill(own.natsPid, 'SIGKILL');
  const { code, stderr } = await own.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/jetfleet: nats-server ended with SIGKILL/);
});

test('a port in use is refused with the way out', async () => {
  const { port } = new URL(dev.ready.natsUrl);
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-dev-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { code, stdout, stderr } = await cli(['dev', '--nats-port', port, '--store-dir', folder]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('--nats-port 0');
});
