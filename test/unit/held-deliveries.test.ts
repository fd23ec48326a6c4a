import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Delivery } from '../../src/broker/consume/delivery.js';
import { AgingOrder } from '../../src/worker/lane/aging-order.js';
import { StrictOrder, WeightedOrder } from '../../src/worker/lane/lane-order.js';
import { HeldDeliveries, HOLD_MS } from '../../src/worker/lane/slots.js';

const HIGH = { step: 0, isWaiting: false, mayHaveMore: true };
const LOW = { step: 3, isWaiting: false, mayHaveMore: true };
const SOURCES = [HIGH, LOW];
const strict = new StrictOrder(SOURCES);
const delivery = (timeMs = 0) => ({ nak: vi.fn(), timeMs, pending: 1 }) as unknown as Delivery;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('lets go of the highest priority first, and of one priority in the order they came', () => {
  const held = new HeldDeliveries(strict);
  const [first, second, third] = [delivery(), delivery(), delivery()];
  held.hold(first, LOW);
  held.hold(second, LOW);
  held.hold(third, HIGH);
  expect([held.take(), held.take(), held.take(), held.take()]).toEqual([third, first, second, undefined]);
  vi.advanceTimersByTime(HOLD_MS * 2);
  for (const { nak } of [first, second, third]) expect(nak).not.toHaveBeenCalled();
});

it('keeps what has no slot, and hands it back when its moment is over', () => {
  const held = new HeldDeliveries(strict);
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
  const held = new HeldDeliveries(strict);
  const all = [delivery(), delivery()];
  for (const each of all) held.hold(each, LOW);
  held.handBack();
  vi.advanceTimersByTime(HOLD_MS);
  for (const { nak } of all) expect(nak).toHaveBeenCalledOnce();
});

it('lets go of the one that has waited too long first, where jobs age', () => {
  const aging = new AgingOrder(SOURCES, {
    maxWaitMs: 1_000,
    now: () => 5_000,
    oldest: async () => undefined,
  });
  const held = new HeldDeliveries(aging);
  const [young, old, older, youngest] = [delivery(4_500), delivery(3_900), delivery(3_000), delivery(4_900)];
  held.hold(young, HIGH);
  held.hold(old, LOW);
  held.hold(older, LOW);
  held.hold(youngest, LOW);
  expect([held.take(), held.take(), held.take(), held.take()]).toEqual([older, old, young, youngest]);
});

it('shares the slots by weight between those that wait for one', () => {
  const held = new HeldDeliveries(new WeightedOrder(SOURCES, ({ step }) => (step === 0 ? 2 : 1)));
  const names = new Map<Delivery, string>();
  for (const [name, source] of [
    ['high', HIGH],
    ['low', LOW],
  ] as const)
    for (let count = 0; count < 3; count++) {
      const each = delivery();
      names.set(each, name);
      held.hold(each, source);
    }
  const taken = Array.from({ length: 6 }, () => names.get(held.take() as Delivery));
  expect(taken).toEqual(['high', 'low', 'high', 'high', 'low', 'low']);
});
