import { setTimeout as delay } from 'node:timers/promises';
import { Option } from 'commander';
import { JetfleetError } from '../jobs/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { parseDuration } from './options.js';

/** Between two tries. */
const PAUSE_MS = 500;

export function waitForBrokerOption(): Option {
  return new Option(
    '--wait-for-broker <duration>',
    'how long to try until a NATS server answers at the start; without it the command ends with 69 at once',
  )
    .env('JETFLEET_WAIT_FOR_BROKER')
    .argParser(parseDuration)
    .default(0, '0s');
}

/**
 * Makes a first call to the broker, and tries again while nobody answers.
 * @param stopping ends the waiting. Defaults to never
 * @returns what it resolves to; undefined when it was stopped
 * @throws BrokerError `JETFLEET_BROKER_UNREACHABLE` when the time is over, and what else is wrong at once
 */
export async function reachWithin<T>(
  call: () => Promise<T>,
  { waitForBroker }: { waitForBroker: number },
  logger: Logger,
  stopping: Promise<unknown> = new Promise(() => {}),
): Promise<T | undefined> {
  const endMs = performance.now() + waitForBroker;
  const stopped = stopping.then(() => undefined);
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await Promise.race([call(), stopped]);
    } catch (error) {
      const isAway = JetfleetError.is(error, 'JETFLEET_BROKER_UNREACHABLE');
      if (!isAway || performance.now() >= endMs) throw error;
      if (isFirst) logger.warn({ waitForBroker }, 'no NATS server answers; trying until one does');
    }
    if (!(await Promise.race([delay(PAUSE_MS, true), stopped]))) return undefined;
  }
}
