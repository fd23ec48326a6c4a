/** A recurring schedule as a message of TIMERS: anybody may publish one. */
import { patternOf, timingOf } from '../jobs/cron.js';
import { isOverlap, type ScheduleRules } from '../jobs/schedule.js';
import { Header, type HeaderReader } from './headers.js';

/** A paused schedule keeps its place as a timer that never fires. The server takes no time after 2262. */
const NEVER = '@at 2200-01-01T00:00:00Z';
/** What the server and the client set anew with each message. */
const OF_ONE_MESSAGE = /^Nats-(?!Schedule)/i;
const PAUSED: ReadonlySet<string> = new Set([
  Header.PAUSED_SCHEDULE,
  Header.PAUSED_TIME_ZONE,
  Header.PAUSED_AT,
]);
const FIRES: ReadonlySet<string> = new Set([Header.SCHEDULE, Header.SCHEDULE_TIME_ZONE]);

type Headers = Iterable<readonly [name: string, values: readonly string[]]>;

/** What the headers of a schedule say. Never throws: what cannot be read is left out. */
export interface ReadSchedule extends ScheduleRules {
  /** `Nats-Schedule`, of a paused one as it was. */
  pattern: string;
  pausedAt?: string;
}

/** The headers of a schedule, without those of its jobs. */
export function scheduleHeaders(
  { timing, overlap, jitterMs, untilMs }: ScheduleRules,
  target: string,
): [string, string][] {
  const headers: [string, string][] = [
    [Header.SCHEDULE, patternOf(timing)],
    [Header.SCHEDULE_TARGET, target],
    [Header.OVERLAP, overlap],
  ];
  if (timing.timeZone !== undefined) headers.push([Header.SCHEDULE_TIME_ZONE, timing.timeZone]);
  if (jitterMs) headers.push([Header.JITTER_MS, String(jitterMs)]);
  if (untilMs !== undefined) headers.push([Header.UNTIL, new Date(untilMs).toISOString()]);
  return headers;
}

export function readSchedule(headers: HeaderReader): ReadSchedule {
  const paused = headers.get(Header.PAUSED_SCHEDULE);
  const pattern = paused || headers.get(Header.SCHEDULE);
  const timeZone = headers.get(paused ? Header.PAUSED_TIME_ZONE : Header.SCHEDULE_TIME_ZONE);
  const overlap = headers.get(Header.OVERLAP);
  const jitterMs = Number(headers.get(Header.JITTER_MS));
  const untilMs = Date.parse(headers.get(Header.UNTIL));
  return {
    pattern,
    timing: timingOf(pattern, timeZone),
    overlap: isOverlap(overlap) ? overlap : 'allow',
    ...(jitterMs > 0 && Number.isSafeInteger(jitterMs) && { jitterMs }),
    ...(!Number.isNaN(untilMs) && { untilMs }),
    ...(paused && { pausedAt: headers.get(Header.PAUSED_AT) }),
  };
}

/** Whether a message of TIMERS fires again and again, or would if it were not paused. */
export function isRecurring(headers: HeaderReader): boolean {
  const pattern = headers.get(Header.PAUSED_SCHEDULE) || headers.get(Header.SCHEDULE);
  return pattern !== '' && !pattern.startsWith('@at ');
}

/** The headers of a schedule with which it is stored again as it is. */
export function keptHeaders(headers: Headers): [string, string][] {
  const kept: [string, string][] = [];
  for (const [name, values] of headers)
    if (!OF_ONE_MESSAGE.test(name)) for (const value of values) kept.push([name, value]);
  return kept;
}

export function pausedHeaders(headers: readonly [string, string][], at: string): [string, string][] {
  const timeZone = valueIn(headers, Header.SCHEDULE_TIME_ZONE);
  return [
    ...headers.filter(([name]) => !FIRES.has(name)),
    [Header.SCHEDULE, NEVER],
    [Header.PAUSED_SCHEDULE, valueIn(headers, Header.SCHEDULE)],
    ...(timeZone ? [[Header.PAUSED_TIME_ZONE, timeZone] as [string, string]] : []),
    [Header.PAUSED_AT, at],
  ];
}

export function resumedHeaders(headers: readonly [string, string][]): [string, string][] {
  const timeZone = valueIn(headers, Header.PAUSED_TIME_ZONE);
  return [
    ...headers.filter(([name]) => !FIRES.has(name) && !PAUSED.has(name)),
    [Header.SCHEDULE, valueIn(headers, Header.PAUSED_SCHEDULE)],
    ...(timeZone ? [[Header.SCHEDULE_TIME_ZONE, timeZone] as [string, string]] : []),
  ];
}

/** The headers of a schedule of which some are given other values; undefined takes one away. A paused one stays paused. */
export function changedHeaders(
  headers: readonly [string, string][],
  change: ReadonlyMap<string, string | undefined>,
): [string, string][] {
  const pausedAt = valueIn(headers, Header.PAUSED_AT);
  const fires = pausedAt === '' ? headers : resumedHeaders(headers);
  const changed = [
    ...fires.filter(([name]) => !change.has(name)),
    ...[...change].flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    ),
  ];
  return pausedAt === '' ? changed : pausedHeaders(changed, pausedAt);
}

function valueIn(headers: readonly [string, string][], wanted: string): string {
  return headers.find(([name]) => name === wanted)?.[1] ?? '';
}
