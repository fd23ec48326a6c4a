import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, and, assign, not, setup } from 'xstate';
import { type Chart, chartOf, takenEdgeIds } from '../../src/inspect/chart.js';
import { isOverlapping, type Rect } from '../../src/inspect/chart-geometry.js';
import { layOutChart } from '../../src/inspect/chart-layout.js';
import { chartToMermaid } from '../../src/inspect/chart-mermaid.js';
import { chartToSvg } from '../../src/inspect/chart-svg.js';
import { BUILT_IN_CHARTS } from '../../src/inspect/known-charts.js';
import { machineJson } from '../../src/inspect/machine-json.js';

const HOSTILE = '<script>alert("1")</script>&';

/** A machine of any definition, as a user's may be. */
function machineOf(config: object): AnyStateMachine {
  return setup({}).createMachine(config as never) as unknown as AnyStateMachine;
}

/** Everything that a definition may have and the built-in machines have not. */
const odd = machineOf({
  id: 'odd',
  initial: 'both',
  on: { STOP: { target: '.end', actions: () => {} }, NOTE: { actions: assign({}) } },
  states: {
    both: {
      type: 'parallel',
      states: {
        left: {
          initial: 'off',
          states: {
            off: { on: { FLIP: { guard: () => true, target: 'on' } } },
            on: { after: { 1500: 'off', 20: '#odd.both' } },
            back: { type: 'history' },
          },
        },
        right: {
          initial: 'idle',
          on: { '*': { actions: 'log' } },
          states: { idle: { invoke: { src: {} as never }, on: { GO: 'over' } }, over: { type: 'final' } },
        },
      },
      onDone: 'end',
    },
    [HOSTILE]: {
      on: { [HOSTILE]: 'end', CHECK: { guard: and(['isReady', not('isBusy')] as never), target: 'end' } },
    },
    end: { type: 'final', description: HOSTILE },
  },
});

const charts: [string, Chart][] = [...BUILT_IN_CHARTS.values(), odd].map((machine) => [
  machine.id,
  chartOf(machine),
]);

describe('the chart of a machine', () => {
  it('names what has a name and shows the rest as what it is', () => {
    const { edges, states } = chartOf(odd);
    const labels = edges.map(({ label, guard, actions }) =>
      [label, guard, ...actions].filter(Boolean).join(' '),
    );
    expect(labels).toEqual(
      expect.arrayContaining([
        'STOP action',
        'NOTE assign',
        'FLIP guard',
        'after 1.5 s',
        'after 20 ms',
        'any other event log',
        'done',
        'CHECK isReady and not isBusy',
      ]),
    );
    expect(states.find(({ key }) => key === 'idle')?.invokes).toEqual(['actor']);
    expect(states.filter(({ isInitial }) => isInitial).map(({ id }) => id)).toEqual([
      'both',
      'both.left.off',
      'both.right.idle',
    ]);
    expect(new Set(edges.map(({ id }) => id)).size).toBe(edges.length);
  });

  it('finds the edges that a step took', () => {
    const chart = chartOf(BUILT_IN_CHARTS.get('job') as never);
    const taken = { from: 'pending', to: 'processing.running', event: 'CLAIM', guard: 'attemptsLeft' };
    expect(takenEdgeIds(chart, [taken, { from: 'nowhere', to: 'x', event: 'Y' }])).toEqual(['pending#0']);
  });

  it('becomes XState JSON with names only, which is the same chart again', () => {
    for (const machine of BUILT_IN_CHARTS.values()) {
      const json = machineJson(machine);
      expect(JSON.stringify(json)).not.toContain('"context"');
      expect(chartOf(machineOf(json))).toEqual({
        ...chartOf(machine),
        edges: expect.any(Array),
      });
    }
  });
});

describe.each(charts)('the drawing of %s', (_, chart) => {
  const layout = layOutChart(chart);
  const boxes = layout.states;
  const isAround = (id: string) => chart.states.some(({ parent }) => parent === id);
  const labels = layout.lines.flatMap((line) => line.labels.filter(({ lines }) => lines.length > 0));

  it('has every state and every edge', () => {
    expect(boxes.filter(({ state }) => state.id).map(({ state }) => state.id)).toEqual(
      chart.states.map(({ id }) => id),
    );
    expect(layout.lines.flatMap((line) => line.labels.map(({ edge }) => edge.id)).sort()).toEqual(
      chart.edges.map(({ id }) => id).sort(),
    );
    const svg = chartToSvg(chart);
    const drawn = [...svg.matchAll(/data-(?:state|edge)="/g)];
    expect(drawn).toHaveLength(chart.states.length + chart.edges.length);
  });

  it('keeps children inside their parents, and boxes, titles and texts off each other', () => {
    const atomic = boxes.filter(({ state }) => !isAround(state.id));
    for (const [index, box] of atomic.entries()) {
      for (const other of atomic.slice(index + 1))
        expect(isOverlapping(box, other), other.state.id).toBe(false);
      for (const label of labels)
        expect(isOverlapping(box, label), `${box.state.id}, ${label.lines}`).toBe(false);
    }
    for (const [index, label] of labels.entries()) {
      for (const other of labels.slice(index + 1))
        expect(isOverlapping(label, other), `${label.lines}`).toBe(false);
    }
    for (const child of boxes) {
      const parent = boxes.find(({ state }) => state.id === child.state.parent);
      if (parent) expect(isInside(child, parent), child.state.id).toBe(true);
    }
    for (const box of [...boxes, ...labels]) expect(isInside(box, { x: 0, y: 0, ...layout })).toBe(true);
  });

  it('keeps lines off the boxes that they do not belong to', () => {
    for (const { points, from, to } of layout.lines) {
      for (const box of boxes) {
        if (isAround(box.state.id) || box.state.id === from || box.state.id === to) continue;
        for (const { x, y } of points) {
          expect(
            isOverlapping(box, { x, y, width: 0, height: 0 }),
            `${from} to ${to} at ${box.state.id}`,
          ).toBe(false);
        }
      }
    }
  });
});

function isInside(inner: Rect, outer: Rect): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

describe('SVG', () => {
  const job = chartOf(BUILT_IN_CHARTS.get('job') as never);

  it('shows text as text, whatever it says', () => {
    const svg = chartToSvg(chartOf(odd), { lit: [HOSTILE], counts: { [HOSTILE]: 3 } });
    expect(svg).not.toContain('<script');
    expect(svg).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;');
    expect(chartToMermaid(chartOf(odd))).not.toContain('state "<script');
  });

  it('lights states with their parents, and edges', () => {
    const svg = chartToSvg(job, {
      lit: ['processing.running', 'pending#0'],
      counts: { 'pending.queued': 412 },
    });
    const lit = [...svg.matchAll(/<g class="[^"]*\blit" data-(?:state|edge)="([^"]+)"/g)].map(([, id]) => id);
    expect(lit.sort()).toEqual(['pending#0', 'processing', 'processing.running']);
    expect(svg).toMatch(/<text class="count"[^>]*data-count-of="pending\.queued">412<\/text>/);
  });

  it('carries its colours by itself, or leaves them to the page', () => {
    expect(chartToSvg(job)).toContain('prefers-color-scheme:dark');
    expect(chartToSvg(job, { theme: 'dark' })).not.toContain('@media');
    const bare = chartToSvg(job, { standalone: false });
    expect(bare).not.toMatch(/<style|\sstyle=/);
  });

  it('draws a machine without states', () => {
    const empty = chartOf(machineOf({ id: 'empty' }));
    expect(chartToSvg(empty)).toContain('<title>empty</title>');
    expect(chartToMermaid(empty)).toBe('stateDiagram-v2');
  });
});
