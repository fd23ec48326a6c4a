import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { storeInCache } from './binary-cache.js';

const run = promisify(execFile);

/** The nats-server release that is fetched. */
export const RELEASE_VERSION = '2.15.1';
/** Where the official releases lie; each release has a folder `v<version>` there. */
export const RELEASE_URL = 'https://github.com/nats-io/nats-server/releases/download';
/** Limit for the first answer, so that a machine without a network moves on quickly. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Limit for the archive, about 7 MB. */
const DOWNLOAD_TIMEOUT_MS = 120_000;
/** Archives of nats-server have some 7 MB. */
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;
const MAX_SUMS_BYTES = 1024 * 1024;
const TAR_TIMEOUT_MS = 30_000;
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

export interface ReleaseOptions {
  cacheDir: string;
  /** Defaults to {@link RELEASE_URL}. A mirror must have the same layout, SHA256SUMS included. */
  releaseUrl?: string;
  env?: Record<string, string | undefined>;
  signal?: AbortSignal;
}

/**
 * Fetches the release archive for this machine, checks it against the SHA256SUMS of the release, and puts its
 * binary into the cache.
 * @returns the path in the cache
 * @throws Error when the platform has no archive, the network fails, the checksum differs, or `tar` fails
 */
export async function fetchRelease(options: ReleaseOptions): Promise<string> {
  const folder = archiveName();
  const base = `${options.releaseUrl ?? RELEASE_URL}/v${RELEASE_VERSION}`;
  const archive = `${folder}.tar.gz`;
  const sums = await download(`${base}/SHA256SUMS`, MAX_SUMS_BYTES, CONNECT_TIMEOUT_MS, options.signal);
  const expected = checksumOf(sums.toString('utf8'), archive);
  const bytes = await download(`${base}/${archive}`, MAX_ARCHIVE_BYTES, DOWNLOAD_TIMEOUT_MS, options.signal);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== expected) {
    throw new Error(`${archive} has SHA-256 ${actual}, but SHA256SUMS says ${expected}`);
  }
  const temporary = await mkdtemp(join(tmpdir(), 'jetfleet-release-'));
  try {
    await writeFile(join(temporary, archive), bytes);
    const tar = { cwd: temporary, env: options.env, timeout: TAR_TIMEOUT_MS, signal: options.signal };
    await run('tar', ['-xzf', archive, `${folder}/nats-server`], tar);
    return await storeInCache(join(temporary, folder, 'nats-server'), options.cacheDir);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function archiveName(): string {
  const arch = ARCHITECTURES[process.arch as NodeJS.Architecture];
  if (!arch || (process.platform !== 'linux' && process.platform !== 'darwin')) {
    throw new Error(`there is no archive for ${process.platform} ${process.arch}`);
  }
  return `nats-server-v${RELEASE_VERSION}-${process.platform}-${arch}`;
}

/** @throws Error for more than `maxBytes`: whoever answers in the place of the release could send without end */
async function download(
  url: string,
  maxBytes: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const limits = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  try {
    const response = await fetch(url, { signal: AbortSignal.any(limits) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += part.length;
      if (bytes > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`${url}: ${reason(error)}`, { cause: error });
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message || error.cause.name})` : '';
  return `${error.message}${cause}`;
}

function checksumOf(sums: string, archive: string): string {
  for (const line of sums.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === archive && sum && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  }
  throw new Error(`SHA256SUMS has no line for ${archive}`);
}
