/** Charts that somebody made by hand, with everything in them that may not get out of its place. */
import { describe, expect, it, test } from 'vitest';
import { chartText } from '../../src/cli/machine.js';
import { readCharts } from '../../src/inspect/answers.js';
import type { Chart, ChartEdge, ChartState } from '../../src/inspect/chart.js';
import { layOutChart, MAX_DRAWN } from '../../src/inspect/chart-layout.js';
import { chartToMermaid } from '../../src/inspect/chart-mermaid.js';
import { chartToSvg } from '../../src/inspect/chart-svg.js';
import { chartToXState } from '../../src/inspect/machine-json.js';
import { JetfleetError } from '../../src/jobs/errors.js';

const EVIL = 'atomic"><script>alert(1)</script>\'&%%{init: {}}%%\n  x --> y`\u001b[2J';

function state(id: string, parent?: string, kind: ChartState['kind'] = 'atomic'): ChartState {
  const key = parent === undefined ? id : id.slice(parent.length + 1);
  return {
    ...{ id, key, ...(parent !== undefined && { parent }), kind },
    ...{ isInitial: true, description: '', invokes: [] },
  };
}

function edge(number: number, from: string, to: string): ChartEdge {
  return { id: `${from}#${number}`, from, to, event: 'GO', label: 'GO', actions: [] };
}

function chart(states: ChartState[], edges: ChartEdge[] = []): Chart {
  return { id: 'made', version: '1', description: '', states, edges };
}

function nested(depth: number): Chart {
  const states: ChartState[] = [];
  for (let level = 0; level < depth; level++) {
    const parent = states.at(-1)?.id;
    states.push(
      state(parent === undefined ? 's' : `${parent}.s`, parent, level < depth - 1 ? 'compound' : 'atomic'),
    );
  }
  return chart(states);
}

function flat(count: number, edges: number): Chart {
  const states = Array.from({ length: count }, (_, index) => state(`s${index}`));
  const at = (index: number) => `s${index % count}`;
  return chart(
    states,
    Array.from({ length: edges }, (_, n) => edge(n, at(n), at(n * 7 + 1))),
  );
}

/** A chart with the text in every place that takes text, types notwithstanding. */
const everywhere = chart(
  [
    {
      ...{ id: EVIL, key: EVIL, kind: EVIL as never, isInitial: true, description: EVIL },
      ...{ invokes: [EVIL], entry: [EVIL], exit: [EVIL] },
    },
    { ...state('end'), kind: 'final' },
  ],
  [
    { id: EVIL, from: EVIL, to: 'end', event: EVIL, label: EVIL, guard: EVIL, actions: [EVIL] },
    { id: `${EVIL}2`, from: EVIL, to: EVIL, event: EVIL, label: EVIL, guard: EVIL, actions: [EVIL] },
  ],
);
Object.assign(everywhere, { id: EVIL, version: EVIL, description: EVIL });

describe('text in any place of a chart stays text', () => {
  it('in SVG', async () => {
    const svg = await chartToSvg(everywhere, {
      counts: { [EVIL]: EVIL as never },
      lit: [EVIL],
      standalone: false,
    });
    expect(svg).not.toContain('<script');
    // Neither the end of an attribute nor a mark of its own.
    const outside = svg.replaceAll(/<[a-z]+(?: [a-z-]+="[^"<>]*")*\/?>|<\/[a-z]+>|[^<>]+/gi, '');
    expect(outside).toBe('');
    expect(svg).not.toContain('\u001b');
  });

  it('in Mermaid', () => {
    const text = chartToMermaid(everywhere);
    expect(text).not.toMatch(/[<`]|%%|\{init/);
    expect(text.replaceAll('-->', '').replaceAll(' {\n', '')).not.toMatch(/[<>{}]/);
    expect(text.split('\n').filter((line) => line.trim() === 'x --> y')).toEqual([]);
  });

  it('in a terminal', () => {
    expect(chartText(everywhere)).not.toContain('\u001b[2J');
  });

  it('in XState JSON, event names of the language included', () => {
    const odd = chart([state('a')], [{ ...edge(0, 'a', 'a'), event: 'constructor' }]);
    expect(chartToXState(odd)).toMatchObject({ states: { a: { on: { constructor: [{}] } } } });
    expect(JSON.parse(JSON.stringify(chartToXState(everywhere)))).toMatchObject({ id: EVIL });
  });

  it('a state whose name is of the language has no count of its own', async () => {
    const svg = await chartToSvg(chart([state('constructor')]), { counts: {} });
    expect(svg).not.toContain('native code');
  });
});

describe('an answer with charts', () => {
  const good = flat(2, 1);
  test.each<[string, unknown]>([
    ['another kind of state', { ...good, states: [{ ...state('s0'), kind: EVIL }] }],
    ['a flag that is text', { ...good, edges: [], states: [{ ...state('s0'), isInitial: EVIL }] }],
    ['a name that is no text', { ...good, states: [{ ...state('s0'), key: 7 }] }],
    ['a list that is none', { ...good, states: [{ ...state('s0'), invokes: EVIL }] }],
    ['too many invokes', { ...good, states: [{ ...state('s0'), invokes: Array(500).fill('x') }] }],
    ['a very long name', { ...good, edges: [], states: [state('x'.repeat(5_000))] }],
    ['reenter of another kind', { ...good, edges: [{ ...edge(0, 's0', 's1'), reenter: EVIL }] }],
    ['an edge from nowhere', { ...good, edges: [edge(0, 'gone', 's1')] }],
    ['two states of one id', { ...good, states: [...good.states, state('s0')] }],
    ['a parent that comes later', { ...good, edges: [], states: [state('a.b', 'a'), state('a')] }],
    ['201 states', flat(201, 0)],
    ['no object', EVIL],
    ['null', null],
  ])('is not believed with %s', (_, value) => {
    expect(readCharts([value, good])).toEqual([good]);
  });

  it('is no answer without a list', () => {
    for (const charts of [undefined, null, {}, 'x', 7]) expect(readCharts(charts)).toEqual([]);
  });

  it('keeps nothing but what a chart has', () => {
    expect(
      readCharts([{ ...good, more: EVIL, states: good.states.map((each) => ({ ...each, more: 1 })) }]),
    ).toEqual([good]);
  });
});

describe('a chart that is too large to draw', () => {
  const { states, edges, depth } = MAX_DRAWN;
  test.each([
    ['levels', nested(depth + 1)],
    ['states', flat(states + 1, 0)],
    ['edges', flat(10, edges + 1)],
  ])('is refused at once for its %s', async (_, large) => {
    const began = performance.now();
    await expect(layOutChart(large)).rejects.toMatchObject({
      code: 'JETFLEET_CHART_TOO_LARGE',
      message: expect.stringContaining('Mermaid'),
    });
    await expect(chartToSvg(large)).rejects.toThrow('levels');
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('still shows as text, Mermaid and XState JSON', () => {
    const large = nested(depth + 1);
    expect(chartToMermaid(large).split('\n').length).toBeGreaterThan(depth);
    expect(JSON.stringify(chartToXState(large))).toContain('"initial":"s"');
    expect(chartText(large)).toContain('made');
  });

  it.each([nested(depth), flat(states, edges)])(
    'is drawn up to the limit, or takes too long, and blocks nothing meanwhile: %#',
    async (large) => {
      // The thread that it needs is there.
      await layOutChart(flat(2, 1 + large.edges.length / 500));
      let ticks = 0;
      const timer = setInterval(() => ticks++, 10);
      const began = performance.now();
      const made = await layOutChart(large).catch((error) => error);
      clearInterval(timer);
      const isTooLarge = JetfleetError.is(made, 'JETFLEET_CHART_TOO_LARGE');
      expect(isTooLarge || made.states.length === large.states.length, String(made)).toBe(true);
      expect(performance.now() - began).toBeLessThan(5_000);
      expect(ticks).toBeGreaterThan(5);
    },
  );
});
