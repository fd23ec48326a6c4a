/** The jobs that belong together, as rows: the whole first, then each below what it runs after or came of. */
import { drawnIn, type FamilyJob, FLOW, type JobFamily } from '../../../src/jobs/family.js';
import { depthsOf } from '../../../src/jobs/flow-graph.js';
import type { FlowStatus } from '../api/answers.js';

export interface FamilyRow {
  id: string;
  /** What it is called among the others, which a graph calls its box. */
  key: string;
  type: string;
  /** A state of a job, or `blocked` or `dropped` of one that was not added. */
  state: string;
  /** How far it is indented. */
  depth: number;
  /** What it has to do with the others. */
  about?: string;
  error?: { code: string; message: string };
}

/** The type of a job that delivers a webhook, which has a page of its own. */
const WEBHOOK = 'send_webhook';

const MAX_DEPTH = 6;
const MAX_NAMED = 4;
/** The tenth child comes after the second. */
const ORDER = new Intl.Collator('en', { numeric: true });

/** The flow, and its jobs, each one step further in than the last of those that it runs after. */
export function rowsOfFlow({ id, state, jobs }: FlowStatus): FamilyRow[] {
  const depths = depthsOf(jobs);
  const depthOf = (key: string) => depths.get(key) ?? 1;
  const rows = [...jobs]
    .sort((one, other) => depthOf(one.key) - depthOf(other.key))
    .map(({ key, id, type, state, after, onFailure, error }) => ({
      ...{ id, key, type, state, depth: Math.min(depthOf(key), MAX_DEPTH) },
      about: [afterText(after), onFailure !== 'fail' && `when it fails: ${onFailure}`]
        .filter(Boolean)
        .join(' · '),
      ...(error && { error }),
    }));
  return [{ id, key: id, type: FLOW, state, depth: 0, about: 'the whole' }, ...rows];
}

function afterText(keys: readonly string[]): string {
  if (keys.length === 0) return '';
  const more = keys.length - MAX_NAMED;
  return `after ${keys.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The first job of a family and what came of it, each below the one that it came of. */
export function rowsOfFamily(family: JobFamily): FamilyRow[] {
  const drawn = drawnIn(family).sort((one, other) => ORDER.compare(one.id, other.id));
  const depths = new Map<string, number>();
  const first = drawn.filter(({ parentId }) => parentId === undefined);
  const all = first.flatMap((job) => [job, ...descendantsIn({ ...family, jobs: drawn }, job.id)]);
  return all.map((job) => {
    const { id, type, state, parentId, error } = job;
    const depth = parentId === undefined ? 0 : (depths.get(parentId) ?? 0) + 1;
    depths.set(id, depth);
    const about = aboutOf(job);
    return {
      ...{ id, key: id, type, state, depth: Math.min(depth, MAX_DEPTH) },
      ...(about && { about }),
      ...(error && { error }),
    };
  });
}

/** The page of a job, or of a webhook. */
export function pathOfJob({ id, type }: Pick<FamilyRow, 'id' | 'type'>): string {
  return `/${type === WEBHOOK ? 'webhooks' : 'jobs'}/${encodeURIComponent(id)}`;
}

function aboutOf({ type, relation, parentId }: FamilyJob): string | undefined {
  if (relation === undefined) return undefined;
  if (type === WEBHOOK) return `tells of ${parentId}`;
  return relation === 'child' ? `child of ${parentId}` : `follows from ${parentId}`;
}

/** How far the children are, where there are any. */
export function countsOfChildren(
  jobs: readonly FamilyJob[],
): { completed: number; failed: number; of: number } | undefined {
  const children = jobs.filter(({ relation }) => relation === 'child');
  const count = (status: string) => children.filter((job) => job.status === status).length;
  if (children.length === 0) return undefined;
  return { completed: count('completed'), failed: count('failed'), of: children.length };
}

/** What came of a job, in the order of a tree: each before what came of it. */
export function descendantsIn({ jobs }: JobFamily, id: string): FamilyJob[] {
  const byParent = new Map<string, FamilyJob[]>();
  for (const job of jobs) {
    if (job.parentId === undefined) continue;
    const known = byParent.get(job.parentId);
    if (known) known.push(job);
    else byParent.set(job.parentId, [job]);
  }
  const below = (parent: string): FamilyJob[] =>
    (byParent.get(parent) ?? []).flatMap((job) => [job, ...below(job.id)]);
  return below(id);
}
