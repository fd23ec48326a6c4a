import { type Chart, type ChartState, edgeText } from './chart.js';
import type { ChartLayout, LaidOutLabel, LaidOutLine, LaidOutState } from './chart-geometry.js';
import { layOutChart } from './chart-layout.js';
import { chartStyle } from './chart-style.js';
import { cut, FONT, LINE_HEIGHT } from './chart-text.js';
import { escaped, linePart, px, svgOf, textPart } from './svg.js';

export interface ChartSvgOptions {
  /** Ids of states and edges that get the class `lit`; the parents of a state are lit with it. Defaults to none. */
  lit?: readonly string[];
  /** How many stand in a state, by its id. Defaults to none. */
  counts?: Readonly<Record<string, number>>;
  /** Defaults to what the viewer prefers. */
  theme?: 'light' | 'dark';
  /** With colours of its own. Without, a page's style sheet colours the classes. Defaults to true. */
  standalone?: boolean;
  /** With guards and actions at the edges, entry and exit actions in the boxes; else they show on hover. Defaults to true. */
  details?: boolean;
}

/**
 * A chart as SVG. A state is `<g class="state" data-state="pending.queued">`, an edge `<g class="edge" data-edge="…">`
 * with its line and its text, a count `<text class="count" data-count-of="…">`. Several edges between the same states share a line: all
 * but the first have the class `more`, and a text that stands there already has the class `again`. All text of the machine is escaped.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE`
 */
export async function chartToSvg(chart: Chart, options: ChartSvgOptions = {}): Promise<string> {
  const { standalone = true, theme, counts, details = true } = options;
  const layout = await layOutChart(chart, { details });
  const lit = withParents(chart, options.lit ?? []);
  const kinds = kindsOf(chart);
  const { width, height } = layout;
  const isDrawnLast = ({ labels }: LaidOutLine) => labels.some(({ edge }) => lit.has(edge.id));
  const lines = layout.lines.toSorted((a, b) => Number(isDrawnLast(a)) - Number(isDrawnLast(b)));
  const style = standalone ? chartStyle(theme) : undefined;
  return svgOf({ width, height, title: chart.id, description: chart.description, style }, [
    ...layout.starts.map(startGroup),
    ...lines.map((line) => lineGroups(line, lit)),
    // Over the lines that lead into them.
    ...layout.states.map((state) => stateGroup(state, kinds, lit, counts)),
  ]);
}

function withParents({ states }: Chart, ids: readonly string[]): Set<string> {
  const lit = new Set(ids);
  for (const { id, parent } of states.toReversed()) if (lit.has(id) && parent !== undefined) lit.add(parent);
  return lit;
}

/** What is told apart by its border: states with others in them, and the regions of a parallel one. */
interface Kinds {
  parents: ReadonlySet<string | undefined>;
  parallel: ReadonlySet<string | undefined>;
  /** Those that an edge leads from to themselves. */
  loops: ReadonlySet<string>;
}

function kindsOf({ states, edges }: Chart): Kinds {
  return {
    parents: new Set(states.map(({ parent }) => parent)),
    parallel: new Set(states.filter(({ kind }) => kind === 'parallel').map(({ id }) => id)),
    loops: new Set(edges.filter(({ from, to }) => from === to).map(({ from }) => from)),
  };
}

/** What a state says of itself on hover. */
function stateText({ key, description, invokes, entry = [], exit = [] }: ChartState): string {
  const parts = [
    [key, description].filter(Boolean).join(': '),
    ...(invokes.length > 0 ? [`invokes ${invokes.join(', ')}`] : []),
    ...(entry.length > 0 ? [`entry / ${entry.join(', ')}`] : []),
    ...(exit.length > 0 ? [`exit / ${exit.join(', ')}`] : []),
  ];
  return parts.join('\n');
}

function stateGroup(
  laidOut: LaidOutState,
  { parents, parallel, loops }: Kinds,
  lit: ReadonlySet<string>,
  counts: ChartSvgOptions['counts'],
): string {
  const { state, details, x, y, width, height } = laidOut;
  const { id, key, kind } = state;
  const isAround = parents.has(id);
  const isRegion = parallel.has(state.parent);
  const classes = [
    'state',
    isAround ? 'parent' : kind,
    ...(id === '' ? ['any'] : []),
    ...(isRegion ? ['region'] : []),
    ...(lit.has(id) ? ['lit'] : []),
  ];
  const box = (inset: number, name: string) =>
    `<rect class="${name}" x="${px(x + inset)}" y="${px(y + inset)}" width="${px(width - 2 * inset)}" height="${px(height - 2 * inset)}" rx="${isAround ? 10 : 7 - inset / 2}" fill="none" stroke="currentColor"/>`;
  const [textX, anchor] = isAround ? [x + 14, 'start'] : [x + width / 2, 'middle'];
  const count = counts && Object.hasOwn(counts, id) ? String(counts[id]) : '';
  // In the head of a parent; above a box, or beside what leads from a box to itself.
  const above = loops.has(id) ? ([width - 4, -4, 'start'] as const) : ([width - 8, -4, 'end'] as const);
  const [countX, countY, countAnchor] = isAround ? ([width - 8, 20, 'end'] as const) : above;
  const countMarks = `text-anchor="${countAnchor}" font-weight="700" data-count-of="${escaped(id)}"`;
  const top = isAround ? y + 20 : y + (height - details.length * LINE_HEIGHT) / 2 + 4.5;
  return [
    `<g class="${escaped(classes.join(' '))}"${id === '' ? '' : ` data-state="${escaped(id)}"`}>`,
    `<title>${escaped(stateText(state))}</title>`,
    box(0, 'box'),
    ...(kind === 'final' ? [box(3, 'inner')] : []),
    textPart('name', textX, top, cut(key, 40), FONT.title, `text-anchor="${anchor}" font-weight="600"`),
    ...details.map((detail, index) => {
      const baseline = top + (index + 1) * LINE_HEIGHT + 1;
      return textPart('detail', textX, baseline, detail, FONT.detail, `text-anchor="${anchor}"`);
    }),
    textPart('count', x + countX, y + countY, count, FONT.title, countMarks),
    '</g>',
  ].join('');
}

function startGroup({ dot, points }: ChartLayout['starts'][number]): string {
  return `<g class="start"><circle cx="${px(dot.x)}" cy="${px(dot.y)}" r="5" fill="currentColor"/>${linePart(points)}</g>`;
}

/** One group for each edge, all with the same line, so that each can be lit by itself. */
function lineGroups({ points, labels }: LaidOutLine, lit: ReadonlySet<string>): string {
  const line = linePart(points);
  const isSaid = (label: LaidOutLabel, index: number) =>
    labels.slice(0, index).some(({ y }) => y === label.y);
  const group = (label: LaidOutLabel, index: number) => {
    const { id } = label.edge;
    const classes = ['edge', ...(index > 0 ? ['more'] : []), ...(lit.has(id) ? ['lit'] : [])].join(' ');
    const title = `<title>${escaped(edgeText(label.edge))}</title>`;
    return `<g class="${classes}" data-edge="${escaped(id)}">${title}${line}${labelText(label, isSaid(label, index))}</g>`;
  };
  return labels
    .map(group)
    .toSorted((a, b) => Number(a.includes(' lit"')) - Number(b.includes(' lit"')))
    .join('\n');
}

/** @param isSaid another edge of the line has the same text in the same place */
function labelText({ lines, x, y, width }: LaidOutLabel, isSaid: boolean): string {
  const name = isSaid ? 'label again' : 'label';
  const texts = lines.map((line, index) => {
    const baseline = y + (index + 1) * LINE_HEIGHT - 3.5;
    return textPart(name, x + width / 2, baseline, line, FONT.label, 'text-anchor="middle"');
  });
  return texts.join('');
}
