import type { ShownLimit } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { Link } from '../router.js';
import { formatCount, formatDuration } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { Time } from '../ui/time.js';

/** Jobs that are named for each key. */
const SHOWN = 3;

export function LimitsPage() {
  const limits = useResource<{ limits: ShownLimit[] }>('/limits', { isLive: false, everyMs: 5_000 });
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

function Table({ limits }: { limits: readonly ShownLimit[] }) {
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
        {limits.map((limit) => (
          <Row key={`${limit.limit} ${limit.key}`} limit={limit} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ limit: shown }: { limit: ShownLimit }) {
  const { limit, key, concurrency, rate, held, started, waiting, nextFreeAt } = shown;
  return (
    <tr>
      <th scope="row" class="id">
        {limit}
      </th>
      <td data-label="key" class="id">
        {key}
      </td>
      <td data-label="held">
        {formatCount(held.length)}
        {concurrency !== undefined && ` of ${formatCount(concurrency)}`}
        <div class="badges">
          {held.slice(0, SHOWN).map(({ jobId }) => (
            <Link key={jobId} to={`/jobs/${encodeURIComponent(jobId)}`}>
              {jobId}
            </Link>
          ))}
        </div>
      </td>
      <td data-label="started">
        {rate ? (
          `${formatCount(started)} of ${formatCount(rate.max)} in ${formatDuration(rate.perMs)}`
        ) : (
          <span class="quiet">–</span>
        )}
      </td>
      <td class="number" data-label="waiting">
        {formatCount(waiting)}
      </td>
      <td data-label="next free">
        <Time at={nextFreeAt} />
      </td>
    </tr>
  );
}
