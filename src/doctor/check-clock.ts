import { hostname } from 'node:os';
import type { Broker } from '../broker/broker.js';
import { type Diagnosis, diagnose } from '../upkeep/finding.js';

/** From here on the difference is worth knowing, and from there on something is wrong with a clock; ms. */
const ADVICE_MS = 1_000;
const WARNING_MS = 30_000;

/** Compares the clock of this machine with the broker's. */
export async function checkClock({ clock }: Broker): Promise<Diagnosis[]> {
  await clock.measure();
  const offsetMs = clock.localOffsetMs;
  if (Math.abs(offsetMs) < ADVICE_MS) return [];
  const side = offsetMs > 0 ? 'ahead of' : 'behind';
  const message = `its clock is ${Math.round(Math.abs(offsetMs) / 1_000)} s ${side} the clock of the broker; set up NTP on both`;
  const severity = Math.abs(offsetMs) > WARNING_MS ? 'warning' : 'info';
  return [diagnose('clock_offset', hostname(), message, undefined, { severity })];
}
