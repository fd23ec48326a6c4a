import { useState } from 'preact/hooks';
import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { messageOf, post } from '../api/client.js';
import { lastTick } from '../live/live.js';
import { navigate } from '../router.js';
import { Dialog } from '../ui/dialog.js';
import { say } from '../ui/toasts.js';

interface AddJobDialogProps {
  onClose(): void;
  /** A job to begin with: the new one is like it, with an id of its own. */
  like?: JobRecord | undefined;
}

const BUILT_IN = ['create_instance', 'monitor_instance', 'delete_instance', 'send_webhook'];

/** A form that adds one job. */
export function AddJobDialog({ onClose, like }: AddJobDialogProps) {
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const types = [...new Set([...Object.keys(lastTick.get()?.stats?.byType ?? {}), ...BUILT_IN])].sort();

  const add = async (event: SubmitEvent) => {
    event.preventDefault();
    setError('');
    setBusy(true);
    try {
      const job = jobOf(new FormData(event.currentTarget as HTMLFormElement));
      const { id } = await post<{ id: string }>('/jobs', job, {
        'Idempotency-Key': crypto.randomUUID?.() ?? `${Date.now()}`,
      });
      say(`${id} is in the queue.`);
      onClose();
      navigate(`/jobs/${encodeURIComponent(id)}`);
    } catch (reason) {
      setError(messageOf(reason));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog title={like ? 'Run again like this' : 'Add a job'} onClose={onClose} isWide>
      <form onSubmit={add}>
        <div class="dialog-body form">
          <label>
            Type
            <input
              name="type"
              autofocus={!like}
              list="job-types"
              required
              pattern="[a-z][a-z0-9_]*"
              defaultValue={like?.type ?? ''}
            />
            <datalist id="job-types">
              {types.map((type) => (
                <option key={type} value={type} />
              ))}
            </datalist>
          </label>
          <label>
            Priority
            <select name="priority">
              {PRIORITIES.map((name) => (
                <option key={name} selected={name === (like?.priority ?? 'normal')}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label class="full">
            Payload (JSON)
            <textarea
              name="payload"
              rows={10}
              spellcheck={false}
              required
              defaultValue={JSON.stringify(like?.payload ?? {}, null, 2)}
            />
          </label>
          <details class="full">
            <summary>More options</summary>
            <div class="form">
              <label>
                Id <span class="quiet">made up when empty</span>
                <input name="id" pattern="[A-Za-z0-9_\-]*" maxLength={100} autocomplete="off" />
              </label>
              <label>
                Delay in seconds
                <input name="delay" type="number" min={0} step="any" />
              </label>
              <label>
                Attempts at most
                <input
                  name="maxAttempts"
                  type="number"
                  min={1}
                  max={100}
                  defaultValue={like?.maxAttempts ?? ''}
                />
              </label>
              <label>
                Webhook address
                <input name="webhookUrl" type="url" defaultValue={like?.webhookUrl ?? ''} />
              </label>
              <label>
                Tags <span class="quiet">parted by commas</span>
                <input name="tags" autocomplete="off" defaultValue={like?.tags?.join(', ') ?? ''} />
              </label>
            </div>
          </details>
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
          <button type="submit" class="primary" disabled={isBusy}>
            Add the job
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** @throws Error when the payload is no JSON */
function jobOf(form: FormData): Record<string, unknown> {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const number = (name: string) => (text(name) ? Number(text(name)) : undefined);
  const delayS = number('delay');
  const tags = text('tags')
    .split(/[\s,]+/)
    .filter(Boolean);
  let payload: unknown;
  try {
    payload = JSON.parse(text('payload'));
  } catch (reason) {
    throw new Error(`The payload is not JSON: ${(reason as Error).message}`);
  }
  return {
    type: text('type'),
    priority: text('priority'),
    payload,
    id: text('id') || undefined,
    delayMs: delayS === undefined ? undefined : Math.round(delayS * 1_000),
    maxAttempts: number('maxAttempts'),
    webhookUrl: text('webhookUrl') || undefined,
    tags: tags.length > 0 ? tags : undefined,
  };
}
