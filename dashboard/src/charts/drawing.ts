import { forgetOldest } from '../../../src/jobs/forget-oldest.js';
import type { Chart } from '../api/answers.js';
import { call } from '../api/client.js';

const MOST = 100;
const drawings = new Map<string, Promise<string>>();

/** A drawing of the API as SVG text, read once for each path and key. */
export function readDrawing(path: string, key: string): Promise<string> {
  const name = `${path} ${key}`;
  const known = drawings.get(name);
  if (known) return known;
  const reading = call(path).then((response) => response.text());
  drawings.set(name, reading);
  forgetOldest(drawings, MOST);
  reading.catch(() => drawings.delete(name));
  return reading;
}

export function chartPath({ id }: Chart, hasDetails: boolean): string {
  return `/machines/${encodeURIComponent(id)}/svg?standalone=false&details=${hasDetails}`;
}

/**
 * An `<svg>` to put into the page. Nothing in it can run or reach out: elements and attributes other than those of a
 * plain drawing are left out, and what is no SVG gives undefined.
 */
export function importDrawing(text: string): SVGSVGElement | undefined {
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
  const root = parsed.documentElement;
  if (root.localName !== 'svg' || parsed.querySelector('parsererror')) return undefined;
  for (const element of [root, ...root.querySelectorAll('*')]) {
    if (!DRAWN.has(element.localName)) {
      element.remove();
      continue;
    }
    for (const { name, value } of [...element.attributes]) {
      const isSafe = !/^(on|style$|href$|xlink:)/i.test(name) && !/url\((?!#)/i.test(value);
      if (!isSafe) element.removeAttribute(name);
    }
  }
  return document.importNode(root, true) as unknown as SVGSVGElement;
}

/** Titles are left out too: what they say stands in a card. */
const DRAWN = new Set(
  'svg g path rect circle ellipse line polyline polygon text tspan defs marker'.split(' '),
);

/** Makes lines as easy to hit as they are to see, and says what the drawing is. */
export function prepareChart(svg: SVGSVGElement, { id }: Chart): void {
  for (const line of svg.querySelectorAll('.edge:not(.more) > .line')) {
    const wide = line.cloneNode() as SVGPathElement;
    wide.setAttribute('class', 'wide');
    line.before(wide);
  }
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Drawing of the machine ${id}`);
}
