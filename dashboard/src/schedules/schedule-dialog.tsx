import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { Schedule } from '../api/answers.js';
import { post } from '../api/client.js';
import { FormDialog, JsonField, jsonIn, TypeField } from '../jobs/job-form.js';
import { lastTick } from '../live/live.js';
import { say } from '../ui/toasts.js';

const OVERLAPS = {
  skip: 'leave the tick out',
  allow: 'run both',
  cancel: 'cancel the one before',
} as const;

interface ScheduleDialogProps {
  /** The one that is changed; its name stays. */
  schedule: Schedule | undefined;
  onDone(): void;
  onClose(): void;
}

/** Has a job run again and again, or changes when and how it does. */
export function ScheduleDialog({ schedule, onDone, onClose }: ScheduleDialogProps) {
  const set = async (form: FormData) => {
    const wanted = wantedOf(form, schedule);
    await post('/schedules', wanted);
    say(schedule ? `${wanted.name} is changed.` : `${wanted.name} is set.`);
    onDone();
    onClose();
  };
  const types = Object.keys(lastTick.get()?.stats?.byType ?? {}).sort();
  return (
    <FormDialog
      title={schedule ? `Change ${schedule.name}` : 'Add a schedule'}
      action={schedule ? 'Change the schedule' : 'Add the schedule'}
      onSubmit={set}
      onClose={onClose}
    >
      {!schedule && (
        <label>
          Name
          <input name="name" required pattern="[A-Za-z0-9_\-]+" maxLength={64} autocomplete="off" autofocus />
        </label>
      )}
      <TypeField types={types} value={schedule?.type} required />
      <label>
        Cron <span class="quiet">0 3 * * *, or @daily</span>
        <input name="cron" maxLength={200} autocomplete="off" defaultValue={schedule?.cron ?? ''} />
      </label>
      <label>
        Time zone <span class="quiet">of the cron; UTC when empty</span>
        <input name="timeZone" maxLength={100} autocomplete="off" defaultValue={schedule?.timeZone ?? ''} />
      </label>
      <label>
        Or every so many seconds
        <input
          name="everyS"
          type="number"
          min={1}
          step={1}
          defaultValue={schedule?.everyMs === undefined ? '' : schedule.everyMs / 1_000}
        />
      </label>
      <label>
        While the last run goes on
        <select name="overlap">
          {Object.entries(OVERLAPS).map(([name, words]) => (
            <option key={name} value={name} selected={name === (schedule?.overlap ?? 'skip')}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        Priority
        <select name="priority">
          {PRIORITIES.map((name) => (
            <option key={name} selected={name === (schedule?.priority ?? 'normal')}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <JsonField name="payload" value={schedule?.payload === undefined ? {} : schedule.payload} rows={8} />
    </FormDialog>
  );
}

/** What the form has no field for stays as it is. @throws Error when the payload is no JSON */
function wantedOf(form: FormData, schedule: Schedule | undefined) {
  const text = (field: string) => String(form.get(field) ?? '').trim() || undefined;
  const { jitterMs, until, maxAttempts, timeoutMs, webhookUrl } = schedule ?? {};
  const everyS = text('everyS');
  return {
    ...{ jitterMs, until, maxAttempts, timeoutMs, webhookUrl },
    name: schedule?.name ?? String(text('name')),
    type: text('type'),
    payload: jsonIn(form, 'payload'),
    cron: text('cron'),
    timeZone: text('timeZone'),
    everyMs: everyS === undefined ? undefined : Math.round(Number(everyS) * 1_000),
    overlap: text('overlap'),
    priority: text('priority'),
  };
}
