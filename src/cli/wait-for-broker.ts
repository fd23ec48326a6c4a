import { setTimeout as delay } from 'node:timers/promises';
import { Option } from 'commander';
import { JetfleetError } from '../jobs/errors.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
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
 * Connects, and tries again while nobody answers.
 * @param stopping ends the waiting. Defaults to never
 * @returns false when it was stopped
 * @throws BrokerError `JETFLEET_BROKER_UNREACHABLE` when the time is over, and what else is wrong at once
 */
export async function connectWithin(
  queue: JobQueueService,
  forMs: number,
  logger: Logger,
  stopping: Promise<unknown> = new Promise(() => {}),
): Promise<boolean> {
  const endMs = performance.now() + forMs;
  const stopped = stopping.then(() => false);
  for (let isFirst = true; ; isFirst = false) {
    try {
      const connected = queue.connect().then(() => true);
      return await Promise.race([connected, stopped]);
    } catch (error) {
      const isAway = JetfleetError.is(error, 'JETFLEET_BROKER_UNREACHABLE');
      if (!isAway || performance.now() >= endMs) throw error;
      if (isFirst) logger.warn({ forMs }, 'no NATS server answers; trying until one does');
    }
    const isOver = await Promise.race([delay(PAUSE_MS, true), stopped]);
    if (!isOver) return false;
  }
}
