import { forgetOldest } from '../../jobs/forget-oldest.js';
import type { InspectionRecord } from '../../wire/inspection.js';
import type { Chart } from '../chart.js';
import { chartToXState } from '../machine-json.js';

/** A message of the `@statelyai/inspect` protocol. */
export type StatelyMessage = Record<string, unknown> & {
  type: '@xstate.actor' | '@xstate.event' | '@xstate.snapshot';
};

/** The version of the protocol that the messages have. */
const PROTOCOL = '0.7.2';
/** Actors that one connection remembers. */
const MAX_INTRODUCED = 10_000;

/** Says in Stately's words what one connection is to see; it remembers which actors that one has heard of. */
export class StatelyMessages {
  readonly #chartOf: (record: InspectionRecord) => Chart | undefined;
  readonly #introduced = new Set<string>();
  #count = 0;

  constructor(chartOf: (record: InspectionRecord) => Chart | undefined) {
    this.#chartOf = chartOf;
  }

  /** The messages of a record: an actor that is new to the listener is introduced first. */
  of(record: InspectionRecord): StatelyMessage[] {
    const { kind } = record;
    const sessionId = sessionOf(record, record.actor);
    const isNew = !this.#introduced.has(sessionId);
    const introduction = isNew || kind === 'actor' ? [this.#actor(record, sessionId)] : [];
    if (kind === 'done') this.#introduced.delete(sessionId);
    else this.#remember(sessionId);
    if (kind === 'actor') return introduction;
    if (kind === 'event') return [...introduction, this.#event(record, sessionId)];
    return [...introduction, this.#snapshot(record, sessionId)];
  }

  /** Anybody can send records of ever new actors; one that is forgotten is introduced once more. */
  #remember(sessionId: string): void {
    this.#introduced.delete(sessionId);
    this.#introduced.add(sessionId);
    forgetOldest(this.#introduced, MAX_INTRODUCED);
  }

  #actor(record: InspectionRecord, sessionId: string): StatelyMessage {
    const chart = this.#chartOf(record);
    const { actor, parent = rootOf(record) } = record;
    const parentId = sessionOf(record, parent);
    return {
      ...this.#base('@xstate.actor', record, sessionId),
      name: actor,
      ...(parentId !== sessionId && { parentId }),
      // From the chart, which has names only: what a machine begins with can be a secret.
      ...(chart && { definition: JSON.stringify(chartToXState(chart)) }),
      snapshot: snapshotOf(record),
    };
  }

  #event(record: InspectionRecord, sessionId: string): StatelyMessage {
    const { event = '', sentBy, data } = record;
    return {
      ...this.#base('@xstate.event', record, sessionId),
      event: { ...(typeof data === 'string' ? { data } : Object(data)), type: event },
      ...(sentBy !== undefined && { sourceId: sessionOf(record, sentBy) }),
    };
  }

  #snapshot(record: InspectionRecord, sessionId: string): StatelyMessage {
    return {
      ...this.#base('@xstate.snapshot', record, sessionId),
      event: { type: record.event ?? `jetfleet.${record.kind}` },
      snapshot: snapshotOf(record),
    };
  }

  #base(type: StatelyMessage['type'], record: InspectionRecord, sessionId: string): StatelyMessage {
    return {
      type,
      id: `${record.worker}-${record.seq}-${++this.#count}`,
      createdAt: String(Date.parse(record.at)),
      rootId: sessionOf(record, rootOf(record)),
      sessionId,
      _version: PROTOCOL,
    };
  }
}

function rootOf({ jobId }: InspectionRecord): string {
  return jobId === undefined ? 'worker_lifecycle' : 'job';
}

function sessionOf({ worker, jobId }: InspectionRecord, actor: string): string {
  return [worker, ...(jobId === undefined ? [] : [jobId]), actor].join('/');
}

function snapshotOf({ status = 'active', active, context }: InspectionRecord): Record<string, unknown> {
  return {
    status,
    ...(active && { value: stateValueOf(active) }),
    ...(context !== undefined && { context }),
  };
}

type Tree = { [key: string]: Tree };

/** XState's form of where a machine stands: `pending.queued` is `{pending: 'queued'}`. */
export function stateValueOf(active: readonly string[]): unknown {
  const tree: Tree = Object.create(null);
  for (const id of active) {
    let at = tree;
    for (const key of id.split('.')) at = at[key] ??= Object.create(null);
  }
  return shapeOf(tree);
}

function shapeOf(tree: Tree): unknown {
  const entries = Object.entries(tree);
  const [first] = entries;
  if (entries.length === 1 && first && Object.keys(first[1]).length === 0) return first[0];
  return Object.fromEntries(entries.map(([key, inner]) => [key, shapeOf(inner)]));
}
