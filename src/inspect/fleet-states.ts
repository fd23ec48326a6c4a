/** Where the state machines of a fleet stand, which edges they take, and how long they stay in each state. */
import { LogHistogram } from '../jobs/log-histogram.js';
import type { InspectionRecord, TakenEdge } from '../wire/inspection.js';

/** An edge, and how often it was taken. */
export interface Moved extends TakenEdge {
  count: number;
}

/** How long machines stayed in a state that they have left. */
export interface StateTime {
  p50: number;
  p95: number;
  count: number;
}

export interface FleetMachine {
  id: string;
  /** How many of it run. */
  running: number;
  /** How many stand in each state, those around it included; states without any are left out. */
  counts: Record<string, number>;
  /** By state, since somebody watches. */
  times: Record<string, StateTime>;
  /** Since the picture before. */
  moved: Moved[];
}

/** A job whose machine stands in a state. */
export interface StandingJob {
  /** Absent for the machine of a worker itself. */
  jobId?: string;
  worker: string;
  /** Since when, ISO 8601: by the clock of the worker, or since somebody watches. */
  since: string;
}

interface Actor {
  machine: string;
  worker: string;
  jobId: string | undefined;
  /** The states that it is in, with those around them. */
  since: Map<string, Stay>;
  round: number;
  /** Its newest step: when it was, milliseconds since the epoch, and its number. */
  lastMs: number;
  lastStep: number;
}

interface Stay {
  /** When it was entered, milliseconds since the epoch. */
  ms: number;
  /** Whether somebody watched then; else it is when the watch began. */
  isKnown: boolean;
}

/** Machines that are followed at once; others are left out. */
const MAX_ACTORS = 20_000;
const MAX_MACHINES = 200;
/** Of one machine: states whose times are kept, and edges that are told of one picture. */
const MAX_STATES = 500;
const MAX_MOVED = 200;

interface Machine {
  times: Map<string, LogHistogram>;
  moved: Map<string, Moved>;
}

export class FleetStates {
  readonly #actors = new Map<string, Actor>();
  readonly #machines = new Map<string, Machine>();
  #round = 0;

  /** A step of a machine, as workers tell it to watchers. */
  note(record: InspectionRecord): void {
    const { machine, kind, at } = record;
    if (machine === undefined || record.active === undefined) return;
    const known = this.#machine(machine);
    if (!known) return;
    const atMs = Date.parse(at);
    const key = keyOf(record);
    const actor = this.#actors.get(key);
    if (actor && isRepeated(actor, record, atMs)) {
      actor.round = this.#round;
      return;
    }
    if (kind === 'transition') for (const edge of record.edges ?? []) move(known, edge);
    if (kind === 'done') {
      if (actor) this.#leave(known, actor, [...actor.since.keys()], atMs);
      this.#actors.delete(key);
      return;
    }
    if (!actor && this.#actors.size >= MAX_ACTORS) return;
    const { worker, jobId, step } = record;
    const round = this.#round;
    const current = actor ?? { machine, worker, jobId, since: new Map(), round, lastMs: 0, lastStep: -1 };
    Object.assign(current, { round, ...(step !== undefined && { lastMs: atMs, lastStep: step }) });
    this.#actors.set(key, current);
    const isKnown = actor !== undefined || isBeginning(record);
    this.#stand(known, current, withParents(record.active), { ms: atMs, isKnown });
  }

  /** A machine that is known by other means has moved, having stood in `from` for so long. */
  noteMove(id: string, edge: TakenEdge, stayedMs: number | undefined): void {
    const known = this.#machine(id);
    if (!known) return;
    move(known, edge);
    if (stayedMs !== undefined) for (const state of withParents([edge.from])) addTime(known, state, stayedMs);
  }

  /** Workers are asked now where their machines stand. */
  beginRound(): void {
    this.#round++;
  }

  /** Forgets the machines that nobody has told of since the round began: the word of their end was lost, or their worker. */
  endRound(): void {
    for (const [key, { round }] of this.#actors) if (round < this.#round) this.#actors.delete(key);
  }

  /** Where all stand now, and what has moved since the last time. */
  picture(): FleetMachine[] {
    const running = new Map<string, { running: number; counts: Map<string, number> }>();
    for (const { machine, since } of this.#actors.values()) {
      const of = running.get(machine) ?? { running: 0, counts: new Map<string, number>() };
      running.set(machine, of);
      of.running++;
      for (const state of since.keys()) of.counts.set(state, (of.counts.get(state) ?? 0) + 1);
    }
    return [...this.#machines].map(([id, { times, moved }]) => {
      const edges = [...moved.values()];
      moved.clear();
      const of = running.get(id);
      return {
        id,
        running: of?.running ?? 0,
        counts: Object.fromEntries(of?.counts ?? []),
        times: Object.fromEntries([...times].flatMap(([state, histogram]) => timeOf(state, histogram))),
        moved: edges,
      };
    });
  }

  /** The jobs whose machine stands in a state, those that have been there longest first. */
  jobsIn(machine: string, state: string, limit: number): { jobs: StandingJob[]; count: number } {
    const found = [...this.#actors.values()].flatMap((actor) => {
      const stay = actor.machine === machine ? actor.since.get(state) : undefined;
      return stay ? [{ actor, sinceMs: stay.ms }] : [];
    });
    const jobs = found
      .sort((one, other) => one.sinceMs - other.sinceMs)
      .slice(0, limit)
      .map(({ actor: { jobId, worker }, sinceMs }) => ({
        ...(jobId !== undefined && { jobId }),
        worker,
        since: new Date(sinceMs).toISOString(),
      }));
    return { jobs, count: found.length };
  }

  clear(): void {
    this.#actors.clear();
    this.#machines.clear();
  }

  #machine(id: string): Machine | undefined {
    const known = this.#machines.get(id);
    if (known || this.#machines.size >= MAX_MACHINES) return known;
    const made: Machine = { times: new Map(), moved: new Map() };
    this.#machines.set(id, made);
    return made;
  }

  #stand(known: Machine, actor: Actor, active: readonly string[], stay: Stay): void {
    const now = new Set(active);
    const left = [...actor.since.keys()].filter((state) => !now.has(state));
    this.#leave(known, actor, left, stay.ms);
    for (const state of active) if (!actor.since.has(state)) actor.since.set(state, stay);
  }

  #leave(known: Machine, actor: Actor, states: readonly string[], atMs: number): void {
    for (const state of states) {
      const stay = actor.since.get(state);
      actor.since.delete(state);
      if (stay?.isKnown) addTime(known, state, Math.max(0, atMs - stay.ms));
    }
  }
}

function keyOf({ worker, jobId = '', actor, parent = '' }: InspectionRecord): string {
  return JSON.stringify([worker, jobId, parent, actor]);
}

/** A record of a machine that has only just begun, as opposed to one that somebody has just begun to watch. */
function isBeginning({ kind, step }: InspectionRecord): boolean {
  return kind === 'snapshot' && step !== undefined;
}

/** Whoever begins to watch a job is told its run from the beginning, and so are all others that watch. */
function isRepeated({ lastMs, lastStep }: Actor, { step }: InspectionRecord, atMs: number): boolean {
  return step !== undefined && (atMs < lastMs || (atMs === lastMs && step <= lastStep));
}

function withParents(states: readonly string[]): string[] {
  const all = new Set<string>();
  for (const state of states) {
    const parts = state.split('.');
    for (let length = 1; length <= parts.length; length++) all.add(parts.slice(0, length).join('.'));
  }
  return [...all];
}

function move({ moved }: Machine, edge: TakenEdge): void {
  const { from, to, event, guard } = edge;
  const key = JSON.stringify([from, to, event, guard]);
  const known = moved.get(key);
  if (known) known.count++;
  else if (moved.size < MAX_MOVED)
    moved.set(key, { from, to, event, ...(guard !== undefined && { guard }), count: 1 });
}

function addTime({ times }: Machine, state: string, ms: number): void {
  const histogram = times.get(state) ?? new LogHistogram();
  if (times.size >= MAX_STATES && !times.has(state)) return;
  times.set(state, histogram);
  histogram.add(ms);
}

function timeOf(state: string, histogram: LogHistogram): [string, StateTime][] {
  const { p50, p95 } = histogram.percentiles() ?? {};
  return p50 === undefined || p95 === undefined ? [] : [[state, { p50, p95, count: histogram.count }]];
}
