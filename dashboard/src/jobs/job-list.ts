import { useMemo, useState } from 'preact/hooks';
import type { JobPage } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { type Resource, useResource } from '../api/use-resource.js';
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
  /** An id, or how it begins. */
  id?: string;
  state?: string;
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

export interface JobList extends Resource<JobPage> {
  pageNumber: number;
  next: (() => void) | undefined;
  previous: (() => void) | undefined;
}

/** The jobs that a query finds, newest first, page by page. */
export function useJobList(query: JobListQuery, isLive: boolean): JobList {
  const base = queryOf({ ...query, order: 'newest', limit: PAGE_SIZE });
  // Cursors belong to the query that they came from.
  const [pages, setPages] = useState<{ base: string; cursors: string[] }>({ base, cursors: [] });
  const cursors = pages.base === base ? pages.cursors : [];
  const cursor = cursors.at(-1);
  const path = useMemo(
    () => `/jobs${base}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    [base, cursor],
  );
  const list = useResource<JobPage>(path, { isLive });
  const following = list.data?.cursor;
  return {
    ...list,
    pageNumber: cursors.length + 1,
    next: following ? () => setPages({ base, cursors: [...cursors, following] }) : undefined,
    previous: cursors.length > 0 ? () => setPages({ base, cursors: cursors.slice(0, -1) }) : undefined,
  };
}
