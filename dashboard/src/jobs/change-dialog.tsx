import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { say } from '../ui/toasts.js';
import { pathOf } from './job-actions.js';
import { FormDialog } from './job-form.js';

/** Changes the priority of a job that waits, or when it runs. */
export function ChangeDialog({ job, onClose }: { job: JobRecord; onClose(): void }) {
  const change = async (form: FormData) => {
    const priority = String(form.get('priority'));
    const minutes = String(form.get('minutes') ?? '').trim();
    const said: string[] = [];
    if (priority !== job.priority) {
      await post(pathOf(job.id, 'priority'), { priority });
      said.push(`has the priority ${priority}`);
    }
    if (minutes !== '') {
      await post(pathOf(job.id, 'reschedule'), { delayMs: Math.round(Number(minutes) * 60_000) });
      said.push(`runs in ${minutes} min`);
    }
    if (said.length > 0) say(`${job.id} ${said.join(' and ')}.`);
    onClose();
  };
  return (
    <FormDialog title="Change when it runs" action="Change the job" onSubmit={change} onClose={onClose}>
      <label>
        Priority <span class="quiet">last among the jobs of a new one</span>
        <select name="priority">
          {PRIORITIES.map((name) => (
            <option key={name} selected={name === job.priority}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        In so many minutes <span class="quiet">as it is when empty</span>
        <input name="minutes" type="number" min={0.001} step="any" autofocus />
      </label>
    </FormDialog>
  );
}
