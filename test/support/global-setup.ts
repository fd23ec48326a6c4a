import { findNatsServer } from '../../src/broker/embedded/index.js';

/** Finds nats-server once, fetching it on a bare machine, so that every test file starts its own at once. */
export async function setup(): Promise<void> {
  const { path } = await findNatsServer();
  process.env.NATS_SERVER_BIN = path;
}
