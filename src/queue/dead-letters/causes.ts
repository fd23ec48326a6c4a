/** Why jobs have failed, and how many for each reason. */
import type { Broker } from '../../broker/broker.js';
import { causeOf } from '../../jobs/cause.js';
import type { DeadLetterCause, DeadLetterCauses } from '../../jobs/dead-letter-causes.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { rangeOf } from '../list/job-filter.js';
import { type DeadLetterFilter, deadLetterPages } from './dead-letter-filter.js';

const PAGE = 1_000;
const MAX_CAUSES = 1_000;
/** Types, and workers, that are named of each. */
const MAX_NAMES = 20;
const TREND_PARTS = 24;
const TREND_MS = 24 * 60 * 60 * 1_000;

/** Reads all FAILED records that are kept, page by page; what it remembers is bounded by the number of causes. */
export async function findCauses(broker: Broker, filter: DeadLetterFilter): Promise<DeadLetterCauses> {
  let last: DeadLetterCauses | undefined;
  for await (const found of countCauses(broker, filter)) last = found();
  return last as DeadLetterCauses;
}

/** As {@link findCauses}: tells after each page how to have what was found so far. */
export async function* countCauses(
  broker: Broker,
  filter: DeadLetterFilter,
): AsyncGenerator<() => DeadLetterCauses> {
  const found = new Map<string, DeadLetterCause>();
  const trend = trendOf(broker.clock.now(), filter);
  let [total, others] = [0, 0];
  const result = (): DeadLetterCauses => {
    const causes = [...found.values()].sort((a, b) => b.count - a.count || (a.lastAt < b.lastAt ? 1 : -1));
    return { causes, trend, total, others };
  };
  yield result;
  for await (const page of deadLetterPages(broker, filter, PAGE)) {
    for (const { job } of page) {
      total++;
      if (!count(found, job, trend)) others++;
    }
    yield result;
  }
}

function trendOf(nowMs: number, filter: DeadLetterFilter): DeadLetterCauses['trend'] {
  const { sinceMs, untilMs } = rangeOf(filter);
  const endMs = Math.min(nowMs, untilMs);
  const startMs = Math.max(sinceMs, endMs - TREND_MS);
  const stepMs = Math.max(1, Math.ceil((endMs - startMs) / TREND_PARTS));
  return { since: new Date(startMs).toISOString(), stepMs };
}

/** @returns false for a cause for which there is no room */
function count(
  found: Map<string, DeadLetterCause>,
  job: JobRecord,
  { since, stepMs }: DeadLetterCauses['trend'],
): boolean {
  const cause = causeOf(job.error);
  const at = job.finishedAt ?? job.updatedAt;
  let known = found.get(cause.id);
  if (!known) {
    if (found.size >= MAX_CAUSES) return false;
    const trend = new Array<number>(TREND_PARTS).fill(0);
    const sample = { id: job.id, message: '' };
    known = { ...cause, count: 0, types: [], workers: [], trend, firstAt: at, lastAt: at, sample };
    found.set(cause.id, known);
  }
  known.count++;
  addName(known.types, job.type);
  if (job.worker !== undefined) addName(known.workers, job.worker);
  const part = Math.floor((Date.parse(at) - Date.parse(since)) / stepMs);
  // What failed since the count began belongs to its end.
  const place = Math.min(part, TREND_PARTS - 1);
  if (place >= 0) known.trend[place] = (known.trend[place] ?? 0) + 1;
  if (at < known.firstAt) known.firstAt = at;
  if (at >= known.lastAt) {
    known.lastAt = at;
    known.sample = { id: job.id, message: job.error?.message ?? '' };
  }
  return true;
}

function addName(names: string[], name: string): void {
  if (names.length < MAX_NAMES && !names.includes(name)) names.push(name);
}
