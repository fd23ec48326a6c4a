import { useMemo } from 'preact/hooks';
import type { FlowStatus, JobRecord } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { rowsOfChildren, rowsOfFlow } from './family.js';
import { FamilyPanel } from './family-panel.js';
import { FlowGraph } from './flow-graph.js';
import { FLOW, mayHaveMembers, useMembers } from './members.js';

interface FamiliesProps {
  job: JobRecord;
  /** The job that this one followed from, where its record is still kept. */
  parent: JobRecord | undefined;
  /** The jobs that belong to it. */
  members: readonly JobRecord[];
}

/** What a job is a part of, and what is a part of it. Nothing, and no request, for a job that is alone. */
export function Families({ job, parent, members }: FamiliesProps) {
  const above = job.awaited === undefined ? undefined : parent;
  // Children that are shown come with theirs.
  const isShown = above !== undefined && above.type !== FLOW && job.type !== FLOW;
  return (
    <>
      {above &&
        (above.type === FLOW ? (
          <FlowJobs root={above} here={job.id} />
        ) : (
          <Siblings root={above} here={job.id} />
        ))}
      {job.type === FLOW && <FlowJobs root={job} here={job.id} />}
      {job.type !== FLOW && mayHaveMembers(job) && !isShown && (
        <Children root={job} here={job.id} jobs={members} />
      )}
    </>
  );
}

function FlowJobs({ root, here }: { root: JobRecord; here: string }) {
  const { data } = useResource<FlowStatus>(`/flows/${encodeURIComponent(root.id)}`);
  const rows = useMemo(() => data && rowsOfFlow(data), [data]);
  if (!data || !rows) return null;
  const { completed, failed, total } = data;
  const counts = { completed, failed, of: total };
  return (
    <FamilyPanel title="Flow" root={root} about="the whole" rows={rows} here={here} counts={counts}>
      {total > 0 && <FlowGraph flow={data} here={here} />}
    </FamilyPanel>
  );
}

function Siblings({ root, here }: { root: JobRecord; here: string }) {
  return <Children root={root} here={here} jobs={useMembers(root)} />;
}

function Children({ root, here, jobs }: { root: JobRecord; here: string; jobs: readonly JobRecord[] }) {
  const rows = useMemo(() => rowsOfChildren(root, jobs), [root.id, jobs]);
  if (rows.length === 0) return null;
  const children = rows.filter(({ depth }) => depth === 1);
  const counts = {
    completed: children.filter(({ state }) => state === 'completed').length,
    failed: children.filter(({ error }) => error).length,
    of: children.length,
  };
  return (
    <FamilyPanel title="Children" root={root} about="the parent" rows={rows} here={here} counts={counts} />
  );
}
