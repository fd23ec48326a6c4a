import { useState } from 'preact/hooks';
import { MASK } from '../../../src/jobs/mask-text.js';
import type { JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { confirm } from '../ui/confirm.js';
import { Dialog } from '../ui/dialog.js';
import { JsonPanel } from '../ui/json.js';
import { attempt } from '../ui/toasts.js';
import { pathOfJob } from './exact-job.js';

const PARTS = [
  'payload',
  'checkpoint',
  'result',
  'progress',
  'webhookUrl',
  'error',
  'failures',
  'next',
] as const;

/** Shows an admin what is masked of a job, once that is written down. Nothing where nothing is masked. */
export function RevealButton({ job }: { job: JobRecord }) {
  const isAdmin = useMay('admin');
  const [revealed, setRevealed] = useState<JobRecord | undefined>(undefined);
  if (!isAdmin || !JSON.stringify(job).includes(MASK)) return null;
  const reveal = async () => {
    const isSure = await confirm({
      title: 'Show the secrets of this job?',
      text: `The audit trail will say that you have looked at those of ${job.id}.`,
      action: 'Show them',
    });
    if (!isSure) return;
    const whole = await attempt(
      () => post<JobRecord>(`${pathOfJob(job.id)}/reveal`),
      () => 'The audit trail says that you have looked.',
    );
    setRevealed(whole);
  };
  return (
    <>
      <button type="button" onClick={reveal}>
        Show secrets
      </button>
      {revealed && <Revealed job={revealed} onClose={() => setRevealed(undefined)} />}
    </>
  );
}

function Revealed({ job, onClose }: { job: JobRecord; onClose(): void }) {
  return (
    <Dialog title={`${job.id} with its secrets`} onClose={onClose} isWide>
      <div class="dialog-body stack">
        {PARTS.filter((name) => job[name] !== undefined).map((name) => (
          <JsonPanel key={name} title={name} value={job[name]} />
        ))}
      </div>
    </Dialog>
  );
}
