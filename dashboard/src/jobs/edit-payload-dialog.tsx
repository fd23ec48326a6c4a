import { useState } from 'preact/hooks';
import type { JobRecord } from '../api/answers.js';
import { messageOf, post } from '../api/client.js';
import { Dialog } from '../ui/dialog.js';
import { say } from '../ui/toasts.js';

/** Runs a failed job again with another payload. Secrets are shown masked, and the server takes no mask for a value. */
export function EditPayloadDialog({ job, onClose }: { job: JobRecord; onClose(): void }) {
  const [error, setError] = useState('');
  const retry = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    try {
      const payload: unknown = JSON.parse(String(form.get('payload')));
      await post(`/jobs/${encodeURIComponent(job.id)}/retry`, { payload });
      say(`${job.id} runs again with another payload.`);
      onClose();
    } catch (reason) {
      setError(messageOf(reason));
    }
  };
  return (
    <Dialog title="Retry with another payload" onClose={onClose} isWide>
      <form onSubmit={retry}>
        <div class="dialog-body form">
          <label class="full">
            Payload (JSON)
            <textarea
              name="payload"
              rows={14}
              spellcheck={false}
              required
              defaultValue={JSON.stringify(job.payload ?? {}, null, 2)}
            />
          </label>
          {error && (
            <p class="form-error full" role="alert">
              {error}
            </p>
          )}
        </div>
        <footer>
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary">
            Retry the job
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
