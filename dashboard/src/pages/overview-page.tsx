import type { ComponentChildren } from 'preact';
import { PRIORITIES } from '../../../src/jobs/vocabulary.js';
import type { Stats, Tick, WorkerInfo } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { lastTick } from '../live/live.js';
import { PauseButton } from '../pauses/pause-button.js';
import { PausedBadge } from '../pauses/paused-badge.js';
import { PausesPanel } from '../pauses/pauses-panel.js';
import { Link } from '../router.js';
import { useStore } from '../store.js';
import { formatCount } from '../ui/format.js';
import { lazy } from '../ui/lazy.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { BrokerPanels } from './broker-panels.js';

const RatesChart = lazy(async () => (await import('../charts/fleet-charts.js')).RatesChart);
const WaitChart = lazy(async () => (await import('../charts/fleet-charts.js')).WaitChart);

/** Of tiles, charts and tables, in a wide window. */
const HEIGHT_PX = 660;

/** Since when the oldest job waits: of types that some worker handles, and of the others. */
type Oldest = Pick<Tick, 'oldestPendingAt' | 'oldestUnhandledAt'>;

export function OverviewPage() {
  const tick = useStore(lastTick);
  const first = useResource<Stats & Oldest>('/stats', { isLive: false });
  const stats = tick?.stats ?? first.data;
  const oldest: Oldest | undefined = tick ?? first.data;
  return (
    <Page title="Overview" actions={<PauseButton types={Object.keys(stats?.byType ?? {})} />}>
      <Loaded
        of={{ ...first, data: stats, at: tick?.statsAt ? Date.parse(tick.statsAt) : first.at }}
        height={HEIGHT_PX}
      >
        {(now) => (
          <>
            <Unhandled types={now.unhandledTypes} />
            <PausesPanel />
            <Tiles stats={now} oldest={oldest} />
            <div class="grid two">
              <section class="panel of-line-chart">
                <RatesChart />
              </section>
              <section class="panel of-line-chart">
                <WaitChart />
              </section>
            </div>
            <div class="grid two">
              <Types stats={now} />
              <div class="stack">
                <Priorities stats={now} />
                <Workers />
              </div>
            </div>
          </>
        )}
      </Loaded>
      <BrokerPanels />
    </Page>
  );
}

function Unhandled({ types }: { types: string[] }) {
  if (types.length === 0) return null;
  return (
    <div class="banner warn" role="status">
      <strong>No worker handles {types.join(', ')}.</strong> Jobs of{' '}
      {types.length === 1 ? 'this type' : 'these types'} wait until one registers a handler.{' '}
      <Link to={`/jobs?${new URLSearchParams({ type: types[0] ?? '', status: 'pending' })}`}>Show them</Link>
    </div>
  );
}

function Tiles({ stats, oldest }: { stats: Stats; oldest: Oldest | undefined }) {
  const { pendingJobs, processingJobs, completedJobs, failedJobs, scheduledJobs, retryingJobs, waitingJobs } =
    stats;
  return (
    <div class="tiles">
      <Tile status="pending" count={pendingJobs}>
        {oldest?.oldestPendingAt || oldest?.oldestUnhandledAt ? (
          <OldestWait oldest={oldest} />
        ) : (
          parts(
            [pendingJobs - scheduledJobs - retryingJobs, 'queued'],
            [scheduledJobs, 'scheduled'],
            [retryingJobs, 'retrying'],
          ) || 'nothing waits'
        )}
      </Tile>
      <Tile status="processing" count={processingJobs}>
        {parts([processingJobs - waitingJobs, 'running'], [waitingJobs, 'waiting']) || 'nothing runs'}
      </Tile>
      <Tile status="completed" count={completedJobs}>
        of those still kept
      </Tile>
      <Tile status="failed" count={failedJobs}>
        {failedJobs > 0 ? 'with those that were cancelled' : 'none'}
      </Tile>
    </div>
  );
}

function OldestWait({ oldest: { oldestPendingAt, oldestUnhandledAt } }: { oldest: Oldest }) {
  return (
    <>
      {oldestPendingAt && (
        <>
          oldest from <Time at={oldestPendingAt} />
        </>
      )}
      {oldestPendingAt && oldestUnhandledAt && ' · '}
      {oldestUnhandledAt && (
        <>
          without a worker from <Time at={oldestUnhandledAt} />
        </>
      )}
    </>
  );
}

function parts(...given: [count: number, word: string][]): string {
  return given
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${formatCount(count)} ${word}`)
    .join(' · ');
}

interface TileProps {
  status: 'pending' | 'processing' | 'completed' | 'failed';
  count: number;
  children: ComponentChildren;
}

function Tile({ status, count, children }: TileProps) {
  return (
    <Link to={`/jobs?status=${status}`} class={`tile ${status}`}>
      <span class="tile-label">{status}</span>
      <span class="tile-count">{formatCount(count)}</span>
      <span class="tile-about">{children}</span>
    </Link>
  );
}

function Types({ stats }: { stats: Stats }) {
  const types = Object.entries(stats.byType);
  return (
    <Panel title="Types">
      {types.length === 0 ? (
        <Empty title="No jobs yet.">
          <p>
            Add one on the <Link to="/jobs?add=1">jobs page</Link>, or publish to{' '}
            <code>jobs.normal.your_type</code>.
          </p>
        </Empty>
      ) : (
        <table class="data">
          <thead>
            <tr>
              <th>Type</th>
              <th class="number">Pending</th>
              <th class="number">Processing</th>
              <th class="number">Completed</th>
              <th class="number">Failed</th>
            </tr>
          </thead>
          <tbody>
            {types.map(([type, counts]) => (
              <tr key={type}>
                <th scope="row">
                  <span class="badges">
                    <Link to={`/jobs?type=${type}`}>{type}</Link>
                    <PausedBadge scope={{ type }} />
                  </span>
                </th>
                {(['pending', 'processing', 'completed', 'failed'] as const).map((status) => (
                  <td
                    key={status}
                    class={counts[status] ? `number ${status}` : 'number quiet'}
                    data-label={status}
                  >
                    {formatCount(counts[status])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Priorities({ stats: { byPriority } }: { stats: Stats }) {
  const most = Math.max(
    1,
    ...PRIORITIES.map((name) => byPriority[name].pending + byPriority[name].processing),
  );
  return (
    <Panel title="Unfinished by priority">
      <ul class="bars">
        {PRIORITIES.map((name) => {
          const { pending, processing } = byPriority[name];
          return (
            <li key={name}>
              <span class="badges">
                <Link to={`/jobs?priority=${name}`}>{name}</Link>
                <PausedBadge scope={{ priority: name }} />
              </span>
              <span class="bar" aria-hidden="true">
                <span class="part processing" style={{ width: `${(100 * processing) / most}%` }} />
                <span class="part pending" style={{ width: `${(100 * pending) / most}%` }} />
              </span>
              <span class="bar-text">
                {formatCount(pending)} pending, {formatCount(processing)} processing
              </span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function Workers() {
  const workers = useResource<{ workers: WorkerInfo[] }>('/workers', { isLive: false, everyMs: 3_000 });
  return (
    <Panel title="Workers" actions={<Link to="/workers">All workers</Link>}>
      <Loaded of={workers}>
        {({ workers: all }) =>
          all.length === 0 ? (
            <Empty title="No worker answers.">
              <p>
                Start one with <code>npx jetfleet worker</code>; jobs wait for it.
              </p>
            </Empty>
          ) : (
            <ul class="lines">
              {all.slice(0, 6).map((worker) => (
                <li key={worker.name}>
                  <strong>{worker.name}</strong>
                  <span class={`badge worker-${worker.state}`}>{worker.state}</span>
                  <span class="quiet end">
                    {worker.lanes.reduce((sum, { running }) => sum + running, 0)} of{' '}
                    {worker.lanes.reduce((sum, { concurrency }) => sum + concurrency, 0)} slots
                  </span>
                </li>
              ))}
              {all.length > 6 && <li class="quiet">and {all.length - 6} more</li>}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}
