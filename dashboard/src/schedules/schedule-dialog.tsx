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
    const wanted = wantedOf(form);
    if (schedule) {
      await post(`/schedules/${encodeURIComponent(schedule.name)}/update`, changeOf(wanted, schedule));
      say(`${schedule.name} is changed.`);
    } else {
      const name = String(form.get('name'));
      await post('/schedules', { name, ...wanted });
      say(`${name} is set.`);
    }
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
      <label class="full">
        Webhook URL <span class="quiet">where the ends of its jobs are reported</span>
        <input
          name="webhookUrl"
          maxLength={2_048}
          autocomplete="off"
          defaultValue={schedule?.webhookUrl ?? ''}
        />
      </label>
      <JsonField name="payload" value={schedule?.payload === undefined ? {} : schedule.payload} rows={8} />
    </FormDialog>
  );
}

interface Wanted {
  type?: string | undefined;
  payload?: unknown;
  cron?: string | undefined;
  timeZone?: string | null | undefined;
  everyMs?: number | undefined;
  overlap?: string | undefined;
  priority?: string | undefined;
  webhookUrl?: string | null | undefined;
}

/** @throws Error when the payload is no JSON */
function wantedOf(form: FormData): Wanted {
  const text = (field: string) => String(form.get(field) ?? '').trim() || undefined;
  const everyS = text('everyS');
  return {
    type: text('type'),
    payload: jsonIn(form, 'payload'),
    cron: text('cron'),
    timeZone: text('timeZone'),
    everyMs: everyS === undefined ? undefined : Math.round(Number(everyS) * 1_000),
    overlap: text('overlap'),
    priority: text('priority'),
    webhookUrl: text('webhookUrl'),
  };
}

/**
 * What differs from the schedule as the form has shown it: all else stays, also what others have changed meanwhile, and the secrets
 * that a form cannot show.
 */
function changeOf(wanted: Wanted, { payload, ...shown }: Schedule): Wanted {
  const { cron, everyMs } = wanted;
  const other = (name: 'type' | 'overlap' | 'priority') =>
    wanted[name] === shown[name] ? undefined : wanted[name];
  const orNone = (name: 'timeZone' | 'webhookUrl') =>
    wanted[name] === shown[name] ? undefined : (wanted[name] ?? null);
  const isTimedAnew = cron !== shown.cron || everyMs !== shown.everyMs;
  if (cron === undefined && everyMs === undefined) throw new Error('Give a cron expression or an interval.');
  return {
    ...{ type: other('type'), overlap: other('overlap'), priority: other('priority') },
    ...{ timeZone: orNone('timeZone'), webhookUrl: orNone('webhookUrl') },
    // The server refuses both.
    ...(isTimedAnew && { cron, everyMs }),
    ...(JSON.stringify(wanted.payload) !== JSON.stringify(payload ?? null) && { payload: wanted.payload }),
  };
}
