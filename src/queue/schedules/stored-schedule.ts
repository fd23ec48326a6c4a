/** Recurring schedules as TIMERS has them, and what became of their ticks. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { noSuchSchedule } from '../../jobs/schedule.js';
import { isTerminal, WORK_KINDS, type WorkKind } from '../../jobs/vocabulary.js';
import { Header } from '../../wire/headers.js';
import { isRecurring, type ReadSchedule, readSchedule } from '../../wire/schedule-message.js';
import {
  nameOf,
  placeOf,
  placeOfTicks,
  placesOf,
  type SchedulePlace,
  scheduleSubject,
  ticksFilters,
  ticksSubject,
} from '../../wire/schedule-subjects.js';
import { decodeTicks, type TickRun, type TicksRecord } from '../../wire/ticks-message.js';
import { pendingRecordOf } from '../job-lookup.js';

export interface StoredSchedule extends ReadSchedule {
  at: SchedulePlace;
  name: string;
  message: StoredMessage;
  /** What each tick starts; undefined where its target is none of a job. */
  job: JobRecord | undefined;
  /** Whether each tick has an id of its own. */
  isBare: boolean;
}

/** What became of the ticks of a schedule, and the sequence of that; 0 for nothing yet. */
export interface StoredTicks {
  record: TicksRecord;
  seq: number;
}

const PAGE = 250;
/** Messages beside the delayed jobs that are read for schedules; those under `cron.` are all read. */
const MAX_DELAYED = 10_000;

/** A message of TIMERS as a schedule, or undefined for any other. */
function scheduleOf(broker: Broker, message: StoredMessage): StoredSchedule | undefined {
  const { subjects } = broker;
  const at = placeOf(subjects, message.subject);
  if (!at || !isRecurring(message.headers)) return undefined;
  const target = subjects.parseDue(message.headers.get(Header.SCHEDULE_TARGET));
  return {
    ...readSchedule(message.headers),
    at,
    name: nameOf(at.place),
    message,
    job: pendingRecordOf(broker, message),
    isBare: target !== undefined && target.id === undefined && target.kind === at.kind,
  };
}

/** The schedule of a name: one under `cron.` comes first. */
export async function findSchedule(broker: Broker, name: string): Promise<StoredSchedule | undefined> {
  const { subjects, read } = broker;
  const places = placesOf(name).flatMap((place) =>
    WORK_KINDS.map((kind): SchedulePlace => ({ kind, place })),
  );
  const stream = subjects.streamName('timers');
  const found = await Promise.all(
    places.map((at) => read.lastTogether(stream, scheduleSubject(subjects, at))),
  );
  for (const message of found) {
    const schedule = message && scheduleOf(broker, message);
    if (schedule) return schedule;
  }
  return undefined;
}

/** @throws JetfleetError `JETFLEET_NOT_FOUND` */
export async function existingSchedule(broker: Broker, name: string): Promise<StoredSchedule> {
  const stored = await findSchedule(broker, name);
  if (!stored) throw noSuchSchedule(name);
  return stored;
}

/** A schedule and its ticks, in one request. */
export async function readSchedulePlace(
  broker: Broker,
  at: SchedulePlace,
): Promise<{ schedule: StoredSchedule | undefined; ticks: StoredTicks }> {
  const { subjects, read } = broker;
  const wanted = [scheduleSubject(subjects, at), ticksSubject(subjects, at)];
  const found = await read.lastOfEach(subjects.streamName('timers'), wanted);
  const [stored, ticks] = wanted.map((subject) => found.find((message) => message.subject === subject));
  return { schedule: stored && scheduleOf(broker, stored), ticks: ticksOf(ticks) };
}

export async function readTicks(broker: Broker, at: SchedulePlace): Promise<StoredTicks> {
  const { subjects, read } = broker;
  return ticksOf(await read.last(subjects.streamName('timers'), ticksSubject(subjects, at)));
}

function ticksOf(message: StoredMessage | undefined): StoredTicks {
  return { record: decodeTicks(message?.data), seq: message?.seq ?? 0 };
}

/** All schedules by name. Of those beside the delayed jobs the first ones, where there are very many of these. */
export async function readSchedules(broker: Broker): Promise<StoredSchedule[]> {
  const found = await Promise.all(WORK_KINDS.map((kind) => readKind(broker, kind)));
  return found.flat().sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

async function readKind(broker: Broker, kind: WorkKind): Promise<StoredSchedule[]> {
  const { subjects, read } = broker;
  const stream = subjects.streamName('timers');
  const [delayed = '', cron = ''] = subjects.scheduleFilters(kind);
  const found: StoredSchedule[] = [];
  const take = (message: StoredMessage) => {
    const schedule = scheduleOf(broker, message);
    if (schedule) found.push(schedule);
  };
  for await (const message of read.walk(stream, cron, 1, PAGE)) take(message);
  let left = MAX_DELAYED;
  for await (const message of read.walk(stream, delayed, 1, PAGE)) {
    take(message);
    if (--left === 0) break;
  }
  return found;
}

/** All schedules, and what became of their ticks. */
export interface FiredSchedules {
  schedules: readonly StoredSchedule[];
  /** By the subject of the schedule, also of one that is gone. */
  ticks: ReadonlyMap<string, StoredTicks & { at: SchedulePlace; timeMs: number }>;
}

export async function readFired(broker: Broker): Promise<FiredSchedules> {
  const [schedules, ticks] = await Promise.all([readSchedules(broker), readAllTicks(broker)]);
  return { schedules, ticks };
}

async function readAllTicks(broker: Broker): Promise<FiredSchedules['ticks']> {
  const { subjects, read } = broker;
  const filters = WORK_KINDS.flatMap((kind) => ticksFilters(subjects, kind));
  const found = await read.lastOfEach(subjects.streamName('timers'), filters);
  return new Map(
    found.flatMap((message) => {
      const at = placeOfTicks(subjects, message.subject);
      return at ? [[scheduleSubject(subjects, at), { ...ticksOf(message), at, timeMs: message.timeMs }]] : [];
    }),
  );
}

/** Whether a run has not ended: one without a record is about to begin while its message is stored. */
export async function isActive(broker: Broker, kind: WorkKind, run: TickRun): Promise<boolean> {
  const last = await broker.lastEvent(run.id);
  if (last?.record) return !isTerminal(last.record.status);
  return (await broker.read.bySequence(broker.subjects.streamName(kind), run.seq)) !== undefined;
}
