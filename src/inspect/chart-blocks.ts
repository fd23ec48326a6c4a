/** The sizes of what a drawing is made of, before anything has its place. */
import type { Chart, ChartEdge, ChartState } from './chart.js';
import { cut, FONT, LINE_HEIGHT, labelLines, textWidth, widestLine } from './chart-text.js';

/** One line of a drawing with the edges that share it. */
export interface Line {
  from: string;
  to: string;
  labels: { edge: ChartEdge; lines: string[]; width: number; height: number }[];
  /** Of all labels, one below the other. */
  width: number;
  height: number;
}

export interface Block {
  state: ChartState;
  details: string[];
  isParent: boolean;
  width: number;
  height: number;
}

const BETWEEN_LABELS = 5;
const MIN_WIDTH = 84;
const SIDE = 14;
/** The title of a box and the room around it. */
export const TITLE_HEIGHT = 28;
/** In the place of the id of a state: from any state, as the transitions of the machine itself are. */
export const ANY_STATE: ChartState = {
  id: '',
  key: 'any state',
  kind: 'atomic',
  isInitial: false,
  description: 'Wherever the machine stands.',
  invokes: [],
};

/** All lines of a chart, each once for every pair of states. */
export function linesOf(chart: Chart): Line[] {
  const byEnds = new Map<string, ChartEdge[]>();
  for (const edge of chart.edges) {
    const key = JSON.stringify([edge.from, edge.to]);
    byEnds.set(key, [...(byEnds.get(key) ?? []), edge]);
  }
  return [...byEnds.values()].map((edges) => {
    const labels = edges.map((edge) => {
      const lines = labelLines(edge);
      return { edge, lines, width: widestLine(lines, FONT.label) + 8, height: lines.length * LINE_HEIGHT };
    });
    const texts = labels.filter(({ lines }) => lines.length > 0);
    const height = texts.reduce((sum, label) => sum + label.height + BETWEEN_LABELS, -BETWEEN_LABELS);
    const { from, to } = edges[0] as ChartEdge;
    const width = Math.max(0, ...texts.map((label) => label.width));
    return { from, to, labels, width, height: Math.max(0, height) };
  });
}

/** The labels of a line in their places, below each other from `top` on. */
export function stacked({ labels, width }: Line, left: number, top: number) {
  let y = top;
  return labels.map((label) => {
    const placed = { edge: label.edge, lines: label.lines, x: left, y, width, height: label.height };
    if (label.lines.length > 0) y += label.height + BETWEEN_LABELS;
    return placed;
  });
}

/** A box for each state, and one for "any state" where it is needed. */
export function blocksOf(chart: Chart): Block[] {
  const hasAny = chart.edges.some(({ from, to }) => from === '' || to === '');
  return [...chart.states, ...(hasAny ? [ANY_STATE] : [])].map((state) => {
    const details = [
      ...state.invokes.map((name) => `invokes ${cut(name, 40)}`),
      ...(state.entry ?? []).map((name) => `entry / ${cut(name, 40)}`),
      ...(state.exit ?? []).map((name) => `exit / ${cut(name, 40)}`),
    ];
    const width = Math.max(
      MIN_WIDTH,
      textWidth(cut(state.key, 40), FONT.title) + 2 * SIDE,
      widestLine(details, FONT.detail) + 2 * SIDE,
    );
    const height = TITLE_HEIGHT + 8 + details.length * LINE_HEIGHT;
    const isParent = chart.states.some(({ parent }) => parent === state.id);
    return { state, details, isParent, width, height };
  });
}
