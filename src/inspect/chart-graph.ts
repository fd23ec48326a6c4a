/** A chart as the graph that ELK lays out: sizes and ends, no places yet. */
import type { ElkExtendedEdge, ElkNode } from 'elkjs';
import type { Chart, ChartState } from './chart.js';
import { type Block, type Line, START_SIZE, TITLE_HEIGHT } from './chart-blocks.js';
import type { Direction } from './chart-geometry.js';
import { backwardEdges } from './chart-order.js';
import { LINE_HEIGHT } from './chart-text.js';

/** Between the border of a parent and what is in it. */
const BORDER = 10;

/** States and edges that are placed as close as can be, which takes two to ten times as long: the built-in charts have up to 50. */
const CLOSE = 80;

/** As close as lines can be told apart: what is small is read without scrolling. */
const SPACING = {
  'elk.spacing.nodeNode': '16',
  'elk.spacing.edgeNode': '10',
  'elk.spacing.edgeEdge': '8',
  'elk.spacing.edgeLabel': '3',
  'elk.spacing.nodeSelfLoop': '10',
  'elk.spacing.componentComponent': '20',
  'elk.layered.spacing.nodeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeNodeBetweenLayers': '8',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
};

/** The same chart has the same drawing, always: ELK draws lots by a number. */
export const OPTIONS = {
  ...SPACING,
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.randomSeed': '1',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
};

/** Names of nodes and edges, so that no id of a machine is taken for one of ours. */
export const nameOf = {
  state: (id: string) => `state:${id}`,
  start: (parent: string) => `start:${parent}`,
  line: (index: number) => `line:${index}`,
  entry: (first: string) => `entry:${first}`,
};

export function graphOf(
  chart: Chart,
  blocks: readonly Block[],
  lines: readonly Line[],
  direction: Direction,
): ElkNode {
  const isClose = chart.states.length + chart.edges.length <= CLOSE;
  const options = {
    ...OPTIONS,
    'elk.direction': direction === 'TB' ? 'DOWN' : 'RIGHT',
    'elk.layered.nodePlacement.strategy': isClose ? 'NETWORK_SIMPLEX' : 'BRANDES_KOEPF',
  };
  const root: ElkNode = { id: 'root', layoutOptions: options, children: [], edges: [] };
  const nodes = new Map([['', root]]);
  const add = (parent: string, node: ElkNode) => nodes.get(parent)?.children?.push(node);
  for (const block of blocks) {
    const { id, parent = '' } = block.state;
    const node = nodeOf(block, options);
    add(parent, node);
    if (block.isParent) nodes.set(id, node);
  }
  const starts = enteredParents(chart);
  for (const parent of starts) {
    const first = { 'elk.layered.layering.layerConstraint': 'FIRST' };
    add(parent, { id: nameOf.start(parent), width: START_SIZE, height: START_SIZE, layoutOptions: first });
  }
  const entries = chart.states.flatMap(({ id, parent = '', isInitial }): ElkExtendedEdge[] => {
    if (!isInitial || !starts.has(parent)) return [];
    return [{ id: nameOf.entry(id), sources: [nameOf.start(parent)], targets: [nameOf.state(id)] }];
  });
  const isBackward = backwardEdges(chart);
  root.edges = [...entries, ...lines.map((line, index) => edgeOf(line, index, isBackward(line)))];
  return root;
}

function nodeOf(
  { state, isParent, width, height, details }: Block,
  options: Record<string, string>,
): ElkNode {
  const id = nameOf.state(state.id);
  if (!isParent) return { id, width, height };
  const top = TITLE_HEIGHT + details.length * LINE_HEIGHT + 8;
  return {
    id,
    children: [],
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${top},left=${BORDER},bottom=${BORDER},right=${BORDER}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
  };
}

/** A line that leads back is laid out from its end, so that what comes first stands first. */
function edgeOf({ from, to, width, height }: Line, index: number, isBackward: boolean): ElkExtendedEdge {
  const inline = { 'elk.edgeLabels.inline': 'true' };
  // ELK leaves out a label without a text.
  const label = { id: `${nameOf.line(index)}:text`, text: 'text', width, height, layoutOptions: inline };
  const ends: [string, string] = [nameOf.state(from), nameOf.state(to)];
  const [source, target] = isBackward ? ends.toReversed() : ends;
  return {
    id: nameOf.line(index),
    sources: [source as string],
    targets: [target as string],
    labels: height > 0 ? [label] : [],
  };
}

/** The parents, and the machine itself, that are entered without saying which of their states: they show a dot. */
function enteredParents({ states, edges }: Chart): Set<string> {
  const isEntered = ({ id, parent, isInitial }: ChartState) =>
    isInitial || parent !== undefined || edges.some(({ from, to }) => to === id && from !== id);
  const entered = new Set(['', ...states.filter(isEntered).map(({ id }) => id)]);
  const parents = states.filter(({ isInitial }) => isInitial).map(({ parent = '' }) => parent);
  return new Set(parents.filter((parent) => entered.has(parent)));
}
