import type { JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { say } from '../ui/toasts.js';
import { pathOf } from './job-actions.js';
import { FormDialog, JsonField, jsonIn } from './job-form.js';

/** Runs a failed job again with another payload. Secrets are shown masked, and the server takes no mask for a value. */
export function EditPayloadDialog({ job, onClose }: { job: JobRecord; onClose(): void }) {
  const retry = async (form: FormData) => {
    await post(pathOf(job.id, 'retry'), { payload: jsonIn(form, 'payload') });
    say(`${job.id} runs again with another payload.`);
    onClose();
  };
  return (
    <FormDialog title="Retry with another payload" action="Retry the job" onSubmit={retry} onClose={onClose}>
      <JsonField name="payload" value={job.payload ?? {}} rows={14} />
    </FormDialog>
  );
}
