import type { StandingJobs } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { Link } from '../router.js';
import { formatCount } from '../ui/format.js';
import { Empty, Loaded, Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';

const SHOWN = 50;
const EVERY_MS = 2_000;

/** The jobs whose machine stands in a state now, those that have been there longest first. */
export function StandingPanel({
  machine,
  state,
  onClose,
}: {
  machine: string;
  state: string;
  onClose(): void;
}) {
  const query = new URLSearchParams({ state, limit: String(SHOWN) });
  const path = `/machines/${encodeURIComponent(machine)}/jobs?${query}`;
  const standing = useResource<StandingJobs>(path, { everyMs: EVERY_MS });
  return (
    <Panel
      title={`In ${state}`}
      actions={
        <button type="button" class="small" onClick={onClose}>
          Close
        </button>
      }
    >
      <Loaded of={standing}>
        {({ jobs, count, isCounting }) =>
          jobs.length === 0 ? (
            <Empty title="Nothing stands in this state now." />
          ) : (
            <>
              <ul class="lines standing">
                {jobs.map(({ jobId, worker, since }) => (
                  <li key={`${jobId} ${worker}`}>
                    {jobId === undefined ? (
                      <strong>{worker}</strong>
                    ) : (
                      <Link to={`/jobs/${encodeURIComponent(jobId)}`} class="id">
                        {jobId}
                      </Link>
                    )}
                    {jobId !== undefined && worker !== undefined && <span class="quiet">on {worker}</span>}
                    <span class="quiet end">
                      since <Time at={since} />
                    </span>
                  </li>
                ))}
              </ul>
              {count > jobs.length && (
                <p class="quiet">
                  and {isCounting && 'at least '}
                  {formatCount(count - jobs.length)} more
                </p>
              )}
              {machine === 'job' && (
                <Link to={`/jobs?${jobQuery(state)}`}>Show them in the list of jobs</Link>
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function jobQuery(path: string): URLSearchParams {
  const [status = '', state] = path.split('.');
  return new URLSearchParams({ status, ...(state !== undefined && { state }), order: 'oldest' });
}
