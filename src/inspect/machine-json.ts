import type { AnyStateMachine } from 'xstate';
import { type Chart, type ChartEdge, type ChartState, chartOf } from './chart.js';

type Json = Record<string, unknown>;

/**
 * The definition of a machine as XState's JSON, which Stately's editor imports. It holds names only: no context, no
 * parameters and no input, which can be secrets.
 */
export function machineJson(machine: AnyStateMachine): Json {
  return chartToXState(chartOf(machine));
}

/** A chart as XState's JSON; see {@link machineJson}. */
export function chartToXState(chart: Chart): Json {
  const { id, version, description } = chart;
  return {
    id,
    ...(version && { version }),
    ...(description && { description }),
    ...inside(chart, ''),
    ...transitionsOf(chart, '', []),
  };
}

function inside(chart: Chart, parent: string): Json {
  const children = chart.states.filter((state) => (state.parent ?? '') === parent);
  if (children.length === 0) return {};
  const initial = children.find(({ isInitial }) => isInitial);
  return {
    ...(initial ? { initial: initial.key } : { type: 'parallel' }),
    states: Object.fromEntries(children.map((state) => [state.key, stateJson(chart, state)])),
  };
}

function stateJson(chart: Chart, state: ChartState): Json {
  const { id, kind, description, entry, exit, invokes } = state;
  return {
    ...((kind === 'final' || kind === 'history') && { type: kind }),
    ...(description && { description }),
    ...(entry && { entry: entry.map((type) => ({ type })) }),
    ...(exit && { exit: exit.map((type) => ({ type })) }),
    ...inside(chart, id),
    ...transitionsOf(chart, id, invokes),
  };
}

/** Every way in which XState's JSON says what a state answers to. */
function transitionsOf(chart: Chart, from: string, invokes: readonly string[]): Json {
  const always: Json[] = [];
  const onDone: Json[] = [];
  // Without a prototype: an event can be called `constructor`.
  const on: Record<string, Json[]> = Object.create(null);
  const after: Record<string, Json[]> = Object.create(null);
  const invoke = invokes.map((src) => ({ src, onDone: [] as Json[], onError: [] as Json[] }));
  for (const edge of chart.edges) {
    if (edge.from !== from || edge.id.includes('+')) continue;
    const { event } = edge;
    const [, kind] = /^xstate\.(done|error)\.actor\./.exec(event) ?? [];
    const ended = kind && invoke.find(({ src }) => edge.label === `${src} ${kind}`);
    const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
    if (event === '') always.push(transition(chart, edge));
    else if (ended) ended[kind === 'done' ? 'onDone' : 'onError'].push(transition(chart, edge));
    else if (event.startsWith('xstate.done.state.')) onDone.push(transition(chart, edge));
    else if (delay) add(after, delay, transition(chart, edge));
    else add(on, event, transition(chart, edge));
  }
  return withoutEmpty({ always, onDone, on, after, invoke: invoke.map(withoutEmpty) });
}

function transition({ id: chartId, edges }: Chart, edge: ChartEdge): Json {
  const { id, from, to, guard, actions, reenter } = edge;
  const others = edges.filter((other) => other.id.startsWith(`${id}+`)).map((other) => other.to);
  const targets = [to, ...others].map((target) => `#${[chartId, target].filter(Boolean).join('.')}`);
  const staysPut = to === from && !reenter;
  return {
    ...(!staysPut && { target: targets.length === 1 ? targets[0] : targets }),
    ...(guard !== undefined && { guard: { type: guard } }),
    ...(actions.length > 0 && { actions: actions.map((type) => ({ type })) }),
    ...(reenter && { reenter }),
  };
}

function add(lists: Record<string, Json[]>, key: string, item: Json): void {
  lists[key] = [...(lists[key] ?? []), item];
}

function withoutEmpty(parts: Json): Json {
  return Object.fromEntries(
    Object.entries(parts).filter(
      ([, part]) => Object.keys(Object(part)).length > 0 || typeof part === 'string',
    ),
  );
}
