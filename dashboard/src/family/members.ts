import { useMemo } from 'preact/hooks';
import type { JobPage, JobRecord } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useResource } from '../api/use-resource.js';

/** The type of a job that is a flow. */
export const FLOW = 'run_flow';
/** Children that are read, each with a row of its own; more are found among the jobs. */
const CHILDREN_READ = 500;
/** Of a flow fewer: how it stands is asked for as a whole, and these have bars in the waterfall. */
const FLOW_READ = 100;

/** Whether jobs may belong to one: those of a flow, or those that it waits for. */
export function mayHaveMembers({ type, waits }: JobRecord): boolean {
  return type === FLOW || waits !== undefined;
}

/** The jobs of a flow that have begun, or the children of a job, and theirs, oldest first. No request for a job that is alone. */
export function useMembers(job: JobRecord | undefined): readonly JobRecord[] {
  const id = job && mayHaveMembers(job) ? job.id : undefined;
  const limit = job?.type === FLOW ? FLOW_READ : CHILDREN_READ;
  const path = id && `/jobs${queryOf({ id: `${id}-`, order: 'oldest', limit })}`;
  const { data } = useResource<JobPage>(path);
  return useMemo(() => membersOf(id, data?.jobs ?? []), [id, data]);
}

/** Others may have ids that begin like that of the job. */
function membersOf(root: string | undefined, jobs: readonly JobRecord[]): JobRecord[] {
  const byParent = new Map<string, JobRecord[]>();
  for (const job of jobs) {
    if (job.awaited === undefined || job.parentId === undefined) continue;
    byParent.set(job.parentId, [...(byParent.get(job.parentId) ?? []), job]);
  }
  const members = root === undefined ? [] : [...(byParent.get(root) ?? [])];
  // It grows by the children of those that are in it; an id is a member once.
  for (const { id } of members) {
    members.push(...(byParent.get(id) ?? []));
    byParent.delete(id);
  }
  return members.sort((one, other) => (one.createdAt < other.createdAt ? -1 : 1));
}
