/**
 * Ticks that the server did not fire. A nats-server that is killed forgets what it fires next and calculates it anew when it is back:
 * what was due meanwhile is left out, and an interval begins again (measured with 2.15.1; one that is stopped forgets nothing). What
 * was due last is made up for by a timer with an id of its own, the same whoever notices it. Where the server fires the tick after
 * all, the two say the same next one, so that one of them is dropped when it is claimed.
 */
import type { Broker } from '../../broker/broker.js';
import { nextTick, previousTick } from '../../jobs/cron.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { missedTickId } from '../../jobs/schedule.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { Header } from '../../wire/headers.js';
import { NO_TICKS, type TicksRecord } from '../../wire/ticks-message.js';
import { requestOf } from '../transition-record.js';
import type { FiredSchedules, StoredSchedule } from './stored-schedule.js';

/** A tick that is due may be on its way. */
const GRACE_MS = 2_000;
/** A tick is stored in the work stream a little after it was due, and clocks differ. */
const SLACK_MS = 1_000;
/** Messages without an id of one type and priority that are searched for a tick. */
const MAX_QUEUED = 200;

export interface MissedTick {
  schedule: StoredSchedule;
  job: JobRecord;
  dueMs: number;
  /** When the schedule fires next after it. */
  nextMs: number;
}

/**
 * What is due and was not fired.
 * @param isServerNew whether the server may have just begun anew: the next tick of each interval is made sure of, too
 */
export async function findMissedTicks(
  broker: Broker,
  { schedules, ticks }: FiredSchedules,
  isServerNew = false,
): Promise<MissedTick[]> {
  const nowMs = broker.clock.now();
  const found: MissedTick[] = [];
  for (const schedule of schedules) {
    const record = ticks.get(schedule.message.subject)?.record ?? NO_TICKS;
    const missed = missedTickOf(schedule, record, nowMs, isServerNew);
    if (missed && !(await isQueued(broker, missed, nowMs))) found.push(missed);
  }
  return found;
}

/** Starts what was missed, at the time that it is due. Doing it twice starts it once. */
export async function makeUpFor(broker: Broker, { schedule, job, dueMs, nextMs }: MissedTick): Promise<void> {
  const { name, at, message } = schedule;
  const nowMs = broker.clock.now();
  const createdAt = new Date(nowMs).toISOString();
  const request = { ...requestOf(job), id: missedTickId(name, dueMs), createdAt };
  const atMs = Math.max(dueMs, nowMs);
  await unlessFaster(broker.schedules.startRun(at, request, message.data, atMs, { nextMs }));
}

/** When the first tick is due that no worker has decided about. */
export function expectedTick(
  { timing, message }: Pick<StoredSchedule, 'timing' | 'message'>,
  { ticks }: Pick<TicksRecord, 'ticks'>,
): number | undefined {
  const said = ticks.flatMap(({ storedMs, nextMs }) =>
    storedMs >= message.timeMs && nextMs !== undefined ? [nextMs] : [],
  );
  return said.length > 0 ? Math.max(...said) : nextTick(timing, message.timeMs, message.timeMs);
}

function missedTickOf(
  schedule: StoredSchedule,
  { ticks }: TicksRecord,
  nowMs: number,
  isServerNew: boolean,
): MissedTick | undefined {
  const { timing, pausedAt, untilMs, isBare, job, message } = schedule;
  if (pausedAt !== undefined || !isBare || !job) return undefined;
  const expectedMs = expectedTick({ timing, message }, { ticks });
  if (expectedMs === undefined || (untilMs !== undefined && expectedMs >= untilMs)) return undefined;
  const isAhead = isServerNew && timing.everyMs !== undefined;
  if (expectedMs > nowMs - GRACE_MS && !isAhead) return undefined;
  // Of several the last one.
  const dueMs = Math.max(expectedMs, previousTick(timing, nowMs) ?? expectedMs);
  const nextMs = timing.everyMs
    ? Math.max(dueMs, nowMs) + timing.everyMs
    : nextTick(timing, Math.max(dueMs, nowMs), dueMs);
  return nextMs === undefined ? undefined : { schedule, job, dueMs, nextMs };
}

/** Whether the server has fired it, and it waits for a worker. */
async function isQueued(
  { subjects, read }: Broker,
  { schedule, job, dueMs }: MissedTick,
  nowMs: number,
): Promise<boolean> {
  const { at, timing, message } = schedule;
  const stream = subjects.streamName(at.kind);
  const sinceMs = (timing.everyMs === undefined ? dueMs : nowMs - timing.everyMs) - SLACK_MS;
  const from = await read.sequenceAt(stream, sinceMs);
  if (!Number.isFinite(from)) return false;
  const subject = subjects.bareWork({ kind: at.kind, priority: job.priority, type: job.type });
  const waiting = await read.page(stream, subject, from, MAX_QUEUED);
  return waiting.some(
    ({ headers }) =>
      headers.get(Header.SCHEDULER) === message.subject &&
      Date.parse(headers.get(Header.SCHEDULE_NEXT)) > nowMs - GRACE_MS,
  );
}
