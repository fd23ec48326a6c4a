import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { quoted } from '../jobs/excerpt.js';

const run = promisify(execFile);

/** The oldest nats-server that Jetfleet works with; see `MIN_API_LEVEL`. */
export const MIN_SERVER_VERSION = '2.15.0';
/** How long `nats-server --version` may take, in milliseconds. */
const VERSION_TIMEOUT_MS = 5_000;

/**
 * The version that a nats-server binary prints, such as `2.15.1`.
 * @throws Error when the file cannot be run, prints no version, or is older than {@link MIN_SERVER_VERSION}
 */
export async function usableVersion(path: string, signal?: AbortSignal): Promise<string> {
  const { stdout } = await run(path, ['--version'], { timeout: VERSION_TIMEOUT_MS, signal }).catch(
    (error: NodeJS.ErrnoException & { killed?: boolean }) => {
      signal?.throwIfAborted();
      throw new Error(`it cannot be run (${runFailure(error)})`, { cause: error });
    },
  );
  const version = /nats-server: v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (!version) throw new Error(`it prints no nats-server version but ${quoted(stdout)}`);
  if (isOlder(version, MIN_SERVER_VERSION)) {
    throw new Error(`its version ${version} is older than ${MIN_SERVER_VERSION}`);
  }
  return version;
}

/** Whether dotted version `a` comes before `b`. */
export function isOlder(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { numeric: true }) < 0;
}

function runFailure(error: NodeJS.ErrnoException & { killed?: boolean }): string {
  if (error.killed) return `no answer to --version within ${VERSION_TIMEOUT_MS} ms`;
  if (error.code === 'ENOENT') return 'no such file';
  return error.code === undefined ? error.message.trim() : String(error.code);
}
