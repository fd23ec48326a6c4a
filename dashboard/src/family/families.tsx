import { useMemo } from 'preact/hooks';
import type { FlowStatus, JobPage, JobRecord } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useResource } from '../api/use-resource.js';
import { rowsOfChildren, rowsOfFlow } from './family.js';
import { FamilyPanel } from './family-panel.js';

/** The type of a job that is a flow. */
const FLOW = 'run_flow';
/** Children that are read; more are found among the jobs. */
const READ = 500;

interface FamiliesProps {
  job: JobRecord;
  /** The job that this one followed from, where its record is still kept. */
  parent: JobRecord | undefined;
}

/** What a job is a part of, and what is a part of it. Nothing, and no request, for a job that is alone. */
export function Families({ job, parent }: FamiliesProps) {
  const above = job.awaited === undefined ? undefined : parent;
  // Children that are shown come with theirs.
  const isShown = above !== undefined && above.type !== FLOW && job.type !== FLOW;
  const mayHaveChildren = job.type === FLOW || job.waits !== undefined;
  return (
    <>
      {above && <Whole root={above} here={job.id} />}
      {mayHaveChildren && !isShown && <Whole root={job} here={job.id} />}
    </>
  );
}

function Whole({ root, here }: { root: JobRecord; here: string }) {
  const Kind = root.type === FLOW ? FlowJobs : Children;
  return <Kind root={root} here={here} />;
}

function FlowJobs({ root, here }: { root: JobRecord; here: string }) {
  const { data } = useResource<FlowStatus>(`/flows/${encodeURIComponent(root.id)}`);
  const rows = useMemo(() => data && rowsOfFlow(data), [data]);
  if (!data || !rows) return null;
  const { completed, failed, total } = data;
  const counts = { completed, failed, of: total };
  return <FamilyPanel title="Flow" root={root} about="the whole" rows={rows} here={here} counts={counts} />;
}

function Children({ root, here }: { root: JobRecord; here: string }) {
  const { data } = useResource<JobPage>(
    `/jobs${queryOf({ id: `${root.id}-`, order: 'oldest', limit: READ })}`,
  );
  const rows = useMemo(() => rowsOfChildren(root, data?.jobs ?? []), [root.id, data]);
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
