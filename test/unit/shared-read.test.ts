import { expect, test } from 'vitest';
import { SharedRead } from '../../src/queue/shared-read.js';

test('who asks while something is read shares the next read with others, and gets none that began before', async () => {
  const ends: ((value: number) => void)[] = [];
  const reads = new SharedRead(
    () =>
      new Promise<number>((resolve) => {
        ends.push(resolve);
      }),
  );
  const first = reads.get();
  const others = [reads.get(), reads.get()];
  expect(ends).toHaveLength(1);
  ends[0]?.(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(ends).toHaveLength(2);
  const last = reads.get();
  ends[1]?.(2);
  expect(await Promise.all(others)).toEqual([2, 2]);
  await new Promise(setImmediate);
  expect(ends).toHaveLength(3);
  ends[2]?.(3);
  expect(await last).toBe(3);
});

test('a read that fails is no reason not to read again', async () => {
  let count = 0;
  const reads = new SharedRead(async () => {
    count++;
    if (count === 1) throw new Error('away');
    return count;
  });
  const [first, second] = [reads.get(), reads.get()];
  await expect(first).rejects.toThrow('away');
  expect(await second).toBe(2);
  expect(await reads.get()).toBe(3);
});
