/** What a caller may change of a job that waits, checked. */
import { invalidOption } from '../../jobs/errors.js';
import type { JobChange } from '../../jobs/job-record.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { checkedTime, checkInteger } from '../../jobs/numbers.js';
import { assertOptions, checkName, type OptionNames } from '../../jobs/options.js';
import type { JobPriority } from '../../jobs/vocabulary.js';
import { VERSION_OPTIONS, type VersionOptions } from '../job-lookup.js';

export interface ChangeOptions extends VersionOptions {
  /** Who changes it: kept on the record. */
  by?: string;
}

export interface RescheduleOptions extends ChangeOptions {
  /** How long from now, in milliseconds: up to 366 days. */
  delayMs?: number;
  /** When, at most 366 days away: instead of `delayMs`. */
  runAt?: Date | string;
}

/** A change, before it is known what it makes of the job. */
export interface WantedChange extends ChangeOptions {
  what: JobChange['what'];
  /** Of one that sets a time: that time by the broker's clock, ms since the epoch. */
  atMs?: (nowMs: number) => number;
  priority?: JobPriority;
}

const CHANGE_OPTIONS: OptionNames<Required<ChangeOptions>> = { ...VERSION_OPTIONS, by: true };
const RESCHEDULE_OPTIONS: OptionNames<Required<RescheduleOptions>> = {
  ...CHANGE_OPTIONS,
  delayMs: true,
  runAt: true,
};

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkChange(options: ChangeOptions): ChangeOptions {
  assertOptions('options', options, CHANGE_OPTIONS);
  checkName('by', options.by);
  return options;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID`; the change throws it too, for a time that is past by the broker's clock */
export function checkReschedule(options: RescheduleOptions): WantedChange {
  assertOptions('options', options, RESCHEDULE_OPTIONS);
  checkName('by', options.by);
  const { delayMs, runAt, ...rest } = options;
  if ((delayMs === undefined) === (runAt === undefined)) throw invalidOption('give one of delayMs and runAt');
  checkInteger('delayMs', delayMs, 1, MAX_DELAY_MS);
  if (delayMs !== undefined) return { ...rest, what: 'rescheduled', atMs: (nowMs) => nowMs + delayMs };
  const wantedMs = checkedTime('runAt', runAt);
  const atMs = (nowMs: number) => {
    if (wantedMs <= nowMs)
      throw invalidOption(`runAt ${JSON.stringify(runAt)} is in the past; promote the job to run it now`);
    if (wantedMs - nowMs > MAX_DELAY_MS)
      throw invalidOption(`runAt ${JSON.stringify(runAt)} is more than 366 days away`);
    return wantedMs;
  };
  return { ...rest, what: 'rescheduled', atMs };
}
