import { checkedTimeZone, nextTick, type ScheduleTiming, serverCron } from './cron.js';
import { defined } from './defined.js';
import { invalidOption, JetfleetError, type JobErrorInfo } from './errors.js';
import { excerptOf, quoted } from './excerpt.js';
import type { JobOptions } from './job-options.js';
import { MAX_DELAY_MS } from './limits.js';
import { checkedTime, checkInteger } from './numbers.js';
import { assertOptions, type OptionNames } from './options.js';
import { isShortName, SHORT_NAME } from './short-name.js';
import type { JobPriority, JobState } from './vocabulary.js';

/** What becomes of a tick while the last run of its schedule has not ended. */
export const OVERLAPS = ['skip', 'allow', 'cancel'] as const;
export type Overlap = (typeof OVERLAPS)[number];

export function isOverlap(value: unknown): value is Overlap {
  return (OVERLAPS as readonly unknown[]).includes(value);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for what is neither a policy nor undefined */
export function checkOverlap(value: unknown): asserts value is Overlap | undefined {
  if (value === undefined || isOverlap(value)) return;
  throw invalidOption(`overlap ${quoted(value)} must be one of ${OVERLAPS.join(', ')}`);
}

/** What a caller may say about a recurring job: `cron` or `everyMs`, and options of each job. */
export interface ScheduleOptions
  extends Pick<JobOptions, 'maxAttempts' | 'timeoutMs' | 'webhookUrl' | 'traceparent' | 'tracestate'> {
  /** Five fields, six with seconds first, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
  cron?: string;
  /** IANA name, for `cron`. Defaults to UTC. */
  timeZone?: string;
  /** Instead of `cron`: whole seconds in milliseconds, from 1,000 to 366 days. */
  everyMs?: number;
  /**
   * What becomes of a tick while the last run has not ended: `skip` ends the tick, `allow` runs both, `cancel` cancels the last run.
   * With `skip` and `cancel` ticks that waited for a worker together run once. Defaults to `skip`.
   */
  overlap?: Overlap;
  /** Each run begins a random time later, up to this many milliseconds, at most 24 hours. Defaults to 0. */
  jitterMs?: number;
  /** The schedule ends at this time. Defaults to never. */
  until?: Date | string;
  /** Defaults to `normal`. */
  priority?: JobPriority;
}

export const SCHEDULE_OPTIONS: OptionNames<Required<ScheduleOptions>> = {
  cron: true,
  timeZone: true,
  everyMs: true,
  overlap: true,
  jitterMs: true,
  until: true,
  priority: true,
  maxAttempts: true,
  timeoutMs: true,
  webhookUrl: true,
  traceparent: true,
  tracestate: true,
};

/** What is changed of a schedule; all else stays as it is. `null` takes an option back. */
export interface ScheduleChange {
  /** The type of its jobs. */
  type?: string;
  payload?: unknown;
  /** In place of `everyMs`, if it has that. */
  cron?: string;
  timeZone?: string | null;
  /** In place of `cron` and `timeZone`, if it has these. */
  everyMs?: number;
  overlap?: Overlap;
  jitterMs?: number | null;
  until?: Date | string | null;
  priority?: JobPriority;
  maxAttempts?: number | null;
  timeoutMs?: number | null;
  webhookUrl?: string | null;
}

const SCHEDULE_CHANGE: OptionNames<Required<ScheduleChange>> = {
  type: true,
  payload: true,
  cron: true,
  timeZone: true,
  everyMs: true,
  overlap: true,
  jitterMs: true,
  until: true,
  priority: true,
  maxAttempts: true,
  timeoutMs: true,
  webhookUrl: true,
};

/** How a schedule fires, and what becomes of its ticks. */
export interface ScheduleRules {
  timing: ScheduleTiming;
  overlap: Overlap;
  jitterMs?: number;
  untilMs?: number;
}

/** The last run of a schedule. */
export interface ScheduleRun {
  /** Of its job. */
  id: string;
  /** When a worker took the tick. */
  at: string;
  /** As the job stands; absent once its record has expired. */
  state?: JobState;
  error?: JobErrorInfo;
}

/** A recurring job, by whomever it was published. Times are ISO 8601. */
export interface Schedule extends ScheduleTiming {
  name: string;
  /** Where it is stored in TIMERS. */
  subject: string;
  type: string;
  priority: JobPriority;
  payload: unknown;
  maxAttempts?: number;
  timeoutMs?: number;
  webhookUrl?: string;
  overlap: Overlap;
  jitterMs?: number;
  until?: string;
  /** Since when it is paused; absent while it fires. */
  pausedAt?: string;
  /** When it was set, changed, paused or resumed last. */
  changedAt: string;
  /** Absent while it is paused, and where only the server understands the expression. */
  nextRunAt?: string;
  lastRun?: ScheduleRun;
  /** The last tick that was ended by its overlap policy, and why. */
  lastSkip?: { at: string; reason: string };
  /** Ticks that ran, and that did not by their policy. */
  runs: number;
  skips: number;
  /** Why it does not do what it looks like. */
  fault?: string;
}

const MIN_EVERY_MS = 1_000;
const MAX_JITTER_MS = 24 * 60 * 60 * 1_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be the name of a schedule */
export function assertScheduleName(name: unknown): asserts name is string {
  if (isShortName(name)) return;
  throw invalidOption(`schedule name ${quoted(name)} must be ${SHORT_NAME}`);
}

/**
 * What the options of a schedule say of its ticks.
 * @throws ValidationError `JETFLEET_CRON_INVALID`, `JETFLEET_TIME_ZONE_UNKNOWN`, `JETFLEET_OPTION_INVALID`
 */
export function checkedRules(options: ScheduleOptions, nowMs: number): ScheduleRules {
  assertOptions('options', options, SCHEDULE_OPTIONS);
  const { overlap = 'skip', jitterMs, until } = options;
  const timing = checkedTiming(options);
  checkOverlap(overlap);
  checkInteger('jitterMs', jitterMs, 0, MAX_JITTER_MS);
  const untilMs = until === undefined ? undefined : checkedTime('until', until);
  if (untilMs !== undefined) assertLasts(timing, untilMs, nowMs, until);
  return {
    timing,
    overlap,
    ...(jitterMs ? { jitterMs } : {}),
    ...(untilMs !== undefined && { untilMs }),
  };
}

/**
 * How a schedule fires once it is changed.
 * @throws ValidationError as {@link checkedRules} does
 */
export function changedRules(change: ScheduleChange, before: ScheduleRules, nowMs: number): ScheduleRules {
  assertOptions('change', change, SCHEDULE_CHANGE);
  const { overlap = before.overlap, jitterMs = before.jitterMs, until } = change;
  const timing = changedTiming(change, before.timing);
  checkOverlap(overlap);
  checkInteger('jitterMs', jitterMs ?? undefined, 0, MAX_JITTER_MS);
  const untilMs =
    until === undefined ? before.untilMs : until === null ? undefined : checkedTime('until', until);
  if (untilMs !== undefined && (until != null || timing !== before.timing))
    assertLasts(timing, untilMs, nowMs, until ?? new Date(untilMs).toISOString());
  return {
    timing,
    overlap,
    ...(jitterMs ? { jitterMs } : {}),
    ...(untilMs !== undefined && { untilMs }),
  };
}

/** Not checked where it stays: only the server may understand it. */
function changedTiming(change: ScheduleChange, before: ScheduleTiming): ScheduleTiming {
  const { cron, everyMs, timeZone } = change;
  if (cron === undefined && everyMs === undefined && timeZone === undefined) return before;
  const zone = timeZone === undefined && everyMs === undefined ? before.timeZone : (timeZone ?? undefined);
  return checkedTiming(
    defined({
      cron: everyMs === undefined ? (cron ?? before.cron) : cron,
      everyMs: cron === undefined ? (everyMs ?? before.everyMs) : everyMs,
      timeZone: zone,
    }),
  );
}

function checkedTiming({ cron, timeZone, everyMs }: ScheduleOptions): ScheduleTiming {
  if ((cron === undefined) === (everyMs === undefined))
    throw invalidOption('a schedule needs cron or everyMs, and not both');
  if (cron !== undefined) {
    const pattern = serverCron(cron);
    return timeZone === undefined
      ? { cron: pattern }
      : { cron: pattern, timeZone: checkedTimeZone(timeZone) };
  }
  if (timeZone !== undefined) throw invalidOption('timeZone goes with cron, not with everyMs');
  checkInteger('everyMs', everyMs, MIN_EVERY_MS, MAX_DELAY_MS);
  if ((everyMs as number) % 1_000 !== 0)
    throw invalidOption(
      `everyMs must be whole seconds in milliseconds, got ${everyMs}; the broker counts no less`,
    );
  return { everyMs: everyMs as number };
}

function assertLasts(timing: ScheduleTiming, untilMs: number, nowMs: number, until: unknown): void {
  if (untilMs <= nowMs) throw invalidOption(`until ${excerptOf(until)} is in the past`);
  const firstMs = nextTick(timing, nowMs, nowMs);
  if (firstMs !== undefined && firstMs >= untilMs) {
    const first = new Date(firstMs).toISOString();
    throw invalidOption(`until ${excerptOf(until)} is before the first tick at ${first}`);
  }
}

/** The id of a run that makes up for a missed tick: whoever notices first makes it, and the others the same one. */
export function missedTickId(name: string, dueMs: number): string {
  return `${name}-${new Date(dueMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
}

/** The answer to a name that no schedule has. */
export function noSuchSchedule(name: string): JetfleetError {
  return new JetfleetError('JETFLEET_NOT_FOUND', `there is no schedule ${quoted(name)}`);
}
