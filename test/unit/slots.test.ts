import { expect, it, vi } from 'vitest';
import { Slots } from '../../src/worker/lane/slots.js';

it('a handler that goes on without its slot leaves it to another one, and its lane is not idle', async () => {
  const slots = new Slots(1, vi.fn());
  const slow = slots.take();
  expect(slots.freeFor(4)).toBe(0);
  expect(slow.lend()).toBe(true);
  expect([slots.freeFor(4), slots.running]).toEqual([1, 1]);
  const isIdle = vi.fn();
  const idle = slots.idle().then(isIdle);
  slots.take().free();
  expect(isIdle).not.toHaveBeenCalled();
  slow.free();
  expect([slots.freeFor(4), slots.running]).toEqual([1, 0]);
  for (let left = 0; left < 2; left++) slots.onAnswered();
  await idle;
});

it('so many go on without a slot, and no more', () => {
  const slots = new Slots(1, vi.fn());
  const lent = Array.from({ length: 12 }, () => slots.take().lend());
  expect(lent.filter(Boolean)).toHaveLength(9);
});
