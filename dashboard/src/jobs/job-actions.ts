import type { BulkAnswer, JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { confirm } from '../ui/confirm.js';
import { attempt, say } from '../ui/toasts.js';

export type JobAction = 'cancel' | 'retry';

export interface JobFilter {
  type?: string;
  status?: string;
  priority?: string;
  since?: string;
  until?: string;
  tags?: string[];
  errorCode?: string;
  cause?: string;
  deadLetters?: boolean;
}

export type BulkTarget = { ids: readonly string[] } | { filter: JobFilter };

/** Jobs for each call; the server takes no more than this at once. */
const BATCH = 500;

export function canCancel({ status }: Pick<JobRecord, 'status'>): boolean {
  return status === 'pending' || status === 'processing';
}

export function canRetry({ status }: Pick<JobRecord, 'status'>): boolean {
  return status === 'failed';
}

export function pathOf(id: string, action: JobAction): string {
  return `/jobs/${encodeURIComponent(id)}/${action}`;
}

export async function retryJob(id: string): Promise<JobRecord | undefined> {
  return attempt(
    () => post<JobRecord>(pathOf(id, 'retry')),
    () => `${id} runs again.`,
  );
}

/** Asks first. */
export async function cancelJob(id: string): Promise<JobRecord | undefined> {
  const isSure = await confirm({
    title: 'Cancel this job?',
    text: `${id} ends as FAILED, wherever it is. What it has rented is given back.`,
    action: 'Cancel the job',
    isDanger: true,
  });
  if (!isSure) return undefined;
  return attempt(
    () => post<JobRecord>(pathOf(id, 'cancel'), { reason: 'cancelled on the dashboard' }),
    () => `${id} is cancelled.`,
  );
}

/** Asks first, then goes on until every job of the target was tried. @returns false when it was called off */
export async function bulk(action: JobAction, target: BulkTarget, count: string): Promise<boolean> {
  const isCancel = action === 'cancel';
  const isSure = await confirm({
    title: isCancel ? `Cancel ${count}?` : `Retry ${count}?`,
    text: isCancel
      ? 'They end as FAILED, wherever they are. Finished jobs stay as they are.'
      : 'They leave the dead letters and run again, with a fresh count of attempts. Other jobs stay as they are.',
    action: isCancel ? `Cancel ${count}` : `Retry ${count}`,
    isDanger: isCancel,
  });
  if (!isSure) return false;
  await attempt(
    () => ('ids' in target ? eachBatch(action, target.ids) : whileMore(action, target.filter)),
    ({ done, failed }) => {
      const [first] = failed;
      if (first) say(`${failed.length} could not be changed. ${first.id}: ${first.detail}`, 'bad');
      const what = isCancel ? 'cancelled' : 'taken back into the queue';
      return `${done.length} ${done.length === 1 ? 'job' : 'jobs'} ${what}.`;
    },
  );
  return true;
}

async function eachBatch(action: JobAction, ids: readonly string[]): Promise<BulkAnswer> {
  const all: BulkAnswer = { done: [], failed: [], more: false };
  for (let start = 0; start < ids.length; start += BATCH) {
    const answer = await post<BulkAnswer>(`/jobs/${action}`, { ids: ids.slice(start, start + BATCH) });
    all.done.push(...answer.done);
    all.failed.push(...answer.failed);
  }
  return all;
}

async function whileMore(action: JobAction, filter: JobFilter): Promise<BulkAnswer> {
  const all: BulkAnswer = { done: [], failed: [], more: true };
  while (all.more) {
    const answer = await post<BulkAnswer>(`/jobs/${action}`, { filter, limit: BATCH });
    all.done.push(...answer.done);
    all.failed.push(...answer.failed);
    // Those that cannot be changed would come again and again.
    all.more = answer.more && answer.done.length > 0;
  }
  return all;
}
