/**
 * One action over many jobs: their ids are found first, so that it is known how many there are and no other job is meant. Then they are
 * changed, a part at a time.
 */
import type { BulkAnswer, JobPriority } from '../api/answers.js';
import { post } from '../api/client.js';
import type { JobAction, JobFilter } from '../jobs/job-actions.js';

export type BulkTarget = { ids: readonly string[] } | { filter: JobFilter };

export interface Bulk {
  action: JobAction;
  target: BulkTarget;
  /** Says whose jobs they are, after their number: `with NOT_OK`. */
  whose?: string;
  priority?: JobPriority;
  /** A pace to begin with, in jobs a second. */
  rate?: number;
}

/** Jobs for each call. A removal may have to wait for some seconds, however many they are. */
const PART = 200;
const PART_DELETED = 1_000;

/** The jobs of a target with which the action can be done, each once. */
export async function findIds(
  { action, target }: Bulk,
  onCount: (count: number) => void,
  signal: AbortSignal,
): Promise<string[]> {
  if ('ids' in target) return [...target.ids];
  const ids = new Set<string>();
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
    const body = { action, filter: target.filter, ...(cursor && { cursor }) };
    const page = await post<{ ids: string[]; cursor?: string }>('/jobs/find', body);
    if (signal.aborted) return [];
    for (const id of page.ids) ids.add(id);
    onCount(ids.size);
    cursor = page.cursor;
  }
  return [...ids];
}

export interface Progress {
  done: number;
  failed: BulkAnswer['failed'];
  /** Jobs that were tried. */
  tried: number;
}

/** Changes jobs until all were tried, or somebody stops it. */
export async function changeAll(
  { action, priority }: Bulk,
  ids: readonly string[],
  rate: number | undefined,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Progress> {
  let progress: Progress = { done: 0, failed: [], tried: 0 };
  const headers = { 'Jetfleet-Operation': newOperation() };
  const size = action === 'delete' ? PART_DELETED : PART;
  for (let start = 0; start < ids.length && !signal.aborted; start += size) {
    const part = ids.slice(start, start + size);
    const body = {
      ids: part,
      ...(action === 'priority' && { priority }),
      ...(action === 'retry' && rate !== undefined && { rate, first: start }),
      ...(action === 'cancel' && { reason: 'cancelled on the dashboard' }),
    };
    const { done, failed } = await post<BulkAnswer>(`/jobs/${action}`, body, headers);
    progress = {
      done: progress.done + done.length,
      failed: [...progress.failed, ...failed],
      tried: progress.tried + part.length,
    };
    onProgress(progress);
  }
  return progress;
}

/** By which the audit trail knows the parts of one action. */
function newOperation(): string {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}
