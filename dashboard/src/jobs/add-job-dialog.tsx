import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { lastTick } from '../live/live.js';
import { navigate } from '../router.js';
import { say } from '../ui/toasts.js';
import { FormDialog, JsonField, jsonIn, TypeField } from './job-form.js';
import { tagsIn } from './tags-in.js';

interface AddJobDialogProps {
  onClose(): void;
  /** A job to begin with: the new one is like it, with an id of its own. */
  like?: JobRecord | undefined;
}

const BUILT_IN = [
  ...['create_instance', 'monitor_instance', 'delete_instance', 'start_instance', 'stop_instance'],
  ...['restart_instance', 'migrate_instance', 'check_instance', 'watch_instance'],
  ...['auto_stop', 'extend_lease', 'send_webhook'],
];

/** A form that adds one job. */
export function AddJobDialog({ onClose, like }: AddJobDialogProps) {
  const types = [...new Set([...Object.keys(lastTick.get()?.stats?.byType ?? {}), ...BUILT_IN])].sort();

  const add = async (form: FormData) => {
    const { id, created } = await post<{ id: string; created: boolean }>('/jobs', jobOf(form), {
      'Idempotency-Key': crypto.randomUUID?.() ?? `${Date.now()}`,
    });
    say(
      created
        ? `${id} is in the queue.`
        : `Nothing was added: ${id} is there already, or has the unique key.`,
    );
    onClose();
    navigate(`/jobs/${encodeURIComponent(id)}`);
  };

  return (
    <FormDialog
      title={like ? 'Run again like this' : 'Add a job'}
      action="Add the job"
      onSubmit={add}
      onClose={onClose}
    >
      <TypeField types={types} value={like?.type} autofocus={!like} required />
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
      <JsonField name="payload" value={like?.payload ?? {}} rows={10} />
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
          <label>
            Unique key <span class="quiet">no other job of the type has it meanwhile</span>
            <input
              name="unique"
              maxLength={200}
              autocomplete="off"
              defaultValue={like?.unique?.scope === 'active' ? like.unique.key : ''}
            />
          </label>
        </div>
      </details>
    </FormDialog>
  );
}

/** @throws Error when the payload is no JSON */
function jobOf(form: FormData): Record<string, unknown> {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const number = (name: string) => (text(name) ? Number(text(name)) : undefined);
  const delayS = number('delay');
  const tags = tagsIn(text('tags'));
  const key = text('unique');
  return {
    type: text('type'),
    priority: text('priority'),
    payload: jsonIn(form, 'payload'),
    id: text('id') || undefined,
    delayMs: delayS === undefined ? undefined : Math.round(delayS * 1_000),
    maxAttempts: number('maxAttempts'),
    webhookUrl: text('webhookUrl') || undefined,
    tags: tags.length > 0 ? tags : undefined,
    unique: key ? { key } : undefined,
  };
}
