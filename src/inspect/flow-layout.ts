import type { ElkNode } from 'elkjs';
import { JetfleetError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { FlowEdge, FlowGraph, FlowNode } from '../jobs/flow-graph.js';
import { layOutGraph } from './chart-elk.js';
import type { Direction, Point, Rect } from './chart-geometry.js';
import { OPTIONS } from './chart-graph.js';
import { LAYOUT_WITHIN_MS, MAX_DRAWN, SMALL, SMALL_WITHIN_MS, TINY } from './chart-layout.js';
import { bestFitting, cornersOf, placesOf } from './chart-places.js';
import { cut, FONT, textWidth } from './chart-text.js';
import { KeptLayouts } from './kept-layouts.js';

export interface FlowLayout {
  width: number;
  height: number;
  nodes: (FlowNode & Rect)[];
  edges: (FlowEdge & { points: Point[] })[];
}

const SIDE = 12;
const MIN_WIDTH = 112;
export const NODE_HEIGHT = 58;
const MAX_TITLE = 32;
/** Widths are multiples of this, so that graphs that differ in their names alone share a layout. */
const WIDTH_STEP = 16;
/** More room between the columns than a chart has: nothing stands at the lines. */
const FLOW_OPTIONS = {
  ...OPTIONS,
  'elk.layered.spacing.nodeNodeBetweenLayers': '44',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
};

/** Where the boxes and lines of a graph are, in the order of the graph. */
interface Places {
  width: number;
  height: number;
  rects: Rect[];
  points: Point[][];
}

/** What is laid out: how wide each box is, and the places of the boxes that each line leads from and to. */
interface Shape {
  widths: number[];
  lines: [from: number, to: number][];
}

const layouts = new KeptLayouts<Places>();

/**
 * Where the jobs of a flow are in its drawing, laid out as charts are: in their thread, and once for each shape.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE`, `JETFLEET_CHART_BUSY`
 */
export async function layOutFlow(id: string, graph: FlowGraph): Promise<FlowLayout> {
  const { nodes, edges } = graph;
  const places = new Map(nodes.map((node, place) => [node.id, place]));
  const placeOf = (node: string) => places.get(node) ?? 0;
  const shape: Shape = {
    widths: nodes.map(widthOf),
    lines: edges.map(({ from, to }) => [placeOf(from), placeOf(to)]),
  };
  const { rects, points, width, height } = await layouts
    .get(shape, () => fittingLayout(shape))
    .catch((error) => {
      throw error instanceof TooLarge ? tooLarge(id, graph, error.message) : error;
    });
  return {
    width,
    height,
    nodes: nodes.map((node, place) => ({ ...node, ...(rects[place] as Rect) })),
    edges: edges.map((edge, place) => ({ ...edge, points: points[place] ?? [] })),
  };
}

/** What is first in the box of a node. */
export function titleOf({ id, keys }: FlowNode): string {
  return keys.length === 1 ? cut(id, MAX_TITLE) : `${keys.length} jobs`;
}

/** Why a shape has no layout; the graph that has it is named by whoever asks. */
class TooLarge extends Error {}

function tooLarge(id: string, { nodes, edges }: FlowGraph, why: string): JetfleetError {
  return new JetfleetError(
    'JETFLEET_CHART_TOO_LARGE',
    `the graph of ${quoted(id)} has ${nodes.length} boxes, as jobs that are alike share one, and ${edges.length} lines; ${why}: show it as a list`,
  );
}

async function fittingLayout(shape: Shape): Promise<Places> {
  const { widths, lines } = shape;
  const size = widths.length + lines.length;
  if (widths.length > MAX_DRAWN.states || lines.length > MAX_DRAWN.edges)
    throw new TooLarge(`${MAX_DRAWN.states} and ${MAX_DRAWN.edges} can be drawn`);
  const directions: Direction[] = size <= TINY ? ['LR', 'TB'] : ['LR'];
  const withinMs = size <= SMALL.size ? SMALL_WITHIN_MS : LAYOUT_WITHIN_MS;
  return bestFitting(await Promise.all(directions.map((each) => layOutAlong(shape, each, withinMs))));
}

async function layOutAlong(
  { widths, lines }: Shape,
  direction: Direction,
  withinMs: number,
): Promise<Places> {
  const root: ElkNode = {
    id: 'root',
    layoutOptions: { ...FLOW_OPTIONS, 'elk.direction': direction === 'TB' ? 'DOWN' : 'RIGHT' },
    children: widths.map((width, index) => ({ id: `node:${index}`, width, height: NODE_HEIGHT })),
    edges: lines.map(([from, to], index) => ({
      id: `edge:${index}`,
      sources: [`node:${from}`],
      targets: [`node:${to}`],
    })),
  };
  const made = await layOutGraph(root, withinMs).catch((error: Error) => {
    throw JetfleetError.is(error) ? error : new TooLarge(`it cannot be laid out (${error.message})`);
  });
  if (!made) throw new TooLarge(`to draw it takes longer than ${withinMs / 1_000} s`);
  const { width, height, rect, edge } = placesOf(made);
  return {
    width,
    height,
    rects: widths.map((_, index) => rect(`node:${index}`) as Rect),
    points: lines.map((_, index) => cornersOf(edge(`edge:${index}`))),
  };
}

/** With room for any text that may be in it later: what moves on must not be laid out again. */
function widthOf(node: FlowNode): number {
  const { length } = node.keys;
  const stand = length === 1 ? '' : `${length} of ${length} completed, ${length} failed, ${length} cancelled`;
  const texts = [
    textWidth(titleOf(node), FONT.title),
    textWidth(cut(node.type, MAX_TITLE), FONT.detail),
    textWidth(stand, FONT.detail),
  ];
  const width = Math.max(MIN_WIDTH, ...texts.map((width) => width + 2 * SIDE));
  return WIDTH_STEP * Math.ceil(width / WIDTH_STEP);
}
