/** The parts that all drawings are written of. */
import type { LaidOutLine, Size } from './chart-geometry.js';
import { arrowHead, linePath } from './chart-paths.js';

interface Drawing extends Size {
  title: string;
  description: string;
  /** The colours of one that stands by itself. */
  style: string | undefined;
}

export function svgOf(
  { width, height, title, description, style }: Drawing,
  parts: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(description)}</desc>`,
    ...(style === undefined
      ? []
      : [`<style>${style}</style>`, `<rect class="page" width="100%" height="100%"/>`]),
    ...parts,
    '</svg>',
  ].join('\n');
}

export function linePart(points: LaidOutLine['points']): string {
  return `<path class="line" d="${linePath(points)}" fill="none" stroke="currentColor"/>${arrowHead(points)}`;
}

export function textPart(
  name: string,
  x: number,
  y: number,
  content: string,
  size: number,
  more: string,
): string {
  return `<text class="${name}" x="${px(x)}" y="${px(y)}" font-size="${size}" fill="currentColor" ${more}>${escaped(content)}</text>`;
}

export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Text as XML takes it: marks are escaped, and characters that XML has no place for are left out. */
export function escaped(content: string): string {
  return content
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
