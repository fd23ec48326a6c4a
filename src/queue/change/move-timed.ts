import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { timersOf } from '../job-carriers.js';
import { timerTime } from '../timer-time.js';

/** A time that is nearer than this is nearer than half of what any EVENTS keeps, which it would take a request to know. */
const NEAR_MS = 60_000;

/**
 * Sets the timer of a job whose record was changed, behind the record. The message that a timer brings does only what the record says, so an
 * earlier timer that fires in between brings nothing on too soon.
 */
export async function followRecord(broker: Broker, before: JobRecord, record: JobRecord): Promise<void> {
  await setTimerOf(broker, record);
  if (record.priority !== before.priority) await removeTimersOf(broker, before, record);
}

async function setTimerOf(broker: Broker, record: JobRecord): Promise<void> {
  const nowMs = broker.clock.now();
  const dueMs = Date.parse(record.nextRunAt ?? record.updatedAt);
  const isNear = dueMs - nowMs <= NEAR_MS;
  const atMs = isNear ? dueMs : timerTime(dueMs, nowMs, await broker.topology.eventsMaxAgeMs());
  await broker.jobs.setTimer(broker.subjects.workKindOf(record.type), record, atMs);
}

/** The subject of a timer that Jetfleet has set names the priority. */
async function removeTimersOf(
  { subjects, topology }: Broker,
  before: JobRecord,
  record: JobRecord,
): Promise<void> {
  const kind = subjects.workKindOf(record.type);
  const kept = timersOf(subjects, kind, record);
  const left = timersOf(subjects, kind, before).filter((subject) => !kept.includes(subject));
  await Promise.all(left.map((subject) => topology.purge('timers', subject)));
}

/** Has a waiting job run in `inMs` from now. The write is tried once. @returns false while the job may be about to wait */
export async function rescheduleWaiting(broker: Broker, id: string, inMs: number): Promise<boolean> {
  const { record, seq = 0 } = (await broker.lastEvent(id)) ?? {};
  if (record?.state === 'running') return false;
  if (record?.state !== 'waiting') return true;
  const nowMs = broker.clock.now();
  const nextRunAt = new Date(nowMs + Math.round(inMs)).toISOString();
  const moved = { ...record, nextRunAt, updatedAt: new Date(nowMs).toISOString() };
  const written = await unlessFaster(broker.appendEvent(moved, seq));
  if (written !== undefined) await setTimerOf(broker, moved);
  return true;
}
