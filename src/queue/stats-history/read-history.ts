import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { HISTOGRAM_ERROR } from '../../jobs/log-histogram.js';
import {
  type Depth,
  DIMENSIONS,
  type HistoryCounts,
  type HistoryGroup,
  type StatsHistory,
} from '../../jobs/stats-history.js';
import { decodeMinute, historySubject, type StoredMinute } from '../../wire/history-message.js';
import { ANY } from '../../wire/subjects.js';
import { JobTimes } from '../stats/job-times.js';
import { endOfHistory, placeFrom } from './collect.js';
import { countEvents, minuteAt } from './count-events.js';
import type { HistoryRange } from './history-options.js';
import { type Breakdown, ErrorCounts, Tallies, Tally } from './tally.js';

/** Minutes at a time. */
const PAGE = 250;
/** Events that a reader counts itself where no server did. */
const MAX_TAIL = 200_000;

/** Reads HISTORY, and counts by itself what no server has counted yet. Nothing is written. */
export async function readStatsHistory(broker: Broker, range: HistoryRange): Promise<StatsHistory> {
  const sum = new HistorySum(range);
  const { tail, countedUntil } = await countTail(broker);
  const firstOfTail = tail[0]?.at;
  await eachStored(broker, range, (minute) => {
    // The last one that is stored goes on in the tail.
    if (minute.at !== firstOfTail) sum.add(minute);
  });
  for (const minute of tail) sum.add(minute);
  return { ...sum.result(), ...(countedUntil !== undefined && { countedUntil }) };
}

async function countTail(broker: Broker): Promise<{ tail: StoredMinute[]; countedUntil?: string }> {
  const place = await placeFrom(broker, await endOfHistory(broker));
  const tail: StoredMinute[] = [];
  const isWhole = await countEvents(broker, place, {
    times: new JobTimes(),
    maxEvents: MAX_TAIL,
    onMinute: (each) => void tail.push(minuteAt(each)),
  });
  if (place.isChanged) tail.push(minuteAt(place));
  return { tail, ...(!isWhole && { countedUntil: new Date(place.atMs).toISOString() }) };
}

async function eachStored(
  broker: Broker,
  { fromMs, toMs }: HistoryRange,
  onMinute: (minute: StoredMinute) => void,
): Promise<void> {
  const filter = historySubject(broker.subjects, ANY);
  const find = broker.extra.of('history');
  const pageFrom = (seq: number) =>
    find.find<StoredMessage[]>([], (read, stream) => read.page(stream, filter, seq, PAGE));
  // A minute is stored once it has begun.
  const first = await find.find(Number.POSITIVE_INFINITY, (read, stream) => read.sequenceAt(stream, fromMs));
  for (let next = first; Number.isFinite(next); ) {
    const page = await pageFrom(next);
    for (const { data } of page) {
      const minute = decodeMinute(data);
      const atMs = minute ? Date.parse(minute.at) : Number.NaN;
      if (minute && atMs >= fromMs && atMs < toMs) onMinute(minute);
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    next = last.seq + 1;
  }
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
