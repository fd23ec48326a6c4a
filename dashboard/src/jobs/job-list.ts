import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobPage } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { type PathResource, useResource } from '../api/use-resource.js';
import { navigate, type Place, withQuery } from '../router.js';
import type { JobFilter } from './job-actions.js';
import { sinceOf } from './time-range.js';

export const PAGE_SIZE = 50;
/** What the address can ask of a list of jobs, besides a named range of time. */
export const FILTERS = [
  'cause',
  'type',
  'status',
  'priority',
  'id',
  'tag',
  'errorCode',
  'state',
  'since',
  'until',
] as const;

export interface JobListQuery extends Omit<JobFilter, 'tags' | 'deadLetters'> {
  /** Tags that a job has all of, parted by commas. */
  tag?: string;
  deadLetters?: string;
}

/** What the address asks for. A named range of time begins anew with each call. */
export function askedBy(query: URLSearchParams): JobListQuery {
  const found = FILTERS.flatMap((name) => {
    const value = query.get(name);
    return value ? [[name, value] as const] : [];
  });
  const since = sinceOf(query.get('range') ?? '');
  return { ...Object.fromEntries(found), ...(since && { since }) };
}

/** Tags that somebody has written, parted by commas or spaces. */
export function tagsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** The way of a list through time. The address has the one that is not usual. */
export type Order = 'newest' | 'oldest';

export function orderIn(query: URLSearchParams): Order {
  return query.get('order') === 'oldest' ? 'oldest' : 'newest';
}

export interface PageLinks {
  /** Undefined where the way to this page is not known: somebody has pasted its address. */
  pageNumber: number | undefined;
  isFirst: boolean;
  next: (() => void) | undefined;
  previous: (() => void) | undefined;
}

/** The pages around the one of the address, whose history leads through them. */
export function pageLinks(place: Place, following: string | undefined): PageLinks {
  const cursor = place.query.get('cursor') ?? undefined;
  const isKnown = place.cursors.at(-1) === cursor;
  const cursors = isKnown ? place.cursors : [];
  const go = (to: readonly string[]) => navigate(withQuery(place, { cursor: to.at(-1) }), { cursors: to });
  return {
    pageNumber: isKnown ? cursors.length + 1 : undefined,
    isFirst: cursor === undefined,
    next: following === undefined ? undefined : () => go([...cursors, following]),
    previous: cursor === undefined ? undefined : () => go(cursors.slice(0, -1)),
  };
}

export interface JobList extends PageLinks, PathResource<JobPage> {
  /** Whether nothing was found so far, and older jobs are being looked at. */
  isSearching: boolean;
  /** Jobs that came while the rows were held. */
  fresh: Fresh;
}

/** The jobs that a query finds, page by page. */
export function useJobList(
  place: Place,
  query: JobListQuery,
  { isLive, isHeld }: { isLive: boolean; isHeld: boolean },
): JobList {
  const cursor = place.query.get('cursor') ?? undefined;
  const path = `/jobs${queryOf({ ...query, order: orderIn(place.query), limit: PAGE_SIZE, cursor })}`;
  const isFirst = cursor === undefined;
  // What is new stands on the first page, so that others need not look for it.
  const list = useResource<JobPage>(path, { isLive: isLive && (isFirst || !isHeld) });
  const held = useHeld(list, path, isHeld);
  const { page, isSearching } = useFurther(held.data, path);
  const data = page ?? held.data;
  return { ...list, ...held, data, isSearching, ...pageLinks(place, data?.cursor) };
}

/**
 * The server looks at so many jobs for a page, of which none may fit. Then the search goes on by itself, from where that has ended, until
 * something is found.
 */
function useFurther(
  first: JobPage | undefined,
  path: string,
): { page: JobPage | undefined; isSearching: boolean } {
  const [search, setSearch] = useState<{ path: string; cursor: string } | undefined>(undefined);
  const begin = first?.jobs.length === 0 ? first.cursor : undefined;
  const cursor = begin !== undefined && search?.path === path ? search.cursor : undefined;
  const wanted = cursor === undefined ? undefined : withCursor(path, cursor);
  const further = useResource<JobPage>(wanted, { isLive: false });
  const page = wanted !== undefined && further.of === wanted ? further.data : undefined;
  const next = page?.jobs.length === 0 ? page.cursor : undefined;
  const isBegun = cursor !== undefined;
  useEffect(() => {
    if (begin !== undefined && !isBegun) setSearch({ path, cursor: begin });
    else if (next !== undefined) setSearch({ path, cursor: next });
  }, [begin !== undefined, isBegun, next, path]);
  const isEnded = page !== undefined && next === undefined;
  return { page, isSearching: begin !== undefined && !isEnded && !further.error };
}

function withCursor(path: string, cursor: string): string {
  const [base = '', query = ''] = path.split('?');
  const params = new URLSearchParams(query);
  params.set('cursor', cursor);
  return `${base}?${params}`;
}

/** More are not told apart. */
const MOST_FRESH = 1_000;

/** Jobs that a list has found and does not show yet. */
export interface Fresh {
  /** `37`, or `50+` where some may have come and gone unseen. */
  count: string;
  /** Shows them; undefined when there are none. */
  show: (() => void) | undefined;
}

interface Held {
  data: JobPage | undefined;
  of: string | undefined;
  fresh: ReadonlySet<string>;
  hasMissed: boolean;
}

/** The page that was shown when somebody began to look closely, and what has come since. */
function useHeld(
  { data, of }: PathResource<JobPage>,
  path: string,
  isHeld: boolean,
): Pick<JobList, 'data' | 'fresh'> {
  const held = useRef<Held>({ data: undefined, of: undefined, fresh: new Set(), hasMissed: false });
  const seen = useRef<JobPage | undefined>(undefined);
  const [, draw] = useState(0);
  const take = () => {
    held.current = { data, of, fresh: new Set(), hasMissed: false };
  };
  const { current } = held;
  if (!isHeld || current.data === undefined || current.of !== path) take();
  else if (data && data !== seen.current) held.current = withFresh(current, data);
  seen.current = data;
  const { fresh, hasMissed, data: shown } = held.current;
  const show = () => {
    take();
    draw((round) => round + 1);
  };
  const isMore = hasMissed || fresh.size >= MOST_FRESH;
  return {
    data: shown,
    fresh: {
      count: `${fresh.size}${isMore ? '+' : ''}`,
      show: fresh.size === 0 ? undefined : show,
    },
  };
}

function withFresh(held: Held, { jobs }: JobPage): Held {
  const before = new Set(held.data?.jobs.map(({ id }) => id));
  const isNew = ({ id }: { id: string }) => !before.has(id) && !held.fresh.has(id);
  const found = jobs.filter(isNew).map(({ id }) => id);
  if (found.length === 0) return held;
  const fresh = new Set([...held.fresh, ...found].slice(0, MOST_FRESH));
  // A page without anything that was known may have left others out.
  return { ...held, fresh, hasMissed: held.hasMissed || found.length === PAGE_SIZE };
}
