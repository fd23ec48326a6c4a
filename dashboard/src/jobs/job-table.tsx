import type { JobRecord } from '../api/answers.js';
import { Link, navigate, type Place, withFilter } from '../router.js';
import { type ColumnName, columnOf } from './columns.js';
import { orderIn } from './job-list.js';
import type { Selection } from './selection.js';

interface JobTableProps {
  jobs: readonly JobRecord[];
  columns: readonly ColumnName[];
  place: Place;
  /** Absent where nothing can be done with what is selected. */
  selection?: Selection | undefined;
}

/** Jobs as a table, or as cards where there is no room for one. */
export function JobTable({ jobs, columns, place, selection }: JobTableProps) {
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
          {columns.map((name) => (
            <Heading key={name} name={name} place={place} />
          ))}
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <Row
            key={job.id}
            job={job}
            columns={columns}
            selection={selection}
            isSelected={selection?.ids.has(job.id) ?? false}
          />
        ))}
      </tbody>
    </table>
  );
}

/** The broker keeps jobs by the time of their last change, which alone they can be sorted by. */
function Heading({ name, place }: { name: ColumnName; place: Place }) {
  const { label, class: kind } = columnOf(name);
  if (name !== 'changed') return <th class={kind === 'number' ? kind : undefined}>{label}</th>;
  const isNewest = orderIn(place.query) === 'newest';
  const turn = () => navigate(withFilter(place, { order: isNewest ? 'oldest' : undefined }));
  return (
    <th aria-sort={isNewest ? 'descending' : 'ascending'}>
      <button
        type="button"
        class="link sort"
        title={isNewest ? 'Oldest first' : 'Newest first'}
        onClick={turn}
      >
        {label} <span aria-hidden="true">{isNewest ? '↓' : '↑'}</span>
      </button>
    </th>
  );
}

interface RowProps {
  job: JobRecord;
  columns: readonly ColumnName[];
  selection: Selection | undefined;
  isSelected: boolean;
}

function Row({ job, columns, selection, isSelected }: RowProps) {
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
      {columns.map((name) => {
        const { label, class: kind, cell } = columnOf(name);
        return (
          <td key={name} class={kind} data-label={label.toLowerCase()}>
            {cell(job, columns)}
          </td>
        );
      })}
    </tr>
  );
}
