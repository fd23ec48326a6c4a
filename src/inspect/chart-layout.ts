import type { ElkExtendedEdge } from 'elkjs';
import { JetfleetError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { Chart } from './chart.js';
import { type Block, blocksOf, type Line, linesOf } from './chart-blocks.js';
import { layOutGraph } from './chart-elk.js';
import type { Bend, ChartLayout, Direction, LaidOutLine, Point, Rect } from './chart-geometry.js';
import { graphOf, nameOf } from './chart-graph.js';
import { backwardEdges } from './chart-order.js';
import { bestFitting, centreOf, cornersOf, placesOf, rectOf } from './chart-places.js';
import { KeptLayouts } from './kept-layouts.js';

/** Texts at a level line stand above, on and below it. */
const MAX_BESIDE = 3;

/** What can be drawn in less than {@link LAYOUT_WITHIN_MS}. */
export const MAX_DRAWN = { states: 400, edges: 1_000, depth: 120 } as const;
/** What a layout may take. */
export const LAYOUT_WITHIN_MS = 2_000;
/** A chart of no more states and edges, and levels, is never too large: where it takes long, the machine is slow. */
export const SMALL = { size: 200, depth: 8 } as const;
export const SMALL_WITHIN_MS = 30_000;
/** One of so few is laid out both ways, to take the better one. */
export const TINY = 80;

export interface LayoutOptions {
  /** With guards and actions, or the events alone. Defaults to true. */
  details?: boolean;
}

const layouts = new KeptLayouts<ChartLayout>();

/**
 * Where everything in the drawing of a chart stands, downwards or to the right, whichever fits a page better. It is made
 * in a thread of its own, once for each chart.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE` for a chart of more than {@link MAX_DRAWN}, or one that takes longer than two seconds;
 *   `JETFLEET_CHART_BUSY` while too many wait
 */
export function layOutChart(chart: Chart, { details = true }: LayoutOptions = {}): Promise<ChartLayout> {
  return layouts.get([details, chart.states, chart.edges], () => fittingLayout(chart, details));
}

async function fittingLayout(chart: Chart, details: boolean): Promise<ChartLayout> {
  assertDrawable(chart);
  const blocks = blocksOf(chart, details);
  const lines = linesOf(chart, details);
  const size = chart.states.length + chart.edges.length;
  const directions: Direction[] = size <= TINY && !lines.some(isTall) ? ['TB', 'LR'] : ['TB'];
  const isSmall = size <= SMALL.size && depthOf(chart) <= SMALL.depth;
  const withinMs = isSmall ? SMALL_WITHIN_MS : LAYOUT_WITHIN_MS;
  const made = directions.map((direction) => layOutAlong(chart, blocks, lines, direction, withinMs));
  return bestFitting(await Promise.all(made));
}

/** Beside a level line there is no room for so many texts, nor over a loop for more than one. */
function isTall({ from, to, texts }: Line): boolean {
  if (from === to) return texts.length > 1;
  return texts.reduce((sum, { lines }) => sum + lines.length, 0) > MAX_BESIDE;
}

function assertDrawable(chart: Chart): void {
  const { states, edges } = chart;
  const depth = depthOf(chart);
  if (states.length > MAX_DRAWN.states || edges.length > MAX_DRAWN.edges || depth > MAX_DRAWN.depth)
    throw tooLarge(chart, `${MAX_DRAWN.states}, ${MAX_DRAWN.edges} and ${MAX_DRAWN.depth} can be drawn`);
}

function tooLarge(chart: Chart, why: string): JetfleetError {
  const { id, states, edges } = chart;
  return new JetfleetError(
    'JETFLEET_CHART_TOO_LARGE',
    `machine ${quoted(id)} has ${states.length} states, ${edges.length} edges and ${depthOf(chart)} levels; ${why}: show it as text, Mermaid or XState JSON`,
  );
}

function depthOf({ states }: Chart): number {
  const levels = new Map([['', 0]]);
  for (const state of states) levels.set(state.id, (levels.get(state.parent ?? '') ?? 0) + 1);
  return Math.max(...levels.values());
}

async function layOutAlong(
  chart: Chart,
  blocks: readonly Block[],
  lines: readonly Line[],
  direction: Direction,
  withinMs: number,
): Promise<ChartLayout> {
  const graph = graphOf(chart, blocks, lines, direction);
  const made = await layOutGraph(graph, withinMs).catch((error: Error) => {
    if (JetfleetError.is(error)) throw error;
    throw tooLarge(chart, `it cannot be laid out (${error.message})`);
  });
  if (!made) throw tooLarge(chart, `to draw it takes longer than ${withinMs / 1_000} s`);
  const { width, height, rect, edge } = placesOf(made);
  const isBackward = backwardEdges(chart);
  return {
    width,
    height,
    direction,
    states: blocks.map(({ state, details }) => {
      return { state, details, ...(rect(nameOf.state(state.id)) as Rect) };
    }),
    lines: lines.map((line, index) => laidOut(line, edge(nameOf.line(index)), isBackward(line))),
    starts: chart.states.flatMap(({ id, isInitial, parent = '' }) => {
      const dot = isInitial && rect(nameOf.start(parent));
      return dot ? [{ state: id, dot: centreOf(dot), points: cornersOf(edge(nameOf.entry(id))) }] : [];
    }),
  };
}

function laidOut(
  { from, to, edges, height, width }: Line,
  made: ElkExtendedEdge | undefined,
  isBackward: boolean,
): LaidOutLine {
  const [label] = made?.labels ?? [];
  const room = rectOf({ ...label, width, height });
  const labels = edges.map(({ edge, text }) => {
    const { lines = [], top = 0, height = 0 } = text ?? {};
    return { edge, lines, ...room, y: room.y + top, height };
  });
  const corners = isBackward ? cornersOf(made).toReversed() : cornersOf(made);
  return { from, to, points: height > 0 ? withGap(corners, room) : corners, labels };
}

/** A line stops before its text and goes on behind it. */
function withGap(corners: readonly Point[], text: Rect): Bend[] {
  return corners.flatMap((end, index): Bend[] => {
    const start = corners[index - 1];
    if (!start) return [end];
    const within = overlap(start, end, text);
    if (!within) return [end];
    const [first, last] = within;
    return [first, { ...last, afterGap: true }, end];
  });
}

/** The part of a level or upright line that is in a rectangle, in the direction of the line. */
function overlap(start: Point, end: Point, { x, y, width, height }: Rect): [Point, Point] | undefined {
  const within = (point: Point): Point => ({
    x: Math.min(Math.max(point.x, x), x + width),
    y: Math.min(Math.max(point.y, y), y + height),
  });
  const [first, last] = [within(start), within(end)];
  const isOnLine = first.x === last.x ? first.x === start.x : first.y === start.y;
  const isLong = Math.abs(first.x - last.x) + Math.abs(first.y - last.y) > 1;
  return isOnLine && isLong ? [first, last] : undefined;
}
