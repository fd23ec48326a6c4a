import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Bundle, bundleScript } from '../support/bundle.js';
import { isRunning, startNats } from '../support/nats.js';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function withClient<T>(
  url: string,
  use: (nc: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
  const nc = await connect({ servers: url, reconnect: false });
  try {
    return await use(nc);
  } finally {
    await nc.close();
  }
}

const publish = (url: string, text: string) =>
  withClient(url, async (nc) => {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: 'S', subjects: ['s.>'] });
    return jetstream(nc).publish('s.one', text);
  });

const lastMessage = (url: string) =>
  withClient(url, async (nc) => {
    const jsm = await jetstreamManager(nc);
    return (await jsm.streams.getMessage('S', { last_by_subj: 's.one' }))?.string();
  });

// A busy machine is late now and then, but not each time.
test('accepts clients within two seconds, with JetStream on and a free port', { retry: 5 }, async () => {
  const started = performance.now();
  await using nats = await startNats();
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(nats.url).toBe(`nats://127.0.0.1:${nats.port}`);
  expect((await publish(nats.url, 'hello')).seq).toBe(1);
  expect(await lastMessage(nats.url)).toBe('hello');
});

test('calls fsync before each answer unless told otherwise', async () => {
  await using always = await startNats();
  await using periodic = await startNats({ syncInterval: '90s' });
  const settings = async (url: string) =>
    ((await (await fetch(`${url}/jsz`)).json()) as { config: object }).config;
  expect(await settings(always.monitorUrl)).toMatchObject({ sync_always: true });
  expect(await settings(periodic.monitorUrl)).toMatchObject({ sync_interval: 90e9 });
});

test('restart keeps the port and what was confirmed, also after a SIGKILL', async () => {
  await using nats = await startNats();
  const { url, pid } = nats;
  await publish(url, 'kept');
  await nats.restart();
  expect(nats.url).toBe(url);
  expect(nats.pid).not.toBe(pid);
  expect(await lastMessage(url)).toBe('kept');

  nats.kill('SIGKILL');
  expect(await nats.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await nats.restart();
  expect(await lastMessage(url)).toBe('kept');
});

test('stop leaves no process and no file behind, and can be called again', async () => {
  const nats = await startNats();
  const { pid, watchdogPid, exited, storeDir } = nats;
  await nats.stop();
  await nats.stop();
  expect(await exited).toEqual({ code: 0, signal: null });
  expect(isRunning(pid)).toBe(false);
  // The watchdog leads a process group: nobody is left in it.
  expect(() => process.kill(-watchdogPid, 0)).toThrow('ESRCH');
  expect(existsSync(dirname(storeDir))).toBe(false);
  expect(() => nats.kill('SIGTERM')).not.toThrow();
});

test('a folder of the caller stays, without the lock, and serves the next start', async () => {
  const storeDir = join(await temporaryFolder(), 'deep', 'store');
  const first = await startNats({ storeDir });
  await publish(first.url, 'durable');
  await first.stop();
  expect(await readdir(storeDir)).toEqual(['jetstream']);
  await using second = await startNats({ storeDir });
  expect(await lastMessage(second.url)).toBe('durable');
});

test('the broker is in a process group of its own, out of reach of Ctrl-C', async () => {
  await using nats = await startNats();
  expect(() => process.kill(-nats.watchdogPid, 0)).not.toThrow();
  expect(nats.watchdogPid).not.toBe(process.pid);
});

test('a watchdog that is killed takes its server along', async () => {
  await using nats = await startNats();
  const { pid } = nats;
  process.kill(nats.watchdogPid, 'SIGKILL');
  await nats.exited;
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { interval: 10 });
});

let parentScript: Bundle;
beforeAll(async () => {
  parentScript = await bundleScript('support/embedded-parent.ts');
});
afterAll(() => parentScript[Symbol.asyncDispose]());

interface ParentReport {
  pid: number;
  watchdogPid: number;
  url: string;
  storeDir: string;
}

async function startParent(...args: string[]): Promise<{ parent: ChildProcess; report: ParentReport }> {
  const parent = spawn(process.execPath, [parentScript.path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const lines = createInterface({ input: parent.stdout as NodeJS.ReadableStream });
  for await (const line of lines) return { parent, report: JSON.parse(line) as ParentReport };
  throw new Error('the parent ended before it reported');
}

test.for([
  ['is there', false],
  ['was removed', true],
] as const)(
  'when the parent is killed and the temporary folder %s, server and watchdog go, and nothing stays',
  async ([, isRemoved]) => {
    const { parent, report } = await startParent();
    expect(isRunning(report.pid) && isRunning(report.watchdogPid)).toBe(true);
    onTestFinished(() => {
      if (isRunning(report.pid)) process.kill(report.pid, 'SIGKILL');
    });
    if (isRemoved) await rm(dirname(report.storeDir), { recursive: true });
    parent.kill('SIGKILL');
    await vi.waitFor(
      () => {
        expect(isRunning(report.pid)).toBe(false);
        expect(isRunning(report.watchdogPid)).toBe(false);
        expect(existsSync(dirname(report.storeDir))).toBe(false);
      },
      { interval: 10 },
    );
  },
);

test("when the parent is killed, a caller's store stays and is free again", async () => {
  const storeDir = await temporaryFolder();
  const { parent, report } = await startParent(storeDir);
  await publish(report.url, 'survives');
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(isRunning(report.watchdogPid)).toBe(false), { interval: 10 });
  await using next = await startNats({ storeDir });
  expect(await lastMessage(next.url)).toBe('survives');
});

test('a port in use is refused with the end of the log and the way out', async () => {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as { port: number };
  // Other tests have servers of their own in the folder that all share.
  const folder = await temporaryFolder();
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(startNats({ port })).rejects.toMatchObject({
    code: 'JETFLEET_NATS_SERVER_FAILED',
    message: expect.stringMatching(/port is already in use.*--nats-port 0.*address already in use/s),
  });
  expect(await readdir(folder)).toEqual([]);
});

test('a store in use is refused, and the server that uses it is left alone', async () => {
  const storeDir = await temporaryFolder();
  await using first = await startNats({ storeDir });
  await expect(startNats({ storeDir })).rejects.toMatchObject({
    code: 'JETFLEET_NATS_SERVER_FAILED',
    message: expect.stringMatching(/in use by another nats-server \(guarded by process \d+\).*--store-dir/),
  });
  expect((await publish(first.url, 'still here')).seq).toBe(1);
});

test('two that start on one store at the same time: one gets it', async () => {
  const storeDir = await temporaryFolder();
  const outcomes = await Promise.allSettled([startNats({ storeDir }), startNats({ storeDir })]);
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.stop();
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('the lock of a process that is gone is taken over, even when its id lives again', async () => {
  const storeDir = await temporaryFolder();
  const stale = { pid: process.pid, runDir: join(tmpdir(), 'jetfleet-nats-of-long-ago') };
  await writeFile(join(storeDir, 'jetfleet.lock'), JSON.stringify(stale));
  await using nats = await startNats({ storeDir });
  expect(isRunning(nats.pid)).toBe(true);
});

test('a binary that does not start is reported with what it said', async () => {
  const binary = join(await temporaryFolder(), 'broken');
  await writeFile(binary, '#!/bin/sh\necho "no luck today" >&2\nexit 3\n', { mode: 0o755 });
  await expect(startNats({ binary })).rejects.toMatchObject({
    code: 'JETFLEET_NATS_SERVER_FAILED',
    message: expect.stringMatching(/ended with code 3.*no luck today/s),
  });
});

test('a server that never gets ready is given up and ended', async () => {
  const folder = await temporaryFolder();
  const binary = join(folder, 'silent');
  await writeFile(binary, `#!/bin/sh\necho $$ >"${folder}/pid"\nexec sleep 600\n`, { mode: 0o755 });
  await expect(startNats({ binary, readyTimeoutMs: 300 })).rejects.toMatchObject({
    code: 'JETFLEET_NATS_SERVER_FAILED',
    message: expect.stringContaining('was not ready within 300 ms'),
  });
  expect(isRunning(Number(await readFile(join(folder, 'pid'), 'utf8')))).toBe(false);
});
