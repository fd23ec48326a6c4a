import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { useMay } from '../api/session.js';
import { type Place, usePlace } from '../router.js';
import { Empty, Loaded } from '../ui/page.js';
import { BulkBar } from './bulk-bar.js';
import type { JobFilter } from './job-actions.js';
import { JobFilterBar } from './job-filter-bar.js';
import { askedBy, type JobListQuery, tagsIn, useJobList } from './job-list.js';
import { JobTable } from './job-table.js';
import { useSelection } from './selection.js';

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

/** The filter of a page, as far as the server can act on all that match it; undefined where it cannot. */
export function bulkFilterOf(place: Place, isDeadLetters: boolean): JobFilter | undefined {
  const { id, state, tag, deadLetters, ...filter } = queryOf(place, isDeadLetters);
  if (id !== undefined || state !== undefined) return undefined;
  return { ...filter, ...(tag && { tags: tagsIn(tag) }), ...(deadLetters && { deadLetters: true }) };
}

/** A filter, the jobs that it finds, and what can be done with them. */
export function JobBrowser({ isDeadLetters = false, empty }: JobBrowserProps) {
  const place = usePlace();
  const query = useMemo(() => queryOf(place, isDeadLetters), [place.query.toString(), isDeadLetters]);
  const isOperator = useMay('operator');
  const [selected, list] = useSelectedList(query);
  const jobs = list.data?.jobs ?? [];
  const selection = isOperator ? selected : undefined;
  const isFiltered = Object.keys(query).length > (isDeadLetters ? Object.keys(DEAD_LETTERS).length : 0);
  return (
    <>
      <JobFilterBar place={place} hasStatus={!isDeadLetters} />
      <BulkBar
        jobs={jobs}
        selection={selected}
        filter={bulkFilterOf(place, isDeadLetters)}
        hasMore={list.next !== undefined || list.previous !== undefined}
        onDone={list.reload}
      />
      <Loaded of={list}>
        {() =>
          jobs.length === 0 && list.pageNumber === 1 && !list.next ? (
            <div class="panel">{empty(isFiltered)}</div>
          ) : (
            <section class="panel flush" aria-label="Jobs" aria-busy={list.isLoading}>
              {jobs.length > 0 ? (
                <JobTable jobs={jobs} selection={selection} withErrors={isDeadLetters} />
              ) : (
                // The server looks at so many jobs for each page, of which none may fit.
                <Empty title="Nothing on this page; older ones may match." />
              )}
              <Pager list={list} />
            </section>
          )
        }
      </Loaded>
    </>
  );
}

/** The list stands still while somebody selects in it. */
function useSelectedList(query: JobListQuery) {
  const rows = useRef<readonly string[]>([]);
  const selection = useSelection(rows);
  const list = useJobList(query, selection.ids.size === 0);
  rows.current = list.data?.jobs.map(({ id }) => id) ?? [];
  return [selection, list] as const;
}

function Pager({ list }: { list: ReturnType<typeof useJobList> }) {
  if (!list.next && !list.previous) return null;
  return (
    <nav class="pager" aria-label="Pages of jobs">
      <button type="button" disabled={!list.previous} onClick={list.previous}>
        Newer
      </button>
      <span class="quiet">page {list.pageNumber}</span>
      <button type="button" disabled={!list.next} onClick={list.next}>
        Older
      </button>
    </nav>
  );
}
