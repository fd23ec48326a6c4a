import { chmod, chown, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, run, type ServerProcess, startProcess, temporaryFolder } from './child-server.js';
import { type BenchServer, MissingServer } from './server.js';

const DEBIAN_ROOT = '/usr/lib/postgresql';

/**
 * What a careful operator sets on a small machine. Durability is PostgreSQL's own default: flushed at each
 * commit.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  work_mem: '16MB',
  random_page_cost: '1.1',
  jit: 'off',
};

/** How long the processes of a server that was killed may hold on to its memory. */
const RELEASE_MS = 30_000;

export interface PostgresServer extends BenchServer {
  /** Ends it by SIGKILL, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on its port, with what it had committed. */
  start(): Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
  const { bin, version } = await findPostgres();
  const folder = await temporaryFolder('postgres');
  try {
    const owner = await unprivilegedUser();
    if (owner) await chown(folder.path, owner.uid, owner.gid);
    await chmod(folder.path, 0o700);
    const options = { ...owner, cwd: folder.path };
    const data = join(folder.path, 'data');
    const initdb = [
      '-D',
      data,
      '--username=postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ];
    await run(join(bin, 'initdb'), initdb, options);
    const port = await freePort();
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const isReady = () => accepts(bin, port);
    const args = ['-D', data, '-p', String(port), ...settings];
    const launch = () => startProcess(join(bin, 'postgres'), args, isReady, options);
    let running = await launch();
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      get pid() {
        return running.pid;
      },
      version,
      kill: () => running.stop('SIGKILL'),
      async start() {
        running = await startAgain(launch);
      },
      [Symbol.asyncDispose]: async () => {
        // Nothing is kept, so nothing need be written: SIGQUIT ends all of its processes at once.
        await running.stop('SIGQUIT');
        await folder.remove();
      },
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** The processes of a server that was killed end a moment after it. */
async function startAgain(launch: () => Promise<ServerProcess>): Promise<ServerProcess> {
  for (const end = Date.now() + RELEASE_MS; ; await delay(50)) {
    try {
      return await launch();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** Binaries on PATH, or those of Debian's newest package, which keeps them off it. */
export async function findPostgres(): Promise<{ bin: string; version: string }> {
  const majors = (await readdir(DEBIAN_ROOT).catch(() => [])).sort((a, b) => Number(b) - Number(a));
  for (const bin of ['', ...majors.map((major) => join(DEBIAN_ROOT, major, 'bin'))]) {
    try {
      const { stdout } = await run(join(bin, 'postgres'), ['--version']);
      await run(join(bin, 'initdb'), ['--version']);
      return { bin, version: stdout.match(/[\d.]+/)?.[0] ?? 'unknown' };
    } catch {
      // Not here: the next place.
    }
  }
  throw new MissingServer('PostgreSQL (postgres, initdb)', 'postgresql');
}

/** PostgreSQL refuses to run as root; its package makes the user `postgres`. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
  );
  return { uid: uid as number, gid: gid as number };
}

async function accepts(bin: string, port: number): Promise<boolean> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-q'];
  return run(join(bin, 'pg_isready'), args).then(
    () => true,
    () => false,
  );
}
