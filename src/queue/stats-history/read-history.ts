import { AtOnce } from '../../broker/at-once.js';
import type { Broker } from '../../broker/broker.js';
import { HISTOGRAM_ERROR } from '../../jobs/log-histogram.js';
import { onceIn } from '../../jobs/once-in.js';
import {
  type Depth,
  DIMENSIONS,
  type HistoryCounts,
  type HistoryGroup,
  type StatsHistory,
} from '../../jobs/stats-history.js';
import type { StoredMinute } from '../../wire/history-message.js';
import { endOfHistory } from './collect.js';
import { minuteOf } from './count-events.js';
import type { HistoryRange } from './history-options.js';
import { HistoryTail } from './history-tail.js';
import { KnownMinutes } from './known-minutes.js';
import { type Breakdown, ErrorCounts, Tallies, Tally } from './tally.js';

/** What one process knows of the history. Its readers take turns: whoever comes second finds what the first has read. */
class HistoryReader {
  readonly #turns = new AtOnce(1);
  readonly #known = new KnownMinutes();
  readonly #tail = new HistoryTail();

  read(broker: Broker, range: HistoryRange, withinMs: number): Promise<StatsHistory> {
    return this.#turns.run(async () => {
      const end = await endOfHistory(broker);
      const { minutes, countedUntil } = await this.#tail.count(broker, range, end, withinMs);
      const counted = new Map(minutes.map((minute) => [minuteOf(Date.parse(minute.at)), minute]));
      const sum = new HistorySum(range);
      await this.#known.each(broker, range, end, (minute) => {
        // Of a minute that a server has stored meanwhile there are two counts.
        const atMs = minuteOf(Date.parse(minute.at));
        if (isFurther(counted.get(atMs), minute)) return;
        counted.delete(atMs);
        sum.add(minute);
      });
      for (const minute of counted.values()) sum.add(minute);
      return { ...sum.result(), ...(countedUntil !== undefined && { countedUntil }) };
    });
  }
}

const readers = new WeakMap<Broker, HistoryReader>();

/**
 * Reads HISTORY, and counts by itself what no server has counted yet. Nothing is written.
 * @param withinMs about how long it counts at most. Defaults to as long as it takes
 */
export function readStatsHistory(
  broker: Broker,
  range: HistoryRange,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<StatsHistory> {
  return onceIn(readers, broker, () => new HistoryReader()).read(broker, range, withinMs);
}

/** Whether a minute that was counted here says as much as the one that is stored. */
function isFurther(counted: StoredMinute | undefined, stored: StoredMinute): boolean {
  if (!counted) return false;
  return counted.events !== stored.events || counted.nextSeq >= stored.nextSeq;
}

/** Adds minutes up to the steps of a range. */
class HistorySum {
  readonly #range: HistoryRange;
  readonly #total = new Tally();
  readonly #groups = new Tallies();
  readonly #steps: { tally: Tally; errors: ErrorCounts; depth?: Depth }[];

  constructor(range: HistoryRange) {
    this.#range = range;
    const count = Math.round((range.toMs - range.fromMs) / range.stepMs);
    this.#steps = Array.from({ length: count }, () => ({ tally: new Tally(), errors: new ErrorCounts() }));
  }

  add(minute: StoredMinute): void {
    const { fromMs, stepMs, only } = this.#range;
    const step = this.#steps[Math.floor((Date.parse(minute.at) - fromMs) / stepMs)];
    if (!step) return;
    this.#groups.merge(minute);
    const values = only ? minute[only.dimension].values : {};
    const tally = only ? (Object.hasOwn(values, only.value) ? values[only.value] : undefined) : minute.all;
    if (tally) {
      step.tally.merge(tally);
      this.#total.merge(tally);
    }
    step.errors.merge(minute.errors);
    if (minute.depth) step.depth = minute.depth;
  }

  result(): StatsHistory {
    const { fromMs, toMs, stepMs, only } = this.#range;
    const points = this.#steps.map(({ tally, errors, depth }, at) => ({
      at: new Date(fromMs + at * stepMs).toISOString(),
      ...countsOf(tally),
      waitBuckets: tally.wait.sparse(),
      runBuckets: tally.run.sparse(),
      ...(!only && { errors: errors.stored(), ...(depth && { depth }) }),
    }));
    return {
      from: new Date(fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      stepMs,
      percentileError: HISTOGRAM_ERROR,
      points,
      total: countsOf(this.#total),
      groups: Object.fromEntries(
        DIMENSIONS.map((each) => [each, groupsOf(this.#groups.by[each])]),
      ) as StatsHistory['groups'],
      errors: this.#groups.errors.stored(),
    };
  }
}

function countsOf({ started, completed, failed, cancelled, retried, wait, run }: Tally): HistoryCounts {
  const counts = { started, completed, failed, cancelled, retried };
  return { ...counts, waitMs: wait.percentiles(), runMs: run.percentiles() };
}

function groupsOf(breakdown: Breakdown): HistoryGroup[] {
  const named = breakdown.sorted().map(([value, tally]) => ({ value, ...countsOf(tally) }));
  return breakdown.other ? [...named, { value: null, ...countsOf(breakdown.other) }] : named;
}
