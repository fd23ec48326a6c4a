import type { JobAction } from '../jobs/job-actions.js';

interface Words {
  verb: string;
  /** After the number of jobs that it was done with. */
  done: string;
  text: string;
  isDanger?: boolean;
}

export const WORDS: Record<JobAction, Words> = {
  cancel: {
    verb: 'Cancel',
    done: 'cancelled',
    text: 'They end as FAILED, wherever they are. What they have rented is given back.',
    isDanger: true,
  },
  retry: {
    verb: 'Retry',
    done: 'taken back into the queue',
    text: 'They leave the dead letters and run again, with a fresh count of attempts.',
  },
  promote: {
    verb: 'Run now',
    done: 'promoted',
    text: 'They wait no longer for their time, as far as their priority and a pause allow.',
  },
  priority: {
    verb: 'Move',
    done: 'moved',
    text: 'They stand last among the jobs of their new priority. Those with a time keep it.',
  },
  delete: {
    verb: 'Delete',
    done: 'deleted',
    text: 'Their records, events and messages are removed. Nothing brings them back.',
    isDanger: true,
  },
};

export function jobs(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'job' : 'jobs'}`;
}
