import { setTimeout as delay } from 'node:timers/promises';
import { JetfleetError } from '../../src/index.js';

/** How long a user goes on trying to get one call through. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 50;

/** A call without an answer is repeated, as the documentation says. */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await delay(PAUSE_MS)) {
    try {
      return await call();
    } catch (error) {
      const permanent = JetfleetError.is(error) && !error.retryable;
      if (permanent || Date.now() > end) throw error;
    }
  }
}
