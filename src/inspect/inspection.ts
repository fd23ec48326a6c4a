import type { AnyActorRef, InspectionEvent, StateValue } from 'xstate';
import { clip } from '../jobs/excerpt.js';
import { maskSecrets } from '../jobs/mask.js';
import type { InspectionRecord, TakenEdge } from '../wire/inspection.js';
import { guardName } from './chart.js';
import { isMachine } from './worker-charts.js';

/** What is shown of a context. */
const MAX_DEPTH = 8;
const MAX_ITEMS = 50;
const MAX_TEXT = 1_000;
/** Objects and lists of one context. */
const MAX_VALUES = 2_000;

/** What a step says by itself; who took it, where and when is added by whoever sends it. */
export type Step = Omit<InspectionRecord, 'v' | 'seq' | 'at' | 'worker' | 'jobId' | 'step'>;

/** How a context is shown. */
export type ShowContext = (context: unknown) => unknown;

type ActorFacts = Pick<InspectionRecord, 'actor' | 'parent' | 'machine' | 'machineVersion'>;

type SnapshotEvent = Extract<InspectionEvent, { type: '@xstate.snapshot' }>;

/** Whether a machine has come to its first state, to which no transition leads. */
function begins({ event, actorRef }: SnapshotEvent): boolean {
  return event.type === 'xstate.init' && isMachine((actorRef as { logic?: unknown }).logic);
}

/** Whether {@link stepOf} makes a step of it. */
export function isStep(event: InspectionEvent): boolean {
  const { type } = event;
  if (type === '@xstate.snapshot') return event.snapshot.status !== 'active' || begins(event);
  return type === '@xstate.microstep' || type === '@xstate.event' || type === '@xstate.actor';
}

/** XState's account of a step in Jetfleet's own words, or undefined for what nobody needs to see. */
export function stepOf(event: InspectionEvent, show: ShowContext = shownContext): Step | undefined {
  const { actorRef } = event;
  switch (event.type) {
    case '@xstate.actor':
      return { ...factsOf(actorRef), kind: 'actor' };
    case '@xstate.event': {
      const { sourceRef } = event;
      return {
        ...factsOf(actorRef),
        kind: 'event',
        event: event.event.type,
        ...contentOf(event.event, show),
        ...(sourceRef && { sentBy: nameOf(sourceRef) }),
      };
    }
    case '@xstate.microstep':
      return {
        ...factsOf(actorRef),
        kind: 'transition',
        event: event.event.type,
        edges: event._transitions.flatMap(takenEdges),
        ...standing(event.snapshot, show),
      };
    case '@xstate.snapshot':
      if (event.snapshot.status === 'active')
        return begins(event)
          ? { ...factsOf(actorRef), kind: 'snapshot', ...standing(event.snapshot, show) }
          : undefined;
      return { ...factsOf(actorRef), kind: 'done', ...standing(event.snapshot, show) };
    default:
      return undefined;
  }
}

/** Where an actor and those that it invokes stand now, for somebody who begins to watch. Never throws. */
export function stepsSoFar(actor: AnyActorRef): Step[] {
  try {
    const snapshot = actor.getSnapshot() as { children?: Record<string, AnyActorRef> };
    const own: Step = { ...factsOf(actor), kind: 'snapshot', ...standing(snapshot, shownContext) };
    return [own, ...Object.values(snapshot.children ?? {}).flatMap(stepsSoFar)];
  } catch {
    // A machine is worth more than the picture of it.
    return [];
  }
}

function factsOf(actor: object): ActorFacts {
  const { logic, _parent } = actor as { logic?: unknown; _parent?: object };
  return {
    actor: nameOf(actor),
    ...(_parent && { parent: nameOf(_parent) }),
    ...(isMachine(logic) && { machine: logic.id, machineVersion: String(logic.version ?? '') }),
  };
}

function nameOf(actor: object): string {
  const { logic, src, id } = actor as { logic?: unknown; src?: unknown; id: string };
  if (isMachine(logic)) return logic.id;
  return typeof src === 'string' ? src : id;
}

/** What an event says besides its name. */
function contentOf({ type: _, ...content }: { type: string }, show: ShowContext): Pick<Step, 'data'> {
  const data = show(content);
  const isEmpty = typeof data !== 'object' || data === null || Object.keys(data).length === 0;
  return isEmpty ? {} : { data };
}

type Transition = Extract<InspectionEvent, { type: '@xstate.microstep' }>['_transitions'][number];

function takenEdges({ source, target, eventType, guard }: Transition): TakenEdge[] {
  const from = source.path.join('.');
  return (target ?? [source]).map((node) => ({
    from,
    to: node.path.join('.'),
    event: eventType,
    ...(guard !== undefined && { guard: guardName(guard) }),
  }));
}

function standing(snapshot: object, show: ShowContext): Pick<Step, 'active' | 'status' | 'context'> {
  const { value, status, context } = snapshot as {
    value?: StateValue;
    status?: InspectionRecord['status'];
    context?: unknown;
  };
  return {
    ...(value !== undefined && { active: innermost(value) }),
    ...(status !== undefined && { status }),
    ...(context !== undefined && { context: show(context) }),
  };
}

/** What may be seen of a context. */
export function shownContext(context: unknown): unknown {
  return maskSecrets(clipValue(context));
}

/** The ids of the innermost states of a state value: `{pending: 'queued'}` is `pending.queued`. */
export function innermost(value: StateValue, within = ''): string[] {
  if (typeof value === 'string') return [within + value];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (inner === undefined) return [];
    const isLeaf = typeof inner === 'object' && Object.keys(inner).length === 0;
    return isLeaf ? [within + key] : innermost(inner, `${within}${key}.`);
  });
}

/**
 * A copy as JSON that is short enough to look at: deep, long and numerous parts are cut. What has no JSON form is left out.
 * @param left how many values there is room for: actors in a context lead to each other in circles
 */
function clipValue(value: unknown, left = { count: MAX_VALUES }, depth = 0): unknown {
  if (typeof value === 'string') return clip(value, MAX_TEXT);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH || left.count-- <= 0) return '…';
  if (value instanceof Error) return { name: value.name, message: clipValue(value.message) };
  // Of a date its time, of an actor its id.
  if (hasJson(value)) return clipValue(value.toJSON(), left, depth + 1);
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => clipValue(item, left, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `… ${value.length - MAX_ITEMS} more`] : items;
  }
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(entries.map(([name, item]) => [name, clipValue(item, left, depth + 1)]));
}

function hasJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}
