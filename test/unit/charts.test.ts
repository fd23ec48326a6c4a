import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, and, assign, not, setup } from 'xstate';
import { type Chart, chartOf, takenEdgeIds } from '../../src/inspect/chart.js';
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

it.each(charts)('the drawing of %s has every state and every edge', async (_, chart) => {
  for (const details of [true, false]) {
    const layout = await layOutChart(chart, { details });
    expect(layout.states.filter(({ state }) => state.id).map(({ state }) => state.id)).toEqual(
      chart.states.map(({ id }) => id),
    );
    expect(layout.lines.flatMap((line) => line.labels.map(({ edge }) => edge.id)).sort()).toEqual(
      chart.edges.map(({ id }) => id).sort(),
    );
    const svg = await chartToSvg(chart, { details });
    const drawn = [...svg.matchAll(/data-(?:state|edge)="/g)];
    expect(drawn).toHaveLength(chart.states.length + chart.edges.length);
  }
});

describe('SVG', () => {
  const job = chartOf(BUILT_IN_CHARTS.get('job') as never);

  it('shows text as text, whatever it says', async () => {
    const svg = await chartToSvg(chartOf(odd), { lit: [HOSTILE], counts: { [HOSTILE]: 3 } });
    expect(svg).not.toContain('<script');
    expect(svg).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;');
    expect(chartToMermaid(chartOf(odd))).not.toContain('state "<script');
  });

  it('lights states with their parents, and edges', async () => {
    const svg = await chartToSvg(job, {
      lit: ['processing.running', 'pending#0'],
      counts: { 'pending.queued': 412 },
    });
    const lit = [...svg.matchAll(/<g class="[^"]*\blit" data-(?:state|edge)="([^"]+)"/g)].map(([, id]) => id);
    expect(lit.sort()).toEqual(['pending#0', 'processing', 'processing.running']);
    expect(svg).toMatch(/<text class="count"[^>]*data-count-of="pending\.queued">412<\/text>/);
  });

  it('carries its colours by itself, or leaves them to the page', async () => {
    expect(await chartToSvg(job)).toContain('prefers-color-scheme:dark');
    expect(await chartToSvg(job, { theme: 'dark' })).not.toContain('@media');
    const bare = await chartToSvg(job, { standalone: false });
    expect(bare).not.toMatch(/<style|\sstyle=/);
  });

  it('draws a machine without states', async () => {
    const empty = chartOf(machineOf({ id: 'empty' }));
    expect(await chartToSvg(empty)).toContain('<title>empty</title>');
    expect(chartToMermaid(empty)).toBe('stateDiagram-v2');
  });
});
