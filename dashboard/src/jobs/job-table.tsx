import type { JobRecord } from '../api/answers.js';
import { Link } from '../router.js';
import { PriorityBadge, StatusBadge } from '../ui/status.js';
import { Time } from '../ui/time.js';
import type { Selection } from './selection.js';

interface JobTableProps {
  jobs: readonly JobRecord[];
  /** Absent where nothing can be done with what is selected. */
  selection?: Selection | undefined;
  /** Shows why each failed, instead of its status. */
  withErrors?: boolean;
}

/** Jobs as a table, or as cards where there is no room for one. */
export function JobTable({ jobs, selection, withErrors = false }: JobTableProps) {
  const isAll = selection !== undefined && jobs.length > 0 && jobs.every(({ id }) => selection.ids.has(id));
  const isSome = selection !== undefined && !isAll && selection.ids.size > 0;
  return (
    <table class="data jobs">
      <thead>
        <tr>
          {selection && (
            <th class="pick">
              <input
                type="checkbox"
                aria-label="Select all on this page"
                checked={isAll}
                ref={(box) => {
                  if (box) box.indeterminate = isSome;
                }}
                onClick={selection.toggleAll}
              />
            </th>
          )}
          <th>Job</th>
          <th>Type</th>
          <th>Priority</th>
          <th>{withErrors ? 'Error' : 'Status'}</th>
          <th class="number">Attempt</th>
          <th>Created</th>
          <th>Changed</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <Row
            key={job.id}
            job={job}
            selection={selection}
            isSelected={selection?.ids.has(job.id) ?? false}
            withErrors={withErrors}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps extends Required<Pick<JobTableProps, 'withErrors'>> {
  job: JobRecord;
  selection: Selection | undefined;
  isSelected: boolean;
}

function Row({ job, selection, isSelected, withErrors }: RowProps) {
  return (
    <tr class={isSelected ? 'selected' : ''}>
      {selection && (
        <td class="pick">
          <input
            type="checkbox"
            aria-label={`Select ${job.id}`}
            checked={isSelected}
            onClick={(event) => selection.toggle(job.id, event.shiftKey)}
          />
        </td>
      )}
      <th scope="row" class="id">
        <Link to={`/jobs/${encodeURIComponent(job.id)}`}>{job.id}</Link>
      </th>
      <td data-label="type">{job.type}</td>
      <td data-label="priority">
        <PriorityBadge priority={job.priority} />
      </td>
      {withErrors ? (
        <td data-label="error" class="error-cell">
          <StatusBadge status={job.status} state={job.state} />
          <span class="error-text">{job.error?.message ?? 'no error was recorded'}</span>
          {job.error?.code && <code class="quiet">{job.error.code}</code>}
        </td>
      ) : (
        <td data-label="status">
          <StatusBadge status={job.status} state={job.state} />
        </td>
      )}
      <td class="number" data-label="attempt">
        {job.attempt}/{job.maxAttempts}
      </td>
      <td data-label="created">
        <Time at={job.createdAt} />
      </td>
      <td data-label="changed">
        <Time at={job.updatedAt} />
      </td>
    </tr>
  );
}
