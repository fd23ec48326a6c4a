import type { Chart, ChartEdge } from './chart.js';

/** Whether an edge leads back: against the order in which the states are reached from the first one. */
export function backwardEdges(chart: Chart): (line: Pick<ChartEdge, 'from' | 'to'>) => boolean {
  const parentOf = new Map(chart.states.map(({ id, parent }) => [id, parent ?? '']));
  const ways = new Map(chart.states.map(({ id }) => [id, new Set<string>()]));
  for (const { from, to } of chart.edges) {
    const [a, b] = siblings(parentOf, from, to);
    if (a !== undefined && b !== undefined && a !== b) ways.get(a)?.add(b);
  }
  const order = reachedOrder(chart, ways);
  return ({ from, to }) => {
    if (from === to) return false;
    const [a, b] = siblings(parentOf, from, to);
    // One is inside the other, or it is from any state.
    if (a === undefined || b === undefined) return b === undefined && from !== '';
    return (order.get(a) ?? 0) > (order.get(b) ?? 0);
  };
}

/** The two states around `from` and `to` that have the same parent; undefined for one that is around the other. */
function siblings(
  parentOf: ReadonlyMap<string, string>,
  from: string,
  to: string,
): [string | undefined, string | undefined] {
  const [a, b] = [pathOf(parentOf, from), pathOf(parentOf, to)];
  let depth = 0;
  while (depth < a.length && depth < b.length && a[depth] === b[depth]) depth++;
  return [a[depth], b[depth]];
}

function pathOf(parentOf: ReadonlyMap<string, string>, id: string): string[] {
  const path: string[] = [];
  for (let at = id; at !== ''; at = parentOf.get(at) ?? '') path.unshift(at);
  return path;
}

/** A number for each state: lower for those that come before, as far as there is no circle. */
function reachedOrder(
  { states }: Chart,
  ways: ReadonlyMap<string, ReadonlySet<string>>,
): Map<string, number> {
  const order = new Map<string, number>();
  const seen = new Set<string>();
  let next = states.length;
  const visit = (id: string) => {
    if (seen.has(id)) return;
    seen.add(id);
    // What is visited first is numbered last: the way that the definition names first comes first in the drawing.
    for (const way of [...(ways.get(id) ?? [])].toReversed()) visit(way);
    order.set(id, next--);
  };
  // The last one to be finished comes first of all.
  for (const { id } of states.filter(({ isInitial }) => isInitial)) visit(id);
  for (const { id } of states.toReversed()) visit(id);
  return order;
}
