import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { HISTORY_MAX_AGE_MS, HISTORY_MS } from '../../jobs/limits.js';
import { checkedTime, checkInteger } from '../../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../../jobs/options.js';
import { DIMENSIONS, type Dimension } from '../../jobs/stats-history.js';
import { MINUTE_MS } from './count-events.js';

/** Which part of the history, and of which jobs: all, or those of one type, priority, worker or tag. */
export interface StatsHistoryOptions {
  /** Defaults to 24 hours before `to`. What is older than 25 hours is not kept. */
  from?: Date | string;
  /** Defaults to now. */
  to?: Date | string;
  /** Length of a step in milliseconds: whole minutes, at most 1,500 steps. Defaults to the shortest with at most 300 steps. */
  stepMs?: number;
  type?: string;
  priority?: string;
  worker?: string;
  tag?: string;
}

const STATS_HISTORY: OptionNames<Required<StatsHistoryOptions>> = {
  from: true,
  to: true,
  stepMs: true,
  type: true,
  priority: true,
  worker: true,
  tag: true,
};

const MAX_STEPS = 1_500;
const FEW_STEPS = 300;
/** Steps that people count in. */
const STEPS_MS = [1, 5, 15, 60].map((minutes) => minutes * MINUTE_MS);

/** The options as checked: whole steps from the first to the last one. */
export interface HistoryRange {
  fromMs: number;
  /** Not included. */
  toMs: number;
  stepMs: number;
  only?: { dimension: Dimension; value: string };
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkedRange(options: StatsHistoryOptions, nowMs: number): HistoryRange {
  assertOptions('options', options, STATS_HISTORY);
  const untilMs = options.to === undefined ? nowMs : checkedTime('to', options.to);
  const sinceMs = options.from === undefined ? untilMs - HISTORY_MS : checkedTime('from', options.from);
  if (sinceMs >= untilMs) throw invalidOption(`from ${quoted(options.from)} must be before to`);
  const lengthMs = untilMs - sinceMs;
  // Whoever asks for 25 hours has counted them from a moment before.
  if (lengthMs > HISTORY_MAX_AGE_MS + MINUTE_MS)
    throw invalidOption(
      `from ${quoted(options.from)} must be at most 25 hours before to; older minutes are not kept`,
    );
  const stepMs = options.stepMs ?? STEPS_MS.find((each) => lengthMs / each <= FEW_STEPS) ?? MINUTE_MS;
  checkInteger('stepMs', stepMs, MINUTE_MS, HISTORY_MAX_AGE_MS);
  if (stepMs % MINUTE_MS !== 0)
    throw invalidOption(`stepMs ${stepMs} must be whole minutes, such as ${MINUTE_MS} or ${5 * MINUTE_MS}`);
  const fromMs = Math.floor(sinceMs / stepMs) * stepMs;
  const toMs = Math.ceil(untilMs / stepMs) * stepMs;
  if ((toMs - fromMs) / stepMs > MAX_STEPS + 1)
    throw invalidOption(`stepMs ${stepMs} makes more than ${MAX_STEPS} steps; take a longer one`);
  return { fromMs, toMs, stepMs, ...onlyOf(options) };
}

function onlyOf(options: StatsHistoryOptions): Pick<HistoryRange, 'only'> {
  const named = DIMENSIONS.flatMap((dimension) => {
    const value = options[dimension];
    checkText(dimension, value);
    return value === undefined ? [] : [{ dimension, value }];
  });
  const [only, ...more] = named;
  if (more.length > 0) {
    const names = named.map(({ dimension }) => dimension).join(' and ');
    throw invalidOption(`the history is of one type, priority, worker or tag, got ${names}`);
  }
  return only ? { only } : {};
}
