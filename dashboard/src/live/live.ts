import type { Tick } from '../api/answers.js';
import { createStore } from '../store.js';
import { serverNow, setServerTime } from '../ui/clock.js';
import { type Connection, follow } from './follow.js';

/** One second of the charts; undefined where nothing was measured. */
export interface Moment {
  /** Seconds since 1970. */
  at: number;
  added: number;
  completed: number;
  failed: number;
  waitP50?: number;
  waitP95?: number;
  runP50?: number;
  runP95?: number;
}

/** What the charts show: the last five minutes. */
export const MOMENTS = 300;

export const connection = createStore<Connection>('connecting');
export const lastTick = createStore<Tick | undefined>(undefined);
export const moments = createStore<readonly Moment[]>([]);

/** While what the page shows cannot be fresh: whether the server or its broker is away, and since when. */
export interface Outage {
  of: 'server' | 'broker';
  sinceMs: number;
}

export const outage = createStore<Outage | undefined>(undefined);

function setOutage(of: Outage['of'] | undefined): void {
  if (outage.get()?.of === of) return;
  outage.set(of && { of, sinceMs: outage.get()?.sinceMs ?? serverNow() });
}

const listeners = new Set<() => void>();

/** Calls back when jobs may have changed, at most once a second. @returns what ends it */
export function onChanges(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Starts the one live connection of the page. @returns what ends it */
export function startLive(): () => void {
  let missed = false;
  return follow('/live', {
    onConnection: (next) => {
      missed ||= next === 'lost' || next === 'paused';
      connection.set(next);
      if (next === 'lost') setOutage('server');
    },
    onEvent: ({ event, data }) => {
      if (event !== 'tick') return;
      const tick = JSON.parse(data) as Tick;
      setServerTime(tick.at);
      missed ||= outage.get() !== undefined && tick.brokerConnected;
      setOutage(tick.brokerConnected ? undefined : 'broker');
      lastTick.set(tick);
      moments.set([...moments.get(), momentOf(tick)].slice(-MOMENTS));
      // A job that was added and that no worker has touched is no transition.
      const isSame = tick.changed.length === 0 && !tick.changedMore && tick.throughput.added === 0;
      if (!missed && isSame) return;
      missed = false;
      for (const listener of [...listeners]) listener();
    },
  });
}

function momentOf({ at, throughput, waitMs, runMs }: Tick): Moment {
  return {
    at: Date.parse(at) / 1_000,
    ...throughput,
    ...(waitMs && { waitP50: waitMs.p50, waitP95: waitMs.p95 }),
    ...(runMs && { runP50: runMs.p50, runP95: runMs.p95 }),
  };
}
