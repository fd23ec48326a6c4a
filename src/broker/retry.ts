import { setTimeout as delay } from 'node:timers/promises';
import { ConflictError } from '../jobs/errors.js';

export interface RetryOptions {
  /** How long the call is repeated, in ms from its first failure; infinite for as long as it takes. */
  withinMs: number;
  pauseMs: number;
  /** Whether a failure may pass, so that the call is repeated. Throws what the caller should hear in its place. */
  mayPass: (error: unknown) => boolean | Promise<boolean>;
}

/**
 * Repeats a call while the server is busy, away or without a leader. The call must do no harm when it is made twice. Writes into a
 * stream are repeated by their commit log, in groups and within the same kind of limit.
 * @param call told whether it was made before
 * @throws the last failure
 */
export async function retry<T>(
  call: (isAgain: boolean) => Promise<T>,
  { withinMs, pauseMs, mayPass }: RetryOptions,
): Promise<T> {
  let endMs: number | undefined;
  for (let isAgain = false; ; isAgain = true) {
    try {
      return await call(isAgain);
    } catch (error) {
      endMs ??= performance.now() + withinMs;
      if (!(await mayPass(error)) || performance.now() > endMs) throw error;
    }
    await delay(pauseMs);
  }
}

/** How long others may be faster, and how long the pause between two tries gets; ms. */
export const CONFLICTS_MS = 30_000;
const MAX_CONFLICT_PAUSE_MS = 20;

/**
 * Repeats a change that reads what is stored and writes on that condition (a compare-and-set of the broker), while others are faster.
 * Each try begins with its own read.
 * @param withinMs how long, from the first try on
 * @throws ConflictError the last one, when others were faster for so long
 */
export async function untilNoConflict<T>(change: () => Promise<T>, withinMs = CONFLICTS_MS): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (let tries = 1; ; tries++) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof ConflictError) || performance.now() > endMs) throw error;
    }
    if (tries > 1) await delay(Math.random() * Math.min(MAX_CONFLICT_PAUSE_MS, tries));
  }
}
