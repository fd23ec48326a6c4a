import type { SystemName } from '../unit.js';
import { openBullMq } from './bullmq.js';
import { openGraphileWorker } from './graphile-worker.js';
import { openJetfleet } from './jetfleet.js';
import { openPgBoss } from './pg-boss.js';
import type { OpenSession, Purpose, Session } from './system.js';

const OPENERS: Partial<Record<SystemName, OpenSession>> = {
  jetfleet: openJetfleet,
  bullmq: openBullMq,
  'graphile-worker': openGraphileWorker,
  'pg-boss': openPgBoss,
};

/** @throws RangeError for a system that is no queue */
export async function openSession(
  system: SystemName,
  url: string,
  purpose: Purpose = 'throughput',
): Promise<Session> {
  const open = OPENERS[system];
  if (!open) throw new RangeError(`${system} has no jobs to add or process`);
  return open(url, purpose);
}
