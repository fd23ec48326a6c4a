import { useState } from 'preact/hooks';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { jobs } from '../bulk/bulk-words.js';
import { lastTick } from '../live/live.js';
import { confirm } from '../ui/confirm.js';
import { formatAbsolute } from '../ui/format.js';
import { Icon } from '../ui/icons.js';
import { say } from '../ui/toasts.js';
import { FormDialog, TypeField } from './job-form.js';

interface CleanupAnswer {
  jobs: number;
  before: string;
}

const HOUR_MS = 3_600_000;

/** Removes jobs that have ended, once it has said how many; for those who may. */
export function CleanupButton({ onRemoved }: { onRemoved(): void }) {
  const [isOpen, setOpen] = useState(false);
  if (!useMay('admin')) return null;
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        <Icon name="trash" /> Clean up
      </button>
      {isOpen && <CleanupDialog onRemoved={onRemoved} onClose={() => setOpen(false)} />}
    </>
  );
}

function CleanupDialog({ onRemoved, onClose }: { onRemoved(): void; onClose(): void }) {
  const types = Object.keys(lastTick.get()?.stats?.byType ?? {}).sort();
  const cleanUp = async (form: FormData) => {
    const wanted = wantedIn(form);
    const counted = await post<CleanupAnswer>('/jobs/cleanup', { ...wanted, dryRun: true });
    const { before } = counted;
    if (counted.jobs === 0) throw new Error('No job that has ended matches. Nothing was removed.');
    const count = jobs(counted.jobs);
    const isSure = await confirm({
      title: `Remove ${count}?`,
      text: `${describe(wanted)} that ended before ${formatAbsolute(Date.parse(before))}. Their records, history and reports are deleted and cannot be restored.`,
      action: `Remove ${count}`,
      isDanger: true,
    });
    if (!isSure) return;
    // Where the last ones are kept, each job that has ended meanwhile lets another one go.
    const atMost = wanted.keep === undefined ? undefined : counted.jobs;
    const removed = await post<CleanupAnswer>('/jobs/cleanup', { ...wanted, before, atMost });
    say(`${jobs(removed.jobs)} ${removed.jobs === 1 ? 'is' : 'are'} removed.`);
    onRemoved();
    onClose();
  };
  return (
    <FormDialog title="Clean up" action="Count them" onSubmit={cleanUp} onClose={onClose}>
      <TypeField types={types} note="all when empty" autofocus />
      <label>
        Keep the last <span class="quiet">of a type, for each status</span>
        <input name="keep" type="number" min={0} step={1} />
      </label>
      <label>
        Ended as
        <select name="status">
          <option value="">completed or failed</option>
          <option>completed</option>
          <option>failed</option>
        </select>
      </label>
      <label>
        More than so many hours ago
        <input name="hours" type="number" min={0} step="any" required defaultValue="24" />
      </label>
      <p class="quiet full">Nothing is removed before you have seen how many jobs it is.</p>
    </FormDialog>
  );
}

interface Wanted {
  type: string | undefined;
  status: string | undefined;
  keep: number | undefined;
  before: string;
}

function wantedIn(form: FormData): Wanted {
  const text = (name: string) => String(form.get(name) ?? '').trim() || undefined;
  const keep = text('keep');
  return {
    type: text('type'),
    status: text('status'),
    keep: keep === undefined ? undefined : Number(keep),
    before: new Date(Date.now() - Number(text('hours')) * HOUR_MS).toISOString(),
  };
}

/** `All failed jobs of report but the last 10`. */
function describe({ type, status, keep }: Wanted): string {
  const whose = type === undefined ? '' : ` of ${type}`;
  const kept = keep === undefined ? '' : ` but the last ${keep.toLocaleString('en')}`;
  return `All ${status ?? 'completed and failed'} jobs${whose}${kept}`;
}
