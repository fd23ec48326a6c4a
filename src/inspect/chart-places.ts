/** Where ELK has put what a drawing is made of. */
import type { ElkExtendedEdge, ElkNode } from 'elkjs';
import type { Point, Rect } from './chart-geometry.js';

/** Around a drawing. */
export const MARGIN = 8;
/** Width over height of a drawing that fits a page. */
const ASPECT = 1.7;

/** The place of every node of a graph, by its id, and of the corners of every edge. */
export function placesOf(made: ElkNode) {
  const nodes = new Map(nodesIn(made).map((node) => [node.id, rectOf(node)]));
  const edges = new Map((made.edges ?? []).map((edge) => [edge.id, edge]));
  return {
    width: Math.ceil((made.width ?? 0) + 2 * MARGIN),
    height: Math.ceil((made.height ?? 0) + 2 * MARGIN),
    rect: (id: string) => nodes.get(id),
    edge: (id: string) => edges.get(id),
  };
}

function nodesIn(node: ElkNode): ElkNode[] {
  return [node, ...(node.children ?? []).flatMap(nodesIn)];
}

export function rectOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Rect>): Rect {
  return { x: x + MARGIN, y: y + MARGIN, width, height };
}

export function centreOf({ x, y, width, height }: Rect): Point {
  return { x: x + width / 2, y: y + height / 2 };
}

export function cornersOf(edge: ElkExtendedEdge | undefined): Point[] {
  const [section] = edge?.sections ?? [];
  if (!section) return [];
  const { startPoint, bendPoints = [], endPoint } = section;
  return [startPoint, ...bendPoints, endPoint].map(({ x, y }) => ({
    x: onGrid(x) + MARGIN,
    y: onGrid(y) + MARGIN,
  }));
}

/** Sums of fractions differ in their last digits, and a line that is level must be so exactly. */
function onGrid(value: number): number {
  return Math.round(value * 1_024) / 1_024;
}

/** The one of several drawings that needs the least room of a page. */
export function bestFitting<T extends { width: number; height: number }>(made: readonly T[]): T {
  const needed = ({ width, height }: T) => Math.max(width / ASPECT, height);
  return made.reduce((best, other) => (needed(other) < needed(best) ? other : best));
}
