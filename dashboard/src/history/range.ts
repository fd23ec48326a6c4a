/** Which part of the history the address asks for, and of which jobs. The list of jobs below reads the same address. */
import { DIMENSIONS, type Dimension } from '../../../src/jobs/stats-history.js';
import { tagsIn } from '../jobs/tags-in.js';
import { RANGES } from '../jobs/time-range.js';

export const DAY_MS = 24 * 3_600_000;
/** The server keeps an hour more than a day. */
const KEPT_MS = 25 * 3_600_000;
const MINUTE_MS = 60_000;

export interface Slice {
  dimension: Dimension;
  value: string;
}

export interface Asked {
  path: string;
  slice: Slice | undefined;
  /** Filters of the list that the charts do not have. */
  left: string[];
  isZoomed: boolean;
}

/** What the charts ask the server for. An end that moves with the clock is a whole minute, so that the path stays the same for as long. */
export function askedOf(query: URLSearchParams, nowMs: number): Asked {
  const slices = slicesOf(query);
  const [slice] = slices;
  const isZoomed = query.has('since') || query.has('until');
  const params = new URLSearchParams();
  for (const [name, at] of endsOf(query, nowMs)) params.set(name, new Date(at).toISOString());
  if (slice) params.set(slice.dimension, slice.value);
  const text = params.toString();
  const others = ['status', 'id', 'state', 'errorCode', 'cause'].filter((name) => query.get(name));
  return {
    path: `/stats/history${text && `?${text}`}`,
    slice,
    left: [...slices.slice(1).map(({ dimension }) => dimension), ...others],
    isZoomed,
  };
}

/** The rarer ones first: charts are of one value alone. */
function slicesOf(query: URLSearchParams): Slice[] {
  return (['worker', 'tag', 'type', 'priority'] as const).flatMap((dimension) => {
    const text = query.get(dimension) ?? '';
    const values = dimension === 'tag' ? tagsIn(text) : [text].filter(Boolean);
    return values.map((value) => ({ dimension, value }));
  });
}

function endsOf(query: URLSearchParams, nowMs: number): ['from' | 'to', number][] {
  const [since, until] = [Date.parse(query.get('since') ?? ''), Date.parse(query.get('until') ?? '')];
  const latest = Math.ceil(nowMs / MINUTE_MS) * MINUTE_MS;
  const earliest = latest - KEPT_MS + MINUTE_MS;
  if (!Number.isNaN(since) || !Number.isNaN(until)) {
    const to = Math.max(earliest + MINUTE_MS, Number.isNaN(until) ? latest : Math.min(until, latest));
    const from = Math.max(earliest, Number.isNaN(since) ? to - DAY_MS : since);
    return [
      ['from', Math.max(Math.min(from, to - MINUTE_MS), to - KEPT_MS)],
      ['to', to],
    ];
  }
  const ms = RANGES[query.get('range') ?? '']?.[1];
  if (ms === undefined || ms >= DAY_MS) return [];
  return [['from', Math.floor((nowMs - ms) / MINUTE_MS) * MINUTE_MS]];
}

/** The query of the same page for the jobs of one value; the same value again stands for all jobs. */
export function sliceChanges(slice: Slice | undefined): Record<string, string | undefined> {
  const none = Object.fromEntries(DIMENSIONS.map((each) => [each, undefined]));
  return slice ? { ...none, [slice.dimension]: slice.value } : none;
}
