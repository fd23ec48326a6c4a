import type { Logger } from '../../telemetry/logger.js';

/** One step of a drain. */
export interface DrainStep {
  name: string;
  run: () => unknown;
  /** That it does not end in time is nothing special. */
  mayBeLate?: boolean;
}

/**
 * Runs steps one after the other, whatever becomes of those before. A step that takes longer than until `deadline` goes
 * on by itself, and the next one begins.
 * @param deadline by `performance.now()`
 * @returns what the steps threw; each error is logged as well
 */
export async function runSteps(
  steps: readonly DrainStep[],
  deadline: number,
  logger: Logger,
): Promise<Error[]> {
  const errors: Error[] = [];
  for (const { name, run, mayBeLate } of steps) {
    const work = (async () => run())().catch((err) => {
      logger.error({ err, step: name }, 'a step of the shutdown failed; going on with the next one');
      errors.push(err instanceof Error ? err : new Error(String(err)));
    });
    if (!(await endsBefore(deadline, work)) && !mayBeLate) {
      logger.warn(
        { step: name },
        'a step of the shutdown takes longer than the shutdown may; not waiting for it',
      );
    }
  }
  return errors;
}

/** Whether work that never rejects ended before the deadline. */
async function endsBefore(deadline: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, deadline - performance.now()));
  });
  const inTime = await Promise.race([work.then(() => true), timeUp]);
  clearTimeout(timer);
  return inTime;
}
