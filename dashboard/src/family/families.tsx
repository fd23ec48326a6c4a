import { useMemo } from 'preact/hooks';
import {
  drawnIn,
  flowIn,
  graphOfFamily,
  type JobFamily,
  mayHaveFamily,
  standsOfFamily,
} from '../../../src/jobs/family.js';
import { type FlowGraph, graphOfFlow, standsOf } from '../../../src/jobs/flow-graph.js';
import type { FlowStatus, JobRecord } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { shared } from '../shared.js';
import { countsOfChildren, rowsOfFamily, rowsOfFlow } from './family.js';
import { FamilyPanel } from './family-panel.js';

interface FamiliesProps {
  /** The job whose page it is. */
  job: JobRecord;
  /** Undefined of a job that is alone, and before it is known. */
  family: JobFamily | undefined;
}

/** What a job is a part of, what is a part of it, and what came before and after. Nothing for a job that is alone. */
export function Families({ job, family }: FamiliesProps) {
  const here = job.id;
  const flow = useMemo(() => family && flowIn(family), [family]);
  // What is below must not move once it is known.
  if (!family)
    return mayHaveFamily(job) && !shared ? <div class="panel family-place" aria-busy="true" /> : null;
  return (
    <>
      {flow !== undefined && <FlowJobs id={flow} here={here} />}
      <Others family={family} here={here} flow={flow} />
    </>
  );
}

function FlowJobs({ id, here }: { id: string; here: string }) {
  const path = `/flows/${encodeURIComponent(id)}`;
  const { data } = useResource<FlowStatus>(path);
  // What runs after what never changes.
  const graph = useGraph(data && graphOfFlow(data.jobs));
  const rows = useMemo(() => data && rowsOfFlow(data), [data]);
  if (!data || !rows || !graph) return shared ? null : <div class="panel family-place" aria-busy="true" />;
  const { completed, failed, total } = data;
  return (
    <FamilyPanel
      title="Flow"
      path={path}
      graph={graph}
      stands={standsOf(graph, data)}
      rows={rows}
      here={here}
      counts={{ completed, failed, of: total }}
    />
  );
}

/** @param flow what the flow shows by itself is left out */
function Others({ family, here, flow }: { family: JobFamily; here: string; flow: string | undefined }) {
  const graph = useGraph(useMemo(() => graphOfFamily(family), [family]));
  const rows = useMemo(() => rowsOfFamily(family), [family]);
  const drawn = useMemo(() => drawnIn(family), [family]);
  const isInFlow = flow !== undefined && flow !== here;
  if (!graph || drawn.length < (isInFlow ? 3 : 2)) return null;
  return (
    <FamilyPanel
      title="Family"
      path={`/jobs/${encodeURIComponent(family.id)}/family`}
      graph={graph}
      stands={standsOfFamily(graph, family)}
      rows={rows}
      here={here}
      counts={countsOfChildren(drawn)}
      isCut={family.isCut === true}
    />
  );
}

/** The same object as long as it is the same graph: most answers change where jobs are alone. */
function useGraph(graph: FlowGraph | undefined): FlowGraph | undefined {
  const shape = graph && JSON.stringify(graph);
  return useMemo(() => graph, [shape]);
}
