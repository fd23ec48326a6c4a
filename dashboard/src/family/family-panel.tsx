import { useState } from 'preact/hooks';
import type { FlowGraph, FlowNode, NodeStand } from '../../../src/jobs/flow-graph.js';
import { isState, statusOf } from '../../../src/jobs/vocabulary.js';
import { Link } from '../router.js';
import { formatCount, spoken } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';
import { type FamilyRow, pathOfJob } from './family.js';
import { JobGraph } from './job-graph.js';

/** Rows in the page; more would make each change slower. */
const SHOWN = 100;
/** Rows below a graph; more are folded. */
const MOST_OPEN = 12;

interface FamilyPanelProps {
  title: string;
  /** Where the API has them; their drawing is below it. */
  path: string;
  graph: FlowGraph;
  stands: ReadonlyMap<string, NodeStand>;
  rows: readonly FamilyRow[];
  /** The job whose page it is. */
  here: string;
  /** Absent where none of them is a part of another one. */
  counts: { completed: number; failed: number; of: number } | undefined;
  /** There are more than are known. */
  isCut?: boolean;
}

/** Jobs that belong together, with where each stands and a link to it: as a graph, and as rows below. */
export function FamilyPanel({ title, path, graph, stands, rows, here, counts, isCut }: FamilyPanelProps) {
  /** The box of many whose jobs alone are listed. */
  const [chosen, setChosen] = useState<FlowNode | undefined>(undefined);
  const [isOpen, setOpen] = useState(false);
  const keys = new Set(chosen?.keys);
  const listed = chosen ? rows.filter(({ key }) => keys.has(key)) : rows;
  const choose = (node: FlowNode) => {
    setChosen(node);
    setOpen(true);
  };
  const isFolded = rows.length > MOST_OPEN;
  const list = <Rows rows={listed} here={here} />;
  return (
    <Panel title={title} actions={counts && <Progress {...counts} />}>
      <JobGraph path={path} graph={graph} stands={stands} rows={rows} here={here} onMany={choose} />
      {isFolded ? (
        <details open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
          <summary>
            {chosen
              ? `${formatCount(listed.length)} jobs like ${chosen.id}`
              : `All ${formatCount(rows.length)} jobs`}
          </summary>
          {chosen && (
            <button type="button" class="link" onClick={() => setChosen(undefined)}>
              Show all {formatCount(rows.length)}
            </button>
          )}
          {isOpen && list}
        </details>
      ) : (
        list
      )}
      {isCut && <p class="quiet">There are more: find them among the jobs.</p>}
    </Panel>
  );
}

function Rows({ rows, here }: { rows: readonly FamilyRow[]; here: string }) {
  const shown = rows.filter(({ id }, place) => place < SHOWN || id === here);
  const hidden = rows.length - shown.length;
  return (
    <ul class="family">
      {shown.map((row) => (
        <Row key={row.id} row={row} isHere={row.id === here} />
      ))}
      {hidden > 0 && <li class="quiet">and {formatCount(hidden)} more</li>}
    </ul>
  );
}

function Progress({ completed, failed, of }: NonNullable<FamilyPanelProps['counts']>) {
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
  const { key, type, state, depth, about, error } = row;
  return (
    <li style={{ '--depth': depth }} aria-current={isHere ? 'true' : undefined}>
      <span class="id">{isHere || !isState(state) ? key : <Link to={pathOfJob(row)}>{key}</Link>}</span>
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
