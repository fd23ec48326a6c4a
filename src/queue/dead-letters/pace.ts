/**
 * The pace at which dead letters run again. It is carried by timers of the broker's in TIMERS, one for each job, so that it goes on
 * when the process that asked for it ends.
 */
import type { Broker } from '../../broker/broker.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { checkNumber } from '../../jobs/numbers.js';
import { timerTime } from '../timer-time.js';

const MIN_RATE = 0.001;
const MAX_RATE = 10_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkRate(rate: unknown): void {
  checkNumber('rate', rate, MIN_RATE, MAX_RATE);
}

/** When the n-th job may begin, and when its timer is to fire; undefined for at once. */
export type Pace = (index: number) => { dueMs: number; timerMs: number } | undefined;

/** When a job may begin that runs again after a time; undefined for at once. */
export async function dueIn(broker: Broker, delayMs = 0): Promise<ReturnType<Pace>> {
  if (delayMs === 0) return undefined;
  const nowMs = broker.clock.now();
  const eventsMaxAgeMs = await broker.topology.eventsMaxAgeMs();
  return { dueMs: nowMs + delayMs, timerMs: timerTime(nowMs + delayMs, nowMs, eventsMaxAgeMs) };
}

export async function paceOf({ clock, topology }: Broker, rate: number | undefined): Promise<Pace> {
  if (rate === undefined) return () => undefined;
  const startMs = clock.now();
  const eventsMaxAgeMs = await topology.eventsMaxAgeMs();
  return (index) => {
    const inMs = Math.min(Math.floor((index * 1_000) / rate), MAX_DELAY_MS);
    if (inMs === 0) return undefined;
    return { dueMs: startMs + inMs, timerMs: timerTime(startMs + inMs, startMs, eventsMaxAgeMs) };
  };
}
