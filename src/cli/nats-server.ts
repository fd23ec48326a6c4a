import { findNatsServer } from '../embedded/index.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { note } from './output.js';

/**
 * Path of the nats-server to start. Says so when it must be fetched first, which takes a while on a slow line.
 * @throws BrokerError `JETFLEET_NATS_SERVER_NOT_FOUND`
 */
export async function natsServerPath(): Promise<string> {
  const info = (_details: unknown, text: string) => note(`${text}; this happens once`);
  const logger = Object.assign(Object.create(silentLogger), { info }) as Logger;
  return (await findNatsServer({ logger })).path;
}
