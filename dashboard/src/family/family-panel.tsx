import type { ComponentChildren } from 'preact';
import { isState, statusOf } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { Link } from '../router.js';
import { formatCount, spoken } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';
import type { FamilyRow } from './family.js';

/** Rows in the page; more would make each change slower. */
const SHOWN = 100;
/** Rows below a graph; more are folded. */
const MOST_OPEN = 12;

interface FamilyPanelProps {
  title: string;
  root: JobRecord;
  /** What the first row is to the others. */
  about: string;
  rows: readonly FamilyRow[];
  /** The job whose page it is. */
  here: string;
  counts: { completed: number; failed: number; of: number };
  /** What stands above the rows. */
  children?: ComponentChildren;
}

/** Jobs that belong together, with where each stands and a link to it. */
export function FamilyPanel({ title, root, about, rows, here, counts, children }: FamilyPanelProps) {
  const shown = rows.filter(({ id }, place) => place < SHOWN || id === here);
  const hidden = rows.length - shown.length;
  const list = (
    <ul class="family">
      <Row
        row={{ id: root.id, name: root.id, type: root.type, state: root.state, depth: 0, about }}
        isHere={root.id === here}
      />
      {shown.map((row) => (
        <Row key={row.id} row={row} isHere={row.id === here} />
      ))}
      {hidden > 0 && (
        <li class="quiet">
          and {formatCount(hidden)} more:{' '}
          <Link to={`/jobs?${new URLSearchParams({ id: `${root.id}-` })}`}>find them among the jobs</Link>
        </li>
      )}
    </ul>
  );
  return (
    <Panel title={title} actions={<Progress {...counts} />}>
      {children}
      {children && rows.length > MOST_OPEN ? (
        <details>
          <summary>All {formatCount(rows.length)} jobs</summary>
          {list}
        </details>
      ) : (
        list
      )}
    </Panel>
  );
}

function Progress({ completed, failed, of }: FamilyPanelProps['counts']) {
  const part = (count: number) => ({ width: `${(100 * count) / Math.max(of, 1)}%` });
  return (
    <div class="family-progress">
      <span class="bar" aria-hidden="true">
        <span class="part completed" style={part(completed)} />
        <span class="part failed" style={part(failed)} />
      </span>
      <span class="bar-text">
        {formatCount(completed)} of {formatCount(of)} completed
        {failed > 0 && `, ${formatCount(failed)} failed`}
      </span>
    </div>
  );
}

function Row({ row, isHere }: { row: FamilyRow; isHere: boolean }) {
  const { id, name, type, state, depth, about, error } = row;
  return (
    <li style={{ '--depth': depth }} aria-current={isHere ? 'true' : undefined}>
      <span class="id">
        {isHere || !isState(state) ? name : <Link to={`/jobs/${encodeURIComponent(id)}`}>{name}</Link>}
      </span>
      <span class="quiet">{[type, isHere && 'this job', about].filter(Boolean).join(' · ')}</span>
      <span class="end">
        {isState(state) ? (
          <StatusBadge status={statusOf(state)} state={state} />
        ) : (
          <span class="badge">{spoken(state)}</span>
        )}
      </span>
      {error && (
        <p class="error-line">
          <code>{error.code}</code> {error.message}
        </p>
      )}
    </li>
  );
}
