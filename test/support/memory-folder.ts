import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Where Linux has a file system in memory. In a container it may be small, or refuse to run programs. */
const MEMORY = '/dev/shm';
/** Many times what the tests ever hold at once. */
const ROOM_BYTES = 2 * 2 ** 30;

/**
 * A new folder in memory for the stores of the servers, which is removed when this process exits, or undefined where
 * there is none to be had. A server calls fsync before each answer, which on a disk costs half of what the kernel does
 * for the tests; what a server keeps through its end, and through a SIGKILL, is the same in memory. `.ci/run` knows the
 * processes of its run by the name of its temporary folder, so this one's name carries that.
 */
export function temporaryFolderInMemory(): string | undefined {
  // Another project of the same run was here before, or whoever runs the tests chose so.
  if (tmpdir().startsWith(MEMORY)) return undefined;
  let path: string;
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize < ROOM_BYTES) return undefined;
    path = mkdtempSync(join(MEMORY, `jetfleet-${basename(tmpdir())}-`));
    // PostgreSQL, which does not run as root, has its own folder inside.
    chmodSync(path, 0o711);
  } catch {
    return undefined;
  }
  process.once('exit', () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return canRunProgramsIn(path) ? path : undefined;
}

/** Where the file system is mounted with `noexec`, no file counts as one that can be run. */
function canRunProgramsIn(folder: string): boolean {
  const program = join(folder, 'program');
  writeFileSync(program, '', { mode: 0o700 });
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(program);
  }
}
