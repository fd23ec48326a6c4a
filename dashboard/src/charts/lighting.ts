import type { Chart } from '../api/answers.js';
import { formatCount } from '../ui/format.js';
import { withParents } from './chart-source.js';

/** What a chart shows of a machine that runs. */
export interface Shown {
  /** Ids of the innermost states that are active. */
  lit: readonly string[];
  /** Ids of the arrows taken last. */
  taken: readonly string[];
  /** Ids of all arrows taken so far; what they do not touch is dimmed. */
  path: readonly string[];
}

/** Lights a drawing by classes, without drawing it again. */
export function light(drawing: SVGSVGElement, chart: Chart, { lit, taken, path }: Shown): void {
  const around = new Set(lit.flatMap(withParents));
  const walked = new Set([...path, ...taken]);
  const ends = chart.edges.filter(({ id }) => walked.has(id)).flatMap(({ from, to }) => [from, to]);
  const visited = new Set([...lit, ...ends].flatMap(withParents));
  drawing.classList.toggle('has-path', walked.size > 0);
  for (const state of drawing.querySelectorAll<SVGGElement>('[data-state]')) {
    const id = state.dataset.state ?? '';
    state.classList.toggle('lit', lit.includes(id));
    state.classList.toggle('lit-within', around.has(id) && !lit.includes(id));
    state.classList.toggle('walked', visited.has(id));
  }
  for (const edge of drawing.querySelectorAll<SVGGElement>('[data-edge]')) {
    const id = edge.dataset.edge ?? '';
    edge.classList.toggle('lit', taken.includes(id));
    edge.classList.toggle('walked', walked.has(id));
  }
}

/** How many stand in each state; nothing is said of none. */
export function count(drawing: SVGSVGElement, counts: Record<string, number>): void {
  for (const text of drawing.querySelectorAll<SVGTextElement>('[data-count-of]')) {
    const known = counts[text.dataset.countOf ?? ''];
    const words = known ? formatCount(known) : '';
    if (text.textContent !== words) text.textContent = words;
  }
}
