import { useMemo, useState } from 'preact/hooks';
import type { JobPage } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { type Resource, useResource } from '../api/use-resource.js';
import type { JobFilter } from './job-actions.js';

export const PAGE_SIZE = 50;

export interface JobListQuery extends Omit<JobFilter, 'tags' | 'deadLetters'> {
  /** An id, or how it begins. */
  id?: string;
  state?: string;
  /** Tags that a job has all of, parted by commas. */
  tag?: string;
  deadLetters?: string;
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
