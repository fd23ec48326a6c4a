import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { TakenEdge } from '../wire/inspection.js';

/** A machine as plain JSON, made from its definition. Ids are paths with dots: `pending.queued`. */
export interface Chart {
  id: string;
  /** Empty for a machine that says none. */
  version: string;
  description: string;
  /** Parents before children, in the order of the definition. */
  states: ChartState[];
  /** In the order in which they are tried. */
  edges: ChartEdge[];
}

export interface ChartState {
  id: string;
  /** The last part of the id. */
  key: string;
  /** The id of the state around it. */
  parent?: string;
  kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Whether its parent, or the machine, begins there. */
  isInitial: boolean;
  description: string;
  /** The names of the actors that run while it is active. */
  invokes: string[];
  /** Actions when it is entered, and when it is left; absent where there are none. */
  entry?: string[];
  exit?: string[];
}

export interface ChartEdge {
  /** Unique in its chart, and the same as long as the order of transitions is. */
  id: string;
  /** The id of a state; empty for the machine itself, that is for any state. */
  from: string;
  /** Of a transition without a target, `from`. */
  to: string;
  /** The event as XState names it; empty for one that is taken at once. */
  event: string;
  /** The event as people say it: `run done`, `after settleDelay`. */
  label: string;
  guard?: string;
  actions: string[];
  /** Present when `from` is left and entered again although `to` is in it. */
  reenter?: true;
}

/** What tells a chart from all others. */
export function chartKey({ id, version = '' }: { id: string; version?: string | undefined }): string {
  return JSON.stringify([id, version]);
}

/** Draws up a machine. What was written inline shows as `guard`, `action` or `actor`. */
export function chartOf(machine: AnyStateMachine): Chart {
  const { root } = machine;
  const nodes = descendants(root);
  return {
    id: machine.id,
    version: String(machine.version ?? ''),
    description: root.description ?? '',
    states: nodes.map(stateOf),
    edges: [root, ...nodes].flatMap(edgesOf),
  };
}

/** The ids of the edges that a step took, as {@link InspectionRecord} names them. */
export function takenEdgeIds(chart: Chart, taken: readonly TakenEdge[]): string[] {
  return taken.flatMap(({ from, to, event, guard }) => {
    const fits = (edge: ChartEdge) => edge.from === from && edge.to === to && edge.event === event;
    const edges = chart.edges.filter(fits);
    const exact = edges.find((edge) => edge.guard === guard) ?? edges[0];
    return exact ? [exact.id] : [];
  });
}

/** An edge in full: `run done [isCompleted] / saveOutcome`. */
export function edgeText({ label, guard, actions }: ChartEdge): string {
  const parts = [label, guard !== undefined && `[${guard}]`, actions.length > 0 && `/ ${actions.join(', ')}`];
  return parts.filter(Boolean).join(' ');
}

function descendants(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendants(child)]);
}

function idOf(node: AnyStateNode): string {
  return node.path.join('.');
}

function stateOf(node: AnyStateNode): ChartState {
  const { parent } = node;
  const isNested = parent !== undefined && parent.path.length > 0;
  return {
    id: idOf(node),
    key: node.key,
    ...(isNested && { parent: idOf(parent) }),
    kind: node.type,
    isInitial: parent?.type === 'compound' && parent.initial.target[0] === node,
    description: node.description ?? '',
    invokes: node.invoke.map(({ src }) => actorName(src)),
    ...named('entry', node.config.entry),
    ...named('exit', node.config.exit),
  };
}

/** What the definition says: the node itself also has the timers of its delays there. */
function named(key: 'entry' | 'exit', config: unknown): Pick<ChartState, 'entry' | 'exit'> {
  const actions = [config ?? []].flat();
  return actions.length > 0 ? { [key]: actions.map(actionName) } : {};
}

function edgesOf(node: AnyStateNode): ChartEdge[] {
  const from = idOf(node);
  const transitions = [...(node.always ?? []), ...[...node.transitions.values()].flat()];
  return transitions.flatMap((transition, index) =>
    (transition.target ?? [node]).map((target, part) => ({
      // A transition into several regions at once is an edge to each.
      id: part === 0 ? `${from}#${index}` : `${from}#${index}+${part}`,
      from,
      to: idOf(target),
      event: transition.eventType,
      label: eventLabel(node, transition.eventType),
      ...(transition.guard !== undefined && { guard: guardName(transition.guard) }),
      actions: transition.actions.map(actionName),
      ...(transition.reenter && { reenter: true as const }),
    })),
  );
}

/** XState's own event names carry ids that mean nothing in a drawing. */
function eventLabel(node: AnyStateNode, eventType: string): string {
  const [, kind, ofActor] = /^xstate\.(done|error|snapshot)\.actor\.(.*)$/.exec(eventType) ?? [];
  if (kind) {
    const invoked = node.invoke.find(({ id }) => id === ofActor);
    return `${invoked ? actorName(invoked.src) : ofActor} ${kind}`;
  }
  if (eventType.startsWith('xstate.done.state.')) return 'done';
  if (eventType === '*') return 'any other event';
  const delayed = node.after.find((transition) => transition.eventType === eventType);
  return delayed ? `after ${delayText(delayed.delay)}` : eventType;
}

function delayText(delay: unknown): string {
  const ms = Number(delay);
  if (!Number.isFinite(ms)) return String(delay);
  return ms >= 1_000 && ms % 100 === 0 ? `${ms / 1_000} s` : `${ms} ms`;
}

/** The name of a guard: `isReady`, `not isReady`, `a and b`; an inline function is `guard`. */
export function guardName(guard: unknown): string {
  const combined = Object(guard) as { name?: unknown; guards?: unknown };
  if (typeof guard === 'function' && Array.isArray(combined.guards)) {
    const parts = combined.guards.map(guardName);
    return combined.name === 'not' ? `not ${parts[0]}` : parts.join(` ${combined.name} `);
  }
  return typeOf(guard) ?? 'guard';
}

/** `saveError`; XState's own such as `assign` without its prefix; an inline function is `action`. */
function actionName(action: unknown): string {
  return typeOf(action)?.replace(/^xstate\./, '') ?? 'action';
}

/** The name that `setup` gives an actor; one that was written inline is `actor`. */
function actorName(src: unknown): string {
  return typeof src === 'string' && !src.startsWith('xstate.invoke.') ? src : 'actor';
}

function typeOf(thing: unknown): string | undefined {
  if (typeof thing === 'string') return thing;
  const { type } = Object(thing) as { type?: unknown };
  return typeof type === 'string' ? type : undefined;
}
