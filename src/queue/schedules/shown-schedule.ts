/** Schedules as they are shown: with their next and their last run. */
import type { Broker } from '../../broker/broker.js';
import { nextTick } from '../../jobs/cron.js';
import { defined } from '../../jobs/defined.js';
import type { Schedule, ScheduleRun } from '../../jobs/schedule.js';
import type { TicksRecord } from '../../wire/ticks-message.js';
import { NO_TICKS } from '../../wire/ticks-message.js';
import { existingSchedule, readFired, readTicks, type StoredSchedule } from './stored-schedule.js';

export async function listSchedules(broker: Broker): Promise<Schedule[]> {
  const { schedules, ticks } = await readFired(broker);
  return Promise.all(
    schedules.map((each) => shownSchedule(broker, each, ticks.get(each.message.subject)?.record ?? NO_TICKS)),
  );
}

/** @throws JetfleetError `JETFLEET_NOT_FOUND` */
export async function getSchedule(broker: Broker, name: string): Promise<Schedule> {
  const stored = await existingSchedule(broker, name);
  return shownSchedule(broker, stored, (await readTicks(broker, stored.at)).record);
}

async function shownSchedule(broker: Broker, stored: StoredSchedule, ticks: TicksRecord): Promise<Schedule> {
  const { name, timing, overlap, jitterMs, untilMs, pausedAt, job, message } = stored;
  const { last, lastSkip, runs, skips } = ticks;
  const nextMs = nextRunOf(stored, ticks, broker.clock.now());
  return defined({
    name,
    subject: message.subject,
    ...timing,
    type: job?.type ?? '',
    priority: job?.priority ?? 'normal',
    payload: job?.payload ?? null,
    maxAttempts: job?.maxAttempts,
    timeoutMs: job?.timeoutMs,
    webhookUrl: job?.webhookUrl,
    overlap,
    jitterMs,
    until: isoOf(untilMs),
    pausedAt,
    changedAt: new Date(message.timeMs).toISOString(),
    nextRunAt: isoOf(nextMs),
    lastRun: last && (await runOf(broker, last)),
    lastSkip: lastSkip && { at: new Date(lastSkip.atMs).toISOString(), reason: lastSkip.reason },
    runs,
    skips,
    fault: faultOf(stored),
  }) as Schedule;
}

async function runOf(broker: Broker, { id, atMs }: { id: string; atMs: number }): Promise<ScheduleRun> {
  const record = (await broker.lastEvent(id))?.record;
  return { id, at: new Date(atMs).toISOString(), ...defined({ state: record?.state, error: record?.error }) };
}

/** The server said with the last tick when the next one is due, which also holds for what only the server understands. */
function nextRunOf(
  { pausedAt, timing, untilMs, message }: StoredSchedule,
  { ticks }: TicksRecord,
  nowMs: number,
): number | undefined {
  if (pausedAt !== undefined) return undefined;
  const said = ticks.find(({ storedMs }) => storedMs >= message.timeMs)?.nextMs;
  const nextMs = said !== undefined && said > nowMs ? said : nextTick(timing, nowMs, said ?? message.timeMs);
  return nextMs === undefined || (untilMs !== undefined && nextMs >= untilMs) ? undefined : nextMs;
}

/** Why a schedule that somebody has published does not do what it looks like. */
export function faultOf({ job, isBare, message }: StoredSchedule): string | undefined {
  if (!job) return 'its target brings no job to a worker';
  if (isBare) return undefined;
  return `its target has an id, so that only the first tick of ${message.subject} runs; leave the id out`;
}

function isoOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
