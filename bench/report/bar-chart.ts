import { inDigits } from './number-text.js';

export interface Bar {
  label: string;
  value: number;
  /** Ends of the thin line: the smallest and the largest run. */
  min: number;
  max: number;
  /** The one that the chart is about. */
  emphasised: boolean;
}

export interface BarChart {
  title: string;
  bars: readonly Bar[];
}

const WIDTH = 720;
/** Fits the longest label, `bare NATS client, periodic, publish`, with room for a wider font. */
const LABEL_WIDTH = 270;
const VALUE_WIDTH = 90;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const TOP = 40;
const ROW = 28;
const BAR = 18;

/** Text and lines follow the reader's light or dark scheme; both bar colours stand out on either. */
const STYLE = [
  'text{font:13px system-ui,sans-serif;fill:#424a53}',
  '.title{font-size:15px;font-weight:600}',
  '.bar{fill:#8b949e}.ours{fill:#2f81f7}',
  '.spread{stroke:#424a53;stroke-width:1.5}',
  '@media(prefers-color-scheme:dark){text{fill:#c9d1d9}.spread{stroke:#c9d1d9}}',
].join('');

/** A horizontal bar chart as SVG: medians as bars, the spread of the runs as a line through each end. */
export function barChart({ title, bars }: BarChart): string {
  const height = TOP + bars.length * ROW + 8;
  const longest = Math.max(...bars.map(({ max }) => max), Number.MIN_VALUE);
  const scale = (value: number) => Math.round((value / longest) * PLOT_WIDTH * 10) / 10;
  const heading = escapeXml(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${heading}">`,
    `<title>${heading}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="8" y="22">${heading}</text>`,
    ...bars.map((bar, index) => row(bar, TOP + index * ROW, scale)),
    '</svg>',
    '',
  ].join('\n');
}

function row(
  { label, value, min, max, emphasised }: Bar,
  top: number,
  scale: (value: number) => number,
): string {
  const middle = top + BAR / 2;
  const baseline = middle + 4.5;
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${baseline}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar${emphasised ? ' ours' : ''}" x="${LABEL_WIDTH}" y="${top}" width="${scale(value)}" height="${BAR}" rx="2"/>`,
    `<line class="spread" x1="${LABEL_WIDTH + scale(min)}" y1="${middle}" x2="${LABEL_WIDTH + scale(max)}" y2="${middle}"/>`,
    `<text x="${LABEL_WIDTH + scale(max) + 8}" y="${baseline}">${inDigits(value)}</text>`,
  ].join('\n');
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
