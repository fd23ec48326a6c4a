/** How long an instance of the simulator takes over each step, in milliseconds. */
export interface SimulatorTimings {
  /** From create to `creating`. Defaults to 50. */
  creatingAfterMs: number;
  /** From create to `pulling`. Defaults to 100. */
  pullingAfterMs: number;
  /** From create, or from start and restart, to `running`. Defaults to 300. */
  runningAfterMs: number;
  /** From stop to `exited`. Defaults to 100. */
  stoppedAfterMs: number;
  /** From delete to `removed`. Defaults to 100. */
  removedAfterMs: number;
  /** From delete until the instance is not found any more. Defaults to 200. */
  forgottenAfterMs: number;
}

const DEFAULT_TIMINGS: Readonly<SimulatorTimings> = {
  creatingAfterMs: 50,
  pullingAfterMs: 100,
  runningAfterMs: 300,
  stoppedAfterMs: 100,
  removedAfterMs: 100,
  forgottenAfterMs: 200,
};

export type LedgerAction = 'create' | 'delete' | 'stop' | 'start' | 'migrate';

/** One action that the simulator carried out; what it refused is not in the ledger. */
export interface LedgerEntry {
  /** ISO 8601. */
  at: string;
  action: LedgerAction;
  instanceId: string;
  name: string;
}

/** An instance as it was asked for, and what faults decided when it was made. */
export interface InstanceSpec {
  id: string;
  name: string;
  gpuNum: number;
  isSpot: boolean;
  ports: { port: number; type: string }[];
  product: { id: string; name: string };
  cluster: { id: string; name: string };
  /** What else its provider shows of it. */
  wire: Readonly<Record<string, unknown>>;
  stuckPulling: boolean;
  startFailure?: string;
  /** What is reported while it runs, for a time or for ever. */
  unhealthy?: { state: string; forMs?: number | undefined };
  listLagMs: number;
  readLagMs: number;
}

/** How long an order takes after a create, what the instance is called in each half of that time, and what at its end. */
const ORDERS = {
  start: { takes: 'runningAfterMs', halves: ['toStart', 'starting'], end: 'running' },
  restart: { takes: 'runningAfterMs', halves: ['toRestart', 'restarting'], end: 'running' },
  migrate: { takes: 'runningAfterMs', halves: ['migrating', 'migrating'], end: 'running' },
  stop: { takes: 'stoppedAfterMs', halves: ['toStop', 'stopping'], end: 'exited' },
  delete: { takes: 'removedAfterMs', halves: ['toRemove', 'removing'], end: 'removed' },
} as const;
type Order = keyof typeof ORDERS;

export interface SimulatedInstance extends InstanceSpec {
  readonly createdAtMs: number;
  /** The order that it follows; where it stands in it is a matter of the time since. */
  order: Order | 'create';
  orderedAtMs: number;
  startedAtMs: number;
  stoppedAtMs: number;
  /** When its provider takes it back, which it has announced. */
  reclaimAtMs?: number;
}

const MAX_LEDGER_ENTRIES = 100_000;

/** The instances of one simulator. Nothing ticks: every status is computed from timestamps when it is asked for. */
export class SimulatedInstances {
  readonly #ledger: LedgerEntry[] = [];
  /** Deletes that were answered, and when each is carried out. */
  readonly #lateDeletes = new Map<SimulatedInstance, number>();
  readonly #instances = new Map<string, SimulatedInstance>();
  /** Those that were deleted: only these are forgotten by and by. */
  readonly #leaving = new Set<SimulatedInstance>();
  /** Every instance, newest first; undefined when one came or went. */
  #newestFirst: readonly SimulatedInstance[] | undefined;
  readonly #timings: SimulatorTimings;

  constructor(timings: Partial<SimulatorTimings> = {}) {
    this.#timings = { ...DEFAULT_TIMINGS, ...timings };
  }

  /** Every action carried out, oldest first. */
  get ledger(): readonly LedgerEntry[] {
    this.#carryOutLateDeletes();
    return this.#ledger;
  }

  create(spec: InstanceSpec): SimulatedInstance {
    const now = Date.now();
    const instance: SimulatedInstance = {
      ...spec,
      createdAtMs: now,
      order: 'create',
      orderedAtMs: now,
      startedAtMs: 0,
      stoppedAtMs: 0,
    };
    this.#instances.set(instance.id, instance);
    this.#newestFirst = undefined;
    this.#record('create', instance, now);
    return instance;
  }

  /** An instance that the provider still knows, removed ones of the last moments included. */
  find(id: string): SimulatedInstance | undefined {
    this.#carryOutLateDeletes();
    const instance = this.#instances.get(id);
    return instance && this.status(instance) ? instance : undefined;
  }

  /** Every instance that the provider still knows, newest first: the same array for as long as none comes or goes. */
  all(): readonly SimulatedInstance[] {
    this.#carryOutLateDeletes();
    for (const instance of this.#leaving) if (!this.status(instance)) this.#forget(instance);
    this.#newestFirst ??= [...this.#instances.values()].reverse();
    return this.#newestFirst;
  }

  /** Those that still cost money: neither removed nor vanished. */
  live(): SimulatedInstance[] {
    return this.all().filter((instance) => this.status(instance) !== 'removed');
  }

  /** The present status in Novita's words, which other wires translate, or undefined once it is forgotten. */
  status(instance: SimulatedInstance): string | undefined {
    const { order, orderedAtMs, stuckPulling, startFailure } = instance;
    if (this.isReclaimed(instance)) return 'exited';
    const elapsedMs = Date.now() - orderedAtMs;
    const { creatingAfterMs, pullingAfterMs, runningAfterMs, forgottenAfterMs } = this.#timings;
    if (order === 'create') {
      if (elapsedMs < creatingAfterMs) return 'toCreate';
      if (elapsedMs < pullingAfterMs) return 'creating';
      return stuckPulling || startFailure !== undefined || elapsedMs < runningAfterMs ? 'pulling' : 'running';
    }
    if (order === 'delete' && elapsedMs >= forgottenAfterMs) return undefined;
    const { takes, halves, end } = ORDERS[order];
    if (elapsedMs >= this.#timings[takes]) return end;
    return elapsedMs < this.#timings[takes] / 2 ? halves[0] : halves[1];
  }

  /** Carries out an order. The caller has checked that the present status allows it. */
  order(instance: SimulatedInstance, order: Order, now = Date.now()): void {
    instance.startedAtMs = this.startedAtMs(instance);
    delete instance.reclaimAtMs;
    instance.order = order;
    instance.orderedAtMs = now;
    if (order === 'stop') instance.stoppedAtMs = now;
    if (order === 'delete') {
      this.#lateDeletes.delete(instance);
      this.#leaving.add(instance);
    }
    if (order !== 'restart') this.#record(order, instance, now);
  }

  /** Accepts a delete that is carried out `lagMs` from now. Saying it again does not put it off. */
  deleteLater(instance: SimulatedInstance, lagMs: number): void {
    const atMs = this.#lateDeletes.get(instance) ?? Number.POSITIVE_INFINITY;
    this.#lateDeletes.set(instance, Math.min(atMs, Date.now() + lagMs));
  }

  /** As nothing ticks, these are caught up with before anybody looks or acts. */
  #carryOutLateDeletes(): void {
    const due = [...this.#lateDeletes].filter(([, atMs]) => atMs <= Date.now()).sort((a, b) => a[1] - b[1]);
    for (const [instance, atMs] of due) this.order(instance, 'delete', atMs);
  }

  /** Takes an instance away from outside. It is no action of the API's caller, so it is not in the ledger. */
  vanish(instance: SimulatedInstance): void {
    this.#lateDeletes.delete(instance);
    this.#forget(instance);
  }

  /** Takes a spot instance back, once the notice is over. The provider does that, so it is not in the ledger. */
  reclaim(instance: SimulatedInstance, noticeMs: number): void {
    instance.reclaimAtMs = Date.now() + noticeMs;
  }

  isReclaimed({ reclaimAtMs = Number.POSITIVE_INFINITY }: SimulatedInstance): boolean {
    return Date.now() >= reclaimAtMs;
  }

  #forget(instance: SimulatedInstance): void {
    this.#leaving.delete(instance);
    this.#instances.delete(instance.id);
    this.#newestFirst = undefined;
  }

  /** When it last came to run, or 0. */
  startedAtMs(instance: SimulatedInstance): number {
    const isRunning = this.status(instance) === 'running';
    return isRunning ? instance.orderedAtMs + this.#timings.runningAfterMs : instance.startedAtMs;
  }

  /** Why it does not come to run, once that shows. */
  failureOf(instance: SimulatedInstance): string {
    const isLate = Date.now() - instance.orderedAtMs >= this.#timings.runningAfterMs;
    return (isLate && this.status(instance) === 'pulling' && instance.startFailure) || '';
  }

  /** What is reported of it although it runs. */
  unhealthyState(instance: SimulatedInstance): string {
    if (!instance.unhealthy || this.status(instance) !== 'running') return '';
    const { state, forMs = Number.POSITIVE_INFINITY } = instance.unhealthy;
    return Date.now() < this.startedAtMs(instance) + forMs ? state : '';
  }

  #record(action: LedgerAction, { id, name }: SimulatedInstance, atMs: number): void {
    if (this.#ledger.length >= MAX_LEDGER_ENTRIES) this.#ledger.shift();
    this.#ledger.push({ at: new Date(atMs).toISOString(), action, instanceId: id, name });
  }
}
