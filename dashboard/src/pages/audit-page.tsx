import type { AuditPage as Answer, AuditEntry } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useResource } from '../api/use-resource.js';
import { jobs as jobsOf } from '../bulk/bulk-words.js';
import { pathOfJob } from '../jobs/exact-job.js';
import { pageLinks } from '../jobs/job-list.js';
import { Pager } from '../jobs/pager.js';
import { Link, navigate, usePlace, withFilter } from '../router.js';
import { JsonView } from '../ui/json.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { Time } from '../ui/time.js';

const PAGE_SIZE = 50;
const SHOWN_IDS = 3;

/** Who did what over HTTP and on the dashboard. */
export function AuditPage() {
  const place = usePlace();
  const { query } = place;
  const by = query.get('by') ?? undefined;
  const action = query.get('action') ?? undefined;
  const cursor = query.get('cursor') ?? undefined;
  const path = `/audit${queryOf({ by, action, cursor, limit: PAGE_SIZE })}`;
  const list = useResource<Answer>(path, { isLive: false, everyMs: 5_000 });
  const links = pageLinks(place, list.data?.cursor);
  return (
    <Page
      title="Audit trail"
      about="Who did what on the dashboard and over HTTP, in the last 90 days. Added jobs, flows and signals are not listed."
      actions={
        (by ?? action) !== undefined && (
          <button type="button" onClick={() => navigate(place.path)}>
            Show all
          </button>
        )
      }
    >
      <Loaded of={list}>
        {({ entries }) =>
          entries.length === 0 && links.isFirst && !links.next ? (
            <div class="panel">
              <Empty title="Nobody has done anything." />
            </div>
          ) : (
            <section class="panel flush" aria-label="Actions">
              <table class="data">
                <thead>
                  <tr>
                    <th>When</th>
                    <th>Who</th>
                    <th>Action</th>
                    <th>What</th>
                  </tr>
                </thead>
                <tbody>
                  {together(entries).map((entry) => (
                    <tr key={entry.seq}>
                      <td data-label="when">
                        <Time at={entry.at} />
                      </td>
                      <th scope="row">
                        <Link to={withFilter(place, { by: entry.by })}>{entry.by}</Link>{' '}
                        <span class="quiet">
                          {entry.role}
                          {entry.caller && `, for ${entry.caller}`}
                        </span>
                      </th>
                      <td data-label="action">
                        <Link to={withFilter(place, { action: entry.action })}>{wordsOf(entry.action)}</Link>
                      </td>
                      <td data-label="what">
                        <What entry={entry} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <Pager list={links} isNewest of="actions" />
            </section>
          )
        }
      </Loaded>
    </Page>
  );
}

/** The parts of one action over many jobs, which took several requests, as one entry. */
function together(entries: readonly AuditEntry[]): AuditEntry[] {
  const whole: AuditEntry[] = [];
  for (const entry of entries) {
    const last = whole.at(-1);
    if (!last?.jobs || !entry.jobs || !isPartOf(entry, last)) whole.push(entry);
    else {
      const done = last.jobs.done + entry.jobs.done;
      const failed = last.jobs.failed + entry.jobs.failed;
      whole[whole.length - 1] = {
        ...last,
        jobs: { done, failed, ids: [...last.jobs.ids, ...entry.jobs.ids] },
      };
    }
  }
  return whole;
}

/** Whoever asks names the operation: what somebody else did, or another action, must not hide in it. */
function isPartOf({ operation, by, action }: AuditEntry, last: AuditEntry): boolean {
  return operation !== undefined && operation === last.operation && by === last.by && action === last.action;
}

/** `jobs/{id}/cancel` as `cancel a job`. */
function wordsOf(action: string): string {
  const [what = '', second, verb] = action.split('/');
  const whole = what.replaceAll('-', ' ');
  if (second === undefined) return what === 'pauses' ? 'pause jobs' : `set ${whole}`;
  if (!second.startsWith('{')) return `${second} ${whole}`;
  return `${verb ?? 'change'} a ${whole.replace(/s$/, '')}`;
}

function What({ entry: { action, target, asked, jobs, error } }: { entry: AuditEntry }) {
  const isJob = action.startsWith('jobs/{id}');
  return (
    <>
      {Object.values(target ?? {}).map((name) =>
        isJob ? (
          <Link key={name} class="id" to={pathOfJob(name)}>
            {name}
          </Link>
        ) : (
          <span key={name} class="id">
            {name}
          </span>
        ),
      )}
      {jobs && <Jobs jobs={jobs} />}
      {asked && (
        <div class="json">
          <JsonView value={asked} depth={1} />
        </div>
      )}
      {error && <code class="error-line">{error}</code>}
    </>
  );
}

function Jobs({ jobs: { done, failed, ids } }: { jobs: NonNullable<AuditEntry['jobs']> }) {
  return (
    <div>
      <strong>{jobsOf(done)}</strong>
      {failed > 0 && `, ${failed} not`}
      <span class="badges">
        {ids.slice(0, SHOWN_IDS).map((id) => (
          <Link key={id} class="id" to={pathOfJob(id)}>
            {id}
          </Link>
        ))}
        {done > SHOWN_IDS && <span class="quiet">and {done - SHOWN_IDS} more</span>}
      </span>
    </div>
  );
}
