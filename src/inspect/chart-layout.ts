import { JetfleetError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { Chart } from './chart.js';
import { type Arrangement, arrange, isInside, LOOP_ROOM, nameOf } from './chart-arrange.js';
import { type Block, blocksOf, type Line, linesOf, stacked, TITLE_HEIGHT } from './chart-blocks.js';
import {
  around,
  type Bend,
  type ChartLayout,
  centreOf,
  type Direction,
  isOverlapping,
  type LaidOutLine,
  type Point,
  type Rect,
  turned,
} from './chart-geometry.js';
import { routeLines } from './chart-routes.js';
import { LINE_HEIGHT } from './chart-text.js';

const MARGIN = 20;
/** Between the border of a parent and what is in it. */
const BORDER = 12;
/** Width over height of a drawing that fits a page. */
const ASPECT = 1.5;

/**
 * What can be drawn in about a second. The time grows with the states and edges much faster than their number does, and
 * with each level of states in states.
 */
export const MAX_DRAWN = { states: 50, edges: 100, depth: 6 } as const;

/**
 * Where everything in the drawing of a chart stands, downwards or to the right, whichever fits a page better. Made once
 * for each chart object.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE` for a chart of more than {@link MAX_DRAWN}
 */
export function layOutChart(chart: Chart): ChartLayout {
  const known = layouts.get(chart) ?? fittingLayout(chart);
  layouts.set(chart, known);
  return known;
}

/** A page draws the same chart again and again, with other states lit. */
const layouts = new WeakMap<Chart, ChartLayout>();

function fittingLayout(chart: Chart): ChartLayout {
  assertDrawable(chart);
  const down = layOutAlong(chart, 'TB');
  const right = layOutAlong(chart, 'LR');
  const needed = ({ width, height }: ChartLayout) => Math.max(width / ASPECT, height);
  return needed(down) <= needed(right) ? down : right;
}

function assertDrawable({ id, states, edges }: Chart): void {
  const levels = new Map([['', 0]]);
  for (const state of states) levels.set(state.id, (levels.get(state.parent ?? '') ?? 0) + 1);
  const depth = Math.max(...levels.values());
  if (states.length <= MAX_DRAWN.states && edges.length <= MAX_DRAWN.edges && depth <= MAX_DRAWN.depth)
    return;
  throw new JetfleetError(
    'JETFLEET_CHART_TOO_LARGE',
    `machine ${quoted(id)} has ${states.length} states, ${edges.length} edges and ${depth} levels; ${MAX_DRAWN.states}, ${MAX_DRAWN.edges} and ${MAX_DRAWN.depth} can be drawn: show it as text, Mermaid or XState JSON`,
  );
}

function layOutAlong(chart: Chart, direction: Direction): ChartLayout {
  const blocks = blocksOf(chart);
  const lines = linesOf(chart);
  const arrangement = arrange(chart, blocks, lines, direction);
  const onPage = <T extends Partial<Rect>>(thing: T) => turned(thing, direction);
  const boxes = withParents(blocks, lines, arrangement, onPage);
  const boxOf = (id: string) => boxes.get(id) as Rect;
  const drawn = drawnLines(lines, arrangement, boxOf, onPage);
  const starts = chart.states.flatMap(({ id, isInitial, parent = '' }) => {
    const dot = isInitial && arrangement.ports.get(nameOf('dot', parent));
    return dot ? [{ state: id, points: startOf(dot, boxOf(id)).map(onPage) as [Point, Point] }] : [];
  });
  const states = blocks.map(({ state, details }) => ({ state, details, ...onPage(boxOf(state.id)) }));
  return moved({ width: 0, height: 0, direction, states, lines: drawn, starts });
}

/** From a drawing that goes down to the page, and back. */
type OnPage = <T extends Partial<Rect>>(thing: T) => T;

/** The boxes of all states: a parent's is drawn around what is in it. */
function withParents(
  blocks: readonly Block[],
  lines: readonly Line[],
  { boxes, ports, labels, ranks }: Arrangement,
  onPage: OnPage,
): Map<string, Rect> {
  const all = new Map(boxes);
  for (const { state, isParent, details, width } of blocks.toReversed()) {
    if (!isParent) continue;
    const children = blocks.filter(({ state: { parent } }) => parent === state.id);
    const within = (id: string) => id === state.id || isInside(id, state.id);
    const things = [
      ...children.map((child) => all.get(child.state.id) as Rect),
      ...(['head', 'tail', 'dot'] as const).flatMap((kind) => ports.get(nameOf(kind, state.id)) ?? []),
      ...lines.flatMap((line) => (within(line.from) && within(line.to) ? (labels.get(line) ?? []) : [])),
    ];
    const content = around(things.map((thing) => alongRank(thing, ranks)));
    let box = onPage(padded(onPage(content), details.length, width));
    // Texts of lines that lead out are in the box or outside, and never on its border.
    for (const line of lines) {
      const label = labels.get(line);
      const isOurs = within(line.from) !== within(line.to);
      if (label && isOurs && isOverlapping(label, box)) {
        const { x, y, width, height } = onPage(label);
        const room = { width: width + 2 * BORDER, height: height + TITLE_HEIGHT + BORDER };
        box = around([box, onPage({ x: x - BORDER, y: y - TITLE_HEIGHT, ...room })]);
      }
    }
    all.set(state.id, box);
  }
  return all;
}

/** The box of a parent around what is in it: at least as wide as its title, which stands above. */
function padded(content: Rect, details: number, minWidth: number): Rect {
  const above = TITLE_HEIGHT + BORDER / 2 + details * LINE_HEIGHT;
  const width = Math.max(content.width + 2 * BORDER, minWidth);
  return {
    x: content.x + content.width / 2 - width / 2,
    y: content.y - above,
    width,
    height: content.height + above + BORDER,
  };
}

/** A thing as long as the rank that it stands in. */
function alongRank(thing: Rect, ranks: Arrangement['ranks']): Rect {
  const { y } = centreOf(thing);
  const half = ranks.get(Math.round(y));
  return half === undefined ? thing : { ...thing, y: y - half, height: 2 * half };
}

function drawnLines(
  lines: readonly Line[],
  { bends, labels, boxes, ranks }: Arrangement,
  boxOf: (id: string) => Rect,
  onPage: OnPage,
): LaidOutLine[] {
  const routed = lines.filter((line) => line.from !== line.to);
  const paths = routeLines(
    routed.map((line) => ({ from: boxOf(line.from), to: boxOf(line.to), bends: bends.get(line) ?? [] })),
  );
  return lines.map((line) => {
    const { from, to } = line;
    const place = labels.get(line);
    const { x, y } = place ? onPage(place) : { x: 0, y: 0 };
    const isLoop = from === to;
    const loop = boxes.has(from) ? loopPoints(boxOf(from)) : [];
    const points = isLoop ? loop : withGap(straightened(paths[routed.indexOf(line)] ?? [], ranks), place);
    return { from, to, points: points.map(onPage), isLoop, labels: stacked(line, x, y) };
  });
}

/** A line bends only between the ranks, where nothing stands, and goes straight through each of them. */
function straightened(points: readonly Point[], ranks: Arrangement['ranks']): Point[] {
  return points.flatMap((point, index) => {
    const isEnd = index === 0 || index === points.length - 1;
    const [last, next] = [points[index - 1] ?? point, points[index + 1] ?? point];
    const sign = Math.sign(next.y - last.y) || 1;
    const [middle, half] = isEnd
      ? rankAround(point.y, ranks)
      : [point.y, ranks.get(Math.round(point.y)) ?? 0];
    const before = { ...point, y: middle - sign * half };
    const behind = { ...point, y: middle + sign * half };
    if (index === 0) return isBetween(behind.y, point.y, next.y) ? [point, behind] : [point];
    if (isEnd) return isBetween(before.y, last.y, point.y) ? [before, point] : [point];
    return half < 1 ? [point] : [before, point, behind];
  });
}

function isBetween(value: number, a: number, b: number): boolean {
  return value > Math.min(a, b) + 1 && value < Math.max(a, b) - 1;
}

/** The rank that something stands in, by its middle, and half its size. */
function rankAround(at: number, ranks: Arrangement['ranks']): [number, number] {
  for (const [middle, half] of ranks) if (Math.abs(at - middle) <= half + 0.5) return [middle, half];
  return [at, 0];
}

/** A line stops before its text and goes on behind it. */
function withGap(points: readonly Point[], label: Rect | undefined): Bend[] {
  if (!label) return [...points];
  const { x, y } = centreOf(label);
  const index = points.findIndex((point) => Math.abs(point.x - x) < 1 && Math.abs(point.y - y) < 1);
  const [last, next] = [points[index - 1], points[index + 1]];
  if (!last || !next) return [...points];
  const [above, below] = [label.y - 1, label.y + label.height + 1];
  const [before, behind] = next.y < last.y ? [below, above] : [above, below];
  const ends: Bend[] = [
    { x, y: before },
    { x, y: behind, afterGap: true },
  ];
  return [...points.slice(0, index), ...ends, ...points.slice(index + 1)];
}

/** Out of a side of a box that other lines do not use, and back into it. */
function loopPoints({ x, y, width, height }: Rect): Point[] {
  const [right, room] = [x + width, LOOP_ROOM - 8];
  const half = Math.min(16, height * 0.22);
  const [upper, lower] = [y + height / 2 - half, y + height / 2 + half];
  return [
    { x: right, y: upper },
    { x: right + room, y: upper },
    { x: right + room, y: lower },
    { x: right, y: lower },
  ];
}

function startOf(dot: Rect, { x, y, width }: Rect): [Point, Point] {
  const at = centreOf(dot);
  return [at, { x: Math.min(Math.max(at.x, x + 8), x + width - 8), y }];
}

/** The drawing with its left upper corner at the origin. */
function moved(layout: ChartLayout): ChartLayout {
  const { states, lines, starts } = layout;
  const points = [...lines.flatMap((line) => line.points), ...starts.flatMap((start) => start.points)];
  const all = around([
    { x: 0, y: 0, width: 0, height: 0 },
    ...states,
    ...lines.flatMap(({ labels }) => labels),
    ...points.map((point) => ({ ...point, width: 0, height: 0 })),
  ]);
  const by = <T extends Point>(thing: T): T => ({
    ...thing,
    x: thing.x - all.x + MARGIN,
    y: thing.y - all.y + MARGIN,
  });
  return {
    ...layout,
    width: Math.ceil(all.width + 2 * MARGIN),
    height: Math.ceil(all.height + 2 * MARGIN),
    states: states.map(by),
    lines: lines.map((line) => ({ ...line, points: line.points.map(by), labels: line.labels.map(by) })),
    starts: starts.map((start) => ({ ...start, points: [by(start.points[0]), by(start.points[1])] })),
  };
}
