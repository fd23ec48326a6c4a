import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

export const run = promisify(execFile);

const READY_MS = 30_000;
const READY_PAUSE_MS = 20;
const KILL_MS = 10_000;

/** A folder that is removed with `remove`. */
export async function temporaryFolder(name: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `jetfleet-bench-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A server process that runs until `stop`. */
export interface ServerProcess {
  pid: number;
  /** Ends it by `signal`, and by SIGKILL after 10 seconds. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts a server and waits until `isReady`.
 * @throws Error with what it wrote, when it ends before or is not ready in 30 seconds
 */
export async function startProcess(
  program: string,
  args: readonly string[],
  isReady: () => Promise<boolean>,
  options: SpawnOptions = {},
): Promise<ServerProcess> {
  // In a process group of its own, so that Ctrl-C reaches it only through us, once its client has ended.
  const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit').then(
    () => {},
    () => {},
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-2_000);
    });
  }
  const stop = (signal: NodeJS.Signals) => stopChild(child, exited, signal);
  for (const end = Date.now() + READY_MS; !(await isReady()); await delay(READY_PAUSE_MS)) {
    if (child.pid !== undefined && !hasEnded(child) && Date.now() < end) continue;
    await stop('SIGKILL');
    throw new Error(`${program} did not start: ${output.trim() || 'it wrote nothing'}`);
  }
  return { pid: child.pid as number, stop };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function stopChild(child: ChildProcess, exited: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined) return;
  const hard = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
  child.kill(signal);
  await exited;
  clearTimeout(hard);
}
