import { type Chart, type ChartState, edgeText } from './chart.js';

/** A chart as a Mermaid `stateDiagram-v2`. */
export function chartToMermaid(chart: Chart): string {
  const ids = mermaidIds(chart);
  const idOf = (id: string) => ids.get(id) ?? 'state';
  const arrows = chart.edges.map((edge) => {
    const text = labelled(edgeText(edge));
    return `  ${idOf(edge.from)} --> ${idOf(edge.to)}${text && ` : ${text}`}`;
  });
  const any = chart.edges.some(({ from }) => from === '') ? [`  state "any state" as ${idOf('')}`] : [];
  return ['stateDiagram-v2', ...inside(chart, undefined, idOf, '  '), ...any, ...arrows].join('\n');
}

type IdOf = (id: string) => string;

function inside(chart: Chart, parent: ChartState | undefined, idOf: IdOf, indent: string): string[] {
  const children = chart.states.filter((state) => state.parent === parent?.id);
  const first = children.find(({ isInitial }) => isInitial);
  return [
    ...(first ? [`${indent}[*] --> ${idOf(first.id)}`] : []),
    ...children.flatMap((state, index) => [
      ...(index > 0 && parent?.kind === 'parallel' ? [`${indent}--`] : []),
      ...stateLines(chart, state, idOf, indent),
    ]),
  ];
}

function stateLines(chart: Chart, state: ChartState, idOf: IdOf, indent: string): string[] {
  const id = idOf(state.id);
  const head = `${indent}state "${quoted(state.key)}" as ${id}`;
  if (state.kind === 'final') return [head, `${indent}${id} --> [*]`];
  const invokes = state.invokes.map((name) => `${indent}${id} : invokes ${labelled(name)}`);
  if (state.kind !== 'compound' && state.kind !== 'parallel') return [head, ...invokes];
  return [`${head} {`, ...inside(chart, state, idOf, `${indent}  `), `${indent}}`, ...invokes];
}

/** Mermaid takes only word characters in an id. */
function mermaidIds(chart: Chart): Map<string, string> {
  const ids = new Map([['', 'any_state']]);
  const taken = new Set(ids.values());
  for (const { id } of chart.states) {
    const base = id.replaceAll(/\W/g, '_');
    let name = base;
    for (let count = 2; taken.has(name); count++) name = `${base}_${count}`;
    taken.add(name);
    ids.set(id, name);
  }
  return ids;
}

/** What ends a text, begins a directive (`%%{…}%%`), or is HTML to a page that shows the diagram. */
const MARKS = /["<>&#;%{}`\\]/g;
const LINE_ENDS = /[\p{Cc}\u2028\u2029]+/gu;

/** Text between quotes. Mermaid has entities of its own: `#34;` is a quote. */
function quoted(text: string): string {
  return text.replaceAll(LINE_ENDS, ' ').replaceAll(MARKS, (char) => `#${char.charCodeAt(0)};`);
}

/** Text behind a colon, which takes no second one. */
function labelled(text: string): string {
  return quoted(text.replaceAll(/[:;#]/g, ' '));
}
