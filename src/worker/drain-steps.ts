import { atMost } from '../jobs/deadline.js';
import type { Logger } from '../telemetry/logger.js';

/** One step of a drain. */
export interface DrainStep {
  name: string;
  run: () => unknown;
  /** That it does not end in time is nothing special. */
  mayBeLate?: boolean;
}

/**
 * Begins steps in their order and waits for all of them, whatever becomes of the others. One that takes longer than until
 * `deadline` goes on by itself.
 * @param deadline by `performance.now()`
 * @returns what the steps threw; each error is logged as well
 */
export async function runSteps(
  steps: readonly DrainStep[],
  deadline: number,
  logger: Logger,
): Promise<Error[]> {
  const errors: Error[] = [];
  const runStep = async ({ name, run, mayBeLate }: DrainStep) => {
    let hasEnded = false;
    const work = async () => {
      try {
        await run();
      } catch (err) {
        logger.error({ err, step: name }, 'a step of the shutdown failed; going on with the others');
        errors.push(err instanceof Error ? err : new Error(String(err)));
      }
      hasEnded = true;
    };
    await atMost(Math.max(0, deadline - performance.now()), work());
    if (hasEnded || mayBeLate) return;
    logger.warn(
      { step: name },
      'a step of the shutdown takes longer than the shutdown may; not waiting for it',
    );
  };
  await Promise.all(steps.map(runStep));
  return errors;
}
