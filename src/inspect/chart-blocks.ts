/** The sizes of what a drawing is made of, before anything has its place. */
import type { Chart, ChartEdge, ChartState } from './chart.js';
import { cut, FONT, LINE_HEIGHT, labelLines, shortLabel, textWidth, widestLine } from './chart-text.js';

/** One line of a drawing with the edges that share it. */
export interface Line {
  from: string;
  to: string;
  edges: { edge: ChartEdge; text: Text | undefined }[];
  /** One below the other; edges that say the same share one. */
  texts: Text[];
  /** Of all texts. */
  width: number;
  height: number;
}

/** What stands at a line. */
interface Text {
  lines: string[];
  /** From the top of all texts. */
  top: number;
  height: number;
}

export interface Block {
  state: ChartState;
  details: string[];
  isParent: boolean;
  width: number;
  height: number;
}

const BETWEEN_TEXTS = 2;
const MIN_WIDTH = 64;
const SIDE = 10;
/** The title of a box and the room around it. */
export const TITLE_HEIGHT = 26;
/** The dot where a machine, or a parent, begins. */
export const START_SIZE = 10;
/** In the place of the id of a state: from any state, as the transitions of the machine itself are. */
export const ANY_STATE: ChartState = {
  id: '',
  key: 'any state',
  kind: 'atomic',
  isInitial: false,
  description: 'Wherever the machine stands.',
  invokes: [],
};

/**
 * All lines of a chart, one for every pair of states.
 * @param hasDetails with guards and actions, or the events alone
 */
export function linesOf({ edges, states }: Chart, hasDetails: boolean): Line[] {
  const byId = new Map(states.map((state) => [state.id, state]));
  const byEnds = new Map<string, ChartEdge[]>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.from, edge.to]);
    byEnds.set(key, [...(byEnds.get(key) ?? []), edge]);
  }
  return [...byEnds.values()].map((together) => {
    const { from, to } = together[0] as ChartEdge;
    const texts = new Map<string, Text>();
    let height = 0;
    const labelled = together.map((edge) => {
      const lines = hasDetails ? labelLines(edge) : shortLabel(edge, byId.get(from)?.invokes ?? []);
      if (lines.length === 0) return { edge, text: undefined };
      const key = lines.join('\n');
      const known = texts.get(key);
      if (known) return { edge, text: known };
      const text = {
        lines,
        top: height === 0 ? 0 : height + BETWEEN_TEXTS,
        height: lines.length * LINE_HEIGHT,
      };
      height = text.top + text.height;
      texts.set(key, text);
      return { edge, text };
    });
    const all = [...texts.values()];
    const width = Math.max(0, ...all.map(({ lines }) => widestLine(lines, FONT.label) + 4));
    return { from, to, edges: labelled, texts: all, width, height };
  });
}

/** A box for each state, and one for "any state" where it is needed. */
export function blocksOf(chart: Chart, hasDetails: boolean): Block[] {
  const hasAny = chart.edges.some(({ from, to }) => from === '' || to === '');
  const parents = new Set(chart.states.map(({ parent }) => parent));
  return [...chart.states, ...(hasAny ? [ANY_STATE] : [])].map((state) => {
    const { entry = [], exit = [] } = hasDetails ? state : {};
    const details = [
      ...state.invokes.map((name) => `invokes ${cut(name, 40)}`),
      ...entry.map((name) => `entry / ${cut(name, 40)}`),
      ...exit.map((name) => `exit / ${cut(name, 40)}`),
    ];
    const width = Math.max(
      MIN_WIDTH,
      textWidth(cut(state.key, 40), FONT.title) + 2 * SIDE,
      widestLine(details, FONT.detail) + 2 * SIDE,
    );
    const height = TITLE_HEIGHT + 6 + details.length * LINE_HEIGHT;
    return { state, details, isParent: parents.has(state.id), width, height };
  });
}
