import { useState } from 'preact/hooks';
import type { JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { FormDialog, JsonField, jsonIn } from '../jobs/job-form.js';
import { formatCount } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { say } from '../ui/toasts.js';
import { awaitedChildren, awaitedSignals, goesOnAt } from './waits.js';

/** What a job waits for, and a form that sends it a signal. Nothing of one that waits for nobody. */
export function WaitsPanel({ job }: { job: JobRecord }) {
  const isOperator = useMay('operator');
  const [isSending, setSending] = useState(false);
  const signals = awaitedSignals(job);
  const { count, isFailFast } = awaitedChildren(job);
  if (job.state !== 'waiting' || (signals.length === 0 && count === 0)) return null;
  const end = goesOnAt(job);
  return (
    <Panel
      title="Waits for"
      actions={
        isOperator &&
        signals.length > 0 && (
          <button type="button" onClick={() => setSending(true)}>
            Send a signal
          </button>
        )
      }
    >
      <ul class="lines waits">
        {signals.map((name) => (
          <li key={name}>
            <span class="quiet">the signal</span> <strong class="id">{name}</strong>
          </li>
        ))}
        {count > 0 && (
          <li>
            the end of {formatCount(count)} {count === 1 ? 'child' : 'children'}
            {isFailFast && <span class="quiet">or the first that fails</span>}
          </li>
        )}
        {end !== undefined && (
          <li>
            <span class="quiet">
              and goes on without it <Time at={end} />
            </span>
          </li>
        )}
      </ul>
      {isSending && <SignalDialog id={job.id} names={signals} onClose={() => setSending(false)} />}
    </Panel>
  );
}

interface SignalDialogProps {
  id: string;
  names: readonly string[];
  onClose(): void;
}

function SignalDialog({ id, names, onClose }: SignalDialogProps) {
  const send = async (form: FormData) => {
    const name = String(form.get('name'));
    const path = `/jobs/${encodeURIComponent(id)}/signals/${encodeURIComponent(name)}`;
    await post(path, { data: jsonIn(form, 'data') });
    say(`The signal ${name} is on its way to ${id}.`);
    onClose();
  };
  return (
    <FormDialog title="Send a signal" action="Send it" onSubmit={send} onClose={onClose}>
      <label class="full">
        Signal
        <select name="name">
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <JsonField name="data" value={null} rows={6} />
    </FormDialog>
  );
}
