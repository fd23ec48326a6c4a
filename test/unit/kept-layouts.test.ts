import { describe, expect, it, vi } from 'vitest';
import { layOutGraph } from '../../src/inspect/chart-elk.js';
import { layOutFlow } from '../../src/inspect/flow-layout.js';
import { KeptLayouts } from '../../src/inspect/kept-layouts.js';
import { JetfleetError } from '../../src/jobs/errors.js';
import type { FlowGraph } from '../../src/jobs/flow-graph.js';

describe('layouts', () => {
  it('are made once, and one that fails is not tried again at once', async () => {
    const layouts = new KeptLayouts<number>();
    const make = vi.fn(async () => 1);
    expect([await layouts.get('a', make), await layouts.get('a', make)]).toEqual([1, 1]);
    const fail = vi.fn(async () => {
      throw new Error('too large');
    });
    for (let tries = 0; tries < 3; tries++) await expect(layouts.get('b', fail)).rejects.toThrow('too large');
    expect([make.mock.calls.length, fail.mock.calls.length]).toEqual([1, 1]);
  });

  it('are tried again where the next try may do better', async () => {
    const layouts = new KeptLayouts<number>();
    const busy = new JetfleetError('JETFLEET_CHART_BUSY', 'busy', { retryable: true });
    await expect(layouts.get('c', () => Promise.reject(busy))).rejects.toBe(busy);
    expect(await layouts.get('c', async () => 2)).toBe(2);
  });

  it('of flows are shared by those that differ in their names alone', async () => {
    const graph = (run: string): FlowGraph => ({
      nodes: ['a', 'b'].map((key) => ({ id: `${key}-${run}`, type: 'step', keys: [`${key}-${run}`] })),
      edges: [{ from: `a-${run}`, to: `b-${run}`, isLoose: false }],
    });
    const [one, other] = await Promise.all(['0001', '0002'].map((run) => layOutFlow(run, graph(run))));
    // The same lines: they were laid out once.
    expect(other?.edges[0]?.points).toBe(one?.edges[0]?.points);
    expect(other?.nodes.map(({ id }) => id)).toEqual(['a-0002', 'b-0002']);
  });

  it('wait in a line that is not endless', async () => {
    const graph = { id: 'root', children: [{ id: 'a', width: 10, height: 10 }] };
    const all = await Promise.allSettled(Array.from({ length: 110 }, () => layOutGraph(graph, 30_000)));
    const refused = all.filter((each) => each.status === 'rejected').map(({ reason }) => reason.code);
    expect(new Set(refused)).toEqual(new Set(['JETFLEET_CHART_BUSY']));
    // One may be in the thread already.
    expect([9, 10]).toContain(refused.length);
  });
});
