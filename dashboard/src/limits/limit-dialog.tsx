import type { LimitSettings } from '../../../src/jobs/shown-limit.js';
import { post } from '../api/client.js';
import { FormDialog } from '../jobs/job-form.js';
import { attempt, say } from '../ui/toasts.js';

interface LimitDialogProps {
  /** Empty where it is to be named. */
  name: string;
  /** What applies now. */
  settings: LimitSettings | undefined;
  /** Whether somebody has set it, in place of what the handlers say. */
  isSet: boolean;
  onDone(): void;
  onClose(): void;
}

/** Sets how many permits each key of a limit has, for all workers. */
export function LimitDialog({ name, settings, isSet, onDone, onClose }: LimitDialogProps) {
  const change = async (form: FormData) => {
    const number = (field: string) => Number(form.get(field)) || undefined;
    const limit = name || String(form.get('limit')).trim();
    const [max, perS] = [number('max'), number('perS')];
    const rate =
      max === undefined || perS === undefined ? undefined : { max, perMs: Math.round(perS * 1_000) };
    if ((max === undefined) !== (perS === undefined))
      throw new Error('A rate needs both: how many starts, and in how many seconds.');
    await post('/limits/set', { limit, concurrency: number('concurrency'), rate });
    say(`${limit} is set for all workers.`);
    onDone();
    onClose();
  };
  const reset = async () => {
    const done = await attempt(
      () => post('/limits/reset', { limit: name }),
      () => `${name} is again what its handlers say.`,
    );
    if (done === undefined) return;
    onDone();
    onClose();
  };
  return (
    <FormDialog
      title={name ? `Change ${name}` : 'Set a limit'}
      action="Set it"
      onSubmit={change}
      onClose={onClose}
    >
      {name === '' && (
        <label class="full">
          Name
          <input name="limit" required maxLength={64} autocomplete="off" autofocus />
        </label>
      )}
      <label>
        Permits at once <span class="quiet">for each key; no bound when empty</span>
        <input
          name="concurrency"
          type="number"
          min={1}
          max={2_000}
          defaultValue={settings?.concurrency ?? ''}
        />
      </label>
      <label>
        Starts at most <span class="quiet">no rate when empty</span>
        <input name="max" type="number" min={1} max={100_000} defaultValue={settings?.rate?.max ?? ''} />
      </label>
      <label>
        In so many seconds
        <input
          name="perS"
          type="number"
          min={0.1}
          step="any"
          defaultValue={settings?.rate ? settings.rate.perMs / 1_000 : ''}
        />
      </label>
      {isSet && (
        <p class="full">
          <button type="button" onClick={reset}>
            Reset to what the handlers say
          </button>
        </p>
      )}
    </FormDialog>
  );
}
