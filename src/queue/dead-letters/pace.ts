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

/** When a job may begin, and when its timer is to fire; undefined for at once. */
type Due = { dueMs: number; timerMs: number } | undefined;
/** The same, of the n-th job. */
export type Pace = (index: number) => Due;

/** When a job may begin that runs again after a time; undefined for at once. */
export async function dueIn(broker: Broker, delayMs = 0): Promise<Due> {
  if (delayMs === 0) return undefined;
  return dueAfter(broker.clock.now(), delayMs, await broker.topology.eventsMaxAgeMs());
}

export async function paceOf({ clock, topology }: Broker, rate: number | undefined): Promise<Pace> {
  if (rate === undefined) return () => undefined;
  const startMs = clock.now();
  const eventsMaxAgeMs = await topology.eventsMaxAgeMs();
  return (index) => {
    const inMs = Math.min(Math.floor((index * 1_000) / rate), MAX_DELAY_MS);
    return inMs === 0 ? undefined : dueAfter(startMs, inMs, eventsMaxAgeMs);
  };
}

function dueAfter(startMs: number, inMs: number, eventsMaxAgeMs: number): Due {
  return { dueMs: startMs + inMs, timerMs: timerTime(startMs + inMs, startMs, eventsMaxAgeMs) };
}
