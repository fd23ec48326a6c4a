import { expect, it, vi } from 'vitest';
import type { Logger } from '../../src/telemetry/logger.js';
import { runSteps } from '../../src/worker/drain-steps.js';

function notes() {
  const logger = { error: vi.fn(), warn: vi.fn() };
  return { logger: logger as unknown as Logger, ...logger };
}
const soon = () => performance.now() + 10_000;

it('every step runs, whatever those before it threw, and all errors are returned and logged', async () => {
  const { logger, error } = notes();
  const done: string[] = [];
  const errors = await runSteps(
    [
      {
        name: 'throws',
        run: () => {
          throw new Error('one');
        },
      },
      { name: 'rejects', run: () => Promise.reject(new Error('two')) },
      { name: 'rejects with what is no error', run: () => Promise.reject('three') },
      { name: 'works', run: () => void done.push('works') },
    ],
    soon(),
    logger,
  );
  expect(done).toEqual(['works']);
  expect(errors.map(({ message }) => message)).toEqual(['one', 'two', 'three']);
  expect(error.mock.calls.map(([about]) => about.step)).toEqual([
    'throws',
    'rejects',
    'rejects with what is no error',
  ]);
});

it('a step that takes too long is left to itself, and those after it are begun', async () => {
  const { logger, warn } = notes();
  const begun: string[] = [];
  const endless = (name: string) => ({
    name,
    run: () => {
      begun.push(name);
      return new Promise(() => {});
    },
  });
  const startedAt = performance.now();
  expect(await runSteps([endless('first'), endless('second')], startedAt + 30, logger)).toEqual([]);
  expect(begun).toEqual(['first', 'second']);
  expect(warn).toHaveBeenCalledTimes(2);
});
