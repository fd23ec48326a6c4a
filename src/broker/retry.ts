import { setTimeout as delay } from 'node:timers/promises';

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
