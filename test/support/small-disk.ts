import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of a few megabytes in memory, which only the processes that are started in it can see. */
export interface SmallDisk extends AsyncDisposable {
  /** Where it is for a command that is run by `within`. */
  folder: string;
  /** A command that runs what follows it there. */
  within: string[];
  /** Leaves no room but so much. */
  fill(leftBytes: number): Promise<void>;
  /** Frees what `fill` took. */
  free(): Promise<void>;
}

/** Needs Linux, and the right to make namespaces: that of root, or user namespaces. */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-disk-'));
  const isRoot = process.getuid?.() === 0;
  const mount = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat';
  const holder = spawn(
    'unshare',
    [...(isRoot ? ['-m'] : ['-rm']), 'sh', '-c', mount, 'sh', `${bytes}`, folder],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = once(holder, 'exit');
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(([code]) =>
      Promise.reject(new Error(`no file system of its own: unshare ended with ${code}`)),
    ),
  ]);
  const ballast = join('/proc', `${holder.pid}`, 'root', folder, 'ballast');
  return {
    folder,
    within: ['nsenter', '-t', `${holder.pid}`, '-m', ...(isRoot ? [] : ['-U', '--preserve-credentials'])],
    async fill(leftBytes) {
      await writeFile(ballast, Buffer.alloc(bytes - leftBytes)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    free: () => rm(ballast),
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
