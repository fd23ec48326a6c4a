/** Flows as they stand, and as they are shown. */
import { maskText } from './mask-text.js';
import type { JobState, JobStatus, OnFailure } from './vocabulary.js';

/** One job of a flow as it stands. */
export interface FlowJobStatus {
  key: string;
  id: string;
  type: string;
  /** `blocked` while jobs that it runs after have not ended; `queued` also of one that no worker has touched; `dropped` where it never ran. */
  state: JobState | 'blocked' | 'dropped';
  after: readonly string[];
  onFailure: OnFailure;
  error?: { code: string; message: string };
}

/** A flow as it stands. */
export interface FlowStatus {
  id: string;
  status: JobStatus;
  state: JobState;
  total: number;
  completed: number;
  failed: number;
  jobs: FlowJobStatus[];
  error?: { code: string; message: string };
}

/** A flow as it is shown to people: whole, but for secrets in the messages of its errors. */
export function shownFlow(flow: FlowStatus): FlowStatus {
  return { ...flow, ...shownErrorOf(flow), jobs: flow.jobs.map((job) => ({ ...job, ...shownErrorOf(job) })) };
}

function shownErrorOf({ error }: Pick<FlowStatus, 'error'>): Pick<FlowStatus, 'error'> {
  return error ? { error: { ...error, message: maskText(error.message) } } : {};
}
