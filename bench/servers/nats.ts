import { startEmbeddedServer } from 'jetfleet/embedded';
import type { Durability } from '../unit.js';
import type { BenchServer } from './server.js';

export async function startNats(durability: Durability): Promise<BenchServer> {
  const server = await startEmbeddedServer({ syncInterval: durability === 'fsync' ? 'always' : '1s' });
  const { url, pid, version } = server;
  return { url, pid, version, [Symbol.asyncDispose]: () => server.stop() };
}
