/** What a drawing must never do, held to machines that nobody drew by hand. */
import { describe, expect, it } from 'vitest';
import { type Chart, type ChartEdge, type ChartState, chartOf } from '../../src/inspect/chart.js';
import { type Bend, type ChartLayout, isOverlapping, type Rect } from '../../src/inspect/chart-geometry.js';
import { layOutChart } from '../../src/inspect/chart-layout.js';
import { FONT } from '../../src/inspect/chart-text.js';
import { type FlowLayout, layOutFlow } from '../../src/inspect/flow-layout.js';
import { BUILT_IN_CHARTS } from '../../src/inspect/known-charts.js';
import { graphOfFlow } from '../../src/jobs/flow-graph.js';

/** Of a chart in the dashboard at 1440x900: the width of a panel, and the height that a chart may have. */
const VIEW = { width: 1_119, height: 640 };
const LEAST_TEXT_PX = 11;
const FARTHEST_LABEL_PX = 12;

/** Among them several of 60 states, parallel ones, loops, and six levels. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Mulberry32: the same numbers for the same seed, everywhere. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const EVENTS = [
  'GO',
  'STOP',
  'run done',
  'after 30 s',
  '',
  'PAYMENT_RECEIVED',
  'a rather long name of an event',
];

/** A machine with everything that machines have: nested to six levels, parallel, with loops, and up to 60 states. */
function generated(seed: number): Chart {
  const random = randomOf(seed);
  const states: ChartState[] = [];
  const count = seed % 4 === 0 ? 60 : 3 + random(58);
  const grow = (parent: ChartState | undefined, depth: number) => {
    const children = 1 + random(4);
    for (let n = 0; n < children && states.length < count; n++) {
      const key = `s${states.length}`;
      const state: ChartState = {
        id: parent ? `${parent.id}.${key}` : key,
        key: random(5) === 0 ? `${key}_with_a_longer_name` : key,
        ...(parent && { parent: parent.id }),
        kind: 'atomic',
        isInitial: n === 0 && (parent ? parent.kind !== 'parallel' : states.length === 0),
        description: '',
        invokes: random(6) === 0 ? ['actor'] : [],
        ...(random(8) === 0 && { entry: ['noteSomething'], exit: ['forgetIt'] }),
      };
      states.push(state);
      if (depth < 6 && random(3) === 0) {
        state.kind = random(3) === 0 ? 'parallel' : 'compound';
        const before = states.length;
        grow(state, depth + 1);
        if (states.length === before) state.kind = 'atomic';
      } else if (random(6) === 0) state.kind = 'final';
    }
  };
  while (states.length < count) grow(undefined, 1);
  const at = () => states[random(states.length)]?.id ?? '';
  const edges = Array.from({ length: Math.ceil(count * 1.5) }, (_, n): ChartEdge => {
    const from = random(25) === 0 ? '' : at();
    const label = EVENTS[random(EVENTS.length)] ?? '';
    return {
      ...{ id: `${from}#${n}`, from, to: random(8) === 0 ? from : at(), event: label, label },
      ...(random(3) === 0 && { guard: 'isAllowed' }),
      actions: random(3) === 0 ? ['saveIt', 'tellOthers'] : [],
    };
  });
  return { id: `generated ${seed}`, version: '', description: '', states, edges };
}

/** What is wrong with a drawing, in words. */
function faultsOf({ states, lines, starts, width, height }: ChartLayout): string[] {
  const faults: string[] = [];
  const boxes = new Map(states.map((box) => [box.state.id, box]));
  const isAround = (outer: string, inner: string) => inner === outer || inner.startsWith(`${outer}.`);
  const check = (isFine: boolean, words: string) => isFine || faults.push(words);
  const all = [
    ...lines.map(({ from, to, points }) => ({ name: `${from} -> ${to}`, ends: [from, to], points })),
    ...starts.map(({ state, points }) => ({ name: `start of ${state}`, ends: [state], points })),
  ];
  for (const { name, ends, points } of all) {
    check(points.length > 1, `${name} has no line`);
    for (const [start, end] of partsOf(points)) {
      check(start.x === end.x || start.y === end.y, `${name} is slanted`);
      for (const [id, box] of boxes) {
        const isOwn = ends.some((own) => (id === '' ? own === '' : isAround(id, own)));
        check(isOwn || !crosses(start, end, box), `${name} crosses ${id}`);
      }
    }
    for (const [end, id] of [
      [points[0], ends[0]],
      [points.at(-1), ends.at(-1)],
    ] as const) {
      const box = boxes.get(id ?? '');
      const isStart = ends.length === 1 && end === points[0];
      check(isStart || (end && box && isOnBorder(end, box)) === true, `${name} ends in nothing at ${id}`);
    }
  }
  const texts = lines.flatMap(({ from, to, labels, points }) => {
    const distinct = new Map(labels.filter(({ lines }) => lines.length > 0).map((label) => [label.y, label]));
    return [...distinct.values()].map((label) => ({
      name: `${label.lines} of ${from} -> ${to}`,
      label,
      points,
    }));
  });
  texts.forEach(({ name, label, points }, index) => {
    const far = Math.min(...courseOf(points).map(([start, end]) => distance(start, end, label)));
    check(far <= FARTHEST_LABEL_PX, `${name} is ${far} px from its line`);
    for (const other of texts.slice(index + 1))
      check(!isOverlapping(shrunk(label), other.label), `${name} is over ${other.name}`);
    for (const { state, ...box } of states) {
      const isTitle = states.some(({ state: { parent } }) => parent === state.id);
      const title = isTitle ? { ...box, height: 22 } : box;
      check(!isOverlapping(shrunk(label), title), `${name} is over ${state.id}`);
    }
    check(isInside(label, { x: 0, y: 0, width, height }), `${name} is off the page`);
  });
  for (const box of states) {
    const parent = boxes.get(box.state.parent ?? '');
    if (box.state.parent !== undefined && parent) check(isInside(box, parent), `${box.state.id} is outside`);
    for (const other of states) {
      const isRelated = isAround(box.state.id, other.state.id) || isAround(other.state.id, box.state.id);
      check(isRelated || !isOverlapping(box, other), `${box.state.id} is over ${other.state.id}`);
    }
  }
  return faults;
}

type Part = [Bend, Bend];

/** The way of a line, its gaps included: those are where its own texts stand. */
function courseOf(points: readonly Bend[]): Part[] {
  return points.slice(1).map((end, index): Part => [points[index] as Bend, end]);
}

function partsOf(points: readonly Bend[]): Part[] {
  return points
    .slice(1)
    .flatMap((end, index): Part[] => (end.afterGap ? [] : [[points[index] as Bend, end]]));
}

function crosses(a: Bend, b: Bend, box: Rect): boolean {
  const [left, top] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  const line = { x: left, y: top, width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
  return isOverlapping(shrunk(box), { ...line, width: line.width || 0.01, height: line.height || 0.01 });
}

/** Without what rounding adds. */
function shrunk({ x, y, width, height }: Rect): Rect {
  return { x: x + 0.5, y: y + 0.5, width: width - 1, height: height - 1 };
}

function isOnBorder({ x, y }: Bend, box: Rect): boolean {
  const near = (a: number, b: number) => Math.abs(a - b) < 1;
  const isLevel = x > box.x - 1 && x < box.x + box.width + 1;
  const isUpright = y > box.y - 1 && y < box.y + box.height + 1;
  return (
    (isLevel && (near(y, box.y) || near(y, box.y + box.height))) ||
    (isUpright && (near(x, box.x) || near(x, box.x + box.width)))
  );
}

/** Between a level or upright line and a rectangle. */
function distance(a: Bend, b: Bend, { x, y, width, height }: Rect): number {
  const gap = (low: number, high: number, from: number, to: number) => Math.max(0, from - high, low - to);
  const level = gap(Math.min(a.x, b.x), Math.max(a.x, b.x), x, x + width);
  return Math.hypot(level, gap(Math.min(a.y, b.y), Math.max(a.y, b.y), y, y + height));
}

function isInside(inner: Rect, outer: Rect): boolean {
  return (
    inner.x >= outer.x - 0.5 &&
    inner.y >= outer.y - 0.5 &&
    inner.x + inner.width <= outer.x + outer.width + 0.5 &&
    inner.y + inner.height <= outer.y + outer.height + 0.5
  );
}

const builtIn = [...BUILT_IN_CHARTS.values()].map(chartOf);

describe('a drawing has no fault', () => {
  it.each(builtIn.map((chart) => [chart.id, chart] as const))('of %s', async (_, chart) => {
    for (const details of [false, true]) expect(faultsOf(await layOutChart(chart, { details }))).toEqual([]);
  });

  it.each(SEEDS)('of a machine that is made up, seed %i', async (seed) => {
    const chart = generated(seed);
    expect(faultsOf(await layOutChart(chart, { details: seed % 2 === 0 }))).toEqual([]);
  });
});

it.each(builtIn.map((chart) => [chart.id, chart] as const))(
  '%s is read without scrolling',
  async (_, chart) => {
    const { width, height } = await layOutChart(chart, { details: false });
    const scale = Math.min(VIEW.width / width, VIEW.height / height, 1);
    expect(Math.min(FONT.label, FONT.detail, FONT.title) * scale).toBeGreaterThanOrEqual(LEAST_TEXT_PX);
  },
);

/** Jobs that run after up to three of those before them. */
function generatedFlow(seed: number) {
  const random = randomOf(seed);
  return Array.from({ length: 5 + random(36) }, (_, index) => ({
    key: `job_${index}`,
    type: `type_${random(5)}`,
    after: [...new Set(Array.from({ length: random(4) }, () => `job_${random(index || 1)}`))].filter(
      (key) => key !== `job_${index}`,
    ),
    onFailure: 'fail' as const,
  }));
}

function asChart({ nodes, edges, width, height }: FlowLayout): ChartLayout {
  const boxes = nodes.map(({ id, keys: _, type: __, ...rect }) => {
    const state: ChartState = { id, key: id, kind: 'atomic', isInitial: false, description: '', invokes: [] };
    return { state, details: [], ...rect };
  });
  const lines = edges.map(({ from, to, points }) => ({ from, to, points, labels: [] }));
  return { width, height, direction: 'LR', states: boxes, lines, starts: [] };
}

it.each(SEEDS)('the drawing of a flow that is made up has no fault, seed %i', async (seed) => {
  expect(faultsOf(asChart(await layOutFlow('made-up', graphOfFlow(generatedFlow(seed)))))).toEqual([]);
});
