import { useState } from 'preact/hooks';
import type { LimitsAnswer, ShownLimit } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { LimitDialog } from '../limits/limit-dialog.js';
import { ProvidersPanel } from '../limits/providers-panel.js';
import { Link, usePlace } from '../router.js';
import { formatCount, formatDuration } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { TextFilters } from '../ui/text-filters.js';
import { Time } from '../ui/time.js';

/** Jobs that are named for each key. */
const SHOWN = 3;
/** Rows in the page; more would make it slow. */
const MOST_ROWS = 200;
const FILTERS = [
  ['limit', 'Limit', 'report'],
  ['key', 'Key', 'acme'],
] as const;
/** It is changed with its endpoint of webhooks. */
const isOfEndpoint = (limit: string) => limit.startsWith('webhooks/');
/** Calls outside of jobs hold permits under names that are no ids. */
const JOB_ID = /^[A-Za-z0-9_-]+$/;

export function LimitsPage() {
  const place = usePlace();
  const [limit = '', key = ''] = FILTERS.map(([name]) => place.query.get(name) ?? '');
  const isFiltered = limit !== '' || key !== '';
  const limits = useResource<LimitsAnswer>(`/limits${queryOf({ limit, key })}`, {
    isLive: false,
    everyMs: 5_000,
  });
  const isAdmin = useMay('admin');
  /** The limit that is being changed; empty for one that is to be named. */
  const [changed, setChanged] = useState<string | undefined>(undefined);
  const onChange = isAdmin ? setChanged : undefined;
  return (
    <Page
      title="Limits"
      about="Permits that jobs hold and wait for, and turns of calls, across all workers."
      actions={
        isAdmin && (
          <button type="button" onClick={() => setChanged('')}>
            Set a limit
          </button>
        )
      }
    >
      <ProvidersPanel />
      <fieldset class="filters" aria-label="Filter">
        <TextFilters of={FILTERS} />
      </fieldset>
      <Loaded of={limits}>
        {({ limits: all, settings }) => (
          <>
            {all.length === 0 ? (
              <div class="panel">
                <Empty
                  title={
                    isFiltered
                      ? 'No key of this name is in use.'
                      : 'No permit is held, and none is waited for.'
                  }
                >
                  <p>Give a job type limits in code:</p>
                  <pre>
                    limits: [{'{'} key: 'tenant', concurrency: 3 {'}'}]
                  </pre>
                </Empty>
              </div>
            ) : (
              <section class="panel flush" aria-label="Limits">
                <Table limits={all.slice(0, MOST_ROWS)} onChange={onChange} />
                {all.length > MOST_ROWS && (
                  <p class="quiet more-rows">
                    and {formatCount(all.length - MOST_ROWS)} more keys: filter by the name of one
                  </p>
                )}
              </section>
            )}
            <Settings settings={settings} onChange={onChange} />
            {changed !== undefined && (
              <LimitDialog
                name={changed}
                settings={settings[changed] ?? all.find(({ limit }) => limit === changed)}
                isSet={Object.hasOwn(settings, changed)}
                onDone={limits.reload}
                onClose={() => setChanged(undefined)}
              />
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

interface Changing {
  /** Absent for those who may change none. */
  onChange: ((limit: string) => void) | undefined;
}

function Table({ limits, onChange }: { limits: readonly ShownLimit[] } & Changing) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Limit</th>
          <th>Key</th>
          <th>Held by</th>
          <th>Started</th>
          <th>Waiting</th>
          <th>Next free</th>
          {onChange && <th>Change</th>}
        </tr>
      </thead>
      <tbody>
        {limits.map((limit) => (
          <Row key={`${limit.limit} ${limit.key}`} limit={limit} onChange={onChange} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ limit: shown, onChange }: { limit: ShownLimit } & Changing) {
  const { limit, key, concurrency, rate, held, started, waiting, waiters, nextFreeAt } = shown;
  return (
    <tr>
      <th scope="row" class="id">
        {limit}
      </th>
      <td data-label="key" class="id">
        {key}
      </td>
      <td data-label="held by">
        {formatCount(held.length)}
        {concurrency !== undefined && ` of ${formatCount(concurrency)}`}
        <Jobs
          jobs={held.map(({ jobId, worker }) => ({ jobId, about: worker && `on ${worker}` }))}
          of={held.length}
        />
      </td>
      <td data-label="started">
        {rate ? (
          `${formatCount(started)} of ${formatCount(rate.max)} in ${formatDuration(rate.perMs)}`
        ) : (
          <span class="quiet">–</span>
        )}
      </td>
      <td data-label="waiting">
        {formatCount(waiting)}
        <Jobs jobs={waiters.map(({ jobId, priority }) => ({ jobId, about: priority }))} of={waiting} />
      </td>
      <td data-label="next free">
        <Time at={nextFreeAt} />
      </td>
      {onChange && (
        <td data-label="change">
          {isOfEndpoint(limit) ? (
            <Link to="/endpoints">Endpoints</Link>
          ) : (
            <button
              type="button"
              class="small"
              aria-label={`Change ${limit}`}
              onClick={() => onChange(limit)}
            >
              Change
            </button>
          )}
        </td>
      )}
    </tr>
  );
}

/** The first of some jobs; how many there are stands above. */
function Jobs({ jobs, of }: { jobs: readonly { jobId: string; about?: string | undefined }[]; of: number }) {
  const shown = jobs.slice(0, SHOWN);
  return (
    <ul class="limit-jobs">
      {shown.map(({ jobId, about }) => (
        <li key={jobId}>
          {JOB_ID.test(jobId) ? <Link to={`/jobs/${encodeURIComponent(jobId)}`}>{jobId}</Link> : jobId}
          {about && <span class="quiet"> {about}</span>}
        </li>
      ))}
      {of > shown.length && <li class="quiet">and {formatCount(of - shown.length)} more</li>}
    </ul>
  );
}

/** What somebody has set, in place of what the handlers say; also for limits that nobody uses now. */
function Settings({ settings, onChange }: Pick<LimitsAnswer, 'settings'> & Changing) {
  const all = Object.entries(settings);
  if (all.length === 0) return null;
  return (
    <section class="panel" aria-label="Set for all workers">
      <div class="panel-head">
        <h2>Set for all workers</h2>
      </div>
      <ul class="lines">
        {all.map(([name, { concurrency, rate }]) => (
          <li key={name}>
            <strong class="id">{name}</strong>
            <span class="quiet">
              {[
                concurrency !== undefined && `${formatCount(concurrency)} at once`,
                rate && `${formatCount(rate.max)} in ${formatDuration(rate.perMs)}`,
              ]
                .filter(Boolean)
                .join(', ')}
            </span>
            {onChange && !isOfEndpoint(name) && (
              <button
                type="button"
                class="small end"
                aria-label={`Change ${name} for all workers`}
                onClick={() => onChange(name)}
              >
                Change
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
