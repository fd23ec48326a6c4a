import { findNatsServer } from '../../src/embedded/index.js';
import { temporaryFolderInMemory } from './memory-folder.js';

/**
 * Finds nats-server once, fetching it on a bare machine, so that every test file starts its own at once, and gives them
 * all a temporary folder in memory.
 */
export async function setup(): Promise<void> {
  const { path } = await findNatsServer();
  process.env.NATS_SERVER_BIN = path;
  const folder = temporaryFolderInMemory();
  if (folder !== undefined) process.env.TMPDIR = folder;
}
