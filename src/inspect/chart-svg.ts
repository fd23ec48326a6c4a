import type { Chart } from './chart.js';
import type { ChartLayout, LaidOutLabel, LaidOutLine, LaidOutState, Point } from './chart-geometry.js';
import { layOutChart } from './chart-layout.js';
import { arrowHead, smoothPath } from './chart-paths.js';
import { chartStyle } from './chart-style.js';
import { cut, FONT, LINE_HEIGHT } from './chart-text.js';

export interface ChartSvgOptions {
  /** Ids of states and edges that get the class `lit`; the parents of a state are lit with it. Defaults to none. */
  lit?: readonly string[];
  /** How many stand in a state, by its id. Defaults to none. */
  counts?: Readonly<Record<string, number>>;
  /** Defaults to what the viewer prefers. */
  theme?: 'light' | 'dark';
  /** With colours of its own. Without, a page's style sheet colours the classes. Defaults to true. */
  standalone?: boolean;
}

/**
 * A chart as SVG. A state is `<g class="state" data-state="pending.queued">`, an edge `<g class="edge" data-edge="…">`
 * with its line and its text, a count `<text class="count" data-count-of="…">`. All text of the machine is escaped.
 */
export function chartToSvg(chart: Chart, options: ChartSvgOptions = {}): string {
  const { standalone = true, theme, counts } = options;
  const layout = layOutChart(chart);
  const lit = withParents(chart, options.lit ?? []);
  const { width, height } = layout;
  const isDrawnLast = ({ labels }: LaidOutLine) => labels.some(({ edge }) => lit.has(edge.id));
  const lines = layout.lines.toSorted((a, b) => Number(isDrawnLast(a)) - Number(isDrawnLast(b)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif">`,
    `<title>${escaped(chart.id)}</title>`,
    `<desc>${escaped(chart.description)}</desc>`,
    ...(standalone
      ? [`<style>${chartStyle(theme)}</style>`, `<rect class="page" width="100%" height="100%"/>`]
      : []),
    ...layout.states.map((state) => stateGroup(state, isParent(chart, state), lit, counts)),
    ...layout.starts.map((start) => startGroup(start.points, layout)),
    ...lines.map((line) => lineGroups(line, layout, lit)),
    '</svg>',
  ].join('\n');
}

function withParents({ states }: Chart, ids: readonly string[]): Set<string> {
  const lit = new Set(ids);
  for (const { id, parent } of states.toReversed()) if (lit.has(id) && parent !== undefined) lit.add(parent);
  return lit;
}

function isParent({ states }: Chart, { state }: LaidOutState): boolean {
  return states.some(({ parent }) => parent === state.id);
}

function stateGroup(
  laidOut: LaidOutState,
  isAround: boolean,
  lit: ReadonlySet<string>,
  counts: ChartSvgOptions['counts'],
): string {
  const { state, details, x, y, width, height } = laidOut;
  const { id, key, kind, description } = state;
  const classes = [
    'state',
    isAround ? 'parent' : kind,
    ...(id === '' ? ['any'] : []),
    ...(lit.has(id) ? ['lit'] : []),
  ];
  const box = (inset: number, name: string) =>
    `<rect class="${name}" x="${n(x + inset)}" y="${n(y + inset)}" width="${n(width - 2 * inset)}" height="${n(height - 2 * inset)}" rx="${isAround ? 10 : 7 - inset / 2}" fill="none" stroke="currentColor"/>`;
  const [textX, anchor] = isAround ? [x + 14, 'start'] : [x + width / 2, 'middle'];
  const count = counts && Object.hasOwn(counts, id) ? String(counts[id]) : '';
  const countMarks = `text-anchor="end" font-weight="700" data-count-of="${escaped(id)}"`;
  const top = isAround ? y + 20 : y + (height - details.length * LINE_HEIGHT) / 2 + 4.5;
  return [
    `<g class="${escaped(classes.join(' '))}"${id === '' ? '' : ` data-state="${escaped(id)}"`}>`,
    ...(description ? [`<title>${escaped(`${key}: ${description}`)}</title>`] : []),
    box(0, 'box'),
    ...(kind === 'final' ? [box(3, 'inner')] : []),
    text('name', textX, top, cut(key, 40), FONT.title, `text-anchor="${anchor}" font-weight="600"`),
    ...details.map((detail, index) => {
      const baseline = top + (index + 1) * LINE_HEIGHT + 1;
      return text('detail', textX, baseline, detail, FONT.detail, `text-anchor="${anchor}"`);
    }),
    text('count', x + width - 8, y + (isAround ? 20 : -4), count, FONT.title, countMarks),
    '</g>',
  ].join('');
}

function startGroup([dot, end]: [Point, Point], { direction }: ChartLayout): string {
  const path = smoothPath([dot, end], direction);
  return `<g class="start"><circle cx="${n(dot.x)}" cy="${n(dot.y)}" r="5" fill="currentColor"/><path class="line" d="${path}" fill="none" stroke="currentColor"/>${arrowHead([dot, end], direction)}</g>`;
}

/** One group for each edge, all with the same line, so that each can be lit by itself. */
function lineGroups(
  { points, isLoop, labels }: LaidOutLine,
  { direction }: ChartLayout,
  lit: ReadonlySet<string>,
): string {
  const line =
    points.length === 0
      ? ''
      : `<path class="line" d="${smoothPath(points, direction, isLoop)}" fill="none" stroke="currentColor"/>${arrowHead(points, direction, isLoop)}`;
  const group = (label: LaidOutLabel) => {
    const { id } = label.edge;
    const head = `<g class="edge${lit.has(id) ? ' lit' : ''}" data-edge="${escaped(id)}">`;
    return `${head}${line}${labelText(label, points.length === 0)}</g>`;
  };
  return labels
    .toSorted((a, b) => Number(lit.has(a.edge.id)) - Number(lit.has(b.edge.id)))
    .map(group)
    .join('\n');
}

function labelText({ lines, x, y, width }: LaidOutLabel, isInside: boolean): string {
  const texts = lines.map((line, index) => {
    const content = `${isInside && index === 0 ? '↻ ' : ''}${line}`;
    const baseline = y + (index + 1) * LINE_HEIGHT - 3.5;
    return text('label', x + width / 2, baseline, content, FONT.label, 'text-anchor="middle"');
  });
  return texts.join('');
}

function text(name: string, x: number, y: number, content: string, size: number, more: string): string {
  return `<text class="${name}" x="${n(x)}" y="${n(y)}" font-size="${size}" fill="currentColor" ${more}>${escaped(content)}</text>`;
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Text as XML takes it: marks are escaped, and characters that XML has no place for are left out. */
function escaped(content: string): string {
  return content
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
