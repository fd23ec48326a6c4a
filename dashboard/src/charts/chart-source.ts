import type { Chart, ChartEdge } from '../api/answers.js';
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
