import type { JobRecord, Related } from '../api/answers.js';
import { Link } from '../router.js';
import { formatCount, spoken } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';

/** Of each kind that are drawn. */
const SHOWN = 12;

interface Node {
  job: Pick<JobRecord, 'id' | 'type' | 'status' | 'state'>;
  about: string;
  to?: string;
}

/** Where a job comes from and what came of it, from left to right. Nothing of one that is alone. */
export function Lineage({ job, related }: { job: JobRecord; related: Related | undefined }) {
  const { parent, followUps = [], webhooks = [] } = related ?? {};
  const before: Node[] = parent
    ? [
        {
          job: parent,
          about: job.awaited === undefined ? 'came before' : 'waits for it',
          to: `/jobs/${parent.id}`,
        },
      ]
    : [];
  const after: Node[] = [
    ...followUps.map((each) => ({ job: each, about: 'follows', to: `/jobs/${each.id}` })),
    ...webhooks.map((each) => ({ job: each, about: 'tells of it', to: `/webhooks/${each.id}` })),
  ];
  if (before.length === 0 && after.length === 0) return null;
  const here: Node[] = [{ job, about: 'this job' }];
  return (
    <Panel title="Before and after">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="lineage" tabIndex={0} aria-label="Jobs before and after this one">
        {before.length > 0 && <Column nodes={before} side="before" />}
        <Column nodes={here} side="here" />
        {after.length > 0 && <Column nodes={after} side="after" />}
      </section>
    </Panel>
  );
}

function Column({ nodes, side }: { nodes: readonly Node[]; side: string }) {
  const more = nodes.length - SHOWN;
  return (
    <ul class={side}>
      {nodes.slice(0, SHOWN).map(({ job, about, to }) => (
        <li key={job.id}>
          <div class="node" aria-current={to === undefined ? 'true' : undefined}>
            {to === undefined ? <strong class="id">{job.id}</strong> : <Link to={to}>{job.id}</Link>}
            <span class="quiet">
              {spoken(job.type)} · {about}
            </span>
            <StatusBadge status={job.status} state={job.state} />
          </div>
        </li>
      ))}
      {more > 0 && <li class="quiet">and {formatCount(more)} more</li>}
    </ul>
  );
}
