import type { JobRecord } from '../api/answers.js';
import { useMay } from '../api/session.js';
import { bulk, canCancel, canRetry, type JobAction, type JobFilter } from './job-actions.js';
import type { Selection } from './selection.js';

interface BulkBarProps {
  jobs: readonly JobRecord[];
  selection: Selection;
  /** What "all that match" means; absent where the server cannot filter by it. */
  filter: JobFilter | undefined;
  hasMore: boolean;
  onDone(): void;
}

/** What can be done with the selected jobs. */
export function BulkBar({ jobs, selection, filter, hasMore, onDone }: BulkBarProps) {
  const isOperator = useMay('operator');
  const chosen = jobs.filter(({ id }) => selection.ids.has(id));
  if (!isOperator || chosen.length === 0) return null;
  const isAll = chosen.length === jobs.length;
  const { isEverything } = selection;
  const run = async (action: JobAction) => {
    const fits = chosen.filter(action === 'cancel' ? canCancel : canRetry);
    const target = isEverything && filter ? { filter } : { ids: fits.map(({ id }) => id) };
    const count = isEverything ? 'all that match' : `${fits.length} ${fits.length === 1 ? 'job' : 'jobs'}`;
    if (!(await bulk(action, target, count))) return;
    selection.clear();
    onDone();
  };
  return (
    <section class="bulk" aria-label="Selected jobs">
      <strong>{isEverything ? 'All jobs that match the filter' : `${chosen.length} selected`}</strong>
      {isAll && filter && hasMore && !isEverything && (
        <button type="button" class="link" onClick={selection.selectEverything}>
          Select all that match the filter
        </button>
      )}
      <span class="end" />
      <button type="button" disabled={!isEverything && !chosen.some(canRetry)} onClick={() => run('retry')}>
        Retry
      </button>
      <button
        type="button"
        class="danger"
        disabled={!isEverything && !chosen.some(canCancel)}
        onClick={() => run('cancel')}
      >
        Cancel jobs
      </button>
      <button type="button" class="ghost" onClick={selection.clear}>
        Clear selection
      </button>
    </section>
  );
}
