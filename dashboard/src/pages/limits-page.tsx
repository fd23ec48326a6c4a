import { useResource } from '../api/use-resource.js';
import { Link } from '../router.js';
import { formatCount } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { Time } from '../ui/time.js';

/** One key of a limit, as `GET /api/v1/limits` gives it. */
interface Limit {
  limit: string;
  key: string;
  concurrency?: number;
  rate?: { max: number; perMs: number };
  held: { jobId: string; worker?: string; since: string; until: string }[];
  started: number;
  waiting: number;
  nextFreeAt?: string;
  closedUntil?: string;
}

export function LimitsPage() {
  const limits = useResource<{ limits: Limit[] }>('/limits', { everyMs: 5_000 });
  return (
    <Page title="Limits" about="Permits that jobs hold and wait for, across all workers.">
      <Loaded of={limits}>
        {({ limits: all }) =>
          all.length === 0 ? (
            <div class="panel">
              <Empty title="No permit is held, and none is waited for.">
                <p>Give a job type limits in code:</p>
                <pre>
                  limits: [{'{'} key: 'tenant', concurrency: 3 {'}'}]
                </pre>
              </Empty>
            </div>
          ) : (
            <section class="panel flush" aria-label="Limits">
              <Table limits={all} />
            </section>
          )
        }
      </Loaded>
    </Page>
  );
}

function Table({ limits }: { limits: readonly Limit[] }) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Limit</th>
          <th>Key</th>
          <th>Held</th>
          <th>Started</th>
          <th class="number">Waiting</th>
          <th>Next free</th>
        </tr>
      </thead>
      <tbody>
        {limits.map((each) => (
          <tr key={`${each.limit} ${each.key}`}>
            <th scope="row">{each.limit}</th>
            <td>{each.key}</td>
            <td>
              {formatCount(each.held.length)}
              {each.concurrency !== undefined && ` of ${formatCount(each.concurrency)}`}{' '}
              {each.held.slice(0, 3).map(({ jobId }) => (
                <Link key={jobId} to={`/jobs/${encodeURIComponent(jobId)}`}>
                  {jobId}{' '}
                </Link>
              ))}
            </td>
            <td>
              {each.rate &&
                `${formatCount(each.started)} of ${formatCount(each.rate.max)} in ${formatCount(each.rate.perMs)} ms`}
            </td>
            <td class="number">{formatCount(each.waiting)}</td>
            <td>{each.nextFreeAt ? <Time at={each.nextFreeAt} /> : ''}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
