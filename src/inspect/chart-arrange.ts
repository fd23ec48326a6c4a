import { Graph, layout } from '@dagrejs/dagre';
import type { Chart, ChartState } from './chart.js';
import type { Block, Line } from './chart-blocks.js';
import { type Direction, type Point, type Rect, type Size, turned } from './chart-geometry.js';
import { backwardEdges } from './chart-order.js';

/** Room beside a box for the loop of a line that leads back to it. */
export const LOOP_ROOM = 30;
const DOT = 12;
/** Keeps things in order and is not drawn. */
const GUIDE = { weight: 0, minlen: 1, width: 0, height: 0 };

/**
 * What dagre made of a chart: where each thing stands, before the parents get their boxes. All goes down here; a drawing to the right
 * is turned afterwards.
 */
export interface Arrangement {
  /** Boxes of states without children, by id. */
  boxes: Map<string, Rect>;
  /** What stands at the beginning of a parent, and where its lines end, by {@link nameOf}. */
  ports: Map<string, Rect>;
  /** The bends of a line from `from` to `to`, without its ends. */
  bends: Map<Line, Point[]>;
  labels: Map<Line, Rect>;
  /** How far the widest thing of a rank reaches from the middle of the rank, by that middle. */
  ranks: ReadonlyMap<number, number>;
}

/**
 * Gives everything its place. Dagre cannot end a line at a parent, so a parent has a head before all that is in it, where
 * lines to it end, and a tail behind, where lines from it begin.
 */
export function arrange(
  chart: Chart,
  blocks: readonly Block[],
  lines: readonly Line[],
  direction: Direction,
): Arrangement {
  for (const care of ['guided', 'nested'] as const) {
    try {
      return arrangeWith(care, chart, blocks, lines, direction);
    } catch {
      // Dagre gives up on some graphs with boxes in boxes; with less to heed it copes.
    }
  }
  return arrangeWith('flat', chart, blocks, lines, direction);
}

/** How much dagre has to heed: heads first and tails last in boxes, boxes, or neither. */
type Care = 'guided' | 'nested' | 'flat';

function arrangeWith(
  care: Care,
  chart: Chart,
  blocks: readonly Block[],
  lines: readonly Line[],
  direction: Direction,
): Arrangement {
  const graph = new Graph({ multigraph: true, compound: true });
  graph.setGraph({ nodesep: 26, edgesep: 18, ranksep: direction === 'TB' ? 52 : 72 });
  const sizeOf = ({ width, height }: Size) => turned({ width, height }, direction);
  const parents = new Set(blocks.filter(({ isParent }) => isParent).map(({ state }) => state.id));
  const loops = new Map(lines.filter(({ from, to }) => from === to).map((line) => [line.from, line]));
  const end = (line: Line, id: string) => {
    if (!parents.has(id)) return nameOf('state', id);
    const leadsOut = id === line.from && line.to !== id && !isInside(line.to, id);
    return nameOf(leadsOut ? 'tail' : 'head', id);
  };
  const isBackward = backwardEdges(chart);
  // Against the order of things, an edge is laid out from its target to its source.
  const asDrawn = (line: Line): [string, string] => {
    const ends: [string, string] = [end(line, line.from), end(line, line.to)];
    return isBackward(line.from, line.to) ? [ends[1], ends[0]] : ends;
  };
  const dots = enteredParents(chart, lines);
  const needed = new Set(lines.flatMap((line) => [end(line, line.from), end(line, line.to)]));
  for (const { id, isInitial } of chart.states) if (isInitial) needed.add(nameOf('head', id));
  for (const dot of dots) graph.setNode(nameOf('dot', dot), { width: DOT, height: DOT });
  for (const block of blocks) addBlock(graph, block, loops.get(block.state.id), needed, sizeOf);
  for (const { state } of blocks) {
    if (state.parent !== undefined) graph.setParent(nameOf('state', state.id), nameOf('state', state.parent));
  }
  for (const dot of dots) if (dot !== '') graph.setParent(nameOf('dot', dot), nameOf('state', dot));
  const leaves = blocks.filter(({ isParent }) => !isParent).map(({ state }) => state.id);
  for (const parent of care === 'guided' ? parents : []) {
    const inside = leaves.filter((id) => isInside(id, parent)).map((id) => nameOf('state', id));
    for (const leaf of inside) {
      if (needed.has(nameOf('head', parent)))
        graph.setEdge(nameOf('head', parent), leaf, { ...GUIDE }, 'guide');
      if (needed.has(nameOf('tail', parent)))
        graph.setEdge(leaf, nameOf('tail', parent), { ...GUIDE }, 'guide');
    }
  }
  for (const { id, parent = '', isInitial } of chart.states) {
    if (!isInitial || !dots.has(parent)) continue;
    graph.setEdge(nameOf('dot', parent), nameOf(parents.has(id) ? 'head' : 'state', id), {
      ...GUIDE,
      weight: 3,
    });
  }
  lines.forEach((line, index) => {
    if (line.from === line.to) return;
    graph.setEdge(...asDrawn(line), { ...sizeOf(line), labelpos: 'c', weight: 1 }, String(index));
  });
  if (care === 'flat') for (const id of graph.nodes() as string[]) graph.setParent(id);
  layout(graph);
  const bends: Arrangement['bends'] = new Map();
  const found = { ...readBack(graph, blocks, loops, sizeOf), bends, ranks: ranksOf(graph) };
  lines.forEach((line, index) => {
    if (line.from === line.to) return;
    const { points = [], x = 0, y = 0 } = graph.edge(...asDrawn(line), String(index));
    const inOrder = isBackward(line.from, line.to) ? points.toReversed() : points;
    bends.set(line, inOrder.slice(1, -1));
    if (line.height > 0) found.labels.set(line, rectOf({ x, y, ...sizeOf(line) }));
  });
  return found;
}

/** Whether a state is in another, however deep. */
export function isInside(id: string, parent: string): boolean {
  return id.startsWith(`${parent}.`);
}

type Drawn = InstanceType<typeof Graph>;
/** In a drawing that goes down. */
type SizeOf = (thing: Size) => Size;

export function nameOf(kind: 'state' | 'head' | 'tail' | 'dot', id: string): string {
  return `${kind}:${id}`;
}

function addBlock(
  graph: Drawn,
  block: Block,
  loop: Line | undefined,
  needed: ReadonlySet<string>,
  sizeOf: SizeOf,
): void {
  const { id } = block.state;
  if (block.isParent) {
    graph.setNode(nameOf('state', id), {});
    for (const kind of ['head', 'tail'] as const) {
      if (!needed.has(nameOf(kind, id))) continue;
      graph.setNode(nameOf(kind, id), kind === 'head' && loop ? sizeOf(loop) : { width: 2, height: 2 });
      graph.setParent(nameOf(kind, id), nameOf('state', id));
    }
    return;
  }
  const size = sizeOf(block);
  if (loop) {
    const { width, height } = sizeOf(loop);
    size.width += LOOP_ROOM + width;
    size.height = Math.max(size.height, height);
  }
  graph.setNode(nameOf('state', id), size);
}

/** The parents, and the machine itself, that are entered without saying which of their states: they show a dot. */
function enteredParents(chart: Chart, lines: readonly Line[]): Set<string> {
  const isEntered = ({ id, parent, isInitial }: ChartState) =>
    isInitial || parent !== undefined || lines.some((line) => line.to === id && line.from !== id);
  const entered = new Set(chart.states.filter(isEntered).map(({ id }) => id));
  const parents = chart.states.filter(({ isInitial }) => isInitial).map(({ parent = '' }) => parent);
  return new Set(parents.filter((parent) => parent === '' || entered.has(parent)));
}

function readBack(
  graph: Drawn,
  blocks: readonly Block[],
  loops: ReadonlyMap<string, Line>,
  sizeOf: SizeOf,
): Omit<Arrangement, 'bends' | 'ranks'> {
  const all = new Map((graph.nodes() as string[]).map((id) => [id, rectOf(graph.node(id))]));
  const found = { boxes: new Map<string, Rect>(), ports: all, labels: new Map<Line, Rect>() };
  for (const block of blocks) {
    const { id } = block.state;
    const node = all.get(nameOf(block.isParent ? 'head' : 'state', id));
    const size = sizeOf(block);
    if (node && !block.isParent) {
      found.boxes.set(id, { ...size, x: node.x, y: node.y + (node.height - size.height) / 2 });
    }
    const loop = loops.get(id);
    if (!loop || !node) continue;
    const room = sizeOf(loop);
    const x = block.isParent ? node.x : node.x + size.width + LOOP_ROOM;
    found.labels.set(loop, { ...room, x, y: node.y + (node.height - room.height) / 2 });
  }
  return found;
}

function ranksOf(graph: Drawn): Map<number, number> {
  const ranks = new Map<number, number>();
  const widen = (middle: number, half: number) => {
    const key = Math.round(middle);
    ranks.set(key, Math.max(ranks.get(key) ?? 0, half));
  };
  for (const id of graph.nodes() as string[]) {
    if (graph.children(id).length > 0) continue;
    const { y = 0, height } = graph.node(id);
    widen(y, height / 2);
  }
  for (const edge of graph.edges()) {
    const { y, height = 0 } = graph.edge(edge);
    if (y !== undefined) widen(y, height / 2);
  }
  return ranks;
}

function rectOf(node: Partial<Point> & Size): Rect {
  const { x = 0, y = 0, width, height } = node;
  return { x: x - width / 2, y: y - height / 2, width, height };
}
