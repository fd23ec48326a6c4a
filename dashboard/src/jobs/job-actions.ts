import { isTerminal } from '../../../src/jobs/vocabulary.js';
import type { BulkAnswer, JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { confirm } from '../ui/confirm.js';
import { attempt } from '../ui/toasts.js';

/** What can be done with a job, or with many. */
export type JobAction = 'cancel' | 'retry' | 'promote' | 'priority' | 'delete';

export interface JobFilter {
  type?: string;
  status?: string;
  priority?: string;
  state?: string;
  /** An id, or how it begins. */
  id?: string;
  since?: string;
  until?: string;
  tags?: string[];
  worker?: string;
  errorCode?: string;
  cause?: string;
  deadLetters?: boolean;
}

type Standing = Pick<JobRecord, 'status' | 'state'>;

/** With which jobs each can be done; the server decides anyway. */
const FITS: Record<JobAction, (job: Standing) => boolean> = {
  cancel: ({ status }) => status === 'pending' || status === 'processing',
  retry: ({ status }) => status === 'failed',
  promote: ({ state }) => state === 'scheduled' || state === 'retrying' || state === 'waiting',
  priority: ({ status }) => status === 'pending',
  delete: ({ status }) => isTerminal(status),
};

export function can(action: JobAction, job: Standing): boolean {
  return FITS[action](job);
}

export function pathOf(id: string, action: Exclude<JobAction, 'delete'> | 'reschedule'): string {
  return `/jobs/${encodeURIComponent(id)}/${action}`;
}

export async function promoteJob(id: string): Promise<JobRecord | undefined> {
  return attempt(
    () => post<JobRecord>(pathOf(id, 'promote')),
    () => `${id} runs as soon as a worker is free.`,
  );
}

/** Asks first. @returns whether it is gone */
export async function deleteJob(id: string): Promise<boolean> {
  const isSure = await confirm({
    title: 'Delete this job?',
    text: `The record of ${id}, its events and all that is stored of it are removed. Nothing brings them back.`,
    action: 'Delete the job',
    isDanger: true,
  });
  if (!isSure) return false;
  const deleted = await attempt(
    async () => {
      const { failed } = await post<BulkAnswer>('/jobs/delete', { ids: [id] });
      const [kept] = failed;
      if (kept) throw new Error(kept.detail);
      return id;
    },
    () => `${id} is deleted.`,
  );
  return deleted !== undefined;
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
