import type { ElkNode } from 'elkjs';
import { JetfleetError } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { FlowEdge, FlowGraph, FlowNode } from '../jobs/flow-graph.js';
import { layOutGraph } from './chart-elk.js';
import type { Direction, Point, Rect } from './chart-geometry.js';
import { OPTIONS } from './chart-graph.js';
import { LAYOUT_WITHIN_MS, MAX_DRAWN, SMALL_WITHIN_MS, TINY } from './chart-layout.js';
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
/** More room between the columns than a chart has: nothing stands at the lines. */
const FLOW_OPTIONS = {
  ...OPTIONS,
  'elk.layered.spacing.nodeNodeBetweenLayers': '44',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
};

const layouts = new KeptLayouts<FlowLayout>();

/**
 * Where the jobs of a flow stand in its drawing, laid out as charts are: in their thread, and once.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE`
 */
export function layOutFlow(id: string, graph: FlowGraph): Promise<FlowLayout> {
  return layouts.get(graph, () => fittingLayout(id, graph));
}

/** What stands first in the box of a node. */
export function titleOf({ id, keys }: FlowNode): string {
  return keys.length === 1 ? cut(id, MAX_TITLE) : `${keys.length} jobs`;
}

async function fittingLayout(id: string, graph: FlowGraph): Promise<FlowLayout> {
  const { nodes, edges } = graph;
  const size = nodes.length + edges.length;
  if (nodes.length > MAX_DRAWN.states || edges.length > MAX_DRAWN.edges)
    throw tooLarge(id, graph, `${MAX_DRAWN.states} and ${MAX_DRAWN.edges} can be drawn`);
  const directions: Direction[] = size <= TINY ? ['LR', 'TB'] : ['LR'];
  return bestFitting(await Promise.all(directions.map((direction) => layOutAlong(id, graph, direction))));
}

function tooLarge(id: string, { nodes, edges }: FlowGraph, why: string): JetfleetError {
  return new JetfleetError(
    'JETFLEET_CHART_TOO_LARGE',
    `the graph of flow ${quoted(id)} has ${nodes.length} boxes, as jobs that are alike share one, and ${edges.length} lines; ${why}: show it as a list`,
  );
}

async function layOutAlong(id: string, graph: FlowGraph, direction: Direction): Promise<FlowLayout> {
  const { nodes, edges } = graph;
  const root: ElkNode = {
    id: 'root',
    layoutOptions: { ...FLOW_OPTIONS, 'elk.direction': direction === 'TB' ? 'DOWN' : 'RIGHT' },
    children: nodes.map((node, index) => ({
      id: `node:${index}`,
      width: widthOf(node),
      height: NODE_HEIGHT,
    })),
    edges: edges.map(({ from, to }, index) => ({
      id: `edge:${index}`,
      sources: [`node:${nodes.findIndex((node) => node.id === from)}`],
      targets: [`node:${nodes.findIndex((node) => node.id === to)}`],
    })),
  };
  const made = await layOutGraph(root, nodes.length <= TINY ? SMALL_WITHIN_MS : LAYOUT_WITHIN_MS).catch(
    (error: Error) => {
      throw tooLarge(id, graph, `it cannot be laid out (${error.message})`);
    },
  );
  if (!made) throw tooLarge(id, graph, `to draw it takes longer than ${LAYOUT_WITHIN_MS / 1_000} s`);
  const { width, height, rect, edge } = placesOf(made);
  return {
    width,
    height,
    nodes: nodes.map((node, index) => ({ ...node, ...(rect(`node:${index}`) as Rect) })),
    edges: edges.map((each, index) => ({ ...each, points: cornersOf(edge(`edge:${index}`)) })),
  };
}

/** With room for whatever is going to stand in it: what moves on must not be laid out again. */
function widthOf(node: FlowNode): number {
  const { length } = node.keys;
  const stand = length === 1 ? '' : `${length} of ${length} completed, ${length} failed`;
  const texts = [
    textWidth(titleOf(node), FONT.title),
    textWidth(cut(node.type, MAX_TITLE), FONT.detail),
    textWidth(stand, FONT.detail),
  ];
  return Math.max(MIN_WIDTH, ...texts.map((width) => width + 2 * SIDE));
}
