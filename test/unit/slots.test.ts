import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SlotMap, Slots } from '../../src/broker/slots.js';

it('holds what came and did not go, and uses its places again', () => {
  const slots = new Slots<string>();
  const [a, b] = [slots.add('a'), slots.add('b')];
  slots.delete(a);
  expect([slots.get(a), slots.get(b), slots.size]).toEqual([undefined, 'b', 1]);
  expect(slots.add('c')).toBe(a);
  expect([...slots].sort()).toEqual(['b', 'c']);
});

it('is a map, whatever comes and goes', () => {
  const step = fc.tuple(fc.constantFrom('set', 'delete'), fc.constantFrom('a', 'b', 'c', 'd'), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ours = new SlotMap<{ value: number }>();
      const model = new Map<string, { value: number }>();
      for (const [kind, name, value] of steps) {
        if (kind === 'set') {
          ours.set(name, { value });
          model.delete(name);
          model.set(name, { value });
        } else {
          ours.delete(name);
          model.delete(name);
        }
        expect(ours.size).toBe(model.size);
        expect([...ours.entries()]).toEqual([...model]);
        expect([...ours.names()]).toEqual([...model.keys()]);
        expect([...ours.values()]).toEqual([...model.values()]);
        expect(ours.get(name)).toEqual(model.get(name));
      }
    }),
  );
});
