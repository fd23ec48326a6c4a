import type { JobRecord } from '../api/answers.js';
import { spoken } from './format.js';

/** The status of a job and where it stands inside that, told by words and colour. */
export function StatusBadge({ status, state }: Pick<JobRecord, 'status'> & { state?: string }) {
  const word = state && state !== status ? `${status} · ${spoken(state)}` : status;
  return (
    <span class={`badge ${state === 'cancelled' ? 'cancelled' : status}`} data-status={status}>
      {word}
    </span>
  );
}

export function PriorityBadge({ priority }: Pick<JobRecord, 'priority'>) {
  return <span class={`priority ${priority}`}>{priority}</span>;
}
