import type { JobRecord } from '../api/answers.js';
import { Link } from '../router.js';
import { formatCount, spoken } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';
import type { Descendant } from './descendants.js';
import type { Lineage } from './lineage.js';

/** Jobs that are drawn beside each other. */
const SHOWN = 12;

/** Where a job comes from and what came of it, from left to right. Nothing of one that is alone. */
export function LineagePanel({ job, lineage }: { job: JobRecord; lineage: Lineage }) {
  const { ancestors, descendants } = lineage;
  if (ancestors.length === 0 && descendants.length === 0) return null;
  return (
    <Panel title="Before and after">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="lineage" tabIndex={0} aria-label="Jobs before and after this one">
        {ancestors.map((each, index) => {
          const next = ancestors[index + 1] ?? job;
          const about = next.awaited === undefined ? 'came before' : 'waits for it';
          return (
            <div class="step" key={each.id}>
              <Node job={each} about={about} to={`/jobs/${encodeURIComponent(each.id)}`} />
            </div>
          );
        })}
        <div class="branch">
          <Node job={job} about="this job" />
          <Branches of={descendants} />
        </div>
      </section>
    </Panel>
  );
}

function Branches({ of }: { of: readonly Descendant[] }) {
  if (of.length === 0) return null;
  return (
    <ul>
      {of.slice(0, SHOWN).map(({ job, isWebhook, children }) => (
        <li key={job.id} class="branch">
          <Node
            job={job}
            about={isWebhook ? 'tells of it' : 'follows'}
            to={`/${isWebhook ? 'webhooks' : 'jobs'}/${encodeURIComponent(job.id)}`}
          />
          <Branches of={children} />
        </li>
      ))}
      {of.length > SHOWN && <li class="quiet">and {formatCount(of.length - SHOWN)} more</li>}
    </ul>
  );
}

interface NodeProps {
  job: Pick<JobRecord, 'id' | 'type' | 'status' | 'state'>;
  about: string;
  /** Absent for the job of the page. */
  to?: string;
}

function Node({ job, about, to }: NodeProps) {
  return (
    <div class="node" aria-current={to === undefined ? 'true' : undefined}>
      {to === undefined ? <strong class="id">{job.id}</strong> : <Link to={to}>{job.id}</Link>}
      <span class="quiet">
        {spoken(job.type)} · {about}
      </span>
      <StatusBadge status={job.status} state={job.state} />
    </div>
  );
}
