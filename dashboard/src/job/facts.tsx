import type { ComponentChildren } from 'preact';
import { isTerminal } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { Tags } from '../jobs/tags.js';
import { Link } from '../router.js';
import { formatDuration } from '../ui/format.js';
import { Time } from '../ui/time.js';
import { goesOnAt } from './waits.js';

/** What a record says of a job besides its payload; what it does not say is left out. */
export function JobFacts({ job }: { job: JobRecord }) {
  const ran = job.startedAt && job.finishedAt && Date.parse(job.finishedAt) - Date.parse(job.startedAt);
  const waited = job.startedAt && Date.parse(job.startedAt) - Date.parse(job.createdAt);
  return (
    <dl class="facts">
      <Fact name="Created">
        <Time at={job.createdAt} />
      </Fact>
      {job.startedAt && (
        <Fact name="Started">
          <Time at={job.startedAt} />
        </Fact>
      )}
      {typeof waited === 'number' && <Fact name="Waited">{formatDuration(Math.max(0, waited))}</Fact>}
      {job.finishedAt && (
        <Fact name="Finished">
          <Time at={job.finishedAt} />
        </Fact>
      )}
      {typeof ran === 'number' && <Fact name="Took">{formatDuration(ran)}</Fact>}
      {goesOnAt(job) && (
        <Fact name="Next run">
          <Time at={goesOnAt(job)} />
        </Fact>
      )}
      <Fact name="Attempt">
        {job.attempt} of {job.maxAttempts}
      </Fact>
      {job.timeoutMs !== undefined && <Fact name="Timeout">{formatDuration(job.timeoutMs)}</Fact>}
      {job.worker && <Fact name="Worker">{job.worker}</Fact>}
      {job.redrives !== undefined && job.redrives > 0 && <Fact name="Redriven">{job.redrives} times</Fact>}
      {job.scheduledBy && (
        <Fact name="Schedule">
          <Link to="/schedules">{job.scheduledBy}</Link>
        </Fact>
      )}
      {job.parentId && (
        <Fact name={job.awaited === undefined ? 'Follows' : 'Parent'}>
          <Link to={`/jobs/${encodeURIComponent(job.parentId)}`}>{job.parentId}</Link>
        </Fact>
      )}
      {job.tags && (
        <Fact name="Tags">
          <Tags tags={job.tags} />
        </Fact>
      )}
      {job.unique && (
        <Fact name="Unique key">
          {job.unique.key} <span class="quiet">{holds(job.unique, job)}</span>
        </Fact>
      )}
      {job.webhookUrl && <Fact name="Webhook">{job.webhookUrl}</Fact>}
    </dl>
  );
}

/** Until when a job has its key. */
function holds({ scope }: NonNullable<JobRecord['unique']>, { status }: JobRecord): string {
  if (scope === 'period') return 'for a time from when the job was added';
  if (scope === 'waiting') return status === 'pending' ? 'until the job starts' : 'until the job started';
  return isTerminal(status) ? 'until the job ended' : 'until the job ends';
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
