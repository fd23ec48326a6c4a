import type { JobRecord, Related } from '../api/answers.js';
import { Link } from '../router.js';
import { Panel } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';

/** The jobs before and after this one, and the webhooks that tell of it. Nothing where there are none. */
export function RelatedJobs({ related }: { related: Related | undefined }) {
  const { parent, followUps = [], webhooks = [] } = related ?? {};
  if (!parent && followUps.length === 0 && webhooks.length === 0) return null;
  return (
    <Panel title="Related">
      <ul class="lines">
        {parent && <Line job={parent} about="came before" />}
        {followUps.map((job) => (
          <Line key={job.id} job={job} about="follows" />
        ))}
        {webhooks.map((job) => (
          <Line key={job.id} job={job} about="tells of it" base="/webhooks" />
        ))}
      </ul>
    </Panel>
  );
}

function Line({ job, about, base = '/jobs' }: { job: JobRecord; about: string; base?: string }) {
  return (
    <li>
      <Link to={`${base}/${encodeURIComponent(job.id)}`} class="id">
        {job.id}
      </Link>
      <span class="quiet">
        {job.type} · {about}
      </span>
      <span class="end">
        <StatusBadge status={job.status} state={job.state} />
      </span>
    </li>
  );
}
