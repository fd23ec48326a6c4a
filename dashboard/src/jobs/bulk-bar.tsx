import { useState } from 'preact/hooks';
import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { JobPriority, JobRecord } from '../api/answers.js';
import { useMay } from '../api/session.js';
import { bulk } from '../bulk/bulk-dialog.js';
import { Popup } from '../ui/popup.js';
import { EditPayloadDialog } from './edit-payload-dialog.js';
import { can, type JobAction, type JobFilter } from './job-actions.js';
import type { Selection } from './selection.js';

interface BulkBarProps {
  jobs: readonly JobRecord[];
  selection: Selection;
  /** What "all that match" means. */
  filter: JobFilter;
  hasMore: boolean;
  onDone(): void;
}

/** What can be done with the selected jobs. */
export function BulkBar({ jobs, selection, filter, hasMore, onDone }: BulkBarProps) {
  const [isOperator, isAdmin] = [useMay('operator'), useMay('admin')];
  const [edited, setEdited] = useState<JobRecord | undefined>(undefined);
  const chosen = jobs.filter(({ id }) => selection.ids.has(id));
  const { isEverything } = selection;
  if (!isOperator || chosen.length === 0) return null;
  const isAll = chosen.length === jobs.length;
  const [only] = chosen;
  const end = () => {
    selection.clear();
    onDone();
  };
  const run = async (action: JobAction, priority?: JobPriority) => {
    const ids = chosen.filter((job) => can(action, job)).map(({ id }) => id);
    const target = isEverything ? { filter } : { ids };
    if (await bulk({ action, target, ...(priority && { priority }) })) end();
  };
  const button = (action: JobAction, label: string, kind?: string) => (
    <button
      type="button"
      class={kind}
      disabled={!isEverything && !chosen.some((job) => can(action, job))}
      onClick={() => run(action)}
    >
      {label}
    </button>
  );
  return (
    <section class="bulk" aria-label="Selected jobs">
      <strong>{isEverything ? 'All jobs that match the filter' : `${chosen.length} selected`}</strong>
      {isAll && hasMore && !isEverything && (
        <button type="button" class="link" onClick={selection.selectEverything}>
          Select all that match the filter
        </button>
      )}
      <span class="end" />
      {button('retry', 'Retry')}
      {chosen.length === 1 && only && can('retry', only) && (
        <button type="button" onClick={() => setEdited(only)}>
          Edit and retry
        </button>
      )}
      {button('promote', 'Run now')}
      {(isEverything || chosen.some((job) => can('priority', job))) && (
        <Popup label="Priority">
          {PRIORITIES.map((name) => (
            <button key={name} type="button" class="ghost" onClick={() => run('priority', name)}>
              {name}
            </button>
          ))}
        </Popup>
      )}
      {button('cancel', 'Cancel jobs', 'danger')}
      {isAdmin && button('delete', 'Delete', 'danger')}
      <button type="button" class="ghost" onClick={selection.clear}>
        Clear selection
      </button>
      {edited && (
        <EditPayloadDialog
          job={edited}
          onClose={() => {
            setEdited(undefined);
            end();
          }}
        />
      )}
    </section>
  );
}
