import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { messageOf, post } from '../api/client.js';
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
      const delayMs = Math.round(Number(minutes) * 60_000);
      await post(pathOf(job.id, 'reschedule'), { delayMs }).catch((reason) => {
        const done = said.map((each) => `${job.id} ${each} now, but its time is as it was: `);
        throw new Error(`${done.join('')}${messageOf(reason)}`);
      });
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
        Minutes from now <span class="quiet">unchanged when empty</span>
        <input name="minutes" type="number" min={0.001} step="any" autofocus />
      </label>
    </FormDialog>
  );
}
