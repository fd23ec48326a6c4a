import { once } from 'node:events';
import { connect } from 'node:net';
import type { Durability } from '../unit.js';
import { freePort, run, startProcess, temporaryFolder } from './child-server.js';
import { type BenchServer, MissingServer } from './server.js';

const PROGRAM = 'redis-server';

/** Redis with an append-only file, flushed before each answer (`fsync`) or every second. */
export async function startRedis(durability: Durability): Promise<BenchServer> {
  const version = await redisVersion();
  const folder = await temporaryFolder('redis');
  try {
    const port = await freePort();
    const settings = {
      port: String(port),
      bind: '127.0.0.1',
      dir: folder.path,
      appendonly: 'yes',
      appendfsync: durability === 'fsync' ? 'always' : 'everysec',
      save: '',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const { pid, stop } = await startProcess(PROGRAM, args, () => answersPing(port));
    return {
      url: `redis://127.0.0.1:${port}`,
      pid,
      version,
      [Symbol.asyncDispose]: async () => {
        await stop('SIGKILL');
        await folder.remove();
      },
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function redisVersion(): Promise<string> {
  try {
    const { stdout } = await run(PROGRAM, ['--version']);
    return stdout.match(/v=(\S+)/)?.[1] ?? 'unknown';
  } catch {
    throw new MissingServer(PROGRAM, 'redis-server');
  }
}

async function answersPing(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [answer] = await once(socket, 'data');
    return String(answer).startsWith('+PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
