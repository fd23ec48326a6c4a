import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { ApiError } from '../api/client.js';
import { useMay } from '../api/session.js';
import { Link, type Place, usePlace, withFilter, withQuery } from '../router.js';
import { Empty, Loaded } from '../ui/page.js';
import { BulkBar } from './bulk-bar.js';
import { useColumns } from './columns.js';
import type { JobFilter } from './job-actions.js';
import { JobFilterBar } from './job-filter-bar.js';
import { askedBy, type JobListQuery, orderIn, useJobList } from './job-list.js';
import { JobTable } from './job-table.js';
import { Pager } from './pager.js';
import { useSelection } from './selection.js';
import { useStill } from './still.js';
import { tagsIn } from './tags-in.js';

interface JobBrowserProps {
  /** Shows FAILED jobs only, but no cancelled ones, with their errors. */
  isDeadLetters?: boolean;
  /** What to say when there is nothing; it is told whether a filter is set. */
  empty(isFiltered: boolean): ComponentChildren;
}

const DEAD_LETTERS = { status: 'failed', deadLetters: 'true' };

function queryOf({ query }: Place, isDeadLetters: boolean): JobListQuery {
  return { ...askedBy(query), ...(isDeadLetters && DEAD_LETTERS) };
}

/** The filter of a page, for what is done with all that match it. */
export function bulkFilterOf(place: Place, isDeadLetters: boolean): JobFilter {
  const { tag, deadLetters, ...filter } = queryOf(place, isDeadLetters);
  return { ...filter, ...(tag && { tags: tagsIn(tag) }), ...(deadLetters && { deadLetters: true }) };
}

/** A filter, the jobs that it finds, and what can be done with them. */
export function JobBrowser({ isDeadLetters = false, empty }: JobBrowserProps) {
  const place = usePlace();
  const query = useMemo(() => queryOf(place, isDeadLetters), [place.query.toString(), isDeadLetters]);
  const isOperator = useMay('operator');
  const columns = useColumns(isDeadLetters ? 'dead-letters' : 'jobs');
  const { isStill, handlers } = useStill();
  const [selected, list] = useSelectedList(place, query, isStill);
  const jobs = list.data?.jobs ?? [];
  const selection = isOperator ? selected : undefined;
  const isFiltered = Object.keys(query).length > (isDeadLetters ? Object.keys(DEAD_LETTERS).length : 0);
  const isAbsurd = list.error instanceof ApiError && list.error.status === 400 && !list.isFirst;
  return (
    <>
      <JobFilterBar place={place} list={isDeadLetters ? 'dead-letters' : 'jobs'} />
      <BulkBar
        jobs={jobs}
        selection={selected}
        filter={bulkFilterOf(place, isDeadLetters)}
        hasMore={list.next !== undefined || list.previous !== undefined}
        onDone={list.reload}
      />
      {isAbsurd && <Link to={withFilter(place, {})}>To the first page of this list</Link>}
      <Loaded of={list}>
        {() =>
          jobs.length === 0 && list.isFirst && !list.next ? (
            <div class="panel">{empty(isFiltered)}</div>
          ) : (
            <section class="panel flush" aria-label="Jobs" aria-busy={list.isLoading} {...handlers}>
              <NewRows list={list} />
              {jobs.length > 0 ? (
                <div class="table-scroll">
                  <JobTable jobs={jobs} columns={columns} place={place} selection={selection} />
                </div>
              ) : (
                <Empty
                  title={list.isSearching ? 'Searching further …' : 'Nothing on this page; others may match.'}
                />
              )}
              <Pager list={list} isNewest={orderIn(place.query) === 'newest'} />
            </section>
          )
        }
      </Loaded>
    </>
  );
}

/** The list stands still while somebody selects in it, and its rows while somebody looks closely. */
function useSelectedList(place: Place, query: JobListQuery, isStill: boolean) {
  const rows = useRef<readonly string[]>([]);
  const selection = useSelection(rows, withQuery(place, { add: undefined }));
  const isSelected = rows.current.some((id) => selection.ids.has(id));
  const list = useJobList(place, query, { isLive: !isSelected, isHeld: isStill });
  rows.current = list.data?.jobs.map(({ id }) => id) ?? [];
  return [selection, list] as const;
}

type List = ReturnType<typeof useJobList>;

/** It lies above the rows: they must not move for it. */
function NewRows({ list: { fresh, isFirst } }: { list: List }) {
  const { count, show } = fresh;
  if (!show || !isFirst) return null;
  const showAll = () => {
    show();
    window.scrollTo(0, 0);
  };
  return (
    <div class="new-rows">
      <button type="button" class="primary small" onClick={showAll}>
        {count} new
      </button>
    </div>
  );
}
