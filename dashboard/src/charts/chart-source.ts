import type { Chart, ChartEdge } from '../api/answers.js';
import { call } from '../api/client.js';

const drawings = new Map<string, Promise<string>>();

/** The drawing of a machine as SVG text, read once for each version. */
export function drawingOf(machine: string, version: string): Promise<string> {
  const key = `${machine}@${version}`;
  const known = drawings.get(key);
  if (known) return known;
  const path = `/machines/${encodeURIComponent(machine)}/svg?standalone=false`;
  const reading = call(path).then((response) => response.text());
  drawings.set(key, reading);
  reading.catch(() => drawings.delete(key));
  return reading;
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

const DRAWN = new Set(
  'svg g path rect circle ellipse line polyline polygon text tspan title desc defs marker'.split(' '),
);

/** A state and everything around it, outermost last: `a.b.c`, `a.b`, `a`. */
export function withParents(state: string): string[] {
  const parts = state.split('.');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('.'));
}

/** The arrow that leads from one state to another, where the event is not known; the most exact one. */
export function edgeBetween(chart: Chart, from: string, to: string): ChartEdge | undefined {
  const around = withParents(from);
  const into = [...withParents(to)];
  const fits = chart.edges.filter((edge) => around.includes(edge.from) && into.includes(edge.to));
  return fits.sort(
    (a, b) => into.indexOf(a.to) - into.indexOf(b.to) || around.indexOf(a.from) - around.indexOf(b.from),
  )[0];
}
