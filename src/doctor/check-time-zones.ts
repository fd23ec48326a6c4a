import type { Broker } from '../broker/broker.js';
import { forbiddenIn } from '../broker/connection/forbidden.js';
import { type Diagnosis, diagnose } from '../upkeep/finding.js';

/** Schedules with a time zone need the server's own database of them. */
export async function checkTimeZones(broker: Broker): Promise<Diagnosis[]> {
  try {
    if (await broker.schedules.knowsTimeZones()) return [];
  } catch (error) {
    // Who examines may perhaps not publish.
    if (forbiddenIn(error)) return [];
    throw error;
  }
  const how = 'install tzdata on the machine of nats-server, and restart it';
  return [diagnose('time_zones_unknown', 'nats-server', how)];
}
