import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { Pause } from '../../../src/wire/pauses.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { FormDialog, TypeField } from '../jobs/job-form.js';
import { navigate, usePlace, withQuery } from '../router.js';
import { Icon } from '../ui/icons.js';
import { say } from '../ui/toasts.js';
import { beginning } from './pauses.js';

/** Pauses jobs of a type, of a priority, of both, or all; for those who may. */
export function PauseButton({ types }: { types: readonly string[] }) {
  const place = usePlace();
  const setOpen = (pause: '1' | undefined) => navigate(withQuery(place, { pause }), { replace: true });
  if (!useMay('admin')) return null;
  return (
    <>
      <button type="button" onClick={() => setOpen('1')}>
        <Icon name="pause" /> Pause jobs
      </button>
      {place.query.has('pause') && <PauseDialog types={types} onClose={() => setOpen(undefined)} />}
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
      <TypeField types={types} note="all when empty" autofocus />
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
