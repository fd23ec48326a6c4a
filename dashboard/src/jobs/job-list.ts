import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobPage } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { type PathResource, useResource } from '../api/use-resource.js';
import { navigate, type Place, withQuery } from '../router.js';
import { useFilledPages } from './filled-page.js';
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
  'worker',
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
  const answers = useResource<JobPage>(path, { isLive: isLive && (isFirst || !isHeld) });
  const list = useFilledPages(answers, path, PAGE_SIZE, withCursor);
  const held = useHeld(list, path, isHeld, orderIn(place.query));
  const { page, isSearching, reloadFurther } = useFurther(held.data, path);
  const data = page ?? held.data;
  const reload = () => {
    held.reload();
    reloadFurther();
  };
  return { ...list, ...held, data, isSearching, reload, ...pageLinks(place, data?.cursor) };
}

/**
 * The server reads a bounded number of jobs for a page, and perhaps none of them fits. Then this asks for the next page by itself, until
 * a job is found.
 */
function useFurther(
  first: JobPage | undefined,
  path: string,
): { page: JobPage | undefined; isSearching: boolean; reloadFurther(): void } {
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
  return {
    page,
    isSearching: begin !== undefined && !isEnded && !further.error,
    reloadFurther: further.reload,
  };
}

function withCursor(path: string, cursor: string, limit = PAGE_SIZE): string {
  const [base = '', query = ''] = path.split('?');
  const params = new URLSearchParams(query);
  params.set('cursor', cursor);
  params.set('limit', String(limit));
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
  /** When the last of the rows had changed as it was put there; undefined where there is none. */
  lastAt: string | undefined;
  fresh: ReadonlySet<string>;
  hasMissed: boolean;
}

/** The page that was shown when somebody began to look closely, what has become of its jobs, and what has come since. */
function useHeld(
  { data, of, reload }: PathResource<JobPage>,
  path: string,
  isHeld: boolean,
  order: Order,
): Pick<JobList, 'data' | 'fresh' | 'reload'> {
  const held = useRef<Held>(heldOf(undefined, undefined));
  const seen = useRef<JobPage | undefined>(undefined);
  /** Whoever has changed jobs here wants to see it. */
  const isOwn = useRef(false);
  const [, draw] = useState(0);
  const take = () => {
    held.current = heldOf(data, of);
  };
  const { current } = held;
  const isNext = data !== undefined && data !== seen.current;
  if (!isHeld || current.data === undefined || current.of !== path || (isNext && isOwn.current)) take();
  else if (isNext) held.current = withFresh(current, data, order);
  if (isNext) isOwn.current = false;
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
    reload: () => {
      isOwn.current = true;
      reload();
    },
  };
}

function heldOf(data: JobPage | undefined, of: string | undefined): Held {
  return { data, of, lastAt: data?.jobs.at(-1)?.updatedAt, fresh: new Set(), hasMissed: false };
}

function withFresh(held: Held, { jobs }: JobPage, order: Order): Held {
  const { data, lastAt } = held;
  if (!data) return held;
  const now = new Map(jobs.map((job) => [job.id, job]));
  const shown = { ...data, jobs: data.jobs.map((job) => now.get(job.id) ?? job) };
  const before = new Set(data.jobs.map(({ id }) => id));
  // Where others have left the page, those of the next one move up: they are not new.
  const hasCome = ({ updatedAt }: JobPage['jobs'][number]) =>
    data.cursor === undefined || (order === 'newest' && (lastAt === undefined || updatedAt > lastAt));
  const found = jobs.filter((job) => !before.has(job.id) && !held.fresh.has(job.id) && hasCome(job));
  const fresh = new Set([...held.fresh, ...found.map(({ id }) => id)].slice(0, MOST_FRESH));
  // A page without anything that was known may have left others out.
  return { ...held, data: shown, fresh, hasMissed: held.hasMissed || found.length === PAGE_SIZE };
}
