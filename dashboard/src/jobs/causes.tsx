import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { defined } from '../../../src/jobs/defined.js';
import type { CountedCauses, DeadLetterCause } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { bulk } from '../bulk/bulk-dialog.js';
import { jobs } from '../bulk/bulk-words.js';
import { Link, type Place, usePlace, withQuery } from '../router.js';
import { formatCount } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { pathOfJob } from './exact-job.js';
import type { JobFilter } from './job-actions.js';
import { askedBy } from './job-list.js';
import { tagsIn } from './tags-in.js';
import { Trend, trendName } from './trend.js';

/** Counting reads every dead letter. */
const EVERY_MS = 15_000;
/** While the server counts. */
const COUNTING_MS = 1_000;
const SHOWN = 8;
const NAMED = 3;
/** Retried so many a second, unless somebody chooses another pace. */
const RATE = 10;

/** Why jobs have failed, the most frequent reason first, and what can be done with those of one reason. */
export function Causes() {
  const place = usePlace();
  const mayChange = useMay('operator');
  const filter = useMemo(() => filterOf(place), [place.query.toString()]);
  const [everyMs, setEvery] = useState(EVERY_MS);
  const found = useResource<CountedCauses>(pathOf(filter), { isLive: false, everyMs });
  const { causes = [], total = 0, trend, isCounting = false } = found.data ?? {};
  useEffect(() => setEvery(isCounting ? COUNTING_MS : EVERY_MS), [isCounting]);
  if (!filter || causes.length === 0) return null;
  const rest = total - causes.slice(0, SHOWN).reduce((sum, { count }) => sum + count, 0);
  return (
    <Panel
      title="Causes"
      actions={isCounting && <span class="quiet">counting, {formatCount(total)} so far</span>}
    >
      <table class="data">
        <thead>
          <tr>
            <th>Error</th>
            <th class="number">Jobs</th>
            <th>{trend ? trendName(trend) : 'Trend'}</th>
            <th>Types and workers</th>
            <th>First</th>
            <th>Last</th>
            {mayChange && <th>Change</th>}
          </tr>
        </thead>
        <tbody>
          {causes.slice(0, SHOWN).map((cause) => (
            <Row key={cause.id} cause={cause} place={place} trend={trend}>
              {mayChange && (
                <td data-label="change">
                  <Actions cause={cause} filter={filter} onDone={found.reload} />
                </td>
              )}
            </Row>
          ))}
        </tbody>
      </table>
      {rest > 0 && <p class="quiet">{formatCount(rest)} more of other causes</p>}
    </Panel>
  );
}

/** What the address asks for, besides a cause; undefined where it asks for what causes are not counted by. */
function filterOf({ query }: Place): JobFilter | undefined {
  const { type, since, until, errorCode, tag, priority, id, state } = askedBy(query);
  if (priority ?? id ?? state) return undefined;
  return defined({ type, since, until, errorCode, tags: tag === undefined ? undefined : tagsIn(tag) });
}

function pathOf(filter: JobFilter | undefined): string | undefined {
  if (!filter) return undefined;
  const { type, since, until, errorCode, tags } = filter;
  return `/dead-letters/causes${queryOf({ type, since, until, errorCode, tag: tags?.join(',') })}`;
}

interface RowProps {
  cause: DeadLetterCause;
  place: Place;
  trend: CountedCauses['trend'] | undefined;
  children: ComponentChildren;
}

function Row({ cause, place, trend, children }: RowProps) {
  const { id, count, code, message, types, workers, sample, firstAt, lastAt } = cause;
  return (
    <tr>
      <th scope="row" class="error-cell">
        <div class="id">
          <Link to={withQuery(place, { cause: id })}>{code}</Link>
        </div>
        <div class="error-text">{message}</div>
        <div class="sample quiet">
          such as <Link to={pathOfJob(sample.id)}>{sample.id}</Link>
        </div>
      </th>
      <td class="number" data-label="jobs">
        {formatCount(count)}
      </td>
      <td data-label="trend">{trend && <Trend counts={cause.trend} trend={trend} />}</td>
      <td data-label="types and workers">
        {types.join(', ')}
        {workers.length > 0 && <div class="quiet">{named(workers)}</div>}
      </td>
      <td data-label="first">
        <Time at={firstAt} />
      </td>
      <td data-label="last">
        <Time at={lastAt} />
      </td>
      {children}
    </tr>
  );
}

/** A few names, and how many more there are. */
function named(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

interface ActionsProps {
  cause: DeadLetterCause;
  /** What the jobs of the cause were counted by. */
  filter: JobFilter;
  onDone(): void;
}

function Actions({ cause: { id, count, code }, filter, onDone }: ActionsProps) {
  const isAdmin = useMay('admin');
  const target = { filter: { ...filter, cause: id, deadLetters: true } };
  const whose = `with ${code}`;
  const all = `${jobs(count)} ${whose}`;
  const run = async (action: 'retry' | 'delete') => {
    if (await bulk({ action, target, whose, rate: RATE })) onDone();
  };
  return (
    <div class="actions">
      <button type="button" class="small" aria-label={`Retry ${all}`} onClick={() => run('retry')}>
        Retry
      </button>
      {isAdmin && (
        <button type="button" class="danger small" aria-label={`Delete ${all}`} onClick={() => run('delete')}>
          Delete
        </button>
      )}
    </div>
  );
}
