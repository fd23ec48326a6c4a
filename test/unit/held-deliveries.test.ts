import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Delivery } from '../../src/broker/consume/delivery.js';
import { HeldDeliveries, HOLD_MS } from '../../src/worker/lane/slots.js';

const HIGH = { step: 0 };
const LOW = { step: 3 };
const delivery = () => ({ nak: vi.fn() }) as unknown as Delivery;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('lets go of the highest priority first, and of one priority in the order they came', () => {
  const held = new HeldDeliveries();
  const [first, second, third] = [delivery(), delivery(), delivery()];
  held.hold(first, LOW);
  held.hold(second, LOW);
  held.hold(third, HIGH);
  expect([held.take(), held.take(), held.take(), held.take()]).toEqual([third, first, second, undefined]);
  vi.advanceTimersByTime(HOLD_MS * 2);
  for (const { nak } of [first, second, third]) expect(nak).not.toHaveBeenCalled();
});

it('keeps what has no slot, and hands it back when its moment is over', () => {
  const held = new HeldDeliveries();
  const [early, late] = [delivery(), delivery()];
  held.hold(early, LOW);
  vi.advanceTimersByTime(HOLD_MS / 2);
  held.hold(late, LOW);
  expect(held.take(() => false)).toBeUndefined();
  vi.advanceTimersByTime(HOLD_MS / 2);
  expect(early.nak).toHaveBeenCalledOnce();
  expect(held.take()).toBe(late);
});

it('hands everything back at once when its worker stops', () => {
  const held = new HeldDeliveries();
  const all = [delivery(), delivery()];
  for (const each of all) held.hold(each, LOW);
  held.handBack();
  vi.advanceTimersByTime(HOLD_MS);
  for (const { nak } of all) expect(nak).toHaveBeenCalledOnce();
});
