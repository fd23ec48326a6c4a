import { useState } from 'preact/hooks';
import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { Pause } from '../../../src/wire/pauses.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { FormDialog } from '../jobs/job-form.js';
import { Icon } from '../ui/icons.js';
import { say } from '../ui/toasts.js';
import { beginning } from './pauses.js';

/** Pauses jobs of a type, of a priority, of both, or all; for those who may. */
export function PauseButton({ types }: { types: readonly string[] }) {
  const [isOpen, setOpen] = useState(false);
  if (!useMay('admin')) return null;
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        <Icon name="pause" /> Pause jobs
      </button>
      {isOpen && <PauseDialog types={types} onClose={() => setOpen(false)} />}
    </>
  );
}

function PauseDialog({ types, onClose }: { types: readonly string[]; onClose(): void }) {
  const pause = async (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? '').trim() || undefined;
    const minutes = text('minutes');
    const paused = await post<Pause>('/pauses', {
      type: text('type'),
      priority: text('priority'),
      reason: text('reason'),
      forMs: minutes === undefined ? undefined : Math.round(Number(minutes) * 60_000),
    });
    say(`${beginning(paused)}: none starts any more. Those that run go on.`);
    onClose();
  };
  return (
    <FormDialog title="Pause jobs" action="Pause them" onSubmit={pause} onClose={onClose}>
      <label>
        Type <span class="quiet">all when empty</span>
        <input name="type" list="paused-types" pattern="[a-z][a-z0-9_]*" autocomplete="off" autofocus />
        <datalist id="paused-types">
          {types.map((type) => (
            <option key={type} value={type} />
          ))}
        </datalist>
      </label>
      <label>
        Priority
        <select name="priority">
          <option value="">all</option>
          {PRIORITIES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        For so many minutes <span class="quiet">until somebody resumes when empty</span>
        <input name="minutes" type="number" min={0.1} step="any" />
      </label>
      <label>
        Reason
        <input name="reason" maxLength={200} autocomplete="off" />
      </label>
    </FormDialog>
  );
}
