import { expect, it } from 'vitest';
import { tryEach } from '../../src/jobs/try-each.js';

const failing = (which: readonly number[], done: number[]) => (n: number) => {
  done.push(n);
  return which.includes(n) ? Promise.reject(new Error(`no ${n}`)) : Promise.resolve();
};

it('goes on after one that fails, and throws what it failed with', async () => {
  const done: number[] = [];
  await expect(tryEach([1, 2, 3], failing([1], done))).rejects.toThrow(/^no 1$/);
  expect(done).toEqual([1, 2, 3]);
});

it('throws all that failed', async () => {
  const failure = tryEach([1, 2, 3], failing([1, 3], []));
  await expect(failure).rejects.toMatchObject({
    message: '2 failed: no 1; no 3',
    errors: [{ message: 'no 1' }, { message: 'no 3' }],
  });
});
