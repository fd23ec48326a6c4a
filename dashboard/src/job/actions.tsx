import { useState } from 'preact/hooks';
import type { JobRecord } from '../api/answers.js';
import { useMay } from '../api/session.js';
import { AddJobDialog } from '../jobs/add-job-dialog.js';
import { ChangeDialog } from '../jobs/change-dialog.js';
import { EditPayloadDialog } from '../jobs/edit-payload-dialog.js';
import { can, cancelJob, deleteJob, promoteJob, retryJob } from '../jobs/job-actions.js';
import { navigate } from '../router.js';
import { hasInstance, InstanceActions } from './instance-actions.js';
import { ShareButton } from './share-button.js';

type Open = 'copy' | 'edit' | 'change';

/** What can be done with a job, by those who may. */
export function JobActions({ job }: { job: JobRecord }) {
  const isOperator = useMay('operator');
  const isAdmin = useMay('admin');
  const [open, setOpen] = useState<Open | undefined>(undefined);
  if (!isOperator) return <ShareButton id={job.id} />;
  const close = () => setOpen(undefined);
  const remove = async () => {
    if (await deleteJob(job.id)) navigate('/jobs');
  };
  return (
    <>
      <ShareButton id={job.id} />
      {hasInstance(job) && <InstanceActions job={job} />}
      <button type="button" onClick={() => setOpen('copy')}>
        Run again like this
      </button>
      {can('priority', job) && (
        <button type="button" onClick={() => setOpen('change')}>
          Change
        </button>
      )}
      {can('retry', job) && (
        <button type="button" onClick={() => setOpen('edit')}>
          Edit and retry
        </button>
      )}
      {isAdmin && can('delete', job) && (
        <button type="button" class="danger" onClick={remove}>
          Delete
        </button>
      )}
      {can('promote', job) && job.waitsFor === undefined && (
        <button type="button" class="primary" onClick={() => promoteJob(job.id)}>
          Run now
        </button>
      )}
      {can('retry', job) && (
        <button type="button" class="primary" onClick={() => retryJob(job.id)}>
          Retry
        </button>
      )}
      {can('cancel', job) && (
        <button type="button" class="danger" onClick={() => cancelJob(job.id)}>
          Cancel
        </button>
      )}
      {open === 'edit' && <EditPayloadDialog job={job} onClose={close} />}
      {open === 'copy' && <AddJobDialog like={job} onClose={close} />}
      {open === 'change' && <ChangeDialog job={job} onClose={close} />}
    </>
  );
}
