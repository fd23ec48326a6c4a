/** The jobs that belong together, as rows: the whole first, then each below what it runs after or was added by. */
import { depthsOf } from '../../../src/jobs/flow-graph.js';
import type { FlowStatus, JobRecord } from '../api/answers.js';

export interface FamilyRow {
  id: string;
  /** What it is called among the others. */
  name: string;
  type: string;
  /** A state of a job, or `blocked` or `dropped` of one that was not added. */
  state: string;
  /** How far it is indented. */
  depth: number;
  /** What it has to do with the others. */
  about?: string;
  error?: { code: string; message: string };
}

const MAX_DEPTH = 6;
const MAX_NAMED = 4;
/** The tenth child comes after the second. */
const ORDER = new Intl.Collator('en', { numeric: true });

/** The jobs of a flow, each one step further in than the last of those that it runs after. */
export function rowsOfFlow({ jobs }: FlowStatus): FamilyRow[] {
  const depths = depthsOf(jobs);
  const depthOf = (key: string) => depths.get(key) ?? 1;
  return [...jobs]
    .sort((one, other) => depthOf(one.key) - depthOf(other.key))
    .map(({ key, id, type, state, after, onFailure, error }) => ({
      id,
      name: key,
      type,
      state,
      depth: Math.min(depthOf(key), MAX_DEPTH),
      about: [afterText(after), onFailure !== 'fail' && `when it fails: ${onFailure}`]
        .filter(Boolean)
        .join(' · '),
      ...(error && { error }),
    }));
}

function afterText(keys: readonly string[]): string {
  if (keys.length === 0) return '';
  const more = keys.length - MAX_NAMED;
  return `after ${keys.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The children of a job, and theirs, among jobs that may be others as well. */
export function rowsOfChildren(root: JobRecord, jobs: readonly JobRecord[]): FamilyRow[] {
  const byParent = new Map<string, JobRecord[]>();
  for (const job of jobs) {
    if (job.awaited === undefined || job.parentId === undefined) continue;
    byParent.set(job.parentId, [...(byParent.get(job.parentId) ?? []), job]);
  }
  const rows: FamilyRow[] = [];
  const below = (parent: string, depth: number) => {
    const children = (byParent.get(parent) ?? []).sort((one, other) => ORDER.compare(one.id, other.id));
    for (const { id, type, state, error, status } of children) {
      rows.push({
        id,
        name: id,
        type,
        state,
        depth: Math.min(depth, MAX_DEPTH),
        ...(depth > 1 && { about: `child of ${parent}` }),
        ...(error && status === 'failed' && { error }),
      });
      below(id, depth + 1);
    }
  };
  below(root.id, 1);
  return rows;
}
