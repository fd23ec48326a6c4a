import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

type Env = Record<string, string | undefined>;

/** `$XDG_CACHE_HOME/jetfleet`, else `~/.cache/jetfleet`, on a Mac `~/Library/Caches/jetfleet`. */
export function defaultCacheDir(
  env: Env = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'jetfleet');
  const home = env.HOME || homedir();
  return platform === 'darwin'
    ? join(home, 'Library', 'Caches', 'jetfleet')
    : join(home, '.cache', 'jetfleet');
}

/** Where the cached binary lies. The name holds platform and architecture: a home folder may be shared. */
export function cachedBinary(cacheDir: string): string {
  return join(cacheDir, `nats-server-${process.platform}-${process.arch}`);
}

/**
 * Puts a binary into the cache by an atomic rename, so processes that fetch at the same time cannot harm each
 * other: the last rename wins, and whoever runs the replaced file keeps it.
 * @returns the path in the cache
 */
export async function storeInCache(binary: string, cacheDir: string): Promise<string> {
  await mkdir(cacheDir, { recursive: true });
  const target = cachedBinary(cacheDir);
  const partial = `${target}.${randomUUID()}.partial`;
  try {
    await copyFile(binary, partial);
    await chmod(partial, 0o755);
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
  return target;
}
