import { useMemo } from 'preact/hooks';
import type { WorkerInfo } from '../api/answers.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { Fact } from '../job/facts.js';
import { Link, usePlace } from '../router.js';
import { clock } from '../ui/clock.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';

export function WorkersPage() {
  const workers = useResource<{ workers: WorkerInfo[] }>('/workers', { isLive: false, everyMs: 2_000 });
  const wanted = usePlace().query.get('name');
  const about = wanted ? (
    <Link to="/workers">All workers</Link>
  ) : (
    'Every process that answers now. Those that do not are not here.'
  );
  return (
    <Page title={wanted ? `Worker ${wanted}` : 'Workers'} about={about}>
      <Loaded of={workers}>
        {({ workers: all }) =>
          all.length === 0 ? (
            <div class="panel">
              <Empty title="No worker answers.">
                <p>Jobs wait safely until one runs. Start one:</p>
                <pre>npx jetfleet worker</pre>
              </Empty>
            </div>
          ) : (
            <div class="grid cards-wide">
              {all
                .filter(({ name }) => !wanted || name === wanted)
                .map((worker) => (
                  <Worker key={worker.name} worker={worker} onDone={workers.reload} />
                ))}
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}

function Worker({ worker, onDone }: { worker: WorkerInfo; onDone(): void }) {
  const { name, state, startedAt, host, pid, version, lanes, running, runningCount } = worker;
  // Asked anew every two seconds: each answer is another object.
  const answeredAt = useMemo(() => new Date(clock.get()).toISOString(), [worker]);
  const slots = lanes.reduce((sum, { concurrency }) => sum + concurrency, 0);
  const taken = lanes.reduce((sum, lane) => sum + lane.running, 0);
  return (
    <section class="panel worker" aria-label={`Worker ${name}`}>
      <div class="panel-head">
        <h2 class="id">{name}</h2>
        <span class={`badge worker-${state}`}>{state}</span>
        <DrainButton worker={worker} onDone={onDone} />
      </div>
      <dl class="facts">
        <Fact name="Slots">
          {formatCount(taken)} of {formatCount(slots)}
        </Fact>
        <Fact name="Running">{formatCount(runningCount)}</Fact>
        <Fact name="Started">
          <Time at={startedAt} />
        </Fact>
        <Fact name="Answered">
          <Time at={answeredAt} />
        </Fact>
        <Fact name="Process">
          {pid} on {host}
        </Fact>
        <Fact name="Version">{version}</Fact>
      </dl>
      <h3>Lanes</h3>
      <ul class="bars">
        {lanes.map((lane) => (
          <li key={lane.type}>
            <Link to={`/jobs?type=${lane.type}`}>{lane.type}</Link>
            <span class="bar" aria-hidden="true">
              <span
                class="part processing"
                style={{ width: `${(100 * lane.running) / Math.max(1, lane.concurrency)}%` }}
              />
            </span>
            <span class="bar-text">
              {lane.running} of {lane.concurrency}
            </span>
          </li>
        ))}
      </ul>
      <h3>Running now</h3>
      {running.length === 0 ? (
        <p class="quiet">Nothing; it waits for jobs.</p>
      ) : (
        <ul class="lines">
          {running.slice(0, 20).map((job) => (
            <li key={job.id}>
              <Link to={`/jobs/${encodeURIComponent(job.id)}`} class="id">
                {job.id}
              </Link>
              <span class="quiet">{job.type}</span>
              <span class="quiet end">
                <Time at={job.startedAt} />
              </span>
            </li>
          ))}
          {runningCount > 20 && <li class="quiet">and {formatCount(runningCount - 20)} more</li>}
        </ul>
      )}
      <p>
        <Link to={`/jobs?${new URLSearchParams({ worker: name })}`}>All jobs of this worker</Link>
      </p>
    </section>
  );
}

/** Drains a worker, or lets a paused one take jobs again. */
function DrainButton({ worker: { name, state }, onDone }: { worker: WorkerInfo; onDone(): void }) {
  const isAdmin = useMay('admin');
  const isPaused = state === 'paused';
  if (!isAdmin || state === 'draining' || state === 'stopped') return null;
  const order = async () => {
    const isSure = await confirm(
      isPaused
        ? { title: `Resume ${name}?`, text: 'It takes jobs again.', action: 'Resume' }
        : {
            title: `Drain ${name}?`,
            text: 'It finishes what it runs and takes no more jobs, until somebody resumes it.',
            action: 'Drain',
            isDanger: true,
          },
    );
    if (!isSure) return;
    await attempt(
      () => post(`/workers/${encodeURIComponent(name)}/drain`, { drain: !isPaused }),
      () => (isPaused ? `${name} takes jobs again.` : `${name} takes no more jobs.`),
    );
    onDone();
  };
  return (
    <button type="button" class={isPaused ? 'primary small' : 'small'} onClick={order}>
      {isPaused ? 'Resume' : 'Drain'}
    </button>
  );
}
