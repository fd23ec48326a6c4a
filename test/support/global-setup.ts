import { findNatsServer } from '../../src/embedded/index.js';
import { temporaryFolderInMemory } from './memory-folder.js';

/**
 * Finds nats-server once, fetching it on a bare machine, so that every test file starts its own at once, and gives them
 * all a temporary folder in memory and room for garbage.
 */
export async function setup(): Promise<void> {
  const { path } = await findNatsServer();
  process.env.NATS_SERVER_BIN = path;
  // A server that holds little collects garbage all the time: an eighth of the processor time of tests that use one.
  process.env.GOGC ??= '400';
  const folder = temporaryFolderInMemory();
  if (folder !== undefined) process.env.TMPDIR = folder;
}
