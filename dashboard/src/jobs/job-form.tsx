import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { messageOf } from '../api/client.js';
import { Dialog } from '../ui/dialog.js';

interface FormDialogProps {
  title: string;
  /** What the button that goes ahead says. */
  action: string;
  /** What it throws is shown in the form. */
  onSubmit(form: FormData): Promise<void>;
  onClose(): void;
  children: ComponentChildren;
}

/** A form in a dialog, which is sent once at a time. */
export function FormDialog({ title, action, onSubmit, onClose, children }: FormDialogProps) {
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setError('');
    setBusy(true);
    try {
      await onSubmit(new FormData(event.currentTarget as HTMLFormElement));
    } catch (reason) {
      setError(messageOf(reason));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} isWide>
      <form onSubmit={submit}>
        <div class="dialog-body form">
          {children}
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
            {action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** The payload of a job; {@link payloadOf} reads it. */
export function PayloadField({ payload, rows }: { payload: unknown; rows: number }) {
  return (
    <label class="full">
      Payload (JSON)
      <textarea
        name="payload"
        rows={rows}
        spellcheck={false}
        required
        defaultValue={JSON.stringify(payload ?? {}, null, 2)}
      />
    </label>
  );
}

/** @throws Error when the payload is no JSON */
export function payloadOf(form: FormData): unknown {
  try {
    return JSON.parse(String(form.get('payload')));
  } catch (reason) {
    throw new Error(`The payload is not JSON: ${(reason as Error).message}`);
  }
}
