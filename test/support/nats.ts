import { readFileSync } from 'node:fs';
import {
  type EmbeddedServer,
  type EmbeddedServerOptions,
  startEmbeddedServer,
} from '../../src/embedded/index.js';

/**
 * A nats-server of the test's own, on a free port and a temporary store, ready in about 50 ms. The binary is the one
 * that the global setup found.
 *
 *     await using nats = await startNats();
 */
export async function startNats(options: EmbeddedServerOptions = {}): Promise<EmbeddedServer> {
  return startEmbeddedServer({ binary: natsServerBinary(), ...options });
}

/** The binary that the global setup found. */
export function natsServerBinary(): string {
  const binary = process.env.NATS_SERVER_BIN;
  if (!binary) throw new Error('NATS_SERVER_BIN is not set: the global setup of the tests sets it');
  return binary;
}

/** Whether a process runs; one that ended and was not reaped yet does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
