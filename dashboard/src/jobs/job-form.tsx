import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
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

interface TypeFieldProps {
  /** Those that are known; any other may be typed. */
  types: readonly string[];
  value?: string | undefined;
  /** Beside its label. */
  note?: string;
  autofocus?: boolean;
  required?: boolean;
}

/** The type of a job, as `type` of the form. */
export function TypeField({ types, value = '', note, autofocus, required }: TypeFieldProps) {
  const listId = useId();
  return (
    <label>
      Type {note && <span class="quiet">{note}</span>}
      <input
        name="type"
        list={listId}
        pattern="[a-z][a-z0-9_]*"
        autocomplete="off"
        autofocus={autofocus}
        required={required}
        defaultValue={value}
      />
      <datalist id={listId}>
        {types.map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
    </label>
  );
}

interface JsonFieldProps {
  /** What it is called, also to those who fill it in. */
  name: 'payload' | 'data';
  value: unknown;
  rows: number;
}

/** Any JSON; {@link jsonIn} reads it. */
export function JsonField({ name, value, rows }: JsonFieldProps) {
  return (
    <label class="full">
      {name === 'payload' ? 'Payload' : 'Data'} (JSON)
      <textarea
        name={name}
        rows={rows}
        spellcheck={false}
        required
        defaultValue={JSON.stringify(value, null, 2)}
      />
    </label>
  );
}

/** @throws Error when the field holds no JSON */
export function jsonIn(form: FormData, name: JsonFieldProps['name']): unknown {
  try {
    return JSON.parse(String(form.get(name)));
  } catch (reason) {
    throw new Error(`The ${name} is not JSON: ${(reason as Error).message}`);
  }
}
