import type { Chart, Moved } from '../api/answers.js';
import { edgeBetween } from '../charts/chart-source.js';

/** How often each arrow of a chart was taken, by its id. Where no event is known, it is the arrow that leads there. */
export function edgeCounts(chart: Chart, moved: readonly Moved[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { from, to, event, guard, count } of moved) {
    const fits = chart.edges.filter((edge) => edge.from === from && edge.to === to && edge.event === event);
    const edge = fits.find((each) => each.guard === guard) ?? fits[0] ?? edgeBetween(chart, from, to);
    if (edge) counts.set(edge.id, (counts.get(edge.id) ?? 0) + count);
  }
  return counts;
}
