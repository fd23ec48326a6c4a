import { graphOfFamily, type JobFamily, standsOfFamily } from '../jobs/family.js';
import {
  type FlowEdge,
  type FlowGraph,
  type FlowTone,
  graphOfFlow,
  type NodeStand,
  standsOf,
} from '../jobs/flow-graph.js';
import { shownFamily } from '../jobs/shown-family.js';
import { type FlowStatus, shownFlow } from '../jobs/shown-flow.js';
import { chartStyle } from './chart-style.js';
import { cut, FONT } from './chart-text.js';
import { type FlowLayout, layOutFlow, titleOf } from './flow-layout.js';
import { escaped, linePart, px, svgOf, textPart } from './svg.js';

export interface FlowSvgOptions {
  /** Defaults to what the viewer prefers. */
  theme?: 'light' | 'dark';
  /** With colours of its own. Without, a page's style sheet colours the classes. Defaults to true. */
  standalone?: boolean;
}

/** Jobs as a graph: which there are, where they stand, and what is said of the whole and of each line. */
interface DrawnJobs {
  id: string;
  description: string;
  graph: FlowGraph;
  stands: ReadonlyMap<string, NodeStand>;
  edgeTitle(edge: FlowEdge): string;
}

/** Baselines in a box, from its top. */
const LINES = { title: 19, type: 34, stand: 49 } as const;
/** What of the style of charts colours a node; the others have rules of their own. */
const LIT: readonly FlowTone[] = ['processing'];

/**
 * A flow as SVG: a box for each job, and one for many that are alike; a line from each to those that run after it, dashed where these
 * also run after its failure. A box is `<g class="state job running" data-state="key">`, where it stands `<text data-stand-of="key">`.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE` for a flow of more than 400 boxes or 1,000 lines; `JETFLEET_CHART_BUSY`
 */
export async function flowToSvg(flow: FlowStatus, options: FlowSvgOptions = {}): Promise<string> {
  const { id, state, total, completed, failed } = flow;
  const graph = graphOfFlow(flow.jobs);
  const drawn: DrawnJobs = {
    id,
    description: `Flow, ${state.replaceAll('_', ' ')}: ${completed} of ${total} completed, ${failed} failed.`,
    graph,
    stands: standsOf(graph, shownFlow(flow)),
    edgeTitle: ({ from, to, isLoose }) => `${to} runs after ${from}${isLoose ? ', also if it fails' : ''}`,
  };
  return jobsToSvg(drawn, options);
}

/**
 * The family of a job as SVG, drawn as {@link flowToSvg} draws a flow: a line to what followed from a job, and a dashed one to each child
 * that it waits for. A box has the id of its job in `data-state`.
 * @throws as {@link flowToSvg} does
 */
export async function familyToSvg(family: JobFamily, options: FlowSvgOptions = {}): Promise<string> {
  const { id, jobs } = family;
  const graph = graphOfFamily(family);
  const drawn: DrawnJobs = {
    id,
    description: `The family of job ${id}: ${jobs.length} jobs.`,
    graph,
    stands: standsOfFamily(graph, shownFamily(family)),
    edgeTitle: ({ from, to, isLoose }) =>
      isLoose ? `${from} waits for ${to}` : `${to} followed from ${from}`,
  };
  return jobsToSvg(drawn, options);
}

async function jobsToSvg(
  { id, description, graph, stands, edgeTitle }: DrawnJobs,
  { standalone = true, theme }: FlowSvgOptions,
): Promise<string> {
  const { width, height, nodes, edges } = await layOutFlow(id, graph);
  const style = standalone ? chartStyle(theme) : undefined;
  return svgOf({ width, height, title: id, description, style }, [
    ...edges.map((edge) => edgeGroup(edge, edgeTitle(edge))),
    ...nodes.map((node) => nodeGroup(node, stands.get(node.id) as NodeStand)),
  ]);
}

function edgeGroup({ from, to, isLoose, points }: FlowLayout['edges'][number], title: string): string {
  return `<g class="edge${isLoose ? ' loose' : ''}" data-edge="${escaped(`${from} ${to}`)}"><title>${escaped(title)}</title>${linePart(points)}</g>`;
}

function nodeGroup(node: FlowLayout['nodes'][number], { tone, words }: NodeStand): string {
  const { id, type, keys, x, y, width, height } = node;
  const middle = x + width / 2;
  const box = (shift: number, name: string) =>
    `<rect class="${name}" x="${px(x + shift)}" y="${px(y - shift)}" width="${px(width)}" height="${px(height)}" rx="7" fill="none" stroke="currentColor"/>`;
  const anchor = 'text-anchor="middle"';
  const classes = ['state', 'job', tone, ...(LIT.includes(tone) ? ['lit'] : [])].join(' ');
  return [
    `<g class="${classes}" data-state="${escaped(id)}">`,
    `<title>${escaped(`${keys.length === 1 ? id : `${keys.length} jobs like ${id}`}: ${type}, ${words}`)}</title>`,
    ...(keys.length > 1 ? [box(4, 'box behind')] : []),
    box(0, 'box'),
    textPart('name', middle, y + LINES.title, titleOf(node), FONT.title, `${anchor} font-weight="600"`),
    textPart('detail', middle, y + LINES.type, cut(type, 32), FONT.detail, anchor),
    textPart(
      'detail stand',
      middle,
      y + LINES.stand,
      words,
      FONT.detail,
      `${anchor} data-stand-of="${escaped(id)}"`,
    ),
    '</g>',
    // The texts are the name of a link in the dashboard: words, and not one.
  ].join('\n');
}
