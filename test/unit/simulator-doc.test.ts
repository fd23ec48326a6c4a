import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAULT_KINDS } from '../../src/gpu/simulator/faults.js';

it('docs/simulator.md explains every fault of the simulator, and no other', () => {
  const page = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
  const kinds = [...page.matchAll(/^\| `(\w+)` \| .{20,} \|$/gm)].map(([, kind]) => kind);
  expect(kinds).toEqual(FAULT_KINDS);
});
