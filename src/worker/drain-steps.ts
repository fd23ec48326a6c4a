import { atMost } from '../jobs/deadline.js';
import type { Logger } from '../telemetry/logger.js';

export interface DrainStep {
  name: string;
  run: () => unknown;
  mayBeLate?: boolean;
}

/** Begins all steps in their order, and waits until `deadline` by `performance.now()`. @returns what they threw, which is logged too */
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
