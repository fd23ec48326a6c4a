/** The jobs that came of one another, as they are shown: what a job followed from, what it waits for, and what followed from it. */
import { type FlowGraph, graphOfFlow, type NodeStand, standsOf } from './flow-graph.js';
import type { JobRecord } from './job-record.js';
import { OnFailure } from './vocabulary.js';

/** A job of a family: what a list, a graph and a time axis show of it. Times are ISO 8601. */
export interface FamilyJob
  extends Pick<
    JobRecord,
    'id' | 'type' | 'status' | 'state' | 'createdAt' | 'startedAt' | 'finishedAt' | 'nextRunAt'
  > {
  /** The job of the family that it came of; absent for the first one. */
  parentId?: string;
  /** Of one with a parent: `child` where that waits for it, `follow-up` where it was added at the end of that. */
  relation?: 'child' | 'follow-up';
  error?: { code: string; message: string };
}

/** The jobs around a job, each after the one that it came of. */
export interface JobFamily {
  /** The job that was asked for. */
  id: string;
  jobs: FamilyJob[];
  /** There are more. */
  isCut?: true;
}

/** The type of a job that is a flow. */
export const FLOW = 'run_flow';
/** Jobs of a family that are read; more are found in the list of jobs. */
export const MAX_FAMILY = 300;
/** Jobs of a flow that are read with it. How all of them are is told by the flow itself. */
export const MAX_OF_FLOW = 100;

/** Whether others may belong to a job; nothing is asked for one that is alone. */
export function mayHaveFamily({
  type,
  parentId,
  next = [],
  waits,
}: Pick<JobRecord, 'type' | 'parentId' | 'next' | 'waits'>): boolean {
  return type === FLOW || parentId !== undefined || waits !== undefined || next.length > 0;
}

/** The id of the flow that the job of a family is, or is one of. */
export function flowIn({ id, jobs }: JobFamily): string | undefined {
  const job = jobs.find((each) => each.id === id);
  if (job?.type === FLOW) return id;
  const parent = job?.relation === 'child' ? jobs.find((each) => each.id === job.parentId) : undefined;
  return parent?.type === FLOW ? parent.id : undefined;
}

/**
 * A family as a graph to draw, as a flow is drawn: many that are alike share a box. A line to a child, which its parent waits for, is
 * loose; one to what followed is not. The jobs of a flow have a graph of their own.
 */
export function graphOfFamily(family: JobFamily): FlowGraph {
  const drawn = drawnIn(family);
  const isThere = new Set(drawn.map(({ id }) => id));
  const graph = graphOfFlow(
    drawn.map(({ id, type, parentId, relation }) => ({
      key: id,
      type,
      after: parentId !== undefined && isThere.has(parentId) ? [parentId] : [],
      // Those that came about in different ways are not alike.
      onFailure: relation === 'child' ? OnFailure.IGNORE : OnFailure.FAIL,
    })),
  );
  const relations = new Map(drawn.map(({ id, relation }) => [id, relation]));
  return {
    ...graph,
    edges: graph.edges.map((edge) => ({ ...edge, isLoose: relations.get(edge.to) === 'child' })),
  };
}

/** Without the jobs of the flow that was asked for, and what followed from those. */
export function drawnIn({ id, jobs }: JobFamily): FamilyJob[] {
  if (jobs.find((job) => job.id === id)?.type !== FLOW) return jobs;
  const left = new Set<string>();
  for (const { id: each, parentId = '', relation } of jobs)
    if (left.has(parentId) || (parentId === id && relation === 'child')) left.add(each);
  return jobs.filter((job) => !left.has(job.id));
}

/** Where the jobs of each box are. */
export function standsOfFamily(graph: FlowGraph, { jobs }: JobFamily): Map<string, NodeStand> {
  return standsOf(graph, { jobs: jobs.map(({ id, state }) => ({ key: id, state })) });
}
