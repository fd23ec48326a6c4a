import { useState } from 'preact/hooks';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { FormDialog } from '../jobs/job-form.js';
import { SecretDialog, type ShownSecret } from './secret-dialog.js';

const FORMATS = [
  ['standard', 'Standard Webhooks'],
  ['cloudevents', 'CloudEvents, structured'],
  ['cloudevents-binary', 'CloudEvents, binary'],
] as const;

/** Adds an endpoint, and shows its secret; for those who may. */
export function AddEndpoint({ onAdded }: { onAdded(): void }) {
  const [isOpen, setOpen] = useState(false);
  const [added, setAdded] = useState<ShownSecret>();
  if (!useMay('admin')) return null;
  const add = async (form: FormData) => {
    setAdded(await post<ShownSecret>('/webhook-endpoints', endpointOf(form)));
    setOpen(false);
    onAdded();
  };
  return (
    <>
      <button type="button" class="primary" onClick={() => setOpen(true)}>
        Add an endpoint
      </button>
      {isOpen && <AddDialog onSubmit={add} onClose={() => setOpen(false)} />}
      {added && <SecretDialog {...added} onClose={() => setAdded(undefined)} />}
    </>
  );
}

function AddDialog(props: { onSubmit(form: FormData): Promise<void>; onClose(): void }) {
  return (
    <FormDialog title="Add an endpoint" action="Add the endpoint" {...props}>
      <label class="full">
        Address
        <input name="url" type="url" required autofocus autocomplete="off" />
      </label>
      <label>
        Id <span class="quiet">made up when empty</span>
        <input name="id" pattern="[A-Za-z0-9_\-]*" maxLength={40} autocomplete="off" />
      </label>
      <label>
        Events <span class="quiet">all when empty</span>
        <input name="events" autocomplete="off" placeholder="job.failed, instance.*" />
      </label>
      <label>
        At once
        <input name="concurrency" type="number" min={1} max={2000} placeholder="5" />
      </label>
      <label>
        Format
        <select name="format">
          {FORMATS.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label class="full">
        Description
        <input name="description" maxLength={500} autocomplete="off" />
      </label>
      <label class="full">
        Order
        <select name="order">
          <option value="">as they come</option>
          <option value="ordered">one after the other for each instance</option>
        </select>
      </label>
    </FormDialog>
  );
}

function endpointOf(form: FormData): Record<string, unknown> {
  const text = (name: string) => String(form.get(name) ?? '').trim() || undefined;
  const events = text('events')
    ?.split(/[\s,]+/)
    .filter(Boolean);
  const concurrency = text('concurrency');
  return {
    url: text('url'),
    id: text('id'),
    events,
    description: text('description'),
    concurrency: concurrency === undefined ? undefined : Number(concurrency),
    format: text('format'),
    ordered: text('order') === 'ordered',
  };
}
